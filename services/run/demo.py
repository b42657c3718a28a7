"""The demo's content: accounts, invented people, a trickle of events, and things to try."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from itertools import repeat
from pathlib import Path
from threading import Event as Flag

import msgspec

from domain.accounts import Standing
from domain.facts import Department
from infra.bus import Bus, BusError, Message
from infra.statutes import the_divisions
from services.accepting.cloudevents import Publisher, department_of, structured
from services.accepting.intake import Received, accept
from services.accounts import Role
from services.application import Changqing, today
from services.bus.outgoing import intake_topic
from services.demo.people import invented_retirees
from services.demo.sample import Event, sample_areas
from services.demo.trickle import trickle
from services.identities import passwords
from services.identities.accounts import Accounts

SEED = 20_210_901
BATCH = 1_000
PAUSE_SECONDS = 2.0

_ACCOUNTS = (
    ("civil-affairs", Role.PUBLISHER, Department.CIVIL_AFFAIRS, "", "民政发布 publishes deaths"),
    ("police", Role.PUBLISHER, Department.POLICE, "", "公安发布 publishes deaths"),
    ("enterprise", Role.PUBLISHER, Department.ENTERPRISE, "", "企业发布 registers retirements"),
    ("officer", Role.OFFICER, Department.AGENCY, "", "社保经办 works the inbox"),
    ("community", Role.COMMUNITY, Department.COMMUNITY, "4403", "社区工作者 sees Shenzhen's rosters"),
    ("auditor", Role.AUDITOR, Department.AGENCY, "", "审计 reads the trail"),
    ("guardian", Role.GUARDIAN, Department.AGENCY, "", "个人信息保护负责人 watches over personal data"),
)


def make_accounts(accounts: Accounts) -> dict[str, tuple[str, str]]:
    """Make the accounts that are not there yet; their secrets, which are kept nowhere, and what each is for, by name.

    A person's secret is the password of the pages, and a program that does the same work gets tokens by it.
    """
    made = {}
    for name, role, department, division, what in _ACCOUNTS:
        if accounts.find(name) is None:
            standing = Standing(role=role, department=department, division=division)
            made[name] = (accounts.new(name, standing, "changqing run"), what)
            if role is not Role.PUBLISHER:
                accounts.register.set_password(
                    name, passwords.hashed(made[name][0]), "changqing run", must_change=False
                )
    return made


def name_places(file: Path) -> None:
    """Write the names of the invented streets and communities, for the pages."""
    lines = (f'{area.code} = {{ zh = "{area.zh}", en = "{area.en}" }}\n' for area in sample_areas())
    file.write_text("".join(lines), "utf-8")


def people(count: int, home: Path) -> list[Event]:
    """The invented retirees of this data directory: the same ones each time it is used."""
    born = home / "demo-day"
    if not born.exists():
        born.write_text(today().isoformat())
    return list(invented_retirees(count, SEED, the_divisions(), date.fromisoformat(born.read_text())))


def register(application: Changqing, retirees: Sequence[Event]) -> Iterator[int]:
    """Register everybody through the one handler; yields how many are in. Who is in already changes nothing."""
    for begin in range(0, len(retirees), BATCH):
        batch = retirees[begin : begin + BATCH]
        accept(application, [_received(event) for event in batch])
        yield begin + len(batch)


def publish_trickle(bus: Bus, retirees: Sequence[Event], seed: int, stop: Flag) -> None:
    """Publish an event to Kafka every two seconds, as a department would, until told to stop."""
    producer = bus.producer()
    for event in trickle(retirees, seed, repeat(today()), per_day=50):
        if stop.wait(PAUSE_SECONDS):
            return
        now = {**event, "time": datetime.now(UTC).isoformat()}
        topic = intake_topic(department_of(event["source"]))
        key = event["source"].encode()
        with suppress(BusError):  # Kafka is away; the next event finds out whether it is back
            producer.send([Message(topic, key, msgspec.json.encode(now))])


def write_samples(home: Path, retirees: Sequence[Event]) -> tuple[Path, Path]:
    """A death and its retraction, ready to publish, about somebody whom the trickle leaves alone."""
    subject = max(retirees, key=lambda event: str(event["data"]["person"]["identity_number"])[6:14])
    person = {k: v for k, v in subject["data"]["person"].items() if k in {"identity_number", "name"}}
    tag = secrets.token_hex(4)
    day = today()
    died = date(day.year - (day.month <= 3), (day.month - 4) % 12 + 1, 12)
    death = {
        "specversion": "1.0",
        "type": "death-reported.v1",
        "source": "/civil-affairs/shenzhen",
        "id": f"try-{tag}",
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": {"person": person, "effective": died.isoformat(), "document": f"示例民政〔{day.year}〕{tag}号"},
    }
    retraction = {
        **death,
        "type": "death-retracted.v1",
        "id": f"try-{tag}-retraction",
        "data": {"person": person, "effective": day.isoformat(), "retracts": death["id"]},
    }
    paths = home / "death.json", home / "retraction.json"
    for path, event in zip(paths, (death, retraction), strict=True):
        path.write_bytes(msgspec.json.format(msgspec.json.encode(event), indent=2))
    return paths


def _received(event: Event) -> Received:
    publisher = Publisher("demo", department_of(event["source"]), "demo")
    return Received(partial(structured, msgspec.json.encode(event)), publisher)
