"""What always holds of a pension, whatever is told, in whatever order, however late."""

import gc
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts import Action
from domain.decide import pass_day, standing_of
from domain.entitlement import learned, reasons, review, timeline
from domain.facts import (
    AlertApplied,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    Department,
    FactRetracted,
    Known,
    OverpaymentReturned,
    PensionPaid,
    Reference,
    RetirementRegistered,
    Return,
)
from domain.kinds import Kind
from domain.money import fen, yuan
from domain.months import month_of, plus
from domain.state import next_due
from domain.timeline import PAYS
from domain.told import AlertRaised, AlertWithdrawn
from tests.building import LAST_DAY, RETIREE, compiled, death, histories, in_order_of_arrival, known, lives
from tests.unit import by_definition
from tests.unit.one_pension import LAW, Office, taken_back, told_of

MONEY = frozenset({Action.STOP, Action.SUSPEND, Action.RESUME, Action.RECOVER, Action.PAY_BACK, Action.GRANT})
A_LIFE = st.one_of(histories(registrations=2), lives())
PARTS = st.lists(st.fractions(0, 1), max_size=3)
DIED_LATE = death(date(2023, 1, 31), date(2024, 8, 1), "late", document="9号")
OVERPAID = lives(8).map(lambda facts: [*facts, DIED_LATE])
"""Lives that as a rule leave something to recover."""


def in_parts(office: Office, parts: list[Fraction]) -> list[Known]:
    """Parts of what is to be recovered come back, each a share of what is still owed."""
    told: list[Known] = []
    for n, share in enumerate(parts):
        one = office.state.told.get(Action.RECOVER)
        amount = int(fen(one.terms.amount) * share) if one else 0
        if one is None or not amount:
            continue
        part = told_of(
            OverpaymentReturned,
            LAST_DAY,
            id_=f"part-{n}",
            alert=one.alert,
            kind=Return.REFUND,
            amount=yuan(amount),
            month="2024-12",
        )
        office.learn(part)
        told.append(part)
        left = office.state.told.get(Action.RECOVER)
        assert (left.terms.amount if left else "0.00") == yuan(fen(one.terms.amount) - amount)
    return told


@st.composite
def payments(draw: st.DrawFn) -> list[Known]:
    """What the agency says that it paid or did not, some of it corrected or taken back."""
    told: list[Known] = []
    for n in range(draw(st.integers(1, 6))):
        day = draw(st.dates(date(2022, 1, 1), date(2024, 6, 30)))
        other = f"paid-{draw(st.integers(0, 5))}"
        learnt = draw(st.dates(date(2024, 10, 1), LAST_DAY))
        months = None, month_of(day), plus(month_of(day), 3), plus(month_of(learnt), 1)
        until = draw(st.sampled_from(months))
        if draw(st.integers(0, 3)) == 0:
            told.append(taken_back(other, Department.AGENCY, learnt))
            told[-1] = msgspec.structs.replace(told[-1], reference=Reference(told[-1].reference.source, f"back-{n}"))
            continue
        corrects = draw(st.sampled_from([None, None, other]))
        paid = draw(st.booleans())
        told.append(told_of(PensionPaid, day, learnt, f"paid-{n}", paid=paid, until=until, corrects=corrects))
    return told


@given(A_LIFE)
def test_a_month_is_paid_exactly_when_nothing_speaks_against_it(facts: list[Known]) -> None:
    dossier = compiled(facts, LAW)
    spans = timeline(dossier, LAW, LAST_DAY)
    against = [r for r in reasons(dossier, LAW, LAST_DAY) if r.status not in PAYS] if spans else []
    for month in (plus(month_of(date(2021, 12, 1)), n) for n in range(60)):
        of_it = [span for span in spans if span.first <= month and (span.last is None or month <= span.last)]
        assert len(of_it) == (1 if spans and month >= spans[0].first else 0)
        for span in of_it:
            assert span.pays == (not any(reason.holds(month) for reason in against))


