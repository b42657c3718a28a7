"""The publishers' client and `changqing publish` against a running system, over HTTP and over Kafka."""

import json
import os
import signal
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.facts import DeathReported, Person, RetirementRegistered
from services.client import Client, Event, HttpChannel, KafkaChannel, LedgerKeys, Outbox, life_event
from services.client.channel import Channel
from tests.acceptance.running import CHANGQING, SHENZHEN_COMMUNITY, System, serial, somebody, wait_until
from tests.docs import ROOT, blocks


def channel(system: System, way: str) -> Channel:
    keys = LedgerKeys.of(system.get("/v1/keys").content)
    if way == "http":
        return HttpChannel(system.address, f"enterprise:{system.secret('enterprise')}", keys=keys)
    return KafkaChannel({"bootstrap_servers": system.bootstrap}, keys=keys, answer_seconds=15)


def registration(record: str, effective: date = date(2015, 6, 30)) -> Event:
    who = somebody()
    fact = RetirementRegistered(
        effective=effective, monthly_pension="3456.78", residence_division=SHENZHEN_COMMUNITY, special_groups=()
    )
    person = Person(identity_number=who.identity_number, name=who.name)
    return life_event(fact, person, source="/enterprise/shenzhen", record=record)


def lines(count: int, prefix: str) -> str:
    return "".join(registration(f"{prefix}-{n}").json().decode() + "\n" for n in range(count))


