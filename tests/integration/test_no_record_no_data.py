"""What cannot be recorded is not shown: every path that shows people, with a database that takes no record."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event as Flag
from uuid import UUID

import psycopg
import pytest
from fastapi.routing import APIRoute
from httpx import Response
from msgspec.structs import replace

from domain.consumers import Terms
from domain.disclosures import DataDisclosed
from domain.facts import DeathReported, Department
from domain.law import Law
from domain.rights import masks
from domain.told import AlertRaised
from infra import codec, log
from infra.consumers import Consumers
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.outbox import Outbox
from infra.terminal import told
from infra.webhooks import Sender
from services.accounts import Role
from services.api.app import PAGES, V1
from services.api.gate.gate import BrokenOffError
from services.bus.recording import Part, records
from services.consumers.delivering import Delivery
from services.tracing import Tracing
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.delivering import HOOK, LOOPBACK, QUICK, alerts, entries, ids, register
from tests.handing import SZ
from tests.receiving import receiving

TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "agency": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
}
CANARY = "王金丝雀"
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
FEED = "agency-pull"

SHOWING = [
    ("agency", "/v1/alerts"),
    ("agency", "/v1/alerts/stream"),
    ("agency", "/v1/alerts/{alert}"),
    ("agency", "/v1/inbox"),
    ("community", "/v1/roster?division={division}"),
    ("agency", "/v1/roster?division={division}"),
    ("community", "/v1/roster?division={division}&on=2024-04-10"),
    ("community", "/v1/retirees/{retiree}"),
    ("auditor", "/v1/retirees/{retiree}/looks"),
    ("guardian", "/v1/retirees/{retiree}/looks"),
    ("auditor", "/v1/audit"),
    ("agency", "/v1/feeds/{consumer}"),
    ("agency", "/v1/feeds/{consumer}/stream"),
    *(
        (account, f"/v1/registers/{register}?as={form}")
        for account, register in (
            ("community", "roster"),
            ("agency", "inbox"),
            ("auditor", "audit"),
        )
        for form in ("json", "csv", "xlsx")
    ),
    ("agency", "/pages/inbox"),
    ("agency", "/pages/alerts/{alert}"),
    ("community", "/pages/roster?division={division}"),
    ("community", "/pages/retirees/{retiree}"),
    ("auditor", "/pages/retirees/{retiree}/looks"),
    ("auditor", "/pages/retirees/{retiree}/looks/print"),
    ("auditor", "/pages/audit"),
    ("community", "/pages/registers/roster"),
    ("community", "/pages/registers/roster/print"),
    ("community", "/pages/registers/roster/csv"),
]
SOUGHT = {"/v1/roster/search", "/pages/roster/search"}
UNMASKED = {
    "/v1/retirees/{retiree}/unmask": {"fields": ["name"], "reason": "identity-check"},
    "/v1/registers/roster/unmasked": {"reason": "identity-check"},
    "/pages/retirees/{retiree}/unmask": {"show.name": "on", "reason": "identity-check", "said": ""},
    "/pages/registers/roster/unmasked": {"reason": "identity-check", "said": "", "as": "print"},
}
"""What is masked is shown by these, each with what is sent along."""
OF_NOBODY = {
    "/",
    "/login",
    "/login/oidc",
    "/login/oidc/callback",
    "/pages/accounts",
    "/pages/accounts/{name}/{deed}",
    "/static/style.css",
    "/v1/accounts",
    "/v1/accounts/{account}",
    "/v1/accounts/{account}/change",
    "/v1/accounts/{account}/disable",
    "/v1/accounts/{account}/enable",
    "/v1/accounts/{account}/secret",
    "/v1/accounts/{account}/unlock",
    "/v1/dead-letters",
    "/v1/dead-letters/replay",
    "/v1/dead-letters/{place}",
    "/v1/dead-letters/{place}/give-up",
    "/v1/dead-letters/{place}/mend",
    "/v1/dead-letters/{place}/replay",
    "/v1/errors",
    "/v1/holds",
    "/v1/law",
    "/v1/law/{key}",
    "/v1/proposals",
    "/v1/proposals/{proposal}",
    "/v1/proposals/{proposal}/approve",
    "/v1/proposals/{proposal}/carry-out",
    "/v1/proposals/{proposal}/refuse",
    "/v1/proposals/{proposal}/withdraw",
    "/v1/purposes",
    "/v1/sources/registered",
    "/pages/account",
    "/pages/account/password",
    "/pages/account/purpose",
    "/pages/account/sign-out",
    "/pages/api",
    "/pages/errors",
    "/pages/errors/{code}",
    "/pages/proposals",
    "/pages/proposals/holds",
    "/pages/proposals/{proposal}/{deed}",
    "/v1/consumers",
    "/v1/events",
    "/v1/feeds/{consumer}/acknowledge",
    "/v1/followers",
    "/v1/keys",
    "/v1/receipts",
    "/v1/registers",
    "/v1/roster/counts",
    "/v1/sources",
    "/v1/sources/missing",
    "/pages/consumers",
    "/pages/dead-letters",
    "/pages/dead-letters/replay",
    "/pages/dead-letters/{place}",
    "/pages/dead-letters/{place}/give-up",
    "/pages/dead-letters/{place}/mend",
    "/pages/dead-letters/{place}/replay",
    "/pages/followers",
    "/pages/registers",
    "/pages/roster/counts",
    "/pages/sources",
}
"""Figures, states of machines, law, accounts, and what somebody sent or proposed themselves: no look at anybody."""
ELSEWHERE = {"/pages/dead-letters/{place}/original", "/v1/dead-letters/{place}/original"}
"""Tried in tests/integration/test_dead_letters.py."""


class People:
    """Who stands in the ledger: whom the paths are about."""

    def __init__(self, database: Database) -> None:
        self.alert = next(one.event.alert for one in entries(database) if isinstance(one.event, AlertRaised))
        self.retiree = UUID(self.alert[:36])
        self.given = {"alert": self.alert, "retiree": self.retiree, "division": SZ, "consumer": FEED}

    def nobody(self, answer: Response) -> bool:
        """Whether an answer is about nobody."""
        body = answer.content.decode("utf-8", "replace")
        masked = (masks.name(CANARY), masks.identity_number(number_of(1)))
        return not any(one in body for one in (CANARY, number_of(1), *masked, str(self.retiree), self.alert))


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    ledger = Ledger(database, keys, law)
    ledger.accept([submission(HOME, "r1", number=number_of(1), name=CANARY)], TODAY)
    ledger.accept([submission(DIED, "d1", name=CANARY, department=Department.CIVIL_AFFAIRS)], TODAY)
    terms = Terms(department=Department.AGENCY, kind="feed", account="agency")
    Consumers(database, keys).register(FEED, terms, "operator", 0)
    seen = DataDisclosed(
        department="community",
        actor="shequ-1",
        purpose="p",
        legal_basis="b",
        fields=("name",),
        retirees=(People(database).retiree,),
    )
    ledger.append(log.stream_of("reader:shequ-1"), seen)
    catch_up(database)
    return ledger


@pytest.fixture
def asked(ours: Ledger, dsn: str, tmp_path: Path) -> Iterator[Asking]:
    with asking(dsn, tmp_path, ACCOUNTS) as opened:
        yield opened


@contextmanager
def no_record(dsn: str, *names: str) -> Iterator[None]:
    """No event of these names can be written, as on a full disk."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(
            "create function full_disk() returns trigger language plpgsql as "
            "'begin raise exception using errcode = ''53100'', message = ''no space left''; end'"
        )
        listed = ", ".join(f"'{name}'" for name in names)
        owner.execute(
            f"create trigger full_disk before insert on ledger.event for each row when (new.name in ({listed})) "
            "execute function full_disk()"
        )
        yield
        owner.execute("drop trigger full_disk on ledger.event")