@given(lives())
def test_when_all_is_taken_back_and_made_good_nothing_is_left_to_do(facts: list[Known]) -> None:
    office = Office(*in_order_of_arrival(facts))
    for n, fact in enumerate(facts):
        if not isinstance(fact.fact, RetirementRegistered):
            back = FactRetracted(effective=LAST_DAY, retracts=fact.reference.id)
            office.learn(known(f"back-{n}", back, LAST_DAY, fact.department))
    assert not {action for action, _ in office.open()} & {"stop", "suspend", "settle"}
    if not office.state.registered:
        return
    assert review(office.state.dossier, LAW, LAST_DAY).overpaid is None
    for action in (Action.RESUME, Action.PAY_BACK):
        if action in office.state.told:
            office.apply(action, LAST_DAY)
    assert {action for action, _ in office.open()} <= {"verify"}


@given(lives())
def test_deciding_leaves_nothing_that_only_the_collector_could_free(facts: list[Known]) -> None:
    """It would have to look for it among all that there is, which took a fifth of the time of a submission."""
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what there was before
    try:
        Office(*in_order_of_arrival(facts))
        assert gc.collect() == 0
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


@given(lives(), st.sampled_from([Department.COMMUNITY, Department.FAMILY]))
def test_a_weak_source_never_stops_and_never_moves_money(facts: list[Known], by: Department) -> None:
    weak = [
        fact if isinstance(fact.fact, RetirementRegistered) else msgspec.structs.replace(fact, department=by)
        for fact in facts
    ]
    dossier = compiled(weak, LAW)
    assert {reason.kind for reason in reasons(dossier, LAW, LAST_DAY)} <= {Kind.VERIFICATION_OVERDUE}
    moved = {i.terms.kind for i in standing_of(dossier, LAW, LAST_DAY).values() if i.terms.action in MONEY}
    assert moved <= {Kind.VERIFICATION_OVERDUE, Kind.SURVIVAL_VERIFIED, Kind.CORRECTION}


@given(lives(8), lives(1))
def test_a_fact_that_is_taken_back_on_its_day_leaves_every_cent_as_it_was(
    facts: list[Known], more: list[Known]
) -> None:
    """But for the word of a department that took a death back: it counts for less from then on."""
    before = compiled(facts, LAW)
    for fact in more[1:]:
        if isinstance(fact.fact, FactRetracted | DeathRetracted | DeathReported | DeathDeclared) or fact.fact.corrects:
            continue
        fact = msgspec.structs.replace(fact, learnt=LAST_DAY)  # noqa: PLW2901 - the same, learned at the end
        fact = msgspec.structs.replace(fact, reference=msgspec.structs.replace(fact.reference, id="new"))  # noqa: PLW2901
        after = learned(before, fact, LAW)
        after = learned(after, taken_back("new", fact.department, LAST_DAY), LAW)
        assert standing_of(after, LAW, LAST_DAY) == standing_of(before, LAW, LAST_DAY)


@given(st.one_of(lives(), OVERPAID), PARTS)
def test_when_every_alert_is_applied_no_money_is_left_to_move(facts: list[Known], parts: list[Fraction]) -> None:
    """Whatever came back in parts before."""
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    in_parts(office, parts)
    for _ in range(4):
        money = [told for told in office.state.told.values() if told.is_open and told.terms.action in MONEY]
        for n, told in enumerate(money):
            if any(one.alert == told.alert for one in office.state.told.values()):
                applied = told_of(
                    AlertApplied, LAST_DAY, id_=f"{told.alert}-{n}", alert=told.alert, month=told.terms.first_month
                )
                office.learn(applied)
    assert not [told for told in office.state.told.values() if told.is_open and told.terms.action in MONEY]
    if office.state.registered:
        found = review(office.state.dossier, LAW, LAST_DAY)
        assert (found.overpaid, found.owed) == (None, None)


@given(lives(), st.lists(st.dates(LAST_DAY, date(2027, 1, 1)), max_size=5))
@settings(max_examples=60)
def test_a_day_that_has_passed_brings_nothing_the_second_time(facts: list[Known], days: list[date]) -> None:
    office = Office(*in_order_of_arrival(facts))
    for day in sorted(days):
        office.day(day)
        assert office.day(day) == []


@given(lives())
def test_a_fact_leaves_nothing_that_the_day_it_is_learned_on_would_bring(facts: list[Known]) -> None:
    """So whatever comes after a day has passed is dealt with when it comes."""
    office = Office()
    for fact in in_order_of_arrival(facts):
        office.day(fact.learnt)
        office.learn(fact)
        assert office.day(fact.learnt) == []