class Desk:
    """Where somebody publishes files to the system."""

    def __init__(self, home: Path, system: System, way: str) -> None:
        self.home = home
        (home / "account").write_text(f"enterprise:{system.secret('enterprise')}")
        (home / "keys").write_bytes(system.get("/v1/keys").content)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CHANGQING_LEDGER_KEYS_FILE": str(home / "keys"),
            "CHANGQING_OUTBOX": str(home / "outbox.db"),
        }
        if way == "http":
            self.environment |= {"CHANGQING_URL": system.address, "CHANGQING_ACCOUNT_FILE": str(home / "account")}
        else:
            self.environment |= {"KAFKA_BOOTSTRAP": system.bootstrap}

    def begin(self, *options: object, **more: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [CHANGQING, "publish", *map(str, options), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment | more,
        )

    def run(self, *options: object, code: int = 0, **more: str) -> dict[str, Any]:
        process = self.begin(*options, **more)
        out, told = process.communicate(timeout=120)
        assert process.returncode == code, told.decode()
        said: dict[str, Any] = json.loads(out)
        return said


@pytest.mark.parametrize("way", ["http", "kafka"])
def test_every_event_gets_the_receipt_that_the_ledger_signed(system: System, way: str) -> None:
    record = serial("record")
    good, also = registration(record), registration(serial("record"))
    bad = registration(serial("record"), effective=date(2999, 1, 1))
    with Client(channel(system, way)) as client:
        accepted, refused, other = client.publish_many([good, bad, also])
        assert (accepted.status, other.status, refused.status) == ("accepted", "accepted", "refused")
        assert (refused.code, refused.path) == ("date-in-future", "data.effective")
        assert refused.remedy is not None
        assert all(receipt.verified for receipt in (accepted, refused, other))
    asked = channel(system, "http")
    assert isinstance(asked, HttpChannel)
    for receipt in (accepted, refused):
        standing = asked.ask(str(receipt.source), str(receipt.id))
        assert standing is not None
        assert (standing.disposition, standing.receipt.position) == (receipt.status, receipt.position)
        assert standing.receipt.verified
    assert asked.ask(good.source, serial("nobody-sent-this")) is None
    asked.close()
    with Client(channel(system, "kafka" if way == "http" else "http")) as another:
        again = another.publish(good)
    assert (again.position, again.retiree, again.known) == (accepted.position, accepted.retiree, True)


def test_a_refusal_that_comes_late_is_not_taken_for_that_of_the_event_that_mends_it(system: System) -> None:
    """As where the ledger was slow, and the client had sent what it refused twice."""
    record = serial("record")
    wrong, mended = registration(record, effective=date(2999, 1, 1)), registration(record)
    assert wrong.id == mended.id
    with Client(channel(system, "kafka")) as client:
        first = client.publish(wrong)
        system.publish_raw("intake.enterprise", wrong.json(), {"content-type": b"application/cloudevents+json"})
        late = system.topic("receipts.enterprise").wait_for(
            lambda one: one.json["data"].get("id") == wrong.id and one.json["data"]["known"], "the late refusal"
        )
        assert (first.status, late.json["data"]["position"]) == ("refused", first.position)
        assert client.publish(mended).status == "accepted"


@pytest.mark.parametrize("way", ["http", "kafka"])
def test_a_file_is_published_once_however_often_it_is_sent(system: System, way: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path, system, way)
    file = tmp_path / "events.jsonl"
    file.write_text(lines(30, serial(way)))
    first = desk.run(file, "--numbered")
    assert (first["accepted"], first["known"], first["refused"], first["waiting"]) == (30, 0, 0, 0)
    system.settled()
    position, facts = system.position(), system.facts()
    again = desk.run(file, "--numbered")
    assert (again["accepted"], again["known"]) == (30, 30)
    (tmp_path / "outbox.db").unlink()  # and with another outbox: the ids are of the publisher's own records
    assert desk.run(file, "--numbered")["known"] == 30
    system.settled()
    assert (system.position(), system.facts()) == (position, facts)


def test_killed_again_and_again_it_ends_with_every_event_taken_in_once(system: System, tmp_path: Path) -> None:
    desk = Desk(tmp_path, system, "http")
    file = tmp_path / "events.jsonl"
    file.write_text(lines(3_000, serial("killed")))
    outbox, left = tmp_path / "outbox.db", []
    system.settled()
    facts = system.facts()
    for taken in (0, 500, 1_500):
        process = desk.begin(file, "--resume", "--numbered")
        wait_until(lambda many=taken: outbox.exists() and system.facts() >= facts + many, "it to begin", pause=0.01)  # type: ignore[misc] # mypy sees no default
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Outbox(outbox) as kept:
            left.append(kept.left())
    assert 0 < left[-1] < 3_000, left
    said = desk.run(file, "--resume", "--numbered")
    assert (said["accepted"], said["waiting"], said["refused"]) == (3_000, 0, 0)
    with Outbox(outbox) as kept:
        assert (kept.left(), kept.last_sequence("/enterprise/shenzhen")) == (0, 3_000)
    system.settled()
    assert system.facts() == facts + 3_000


def test_what_is_published_without_a_ledger_waits_and_goes_when_there_is_one(system: System, tmp_path: Path) -> None:
    desk = Desk(tmp_path, system, "http")
    file = tmp_path / "events.jsonl"
    file.write_text(lines(5, serial("offline")))
    nowhere = {"CHANGQING_URL": "http://127.0.0.1:9", "CHANGQING_PUBLISH_SECONDS": "1"}
    assert desk.run(file, code=4, **nowhere)["waiting"] == 5
    said = desk.run("--resume")
    assert (said["events"], said["accepted"]) == (5, 5)


@pytest.mark.parametrize("page", ["docs/client.md", "docs/client.zh-CN.md"])
def test_the_example_for_programs_can_be_pasted(page: str, system: System, tmp_path: Path) -> None:
    (script,) = (block.text for block in blocks((ROOT / page).read_text("utf-8")) if block.language == "python")
    (tmp_path / "ledger-keys.json").write_bytes(system.get("/v1/keys").content)
    account = f"civil-affairs:{system.secret('civil-affairs')}"
    script = script.replace("https://ledger.example", system.address).replace("civil-affairs:SECRET", account)
    for _ in range(2):
        ran = subprocess.run(
            [CHANGQING.with_name("python"), "-c", script],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.split()[0] in {"accepted", "parked"}
    assert DeathReported.__name__ in script
