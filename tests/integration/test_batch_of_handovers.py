"""Two thousand retirees of one enterprise, handed over in four cities by a file, and what the command says of the batch."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from stdnum.cn import ric

from domain.facts import (
    ArchiveReceived,
    Category,
    Department,
    EnterpriseKind,
    FactRetracted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    Known,
    PartyRelationTransferred,
)
from domain.handover import Keeper, Stage, serving_office
from infra import codec, log
from infra.database import Database
from infra.embedded import Postgres
from infra.views import Views
from projections import handovers
from projections.handovers import HandoverLine, HandoverRow
from projections.read_model import columns
from services.handover.batches import Batch, batches
from services.handover.showing import Answer
from tests.handing import CITIES, LAW, City, by, completed
from tests.importing_runs import CHANGQING, Home, refusals

D = Department
DAY = date(2024, 6, 3)
BATCH = "2024-第1批"
ENTERPRISE = "91440300MA05AMPLE6"
EACH = 500
"""People in each city."""
KEPT_APART = {"zhengzhou", "xianning"}


FATES = {
    "veteran": 10,
    "refused": 20,
    "returned": 15,
    "files missing": 15,
    "files taken back": 2,
    "reception taken back": 3,
}
"""What becomes of how many of them; everybody else is received."""
_FATES = [what for what, people in FATES.items() for _ in range(people)]


class Line(NamedTuple):
    """A line of the file, and the code with which it must be refused, if it must."""

    text: str
    refused: str | None


class Whole(NamedTuple):
    """A file that was imported into a database whose views have come to its end."""

    home: Home
    database: Database
    lines: list[Line]
    result: Any
    refused: Path


def event(known: Known, number: int) -> str:
    """A fact as a line of the file, about the n-th person."""
    stem = f"440304{1940 + number // 900:04d}0101{number % 900 + 1:03d}"
    data = {key: value for key, value in msgspec.to_builtins(known.fact).items() if key != "name"}
    return json.dumps(
        {
            "specversion": "1.0",
            "type": known.fact.__struct_config__.tag,
            "source": known.reference.source,
            "id": f"{known.reference.id}-{number}",
            "data": {"person": {"identity_number": stem + ric.calc_check_digit(stem + "0")}, **data},
        },
        ensure_ascii=False,
    )


def told(city: City, name: str, number: int, everybody: int) -> Iterator[tuple[Known, str | None]]:
    """What is told of a city's n-th, of everybody the m-th: each with the code of its refusal, if it is to be refused."""
    what, who = _FATES[number] if number < len(_FATES) else "completed", city.who
    apart = what == "veteran" and name in KEPT_APART
    category = Category.VETERAN if what == "veteran" else Category.RETIREE
    yield by(D.AGENCY, replace(who, category=category, party_member=number % 5 == 0)), None
    proposal, *steps = city.steps()
    assert isinstance(proposal.fact, HandoverProposed)
    kind = EnterpriseKind.CENTRAL_DEVOLVED if name == "zhengzhou" else EnterpriseKind.PROVINCIAL
    fact = replace(proposal.fact, batch=BATCH, enterprise=ENTERPRISE, enterprise_kind=kind)
    yield replace(proposal, fact=fact), "kept-apart" if apart else None
    if apart:
        return
    for known in steps:
        if not (what == "files missing" and isinstance(known.fact, ArchiveReceived)):
            yield known, None
    if number % 5 == 0:
        joined = PartyRelationTransferred(effective=DAY, division=who.residence_division)
        yield by(D.PARTY, joined), None
    if what == "refused":
        yield by(D.ENTERPRISE, HandoverRefused(effective=DAY, reason="the retiree does not sign")), None
    if what == "returned":
        back = HandoverReturned(effective=DAY, reason="two files are missing", steps=("archive-received",))
        yield by(D.COMMUNITY, back), None
    done = completed(who.residence_division, DAY)
    refusal = {
        "refused": "handover-not-begun",
        "returned": "handover-open-steps",
        "files missing": "handover-open-steps",
    }
    yield done, refusal.get(what)
    files = next(known for known in steps if isinstance(known.fact, ArchiveReceived))
    gone = {"files taken back": files, "reception taken back": done}.get(what)
    if gone:
        fact_ = FactRetracted(effective=DAY, retracts=f"{gone.reference.id}-{everybody}")
        yield replace(by(gone.department, fact_), reference=replace(gone.reference, id=f"x{gone.reference.id}")), None


