"""The register of sources: what is agreed with each and the keys they sign with, in the log and at hand."""

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from domain.facts import Department
from domain.history import Event
from domain.refusals import Refused
from domain.sources import (
    Policy,
    Registered,
    SourceKeyAdded,
    SourceKeyRevoked,
    SourcePolicySet,
    SourceRegistered,
    above,
)
from infra import codec, log
from infra.database import Database
from infra.dsse import SigningKey
from infra.sources import Sources
from infra.watching import Watch
from services.cli import main

CITY, DISTRICT = "/civil-affairs/shenzhen", "/civil-affairs/shenzhen/nanshan"
KEY = SigningKey.from_seed(bytes(range(32)))
MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def sources(database: Database) -> Sources:
    return Sources(database)


def registered(source: str = CITY, policy: Policy | None = None) -> Registered:
    return Registered(source=source, department=Department.CIVIL_AFFAIRS, office="民政局", policy=policy or Policy())


def key(source: str = CITY, made: SigningKey = KEY) -> SourceKeyAdded:
    return SourceKeyAdded(source=source, keyid=made.keyid, public=made.public, valid_from=MARCH, by="值班员")


def whole_log(database: Database) -> list[Event]:
    return [codec.decode(*row).event for rows in log.scan(database) for row in rows]


def test_every_change_is_in_the_log_with_who_made_it_and_in_the_register(sources: Sources, database: Database) -> None:
    strict = Policy(must_be_signed=True, heartbeat_minutes=60, sequence_required=True)
    sources.add(registered(), "值班员")
    sources.agree(CITY, "信息中心", strict, "值班员")
    sources.add_key(key())
    assert sources.revoke(KEY.keyid, APRIL, "遗失", "值班员") == CITY
    found = sources.now()
    assert found.sources == {
        CITY: Registered(source=CITY, department=Department.CIVIL_AFFAIRS, office="信息中心", policy=strict)
    }
    assert (found.keys[KEY.keyid].public, found.keys[KEY.keyid].revoked_since) == (KEY.public, APRIL)
    assert [type(event) for event in whole_log(database)] == [
        SourceRegistered,
        SourcePolicySet,
        SourceKeyAdded,
        SourceKeyRevoked,
    ]
    assert {event.by for event in whole_log(database)} == {"值班员"}  # type: ignore[union-attr] # all have one


def test_what_cannot_be_leaves_no_trace(sources: Sources, database: Database) -> None:
    sources.add(registered(), "值班员")
    sources.add_key(key())
    for deed, code in (
        (lambda: sources.add(registered(), "另一人"), "source-registered"),
        (lambda: sources.agree(DISTRICT, "", Policy(), "另一人"), "source-not-registered"),
        (lambda: sources.add_key(key(DISTRICT)), "source-not-registered"),
        (lambda: sources.add_key(key()), "signing-key-known"),
        (lambda: sources.revoke("nobody's", APRIL, "", "另一人"), "signing-key-unknown"),
    ):
        with pytest.raises(Refused) as refused:
            deed()
        assert refused.value.code == code
    assert len(whole_log(database)) == 2


def test_a_registration_covers_what_lies_below_it_and_a_narrower_one_asks_for_more_never_for_less(
    sources: Sources,
) -> None:
    other = SigningKey.from_seed(bytes(32))
    sources.add(registered(CITY, Policy(must_be_signed=True)), "值班员")
    sources.add(registered(DISTRICT, Policy(heartbeat_minutes=5, sequence_required=True)), "值班员")
    sources.add_key(key())
    sources.add_key(key(DISTRICT, other))
    found = sources.now()
    assert found.terms("/civil-affairs/shenzhen2") is None
    city, office = found.terms(CITY), found.terms(DISTRICT + "/office")
    assert city
    assert office
    assert (city.registered.source, city.must_be_signed, city.sequence_required, set(city.keys)) == (
        CITY,
        True,
        False,
        {KEY.keyid},
    )
    assert (office.registered.source, office.must_be_signed, office.sequence_required, set(office.keys)) == (
        DISTRICT,
        True,
        True,
        {KEY.keyid, other.keyid},
    )
    assert above("/a/b") == ["/a/b", "/a"]


def test_of_a_key_revoked_twice_the_earlier_day_counts(sources: Sources) -> None:
    sources.add(registered(), "值班员")
    sources.add_key(key())
    for day in (APRIL, MARCH, APRIL):
        sources.revoke(KEY.keyid, day, "遗失", "值班员")
    assert sources.now().keys[KEY.keyid].revoked_since == MARCH


# At the terminal


@pytest.fixture
def at_the_terminal(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CHANGQING_KEY", "00" * 32)


def said(*words: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.usefixtures("at_the_terminal")
def test_an_operator_registers_a_source_with_its_keys_and_sees_them(tmp_path: Path) -> None:
    made = said("new-signing-key", str(tmp_path / "key.pem"))
    keyid, public = (line.rsplit(" ", 1)[1] for line in made.splitlines())
    assert public == b64encode(SigningKey.from_file(tmp_path / "key.pem").public).decode()
    by: Sequence[str] = ("--by", "值班员")
    assert "必须签名" in said("source", "register", CITY, "--signed", "--heartbeat-minutes", "60", *by)
    assert keyid in said("source", "key-add", CITY, "--public", public, "--valid-until", "2030-01-01", *by)
    assert "60 分钟" in said("source", "policy", CITY, "--sequence", *by)
    said("source", "key-revoke", keyid, "--reason", "遗失", "--since", "2026-04-01", *by)
    (one,) = json.loads(said("source", "show", CITY, "--json"))
    assert one["policy"] == {"must_be_signed": True, "heartbeat_minutes": 60, "sequence_required": True}
    assert [(key["keyid"], key["revoked_since"]) for key in one["keys"]] == [(keyid, "2026-03-31T16:00:00Z")]
    assert CITY in said("source", "list")
    assert "0 条" in said("source", "affected", keyid)


@pytest.mark.usefixtures("at_the_terminal")
def test_an_operator_says_where_the_numbers_of_a_source_go_on(database: Database) -> None:
    """The source need not be registered; what one that is no department's is said to send is nobody's."""
    watch = Watch(database, timedelta(0))
    assert "4711" in said("source", "numbers", CITY, "--highest", "4711", "--reason", "误填", "--by", "值班员")
    said("source", "numbers", "/nobody/shenzhen", "--highest", "1", "--reason", "误填", "--by", "值班员", code=3)
    for rows in log.scan(database):
        watch.handle(codec.entries(rows))
    assert json.loads(said("source", "missing", CITY, "--json"))["missing"]["highest"] == 4711


@pytest.mark.usefixtures("at_the_terminal")
def test_a_wrong_deed_is_told_in_both_languages_with_a_code_of_its_own() -> None:
    said("source", "show", CITY, code=3)
    for source in ("/nobody/shenzhen", "/civil-affairs/11010519491231002X"):
        said("source", "register", source, "--by", "值班员", code=3)
    told = said("source", "policy", CITY, "--by", "值班员", code=3)
    assert "该来源未登记" in told
    assert "is not registered" in told
    said("source", "register", CITY, "--by", "值班员")
    said("source", "key-add", CITY, "--by", "值班员", code=2)
    said("source", "key-add", CITY, "--by", "值班员", "--public", "AAAA", code=2)