LOOKS = ("personal-data-disclosed.v2", "personal-data-delivered.v1")


@pytest.mark.parametrize(("account", "path"), SHOWING, ids=lambda one: one)
def test_a_path_shows_people_and_nobody_when_the_look_cannot_be_recorded(
    account: str, path: str, ours: Ledger, asked: Asking, dsn: str, database: Database
) -> None:
    people = People(database)
    asked_for = path.format(**people.given)
    streams = asked_for.endswith("/stream")
    with no_record(dsn, *LOOKS):
        answer = asked.asked(account, asked_for)
        assert people.nobody(answer), "shown without a record"
        assert (answer.status_code, answer.content) == (200, b"") if streams else answer.status_code == 503
    if not streams:  # which would not end
        shown = asked.asked(account, asked_for)
        assert shown.status_code == 200
        assert asked_for.endswith("xlsx") or not people.nobody(shown)


@pytest.mark.parametrize("path", sorted(SOUGHT))
def test_nobody_is_found_when_the_search_cannot_be_recorded(
    path: str, ours: Ledger, asked: Asking, dsn: str, database: Database
) -> None:
    def search(number: str) -> Response:
        if path.startswith("/pages"):
            return asked.form("community", path, {"number": number})
        return asked.post("community", path, {"number": number})

    people = People(database)
    with no_record(dsn, *LOOKS):
        for number in (number_of(1), number_of(2)):  # also where nobody fits
            answer = search(number)
            assert answer.status_code == 503
            assert people.nobody(answer)
    assert not people.nobody(search(number_of(1)))