def file_of(cities: dict[str, City]) -> list[Line]:
    """As offices tell a batch: everybody's registration, everybody's proposal, and so on step by step."""
    people = [
        [Line(event(known, everybody), code) for known, code in told(city, name, number, everybody)]
        for everybody, (number, (name, city)) in enumerate(product(range(EACH), cities.items()))
    ]
    return [lines[at] for at in range(max(map(len, people))) for lines in people if at < len(lines)]


@pytest.fixture(scope="module")
def whole(postgres_server: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The file imported by the command, by two workers, and folded into the views."""
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(f"create database handed_over template {migrated}".encode())
    dsn = postgres_server.dsn("handed_over")
    home = Home(tmp_path_factory.mktemp("batch"), dsn)
    lines = file_of(CITIES)
    file = home.write("移交.jsonl", "\n".join(line.text for line in lines).encode())
    result = home.run(file, code=3)
    database = Database(dsn)
    views = Views(database)
    for rows in log.scan(database, 0, 1_000):
        views.apply(codec.entries(rows))
    yield Whole(home, database, lines, result, file.with_name(f"{file.name}.refused.jsonl"))
    database.close()
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as admin:
        admin.execute("drop database handed_over with (force)")


def handover(whole: Whole, *options: str, code: int = 0) -> str:
    """What the command says."""
    asked: list[str | Path] = [CHANGQING, "handover", *options]
    found = subprocess.run(asked, capture_output=True, env=whole.home.environment, check=False)
    assert found.returncode == code, found.stderr.decode()
    return (found.stdout if code == 0 else found.stderr).decode()


def figures(whole: Whole) -> dict[str, Batch]:
    """The figures of the batch by the English name of the city."""
    answer = msgspec.json.decode(handover(whole, BATCH, "--json"), type=Answer)
    assert answer.behind == 0
    return {one.city_en: one for one in answer.batches}


def test_a_file_carries_the_handover_of_two_thousand_people_and_refuses_what_the_law_does(whole: Whole) -> None:
    expected = [(number, line.refused) for number, line in enumerate(whole.lines, start=1) if line.refused]
    assert sorted(refusals(whole.refused)) == expected
    assert Counter(code for _, code in expected) == {
        "kept-apart": 20,
        "handover-not-begun": 80,
        "handover-open-steps": 120,
    }
    assert (whole.result["lines"], whole.result["refused"], whole.result["parked"]) == (len(whole.lines), 220, 0)


@pytest.mark.parametrize(
    ("city", "people"), [("Shenzhen", 500), ("Zhengzhou", 490), ("Dalian", 500), ("Xianning", 490)]
)
def test_the_figures_of_each_city_are_those_of_its_people(whole: Whole, city: str, people: int) -> None:
    found = figures(whole)[city]
    assert (found.people, found.completed, found.refused, found.returned, found.open) == (
        people,
        people - 55,
        20,
        15,
        35,
    )
    assert (found.batch, found.enterprises, found.apart, found.waiting) == (BATCH, (ENTERPRISE,), 0, 0)
    assert [(one.step, one.people, one.next) for one in found.steps] == [
        ("archive-received", 32, 32),
        ("handover-completed", 35, 3),
    ]
    assert list(found.offices.values()) == [people - 55]


def test_money_staff_keepers_and_room_are_what_the_law_of_each_city_says(whole: Whole) -> None:
    found = figures(whole)
    money = {city: (one.assessed, one.paid, [fee.amount for fee in one.fees]) for city, one in found.items()}
    assert money == {
        "Shenzhen": ("0.00", "2500000.00", [None]),
        "Zhengzhou": ("0.00", "0.00", ["470000.00"]),
        "Dalian": ("2500000.00", "2500000.00", [None]),
        "Xianning": ("0.00", "0.00", [None]),
    }
    assert {city: one.staff for city, one in found.items() if one.staff} == {"Zhengzhou": 2}
    assert [(one.files, one.keepers, one.archive_area) for city, one in found.items() if one.keepers] == [(480, 1, 1)]


def test_nobody_is_served_by_two_offices_and_the_view_knows_what_the_ledger_knows(whole: Whole) -> None:
    """Person by person, against the state that decisions are made on."""
    with whole.database.transaction() as connection:
        states = dict(connection.execute("select stream, state from ledger.stream where state is not null").fetchall())
        rows = connection.execute(f"select {columns(HandoverRow)} from views.handovers".encode()).fetchall()  # noqa: S608 - our own columns
        rosters = dict(connection.execute("select retiree, serving from views.roster where registered").fetchall())
    there = {row[0]: HandoverRow(**dict(zip(HandoverRow.__struct_fields__, row, strict=True))) for row in rows}
    assert len(states) == 2_000
    for retiree, state in states.items():
        known = codec.decode_state(state)
        assert known
        if retiree in there:
            assert handovers.told(there[retiree]) == known.handover
        else:
            assert known.handover.proposal is None
        registration = known.dossier.registration
        assert registration
        serves = serving_office(known.handover, registration, LAW, DAY)
        assert rosters[retiree] == (serves.division if serves.since else registration.residence_division)
    served = Counter((line.stage, line.keeper) for line in lines_of(whole))
    assert served == {
        (Stage.COMPLETED, Keeper.COMMUNITY): 1_760,
        (Stage.IN_PROGRESS, Keeper.COMMUNITY): 8,
        (Stage.IN_PROGRESS, Keeper.ENTERPRISE): 72,
        (Stage.RETURNED, Keeper.ENTERPRISE): 60,
        (Stage.REFUSED, Keeper.ENTERPRISE): 80,
    }


def lines_of(whole: Whole) -> list[HandoverLine]:
    given = {"batch": BATCH, "after": UUID(int=0), "limit": 10_000}
    rows = Views(whole.database).select(handovers.PAGE, given)
    assert len({row["retiree"] for row in rows}) == len(rows)
    return [line for row in rows for line in handovers.lines(row, LAW, DAY, BATCH)]


def test_pages_of_any_size_give_the_same_figures(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views(whole.database)
    at_once = batches(views, LAW, DAY)
    monkeypatch.setattr("services.handover.batches.PAGE", 77)
    assert batches(views, LAW, DAY) == at_once


def test_the_command_says_it_in_both_languages(whole: Whole) -> None:
    said = handover(whole, BATCH, "--city", "4101")
    assert "批号 batch 2024-第1批：郑州市 Zhengzhou，/enterprise/somewhere（91440300MA05AMPLE6）" in said
    assert (
        "提出 proposed 490，已完成 completed 435，在办 open 35，其中退回 of them returned 15，终止 refused 20" in said
    )
    assert (
        "人事档案移交 personnel files handed over (archive-received): 32 人 people，其中可办 of them can be done now 32"
        in said
    )
    assert "由 owed by 档案保管单位 archives" in said
    assert "应缴费用 fee due: 470000.00 元 yuan，470 人 people，由 paid by 中央财政 central budget" in said
    assert "豫政办〔2017〕44号 六（二）2" in said
    assert "管理服务人员 staff: 2 人 people，服务 for 470 人 retirees" in said
    assert "深圳" not in said
    every = handover(whole)
    assert every.count("批号 batch") == 4
    assert "未办步骤" not in every


def test_what_cannot_be_answered_is_said_with_its_own_code(whole: Whole) -> None:
    assert "没有批号为 2024-第2批 的移交" in handover(whole, "2024-第2批", code=3)
    assert "no law of this city is recorded" in handover(whole, BATCH, "--city", "210300000000", code=2)
    assert "no law of this city is recorded" in handover(whole, "--city", "大连", code=2)
