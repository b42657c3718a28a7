"""The view of handovers says what the domain says, and batches are counted person by person."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from msgspec.structs import asdict, replace

from domain.facts import (
    ArchiveReceived,
    Aspect,
    Category,
    EnterpriseKind,
    EnterpriseState,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    Known,
    RetirementRegistered,
)
from domain.handover import Stage, missing, serving_office, stage
from domain.history import Entry
from projections import handovers, roster
from projections.handovers import HandoverLine, HandoverRow
from services.handover.batches import Batch, counted
from tests.building import RETIREE
from tests.handing import (
    BEIJING,
    CITIES,
    DAY,
    DL,
    LAW,
    SZ,
    ZZ,
    D,
    archived,
    by,
    completed,
    dalian_steps,
    moved,
    paid,
    proposed,
    registration,
    retracted,
    shenzhen_steps,
    step,
    zhengzhou_steps,
)
from tests.tellings import LAST, Told, accepted, entries, tellings

_people = count(1)


def folded(log: Sequence[Entry]) -> dict[str, Any] | None:
    """What the query gives: the row of handovers with the registration of the roster."""
    row: HandoverRow | None = None
    who = None
    for entry in log:
        if handovers.keys(entry):
            row = handovers.fold(RETIREE, row, entry)
        if roster.keys(entry):
            who = roster.fold(RETIREE, who, entry)
    if row is None:
        return None
    names = (
        "serving",
        "registered",
        "community",
        "hukou_division",
        "party_member",
        "category",
        "retired_on",
        "monthly_pension",
    )
    there = who is not None and who.registered
    return asdict(row) | {name: getattr(who, name) if there else None for name in names}


def lines(facts: Iterable[Known], batch: str | None = None) -> list[HandoverLine]:
    found = folded(entries(facts))
    return [*handovers.lines(found, LAW, LAST, batch)] if found else []


def line(*facts: Known, who: RetirementRegistered | None = None) -> HandoverLine:
    first = [by(D.AGENCY, who)] if who else []
    (only,) = lines([*first, *facts])
    return only


def batched(known: Known, batch: str = "B", **more: Any) -> Known:
    assert isinstance(known.fact, HandoverProposed)
    return replace(known, fact=replace(known.fact, batch=batch, **more))


def people(number: int, division: str, *facts: Known, **more: Any) -> list[HandoverLine]:
    """So many people of one division, of whom all these facts were told."""
    one = line(*facts, who=registration(division, **more))
    return [replace(one, retiree=UUID(int=next(_people))) for _ in range(number)]


def batch_of(lines: Iterable[HandoverLine], city: str = "") -> Batch:
    (only,) = counted(lines, LAW, LAST, city)
    return only


@given(tellings())
def test_a_row_holds_what_the_domain_holds_whatever_is_told_and_taken_back(telling: Told) -> None:
    state, facts = accepted(telling)
    found = folded(entries(facts))
    if found is None:
        return
    row = HandoverRow(**{name: found[name] for name in HandoverRow.__struct_fields__})
    assert handovers.told(row) == state.handover
    who = state.dossier.registration
    assert who is not None
    office = serving_office(state.handover, who, LAW, LAST)
    assert found["serving"] == (office.division if office.since else who.residence_division)
    for one in handovers.lines(found, LAW, LAST):
        if one.proposal != state.handover.proposal:
            continue
        serving = serving_office(state.handover, who, LAW, LAST)
        assert (one.keeper, one.office) == (serving.keeper, serving.division)
        assert (one.stage, one.missing) == (
            stage(state.handover, who, LAW, LAST),
            missing(state.handover, who, LAW, LAST),
        )


@pytest.mark.parametrize("city", CITIES.values(), ids=CITIES)
def test_a_line_says_what_is_done_since_when_what_is_missing_and_who_owes_it(city: Any) -> None:
    half = city.steps()[:2]
    one = line(*half, who=city.who)
    assert [(it.step, it.on) for it in one.done] == [
        (key, DAY) for key in ("handover-proposed", getattr(half[1].fact, "step", None))
    ]
    assert one.law is not None
    assert [owed.step.key for owed in one.missing] == [
        it.key for it in one.law.steps if it.key not in {done.step for done in one.done} and it in _asked(one)
    ]
    assert all(owed.by for owed in one.missing)
    whole = line(*city.steps(), completed(city.who.residence_division), who=city.who)
    assert (whole.stage, whole.missing, whole.office) == (Stage.COMPLETED, (), city.who.residence_division)


def _asked(one: HandoverLine) -> list[Any]:
    assert one.law
    return [it for it in one.law.steps if not it.kept_apart and it.where.party_member is None and not it.where.states]


def test_money_and_files_are_all_that_stand_however_many_there_were() -> None:
    instalments = [paid(D.AGENCY, "100.00") for _ in range(8)]
    back = by(D.COMMUNITY, HandoverReturned(effective=DAY, reason="x"))
    facts = [*zhengzhou_steps(), *instalments, back, retracted(instalments[0])]
    one = line(*facts, by(D.AGENCY, FeeAssessed(effective=DAY, amount="1000.00")), who=registration(ZZ))
    assert (one.assessed, one.paid, one.files) == (100_000, 70_000, 1)
    more = replace(archived(D.ARCHIVES), fact=ArchiveReceived(effective=DAY, files=3))
    assert line(*zhengzhou_steps()[:-1], more, who=registration(ZZ)).files == 3


def test_a_payment_taken_back_before_it_came_is_not_counted() -> None:
    payment = paid(D.COMMUNITY)
    one = line(proposed(), retracted(payment), payment, who=registration(SZ))
    assert one.paid == 0
    assert [it.step for it in one.done] == ["handover-proposed"]


def test_who_was_refused_and_proposed_again_is_in_both_batches_and_in_one_if_it_is_the_same() -> None:
    no = by(D.ENTERPRISE, HandoverRefused(effective=DAY, reason="the retiree does not sign"))
    first = by(D.AGENCY, registration(SZ)), batched(proposed(), "first"), paid(D.COMMUNITY), no
    both = lines([*first, batched(proposed(), "second")])
    assert [(one.proposal.batch, one.stage, one.paid) for one in both] == [
        ("first", Stage.REFUSED, 0),
        ("second", Stage.IN_PROGRESS, 500_000),
    ]
    (only,) = lines([*first, batched(proposed(), "second")], "second")
    assert only.proposal.batch == "second"
    (only,) = lines([*first, batched(proposed(), "first")])
    assert only.stage is Stage.IN_PROGRESS
    again = batched(proposed(), "second")
    (only,) = lines([*first, again, retracted(again)])
    assert (only.proposal.batch, only.stage, only.paid) == ("first", Stage.REFUSED, 500_000)


def test_whoever_only_moved_is_in_no_batch() -> None:
    assert lines([by(D.AGENCY, registration(SZ)), moved(Aspect.RESIDENCE, SZ)]) == []


def test_a_batch_counts_everybody_once_by_how_far_they_are() -> None:
    steps = [batched(shenzhen_steps()[0]), *shenzhen_steps()[1:]]
    back = by(D.COMMUNITY, HandoverReturned(effective=DAY, reason="x", steps=("archive-received",)))
    no = by(D.ENTERPRISE, HandoverRefused(effective=DAY, reason="x"))
    found = batch_of(
        [
            *people(7, SZ, *steps, completed(SZ)),
            *people(3, SZ, *steps, back),
            *people(2, SZ, steps[0], no),
            *people(5, SZ, steps[0]),
            *people(1, SZ, *steps),
        ]
    )
    assert (found.people, found.completed, found.refused, found.returned, found.open) == (18, 7, 2, 3, 9)
    assert [(one.step, one.people, one.next, one.by) for one in found.steps] == [
        ("agreement", 5, 5, ("enterprise",)),
        ("fee-paid", 5, 5, ("community",)),
        ("archive-received", 8, 8, ("community",)),
        ("handover-completed", 9, 1, ("community",)),
    ]
    assert found.offices == {SZ: 7}
    assert (found.assessed, found.paid) == ("0.00", "55000.00")
    (fee,) = found.fees
    assert (fee.payer, fee.people, fee.amount) == ("enterprise", 16, None)


def test_the_fee_of_a_batch_is_what_the_law_of_the_city_asks_of_its_enterprise() -> None:
    central = batched(proposed(EnterpriseKind.CENTRAL_DEVOLVED))
    other = batched(proposed(EnterpriseKind.PROVINCIAL))
    bankrupt = batched(proposed(EnterpriseKind.CENTRAL_DEVOLVED, EnterpriseState.BANKRUPT))
    no = by(D.ENTERPRISE, HandoverRefused(effective=DAY, reason="x"))
    found = batch_of(
        [*people(301, ZZ, central), *people(2, ZZ, bankrupt), *people(10, ZZ, other), *people(4, ZZ, central, no)]
    )
    assert [(fee.payer, fee.people, fee.amount) for fee in found.fees] == [
        ("central-budget", 303, "303000.00"),
        ("provincial-budget", 10, "10000.00"),
    ]
    assert found.staff == 2, "one for 300, a part counts as whole"
    assert (found.keepers, found.archive_area) == (None, None)


def test_keepers_and_store_room_are_those_of_files_that_are_there_or_to_come() -> None:
    steps = [batched(dalian_steps()[0]), *dalian_steps()[1:]]
    steps[-1] = replace(steps[-1], fact=ArchiveReceived(effective=DAY, files=31))
    found = batch_of([*people(1_000, DL, *steps), *people(10, DL, steps[0])])
    assert (found.files, found.keepers, found.archive_area) == (31_010, 2, 47)


def test_who_stays_as_managed_or_is_not_registered_is_counted_apart() -> None:
    """A proposal may come before its registration, and only that says that the person stays as managed."""
    early = batched(proposed())
    veteran = lines([early, by(D.AGENCY, registration(ZZ, category=Category.VETERAN))])
    found = counted([*veteran, *lines([early]), *lines([early, by(D.AGENCY, registration(BEIJING))])], LAW, LAST)
    assert [(one.city, one.people, one.apart, one.waiting, one.open) for one in found] == [
        (None, 2, 0, 2, 0),
        ("410100000000", 1, 1, 0, 0),
    ]
    assert all(not one.fees and not one.steps for one in found)


def test_two_publishers_and_two_cities_under_one_number_are_told_apart() -> None:
    ours = batched(proposed())
    theirs = replace(ours, reference=replace(ours.reference, source="/enterprise/elsewhere"))
    found = counted([*people(1, SZ, ours), *people(2, SZ, theirs), *people(3, ZZ, ours)], LAW, LAST)
    assert [(one.publisher, one.city, one.people) for one in found] == [
        ("/enterprise/elsewhere", "440300000000", 2),
        ("/enterprise/somewhere", "410100000000", 3),
        ("/enterprise/somewhere", "440300000000", 1),
    ]
    assert batch_of([*people(1, SZ, ours), *people(3, ZZ, ours)], "410100000000").people == 3


def test_a_step_of_nobody_s_own_department_is_no_step_done() -> None:
    one = line(proposed(on=DAY), step(D.ARCHIVES, "agreement", DAY + timedelta(1)), who=registration(SZ))
    assert "agreement" in [owed.step.key for owed in one.missing]


def test_what_nobody_may_tell_of_a_handover_touches_no_row() -> None:
    court = by(D.COURT, FactRetracted(effective=DAY, retracts="x"))
    assert folded(entries([court])) is None
    payment = by(D.COMMUNITY, FeePaid(effective=DAY, amount="1.00"))
    assert folded(entries([payment])) is not None
