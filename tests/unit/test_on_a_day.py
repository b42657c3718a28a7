"""The roster of any day, as known at any time, says what the domain says of that day by the facts known then."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from domain.dossier import Dossier
from domain.entitlement import due_in, timeline
from domain.facts import (
    CareFlagged,
    ContactCardIssued,
    Department,
    FactRetracted,
    HealthFileKept,
    Known,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.handover import Keeper, moving_to, serving_office
from domain.history import Entry, FactMoved, FactPublished
from domain.links import RecordsParted
from domain.money import yuan
from domain.months import month_of
from domain.state import RetireeState
from infra.statutes import the_law
from projections import handovers, lives, on_a_day, roster
from projections.lives import KEEP, LifeRow
from projections.on_a_day import NOT_BEGUN, OnADay
from tests.building import RETIREE, death, in_order_of_arrival, known, registered
from tests.building import lives as lived_lives
from tests.handing import DL, SZ, SZ_OTHER, XN, ZZ, by, received, registration
from tests.tellings import Told, accepted, entries, tellings
from tests.unit.test_read_models import entry, lived, published

LAW = the_law()
ANY_DAY = st.dates(date(2021, 6, 1), date(2026, 6, 1))
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))
DIED = death(date(2024, 1, 31), date(2024, 4, 10))


def joined(log: Sequence[Entry]) -> dict[str, Any] | None:
    """What the query gives: the rows of the three models beside each other."""
    rows: dict[str, Any] = {}
    for one in log:
        for model in (roster.ROSTER, lives.LIVES, handovers.HANDOVERS):
            if model.keys(one):
                rows[model.table] = model.fold(RETIREE, rows.get(model.table), one)
    if not rows.get("roster"):
        return None
    life, handing = rows.get("lives"), rows.get("handovers")
    return asdict(rows["roster"]) | {
        "facts": life and f"[{','.join(life.facts)}]",
        "doubts": life and life.doubts,
        "handover": handing and handing.handover,
    }


def on(log: Sequence[Entry], day: date) -> OnADay | None:
    found = joined(log)
    return on_a_day.as_of(found, day, LAW) if found else None


def nameless(facts: Sequence[Known]) -> list[Known]:
    return [replace(fact, name_tag=None) for fact in facts]


def pension_on(dossier: Dossier, day: date) -> tuple[str, str | None, str | None, str]:
    """By the domain alone: the status of the month, why, since when, and what is due for it."""
    month = month_of(day)
    spans = timeline(dossier, LAW, day)
    found = [span for span in spans if span.first <= month and (span.last is None or month <= span.last)]
    due = yuan(due_in(dossier, LAW, day, month))
    for span in found:
        return str(span.status), span.kind and str(span.kind), span.first, due
    return NOT_BEGUN, None, None, due


def says_the_same(state: RetireeState, log: Sequence[Entry], day: date) -> bool:
    counting, row = state.dossier.registration, on(log, day)
    if counting is None or counting.effective > day:
        return row is None
    assert row
    return (row.status, row.kind, row.since, row.pension) == pension_on(state.dossier, day)


@given(lived_lives(), st.data())
def test_the_pension_of_any_day_as_known_at_any_time_is_that_of_the_domain(
    facts: list[Known], data: st.DataObject
) -> None:
    told = in_order_of_arrival(nameless(facts))
    so_many = data.draw(st.integers(0, len(told)))
    state, log = lived(told[:so_many])
    assert says_the_same(state, log, data.draw(ANY_DAY))


@given(tellings(), st.data())
def test_who_serves_on_any_day_is_whom_the_domain_says(telling: Told, data: st.DataObject) -> None:
    state, facts = accepted(telling)
    day = data.draw(st.dates(date(2024, 5, 4), date(2024, 5, 20)))
    row, who = on(entries(facts), day), state.dossier.registration
    if who is None:
        assert row is None
        return
    assert row
    serving = serving_office(state.handover, who, LAW, day)
    assert (row.keeper, row.served_since) == (serving.keeper, serving.since)
    if serving.keeper is Keeper.COMMUNITY:
        assert serving.division in {row.serving, row.serving[:9] + "000"}
    assert row.moving_to == moving_to(state.handover, who, LAW, day)


@given(lived_lives(8))
def test_of_a_name_that_does_not_fit_the_present_day_is_as_the_office_was_told(facts: list[Known]) -> None:
    """A death under another name stops nothing on the day on which it is asked who it is."""
    rightly = [replace(fact, name_tag="one") for fact in facts]
    wrong = death(date(2022, 3, 5), date(2025, 1, 2), "other", Department.POLICE, "77号", "another")
    state, log = lived([*in_order_of_arrival(rightly), wrong])
    if not any(state.dossier.confirmed) and state.dossier.registered:
        assert says_the_same(state, log, date(2025, 1, 2))


def test_a_stop_that_was_learned_late_was_the_status_of_the_months_before() -> None:
    _, log = lived([RETIRED, DIED])
    assert [row and (row.status, row.pension) for row in (on(log, date(2024, 1, 31)), on(log, date(2024, 2, 1)))] == [
        ("payable", "3456.78"),
        ("stopped", "0.00"),
    ]
    before = [one for one in log if one.position == 1]
    then = on(before, date(2024, 2, 1))
    assert then
    assert then.status == "payable", "as known before"


def test_nobody_is_on_the_roster_before_the_retirement() -> None:
    _, log = lived([RETIRED])
    assert on(log, date(2020, 1, 30)) is None
    first = on(log, date(2020, 1, 31))
    assert first
    assert (first.status, first.since) == (NOT_BEGUN, None)


def test_verification_lapses_with_the_days_and_no_event() -> None:
    seen = known("v", SurvivalVerified(effective=date(2023, 3, 15)), date(2023, 3, 16), Department.COMMUNITY)
    _, log = lived([RETIRED, seen])
    found = [on(log, day) for day in (date(2023, 3, 14), date(2024, 1, 10), date(2024, 1, 20), date(2024, 4, 1))]
    assert [row and (row.verify_by, row.status) for row in found] == [
        (None, "payable"),
        (date(2024, 3, 15), "payable"),
        (date(2024, 3, 15), "payable"),
        (date(2024, 3, 15), "suspended"),
    ]
    assert [
        row and row.is_warned(day) for row, day in zip(found[1:3], (date(2024, 1, 10), date(2024, 1, 20)), strict=True)
    ] == [False, True]


def test_groups_cards_files_and_visits_are_those_of_the_day() -> None:
    sick = known(
        "f1",
        CareFlagged(effective=date(2023, 1, 1), group=SpecialGroup.GRAVELY_ILL),
        date(2023, 1, 2),
        Department.COMMUNITY,
    )
    well = known(
        "f2",
        CareFlagged(effective=date(2023, 6, 1), group=SpecialGroup.GRAVELY_ILL, holds=False),
        date(2023, 6, 2),
        Department.COMMUNITY,
    )
    card = known("c", ContactCardIssued(effective=date(2023, 2, 1)), date(2023, 2, 1), Department.COMMUNITY)
    file = known("h", HealthFileKept(effective=date(2023, 3, 1)), date(2023, 3, 1), Department.HEALTH)
    visits = [
        known(f"v{n}", VisitMade(effective=date(2023, n, 5)), date(2023, n, 5), Department.COMMUNITY) for n in (4, 5)
    ]
    back = known("b", FactRetracted(effective=date(2023, 7, 1), retracts="v5"), date(2023, 7, 1), Department.COMMUNITY)
    log = [entry(n, published(one)) for n, one in enumerate([RETIRED, sick, well, card, file, *visits, back], 1)]
    then, now = on(log, date(2023, 2, 1)), on(log, date(2023, 12, 31))
    assert then
    assert now
    assert (then.special_groups, now.special_groups) == (("gravely-ill",), ())
    assert (then.contact_card_on, then.health_file_on, then.visited_on) == (date(2023, 2, 1), None, None)
    assert (now.health_file_on, now.visited_on) == (date(2023, 3, 1), date(2023, 4, 5))


def test_whoever_was_received_elsewhere_was_served_here_until_then() -> None:
    facts = [by(Department.AGENCY, registration(SZ)), received(SZ_OTHER, date(2024, 5, 10))]
    log = entries(facts)
    found = [on(log, day) for day in (date(2024, 5, 9), date(2024, 5, 10))]
    assert [row and row.serving for row in found] == [SZ, SZ_OTHER]
    life: LifeRow | None = None
    for one in log:
        life = lives.fold(RETIREE, life, one)
    assert life
    assert life.places == [SZ_OTHER]


def test_a_chatty_publisher_makes_no_row_longer_and_no_answer_other() -> None:
    seen = [
        known(f"v{n}", SurvivalVerified(effective=date(2023, 1, 1 + n)), date(2024, 1, 1), Department.AGENCY)
        for n in range(20)
    ]
    log = [entry(n, published(one)) for n, one in enumerate([RETIRED, *seen], 1)]
    found, row = joined(log), on(log, date(2023, 6, 1))
    assert found
    assert row
    assert len(msgspec.json.decode(found["facts"])) == KEEP + 1
    assert row.verify_by == date(2024, 1, 20)


def test_what_came_from_another_record_goes_with_it() -> None:
    other = uuid4()
    moved = FactMoved(of=other, published=published(DIED), at_once=True)
    parted = RecordsParted(other=other, led=True, by=DIED.reference, day=date(2024, 5, 1))
    log = [entry(1, published(RETIRED)), entry(2, moved), entry(3, parted)]
    statuses = [row and row.status for row in (on(log[:n], date(2024, 3, 1)) for n in (1, 2, 3))]
    assert statuses == ["payable", "stopped", "payable"]


def test_a_row_changes_only_by_what_it_keeps() -> None:
    _, log = lived([RETIRED, DIED])
    rows: list[LifeRow | None] = [None]
    for one in log:
        rows.append(lives.fold(RETIREE, rows[-1], one) if lives.keys(one) else rows[-1])
    changes = [one.name for one, (before, after) in zip(log, pairwise(rows), strict=True) if before != after]
    assert changes == ["retirement-registered.v1", "death-reported.v1"]
    assert all(isinstance(one, Known) for one in lives.facts_of(rows[-1].facts if rows[-1] else ()))
    assert isinstance(log[0].event, FactPublished)
    assert msgspec.json.decode(rows[-1].facts[0] if rows[-1] else "{}")["learnt"] == "2020-02-03"


def test_whom_the_city_wants_visited_is_told_by_its_law_of_the_day() -> None:
    old = {"special_groups": (SpecialGroup.ADVANCED_AGE,)}
    cases: list[tuple[str, dict[str, Any], bool]] = [
        (DL, old, True),
        (DL, {"party_member": True}, True),
        (DL, {}, False),
        (ZZ, {"party_member": True}, False),
        (XN, {"special_groups": (SpecialGroup.LIVING_ALONE,)}, True),
    ]
    for division, more, wanted in cases:
        row = on(entries([by(Department.AGENCY, registration(division, **more))]), date(2024, 5, 1))
        assert row
        assert row.to_visit is wanted
