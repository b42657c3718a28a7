"""Who saw me: every look and delivery about one retiree, for an auditor and a guardian, as it is and as it was known; and who was refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from domain import unusual
from domain.disclosures import AccessDenied, DataDisclosed, Look, RegisterExported, UnusualAccessFlagged, Way
from domain.facts import DeathReported, Department
from domain.history import Event
from domain.law import Law
from infra import codec, log
from infra.database import Database
from infra.habits import Habits
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.outbox import Outbox
from infra.terminal import operator, told
from services.accounts import Account, Role
from services.bus.recording import Part, records
from services.reading.denials import SECONDS, Denials, Denied
from services.reading.disclosures import lines
from services.reading.looks import Looks
from services.reading.ocsf import NAMES, ocsf
from tests.asking import Asking, asking, catch_up
from tests.building import number_of, retirement, submission
from tests.delivering import entries
from tests.handing import SZ

TODAY = date(2024, 4, 10)
ACCOUNTS = {
    "community": (Role.COMMUNITY, SZ),
    "agency": (Role.OFFICER, "4403"),
    "elsewhere": (Role.COMMUNITY, "2102"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
}
HOME = replace(retirement(), residence_division=SZ, hukou_division=SZ)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
T = TypeVar("T", bound=Event)
CLERK = Account(name="clerk", role=Role.OFFICER, department=Department.AGENCY)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    """Two people, the first of whom died."""
    ledger = Ledger(database, keys, law)
    for n in (1, 2):
        ledger.accept([submission(HOME, f"r{n}", number=number_of(n), name=f"王{n}")], TODAY)
    ledger.accept([submission(DIED, "d1", name="王1", department=Department.CIVIL_AFFAIRS)], TODAY)
    catch_up(database)
    return ledger


@pytest.fixture
def asked(ours: Ledger, dsn: str, tmp_path: Path) -> Iterator[Asking]:
    with asking(dsn, tmp_path, ACCOUNTS) as opened:
        yield opened


def recorded(database: Database, kind: type[T]) -> list[T]:
    return [one.event for one in entries(database) if isinstance(one.event, kind)]


def whom(database: Database) -> str:
    return str(entries(database)[0].stream)


def saw(asked: Asking, retiree: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked.json("auditor", f"/v1/retirees/{retiree}/looks{query}")["looks"]
    return found


def test_every_way_to_see_somebody_stands_in_the_answer_with_why_and_what(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    asked.json("community", f"/v1/retirees/{retiree}")
    asked.page("community", f"/pages/retirees/{retiree}")
    asked.post("community", "/v1/roster/search", {"number": number_of(1)}).raise_for_status()
    asked.bytes("community", "/v1/registers/roster?as=csv")
    asked.page("community", "/pages/registers/roster/print")
    Looks(ours).unmasked(CLERK, ("identity_number",), [entries(database)[0].stream], "电话核实")
    told(database, "replay", retiree=entries(database)[0].stream)
    parts = [Part.of(entry, Outbox(database).alert) for entry in entries(database)]
    Outbox(database).announce(parts[-1].entry.position, lambda _: records(parts))
    catch_up(database)
    found = saw(asked, retiree)
    assert [(one["actor"], one["way"], one["look"]) for one in reversed(found)] == [
        ("community", "api", "shown"),
        ("community", "page", "shown"),
        ("community", "api", "sought"),
        ("community", "export", "shown"),
        ("community", "print", "shown"),
        ("clerk", "api", "unmasked"),
        (operator(), "terminal", "shown"),
        ("alerts.pension", None, None),
        ("life-events", None, None),
    ]
    assert {one["retiree"] for one in found} == {retiree}, "and nobody else's"
    assert all(one["purpose"] and one["legal_basis"] for one in found if one["actor"] != operator())
    (unmasked,) = [one for one in found if one["look"] == "unmasked"]
    assert (unmasked["fields"], unmasked["reason"]) == (["identity_number"], "电话核实")


def test_the_answer_is_of_pages_is_as_it_was_known_then_and_is_itself_a_look(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    for _ in range(3):
        asked.json("community", f"/v1/retirees/{retiree}")
    catch_up(database)
    first = asked.json("auditor", f"/v1/retirees/{retiree}/looks?limit=2")
    rest = asked.json("auditor", f"/v1/retirees/{retiree}/looks?limit=2&before={first['before']}")
    assert len({one["deed_id"] for one in first["looks"] + rest["looks"]}) == 3
    assert rest["before"] is None
    assert asked.status("auditor", f"/v1/retirees/{retiree}/looks?known=1999-12-31") == 404, "nobody was known then"
    (_, again) = [one for one in recorded(database, DataDisclosed) if one.look is Look.DEEDS]
    assert (again.actor, [str(one) for one in again.retirees]) == ("auditor", [retiree])
    catch_up(database)
    assert {one["look"] for one in saw(asked, retiree)} == {"shown", "deeds"}
    assert "deeds" not in {one["what"] for one in asked.json("auditor", "/v1/audit")}


def test_it_is_a_page_chinese_first_and_a_sheet_to_print_for_auditor_and_guardian_alone(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    asked.json("community", f"/v1/retirees/{retiree}")
    catch_up(database)
    for account in ("auditor", "guardian"):
        for path in ("looks", "looks/print"):
            page = asked.page(account, f"/pages/retirees/{retiree}/{path}")
            assert "社区服务" in page
            assert "个人信息保护法 第三十四条" in page
            assert page.index("法律依据") < page.index("Basis")
            assert "王1" not in page
    for account in ("community", "agency"):
        assert asked.status(account, f"/v1/retirees/{retiree}/looks") == 403
        assert asked.status(account, f"/pages/retirees/{retiree}/looks") == 403
        assert asked.status(account, f"/pages/retirees/{retiree}/looks/print") == 403
    nobody = "/v1/retirees/00000000-0000-4000-8000-000000000000/looks"
    assert asked.status("guardian", nobody) == 404


def test_a_search_is_recorded_also_of_nobody_and_its_terms_as_keyed_hashes_alone(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    for number in (number_of(1), number_of(9)):
        asked.post("community", "/v1/roster/search", {"number": number}).raise_for_status()
    found, nobody = recorded(database, DataDisclosed)
    assert (len(found.retirees), len(nobody.retirees)) == (1, 0)
    assert (found.look, nobody.look) == (Look.SOUGHT, Look.SOUGHT)
    assert found.terms != nobody.terms
    with database.transaction() as connection:
        stored = b"".join(row.state for row in log.read(connection, 0, 100, names=["personal-data-disclosed.v2"]))
    assert number_of(9).encode() not in stored


def test_a_file_is_told_with_its_rows_its_digest_and_the_looks_it_is_made_of(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    body = asked.bytes("community", "/v1/registers/roster?as=csv")
    (file,) = recorded(database, RegisterExported)
    assert (file.register, file.form, file.rows, file.size) == ("roster", "csv", 2, len(body))
    assert file.digest == sha256(body).hexdigest()
    looks = [one for one in recorded(database, DataDisclosed) if one.export == file.export]
    assert sum(len(one.retirees) for one in looks) == 2
    assert {one.way for one in looks} == {Way.EXPORT}


def test_who_tries_what_is_not_theirs_is_told_without_ids_and_many_alike_as_one(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    for _ in range(5):
        assert asked.status("elsewhere", f"/v1/retirees/{retiree}") == 403
    assert asked.status("elsewhere", "/v1/audit") == 403
    first, other = recorded(database, AccessDenied)
    assert (first.actor, first.act, first.code, first.what, first.count) == (
        "elsewhere",
        "GET /v1/retirees/{retiree}",
        "forbidden",
        "retiree",
        1,
    )
    assert (other.act, other.what) == ("GET /v1/audit", "")
    assert retiree not in codec.encode(first).decode()


def test_refusals_of_a_minute_are_counted_and_what_is_beyond_all_bounds_is_told_by_its_code(
    database: Database, keys: KeyRing, law: Law
) -> None:
    now = [0.0]
    denials = Denials(Ledger(database, keys, law), keys, lambda: now[0])
    one = Denied("community", "a", "GET /v1/roster", "forbidden", "division", "10.0.0.7")
    for _ in range(100):
        denials.denied(one)
    now[0] = SECONDS + 1
    denials.denied(one._replace(actor="b"))
    denials.denied(one)
    denials.denied(one)
    denials.close()
    assert [(one.actor, one.count) for one in recorded(database, AccessDenied)] == [
        ("a", 1),
        ("a", 99),
        ("b", 1),
        ("a", 1),
        ("a", 1),
    ]
    assert "10.0.0.7" not in str(recorded(database, AccessDenied))
    for n in range(1_100):
        denials.denied(one._replace(actor=f"x{n}"))
    denials.close()
    beyond = [one for one in recorded(database, AccessDenied) if not one.actor]
    assert sum(one.count for one in beyond) == 100
    assert len(beyond) == 2


def test_the_watch_over_reading_flags_once_whoever_dies_in_between_and_the_guardian_has_a_register(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    for _ in range(unusual.ELSEWHERE + 1):
        asked.status("elsewhere", f"/v1/retirees/{retiree}")
    for _ in range(unusual.ONE_PERSON):
        asked.json("community", f"/v1/retirees/{retiree}")
    denied = recorded(database, AccessDenied)[0]
    ours.append(log.stream_of("denials"), replace(denied, count=unusual.ELSEWHERE, first=datetime.now(UTC)))
    for one in entries(database):
        Habits(database).handle([one])  # a new one each time: nothing is kept in memory
    flags = recorded(database, UnusualAccessFlagged)
    assert {flag.why for flag in flags} >= {"one-person", "elsewhere"}
    assert len({(flag.why, flag.actor) for flag in flags}) == len(flags)
    with database.transaction() as connection:
        kept = connection.execute("select count(*) from ledger.usual_access where key like 'retiree %'").fetchone()
        connection.execute("update ledger.usual_access set state = jsonb_set(state, '{day}', '\"2000-01-01\"')")
    assert kept == (1,)
    asked.json("community", f"/v1/retirees/{entries(database)[1].stream}")
    watch = Habits(database)
    watch.handle([one for one in entries(database) if one.position > watch.position()])
    with database.transaction() as connection:
        keys = {key for (key,) in connection.execute("select key from ledger.usual_access").fetchall()}
    assert f"retiree {retiree}" not in keys, "of a day that is over"
    catch_up(database)
    page = asked.json("guardian", "/v1/registers/unusual-access")
    assert len(page["rows"]) == len(flags)
    assert "反复查阅同一人" in asked.page("guardian", "/pages/registers/unusual-access")
    assert asked.status("agency", "/v1/registers/unusual-access") == 403


def test_all_of_it_is_emitted_in_order_for_a_siem_and_names_nobody(
    ours: Ledger, asked: Asking, database: Database
) -> None:
    retiree = whom(database)
    asked.json("community", f"/v1/retirees/{retiree}")
    asked.bytes("community", "/v1/registers/roster?as=csv")
    asked.status("elsewhere", f"/v1/retirees/{retiree}")
    told_of = [one.position for one in entries(database) if one.name in NAMES]
    assert len(told_of) == 4
    written = list(lines(database, 0, ocsf))
    assert [f'"sequence":{position},' in line for position, line in zip(told_of, written, strict=True)] == [True] * 4
    assert retiree not in "".join(written)
    assert list(lines(database, told_of[1], ocsf)) == written[2:]