@pytest.mark.parametrize("path", sorted(UNMASKED))
def test_nothing_is_unmasked_when_that_cannot_be_recorded(
    path: str, ours: Ledger, asked: Asking, dsn: str, database: Database
) -> None:
    people = People(database)

    def unmask() -> Response:
        asked_for = path.format(**people.given)
        if path.startswith("/pages"):
            return asked.form("community", asked_for, UNMASKED[path])  # type: ignore[arg-type] # those of forms are texts
        return asked.post("community", asked_for, UNMASKED[path])

    with no_record(dsn, *LOOKS):
        asked_of_nobody = unmask()
        assert asked_of_nobody.status_code == 503
        assert people.nobody(asked_of_nobody)
    assert CANARY in unmask().text


def test_a_file_of_several_pieces_that_cannot_be_recorded_at_its_end_is_never_whole(
    ours: Ledger, asked: Asking, dsn: str, database: Database
) -> None:
    path = "/pages/registers/roster/print"
    with no_record(dsn, "register-exported.v1"), pytest.raises(BrokenOffError):
        asked.asked("community", path)  # over a connection: broken off
    assert not People(database).nobody(asked.asked("community", path))


def test_a_file_of_one_piece_that_cannot_be_recorded_does_not_begin(
    ours: Ledger, asked: Asking, dsn: str, database: Database
) -> None:
    path, people = "/v1/registers/roster?as=csv", People(database)
    with no_record(dsn, "register-exported.v1"):
        answer = asked.asked("community", path)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert people.nobody(answer)
    assert not people.nobody(asked.asked("community", path))


def test_nothing_goes_to_topics_or_webhooks_that_cannot_be_recorded(
    ours: Ledger, database: Database, keys: KeyRing, dsn: str
) -> None:
    outbox, consumers = Outbox(database), Consumers(database, keys)
    parts = [Part.of(entry, outbox.alert) for entry in entries(database)]
    with receiving() as receiver:
        register(consumers, receiver)
        delivery = Delivery(consumers, HOOK, Sender(LOOPBACK), QUICK, Flag(), Tracing())
        with no_record(dsn, *LOOKS):
            with pytest.raises(DatabaseError):
                outbox.announce(parts[-1].entry.position, lambda _: records(parts))
            with pytest.raises(DatabaseError):
                delivery._round()
            assert receiver.tried == []
        delivery._round()
        assert ids(receiver.tried) == alerts(database)
        delivery.close()


def test_an_operator_goes_through_no_log_that_cannot_be_told_of_it(database: Database, dsn: str) -> None:
    with no_record(dsn, "log-read.v1"), pytest.raises(DatabaseError):
        told(database, "replay")
    told(database, "replay")
    with database.transaction() as connection:
        (row,) = log.read(connection, 0, 10)
    assert codec.decode(*row).event.command == "replay"  # type: ignore[union-attr] # as was told


def test_every_path_of_the_application_is_tried_or_shows_nobody() -> None:
    paths = {f"/v1{route.path}" for router in V1 for route in router.routes if isinstance(route, APIRoute)}
    paths |= {route.path for router in PAGES for route in router.routes if isinstance(route, APIRoute)}
    tried = {path.partition("?")[0] for _, path in SHOWING} | SOUGHT | {*UNMASKED}

    def is_tried(path: str) -> bool:
        shape = re.sub(r"\{(register|form)\}", "[a-z-]+", path).replace("{", r"\{").replace("}", r"\}")
        return path in tried or any(re.fullmatch(shape, one) for one in tried)

    assert not {path for path in paths - OF_NOBODY - ELSEWHERE if not is_tried(path)}
    assert paths >= OF_NOBODY | ELSEWHERE, "none of these is gone"