@given(lives())
def test_an_alert_ends_once(facts: list[Known]) -> None:
    """Replaced or withdrawn, by a fact or by a day."""
    office = Office()
    standing: set[str] = set()
    for fact in in_order_of_arrival(facts):
        for one in [*office.learn(fact), *office.day(fact.learnt)]:
            if isinstance(one, AlertRaised):
                assert set(one.replaces) <= standing
                standing = standing - set(one.replaces) | {one.alert}
            elif isinstance(one, AlertWithdrawn):
                standing.remove(one.alert)


@given(lives(), st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_nothing_falls_due_before_the_day_on_which_something_does(facts: list[Known], later: list[int]) -> None:
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    due = next_due(office.state, LAW, LAST_DAY)
    for day in sorted(LAST_DAY + timedelta(n) for n in later):
        if due is None or day < due:
            assert pass_day(RETIREE, office.state, LAW, day) == []


@given(lives(8), payments())
def test_what_was_paid_is_what_the_agency_says_and_else_what_was_known(facts: list[Known], told: list[Known]) -> None:
    arriving = in_order_of_arrival([*facts, *told])
    office = Office(*arriving)
    found = review(office.state.dossier, LAW, LAST_DAY)
    if found.timeline:
        assert found.paid == by_definition.paid(tuple(arriving), LAW, LAST_DAY)


@given(OVERPAID, payments(), PARTS, st.randoms(use_true_random=False))
def test_when_the_agency_takes_back_all_it_told_every_cent_is_as_it_was(
    facts: list[Known], told: list[Known], parts: list[Fraction], random: Random
) -> None:
    """Months, parts, and what it answered, in whatever order it takes them back."""
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    before = review(office.state.dossier, LAW, LAST_DAY)
    said = [msgspec.structs.replace(one, learnt=LAST_DAY) for one in told]
    for one in said:
        office.learn(one)
    said += in_parts(office, parts)
    for n, alert in enumerate([told for told in office.state.told.values() if told.is_open]):
        if any(one.alert == alert.alert for one in office.state.told.values()):
            said.append(told_of(AlertApplied, LAST_DAY, id_=f"{n}-done", alert=alert.alert, month="2025-03"))
            office.learn(said[-1])
    random.shuffle(said)
    for one in said:
        if not isinstance(one.fact, FactRetracted):
            back = FactRetracted(effective=LAST_DAY, retracts=one.reference.id)
            office.learn(known(f"{one.reference.id}-back", back, LAST_DAY, one.department))
    after = review(office.state.dossier, LAW, LAST_DAY)
    assert (after.paid, after.overpaid, after.owed) == (before.paid, before.overpaid, before.owed)


@given(OVERPAID, PARTS)
def test_when_all_is_taken_back_whatever_came_back_in_parts_is_given_back(
    facts: list[Known], parts: list[Fraction]
) -> None:
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    came_back = sum(
        fen(part.fact.amount) for part in in_parts(office, parts) if isinstance(part.fact, OverpaymentReturned)
    )
    for n, fact in enumerate(facts):
        if not isinstance(fact.fact, RetirementRegistered):
            back = FactRetracted(effective=LAST_DAY, retracts=fact.reference.id)
            office.learn(known(f"back-{n}", back, LAST_DAY, fact.department))
    if not came_back:
        return
    found = review(office.state.dossier, LAW, LAST_DAY)
    assert found.overpaid is None
    assert found.owed is not None
    assert found.owed.amount >= came_back
    office.apply(Action.PAY_BACK, LAST_DAY)
    found = review(office.state.dossier, LAW, LAST_DAY)
    assert (found.overpaid, found.owed) == (None, None)


@given(OVERPAID, PARTS)
def test_the_parts_and_the_rest_together_are_what_was_overpaid(facts: list[Known], parts: list[Fraction]) -> None:
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    before = review(office.state.dossier, LAW, LAST_DAY)
    in_parts(office, parts)
    if Action.RECOVER in office.state.told:
        office.apply(Action.RECOVER, LAST_DAY)
    after = review(office.state.dossier, LAW, LAST_DAY)
    assert (after.overpaid, after.owed) == (None, before.owed)
