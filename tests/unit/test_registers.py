"""Registers on any day: what stands of what was told, in any order of arrival, with what was taken back left out."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.dossier import Dossier
from domain.entitlement import learned
from domain.facts import (
    ArchiveKind,
    ArchiveLent,
    ArchiveMoved,
    ArchiveReceived,
    CareFlagged,
    ContactCardIssued,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HealthFileKept,
    Known,
    LifeEvent,
    PartyRelationTransferred,
    Reference,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.handover import Handover, Stage, evolve_handover, stage
from domain.history import Entry, FactMoved, FactPublished
from domain.links import RecordsParted
from domain.survival import verification
from projections import archives, care, fees, kept, party_relations, verifications
from projections.handover_days import as_of
from projections.kept import KeptRow
from projections.read_model import ReadModel
from tests.building import RETIREE, known
from tests.handing import DL, LAW, SZ, XN, ZZ, D, by, completed, paid, proposed, registration
from tests.tellings import DAYS, Told, accepted, entries, tellings

DAY = date(2024, 3, 1)


def day(month: int, of: int = 1) -> date:
    return date(2024, month, of)


def row_of(model: ReadModel, log: Iterable[Entry]) -> KeptRow | None:
    row: KeptRow | None = None
    for entry in log:
        if model.keys(entry):
            row = model.fold(RETIREE, row, entry)
    return row


def told(model: ReadModel, *facts: Known) -> list[str]:
    row = row_of(model, entries(facts))
    return row.told if row else []


def back(of: Known) -> Known:
    one = by(of.department, FactRetracted(effective=of.fact.effective, retracts=of.reference.id))
    return replace(one, reference=Reference(of.reference.source, f"{of.reference.id}-back"))


# Archives


RECEIVED = by(D.ARCHIVES, ArchiveReceived(effective=day(1), files=2, register="2024-7"))
LENT = by(D.ARCHIVES, ArchiveLent(effective=day(3), borrower="某法院", due_back=day(4)))
RETURNED = by(D.ARCHIVES, ArchiveReceived(effective=day(5), files=2))
MOVED = by(D.ARCHIVES, ArchiveMoved(effective=day(6), division=DL))


@pytest.mark.parametrize(
    ("on", "state", "late"),
    [
        (day(1), "received", False),
        (day(3, 2), "lent", False),
        (day(4, 2), "lent", True),
        (day(5), "received", False),
        (day(7), "moved", False),
    ],
)
def test_files_are_where_they_were_on_each_day(on: date, state: str, late: bool) -> None:
    (one,) = archives.as_of(told(archives.ARCHIVES, MOVED, LENT, RECEIVED, RETURNED), on)
    assert (one.state, one.late(on), one.received, one.register, one.files) == (state, late, day(1), "2024-7", 2)
    assert (one.borrower, one.division) == ("某法院" if state == "lent" else None, DL if state == "moved" else None)


def test_before_they_were_received_there_are_no_files_and_other_files_stand_apart() -> None:
    other = by(D.ARCHIVES, ArchiveReceived(effective=day(2), kind=ArchiveKind.OTHER))
    rows = told(archives.ARCHIVES, other, RECEIVED)
    assert archives.as_of(rows, date(2023, 12, 31)) == ()
    assert [one.kind for one in archives.as_of(rows, day(2))] == [ArchiveKind.PERSONNEL, ArchiveKind.OTHER]


# Party relations and fees


def test_the_last_transfer_up_to_the_day_counts() -> None:
    first = by(D.PARTY, PartyRelationTransferred(effective=day(1), division=SZ, dues_paid_to="2023-12"))
    later = by(D.PARTY, PartyRelationTransferred(effective=day(4), division=DL))
    rows = told(party_relations.PARTY_RELATIONS, later, first)
    found = [party_relations.as_of(rows, on) for on in (date(2023, 12, 31), day(3), day(4))]
    assert [one and one.division for one in found] == [None, SZ, DL]
    assert found[1]
    assert found[1].dues_paid_to == "2023-12"


def test_an_account_has_what_was_assessed_and_paid_by_then_and_what_is_owed() -> None:
    facts = [
        by(D.AGENCY, FeeAssessed(effective=day(1), amount="1000.00", batch="B")),
        by(D.AGENCY, FeePaid(effective=day(2), amount="400.00")),
        by(D.AGENCY, FeePaid(effective=day(3), amount="700.00")),
    ]
    rows = told(fees.FEES, *facts)
    states = [(one.state, one.owed, one.paid) for on in (1, 2, 3) for one in [fees.as_of(rows, day(on))]]
    assert states == [("assessed", 100_000, 0), ("part", 60_000, 40_000), ("paid", 0, 110_000)]
    assert fees.as_of(rows, date(2023, 12, 31)).state == "none"
    assert fees.as_of(told(fees.FEES, *facts, back(facts[2])), day(9)).paid == 40_000


# Visits


def test_groups_are_those_of_the_registration_with_the_flags_of_the_day() -> None:
    flags = [
        by(D.COMMUNITY, CareFlagged(effective=day(2), group=SpecialGroup.GRAVELY_ILL)),
        by(D.COMMUNITY, CareFlagged(effective=day(4), group=SpecialGroup.ALONE, holds=False)),
    ]
    rows = told(care.CARE, *flags)
    found = [care.as_of(rows, ["alone"], on).groups for on in (day(1), day(3), day(5))]
    assert found == [("alone",), ("alone", "gravely-ill"), ("gravely-ill",)]


def test_a_visit_is_due_where_the_citys_law_asks_for_it_and_a_year_after_the_last() -> None:
    visited = told(care.CARE, by(D.COMMUNITY, VisitMade(effective=date(2024, 2, 29))))
    done = care.as_of(visited, ["alone"], day(9))
    plan = care.plan(done, DL, date(2020, 1, 31), day(9), LAW, party_member=False)
    assert plan
    assert (plan.due, plan.rule.article) == (date(2025, 2, 28), "第二十一条")
    assert not plan.overdue(date(2025, 2, 28))
    assert plan.overdue(date(2025, 3, 1))
    never = care.as_of([], ["alone"], day(9))
    first = care.plan(never, DL, date(2020, 1, 31), day(9), LAW, party_member=False)
    assert first
    assert first.due == date(2021, 1, 31)


@pytest.mark.parametrize(
    ("place", "groups", "party", "asked"),
    [
        (DL, [], True, True),
        (DL, [], False, False),
        (DL, ["living-alone"], False, False),
        (XN, ["living-alone"], False, True),
        (XN, [], True, False),
        (ZZ, ["disabled"], False, True),
        (SZ, ["alone"], True, False),
    ],
)
def test_each_city_has_its_own_people_visited(place: str, groups: list[str], party: bool, asked: bool) -> None:
    done = care.as_of([], groups, day(9))
    assert bool(care.plan(done, place, DAY, day(9), LAW, party_member=party)) is asked


def test_cards_and_health_files_are_kept_with_their_days() -> None:
    rows = told(
        care.CARE,
        by(D.COMMUNITY, ContactCardIssued(effective=day(2))),
        by(D.HEALTH, HealthFileKept(effective=day(3))),
        by(D.HEALTH, HealthFileKept(effective=day(5))),
    )
    found = care.as_of(rows, [], day(4))
    assert (found.card, found.health_file) == (day(2), day(3))
    assert care.as_of(rows, [], day(2)).health_file is None


# Verifications: the domain says the same


_DAYS = st.dates(date(2022, 1, 1), date(2024, 12, 31))


@given(st.lists(st.tuples(_DAYS, st.integers(0, 30)), max_size=5), _DAYS, st.sampled_from([SZ, DL, ZZ, XN]))
def test_a_verification_stands_on_any_day_as_the_domain_has_it(
    told_: list[tuple[date, int]], on: date, place: str
) -> None:
    facts = [
        known(f"v{n}", SurvivalVerified(effective=verified), verified + timedelta(late), D.AGENCY)
        for n, (verified, late) in enumerate(told_)
    ]
    found = verifications.as_of(told(verifications.VERIFICATIONS, *facts), place, on, LAW)
    dossier = Dossier()
    for one in facts:
        if one.fact.effective <= on:
            dossier = learned(dossier, one, LAW)
    oracle = verification(dossier.verified, LAW, place)
    assert (found.due, found.last) == ((oracle.due, oracle.last.fact.effective) if oracle else (None, None))
    assert found.state == (
        "never" if oracle is None else "overdue" if on > oracle.due else "warned" if on >= oracle.warned else "valid"
    )


# What is taken back, in any order, and of records that are joined


_FACTS: list[LifeEvent] = [VisitMade(effective=day(n)) for n in range(1, 6)]


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)), st.data())
def test_what_stands_is_what_nobody_took_back_in_whatever_order_both_came(
    order: Sequence[int], gone: set[int], data: st.DataObject
) -> None:
    visits = [by(D.COMMUNITY, fact, f"visit-{n}") for n, fact in enumerate(_FACTS)]
    facts = data.draw(st.permutations([*(visits[n] for n in order), *(back(visits[n]) for n in gone)]))
    rows = told(care.CARE, *facts)
    stands = {visits[n].fact.effective for n in range(5) if n not in gone}
    assert {one.fact.effective for one in kept.standing(rows, day(12))} == stands


def test_a_corrected_fact_has_the_place_of_the_one_before() -> None:
    first = by(D.COMMUNITY, VisitMade(effective=day(1)))
    right = by(D.COMMUNITY, VisitMade(effective=day(2), corrects=first.reference.id))
    assert care.as_of(told(care.CARE, first, right), [], day(9)).visits == (day(2),)


def test_what_came_from_a_joined_record_goes_when_the_two_part_and_what_it_took_back_stands_again() -> None:
    other = UUID(int=1)
    visit, theirs = by(D.COMMUNITY, VisitMade(effective=day(1))), by(D.COMMUNITY, VisitMade(effective=day(2)))
    log = entries([visit, theirs, back(visit)])
    published = [one.event for one in log]
    events = [
        published[0],
        *(FactMoved(of=other, published=one) for one in published[1:] if isinstance(one, FactPublished)),
        RecordsParted(other=other, led=True, by=Reference("/police/x", "1"), day=day(9)),
    ]
    whole = [replace(log[0], position=n, event=event) for n, event in enumerate(events, start=1)]
    joined, parted = row_of(care.CARE, whole[:-1]), row_of(care.CARE, whole)
    assert joined
    assert parted
    assert care.as_of(joined.told, [], day(9)).visits == (day(2),)
    assert care.as_of(parted.told, [], day(9)).visits == (day(1),)


def test_what_nobody_of_a_register_may_tell_touches_none_of_its_rows() -> None:
    stranger = entries([by(D.COURT, FactRetracted(effective=day(1), retracts="x"))])
    assert row_of(care.CARE, stranger) is None
    assert row_of(archives.ARCHIVES, entries([by(D.COMMUNITY, VisitMade(effective=day(1)))])) is None


# Handovers


@given(tellings(), st.sampled_from(DAYS))
def test_a_handover_on_a_day_is_without_what_was_told_of_later_days(telling: Told, on: date) -> None:
    state, _ = accepted(telling)
    then = as_of(state.handover, on)
    told = (then, then.earlier) if then.earlier else (then,)
    days = [one.on for each in told for one in each.done]
    days += [one.on for each in told for one in each.moves]
    days += [one.on for each in told for one in each.receptions]
    days += [each.proposal.on for each in told if each.proposal]
    days += [each.outcome.on for each in told if each.outcome]
    assert all(one <= on for one in days)
    assert as_of(state.handover, date(2999, 12, 31)) == state.handover
    assert as_of(then, on) == then


def test_a_handover_that_is_completed_was_under_way_before_that_and_not_begun_before_its_proposal() -> None:
    begun = date(2024, 5, 6)
    state = Handover()
    for one in (proposed(), paid(D.COMMUNITY, on=begun + timedelta(10)), completed(SZ, begun + timedelta(20))):
        state = evolve_handover(state, one)
    stages = [stage(as_of(state, begun + timedelta(n)), registration(SZ), LAW, begun) for n in (-1, 0, 10, 19, 20)]
    assert stages == [
        Stage.NOT_BEGUN,
        Stage.PROPOSED,
        Stage.IN_PROGRESS,
        Stage.IN_PROGRESS,
        Stage.COMPLETED,
    ]
