"""The folds of the read models: rows say what the domain says, whatever the facts are and in whatever order they come."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings

from domain.alerts import OFF, Action
from domain.answering import STAGES, told_after_fact
from domain.decide import decide, pass_day
from domain.facts import ANSWERS as EVERY_ANSWER
from domain.facts import (
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    Answer,
    ContestAnswered,
    DeathReported,
    Department,
    FactRetracted,
    GoneMissing,
    Known,
    LifeEvent,
    OverpaymentReturned,
    RetirementRegistered,
    Return,
)
from domain.history import STORED_NAMES, Entry, Event, FactPublished
from domain.state import FactRecorded, RetireeState, evolve
from domain.told import AlertEscalated, AlertRaised
from infra.statutes import the_law
from projections import alert_inbox, audit_trail, roster
from projections.alert_inbox import AlertRow
from projections.roster import RosterRow
from tests.building import AGENCY, RETIREE, SHENZHEN, death, in_order_of_arrival, known, lives, registered

LAW = the_law()
NOW = datetime(2024, 5, 1, tzinfo=UTC)
NEXT_DOOR = "440304901002"
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))
DIED = death(date(2024, 1, 31), date(2024, 4, 10))


def published(one: Known) -> FactPublished:
    return FactPublished(
        source=one.reference.source,
        id=one.reference.id,
        department=one.department,
        published_by="gateway",
        channel="http",
        learnt=one.learnt,
        fact=one.fact,
        sealed=one.reference.id.encode(),
        digest=b"",
    )


def entry(position: int, event: Event) -> Entry:
    name = event.fact.__struct_config__.tag if isinstance(event, FactPublished) else event.__struct_config__.tag
    assert str(name) in STORED_NAMES
    return Entry(position, NOW, RETIREE, position, str(name), event)


def lived(facts: Iterable[Known], then: date | None = None) -> tuple[RetireeState, list[Entry]]:
    """The state and the log of somebody after some facts, and after a day has passed."""
    state, events = RetireeState(), list[Event]()
    for one in facts:
        for decision in decide(RETIREE, state, one, LAW, one.learnt):
            state = evolve(state, decision)
            events.append(published(decision.known) if isinstance(decision, FactRecorded) else decision)
    for decision in pass_day(RETIREE, state, LAW, then) if then else ():
        assert not isinstance(decision, FactRecorded)
        state = evolve(state, decision)
        events.append(decision)
    return state, [entry(n, event) for n, event in enumerate(events, start=1)]


def folded(model: Any, log: Sequence[Entry]) -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    for one in log:
        for key in model.keys(one):
            rows[key] = model.fold(key, rows.get(key), one)
    return {key: row for key, row in rows.items() if row is not None}


def roster_row(log: Sequence[Entry]) -> RosterRow | None:
    row: RosterRow | None = folded(roster.ROSTER, log).get(RETIREE)
    return row


def alerts(log: Sequence[Entry]) -> dict[str, AlertRow]:
    return {row.action: row for row in folded(alert_inbox.ALERT_INBOX, log).values()}


def from_agency(id_: str, fact: LifeEvent, learnt: date = date(2024, 4, 12)) -> Known:
    return known(id_, fact, learnt, AGENCY)


def raised(log: Sequence[Entry]) -> Iterator[AlertRaised]:
    return (one.event for one in log if isinstance(one.event, AlertRaised))


# The roster


@settings(max_examples=300)
@given(lives())
def test_the_roster_is_of_the_registration_that_counts_and_as_the_office_was_told(facts: list[Known]) -> None:
    state, log = lived(in_order_of_arrival(facts))
    row = roster_row(log)
    counting = state.dossier.registered
    if counting is None:
        assert row is None or not row.registered
        return
    assert row is not None
    assert row.registered
    fact = counting.fact
    assert isinstance(fact, RetirementRegistered)
    assert (row.source, row.source_id) == (counting.reference.source, counting.reference.id)
    assert (row.retired_on, row.monthly_pension, row.community) == (
        fact.effective,
        fact.monthly_pension,
        fact.residence_division,
    )
    assert row.sealed == counting.reference.id.encode()
    told = state.told.values()
    off = next((one for one in told if one.terms.action in OFF), None)
    status = {None: "payable", Action.STOP: "stopped", Action.SUSPEND: "suspended"}[off.terms.action if off else None]
    assert (row.status, row.stopped_from) == (status, off.terms.first_month if off else None)
    assert set(row.verify_alerts) == {one.alert for one in told if one.terms.action is Action.VERIFY and one.is_open}


def test_a_registration_taken_back_leaves_the_one_before_it() -> None:
    second = registered(date(2020, 3, 31), date(2020, 4, 3), "second", "5000.00")
    back = from_agency("back", FactRetracted(effective=date(2020, 5, 1), retracts="second"), date(2020, 5, 1))
    _, log = lived([RETIRED, second])
    row = roster_row(log)
    assert row
    assert (row.source_id, row.monthly_pension) == ("second", "5000.00")
    _, log = lived([RETIRED, second, back])
    row = roster_row(log)
    assert row
    assert (row.source_id, row.monthly_pension, row.sealed) == ("registration", "3456.78", b"registration")


@pytest.mark.parametrize("late", [False, True], ids=["after it", "before it"])
def test_a_registration_taken_back_before_or_after_it_came_is_on_no_roster(late: bool) -> None:
    back = from_agency("back", FactRetracted(effective=date(2020, 2, 3), retracts="registration"), date(2020, 2, 3))
    _, log = lived([back, RETIRED] if late else [RETIRED, back])
    row = roster_row(log)
    assert row
    assert (row.registered, row.community) == (False, "")


def test_a_corrected_registration_moves_the_retiree_next_door() -> None:
    fact = RetirementRegistered(
        effective=date(2019, 12, 31), monthly_pension="1.00", residence_division=NEXT_DOOR, corrects="registration"
    )
    _, log = lived([RETIRED, from_agency("corrected", fact)])
    row = roster_row(log)
    assert row
    assert (row.community, row.source_id, row.others) == (NEXT_DOOR, "corrected", [])


def test_what_somebody_else_takes_back_touches_no_registration() -> None:
    other = known(
        "x", FactRetracted(effective=date(2020, 5, 1), retracts="registration"), date(2020, 5, 1), Department.POLICE
    )
    _, log = lived([RETIRED, other])
    row = roster_row(log)
    assert row
    assert (row.registered, row.community) == (True, SHENZHEN)


def test_somebody_missing_is_suspended_and_not_stopped() -> None:
    missing = known("m", GoneMissing(effective=date(2023, 2, 10)), date(2023, 10, 1), Department.POLICE)
    _, log = lived([RETIRED, missing])
    row = roster_row(log)
    assert row
    assert (row.status, row.stopped_from) == ("suspended", "2023-08")


def test_a_dismissed_request_to_verify_is_shown_no_more() -> None:
    rumour = death(date(2024, 1, 31), date(2024, 4, 10), department=Department.COMMUNITY)
    _, log = lived([RETIRED, rumour])
    before = roster_row(log)
    (verify,) = raised(log)
    no = AlertDismissed(effective=date(2024, 4, 12), alert=verify.alert, reason="本人在世")
    _, log = lived([RETIRED, rumour, from_agency("no", no)])
    after = roster_row(log)
    assert before
    assert after
    assert (before.verify_alert, after.verify_alert, after.verify_alerts) == (verify.alert, None, [])


# The inbox


ANSWERS: list[tuple[type[Answer], dict[str, Any], str, str]] = [
    (AlertAcknowledged, {}, "acknowledged", "open"),
    (AlertConfirmed, {}, "confirmed", "open"),
    (AlertContested, {"reason": "姓名有误"}, "contested", "open"),
    (AlertDismissed, {"reason": "已处理"}, "dismissed", "closed"),
    (AlertApplied, {"month": "2024-05"}, "applied", "closed"),
]


@pytest.mark.parametrize(("answer", "more", "stage", "becomes"), ANSWERS, ids=[one[0].__name__ for one in ANSWERS])
def test_the_inbox_says_how_far_an_alert_has_come(
    answer: type[Answer], more: dict[str, Any], stage: str, becomes: str
) -> None:
    _, log = lived([RETIRED, DIED])
    stop = next(raised(log))
    fact = msgspec.convert(
        {"effective": date(2024, 4, 12), "alert": stop.alert, "name": answer.__struct_config__.tag, **more}, answer
    )
    state, log = lived([RETIRED, DIED, from_agency("answer", fact)])  # type: ignore[arg-type] # an answer is a fact
    row = alerts(log)["stop"]
    assert (row.stage, row.state) == (stage, becomes)
    assert (row.reason, row.applied_month) == (more.get("reason"), more.get("month"))
    told = next(one for one in state.told.values() if one.alert == stop.alert)
    assert (told.stage, told.is_open) == (row.stage, row.state == "open")
    (deed,) = [row for row in folded(audit_trail.AUDIT_TRAIL, log).values() if row.what == answer.__struct_config__.tag]
    assert (deed.deed, deed.department) == ("published", "social-insurance")


def test_a_contest_that_is_answered_is_for_the_office_again() -> None:
    _, log = lived([RETIRED, DIED])
    stop = next(raised(log))
    doubt = from_agency("1", AlertContested(effective=date(2024, 4, 12), alert=stop.alert, reason="姓名有误"))
    stands = known(
        "2",
        ContestAnswered(effective=date(2024, 4, 13), alert=stop.alert, reason="已核对"),
        date(2024, 4, 13),
        Department.CIVIL_AFFAIRS,
    )
    _, log = lived([RETIRED, DIED, doubt, stands])
    row = alerts(log)["stop"]
    assert (row.stage, row.state, row.reason) == ("acknowledged", "open", "已核对")


def test_every_answer_of_the_domain_has_its_stage() -> None:
    """One table, which the domain and the inbox go by; it must say what becomes of an alert with each answer."""
    _, log = lived([RETIRED, DIED])
    state, _ = lived([RETIRED, DIED])
    stop = next(raised(log))
    for answer, stage in STAGES.items():
        more = {"reason": "r"} if "reason" in answer.__struct_fields__ else {}
        more |= {"month": "2024-05"} if answer is AlertApplied else {}
        fact = answer(effective=date(2024, 4, 12), alert=stop.alert, **more)
        after = told_after_fact(state.told, from_agency("x", fact), None)
        assert next(one.stage for one in after.values() if one.alert == stop.alert) == stage
    assert {*STAGES, OverpaymentReturned} == set(Answer.__subclasses__()) == EVERY_ANSWER


def test_the_inbox_has_what_is_still_owed_until_the_last_part_came_back() -> None:
    _, log = lived([RETIRED, DIED])
    recover = alerts(log)["recover"]
    parts = [("1.00", "10369.34", "open", "raised"), ("10369.34", "0.00", "closed", "applied")]
    facts = [RETIRED, DIED]
    for n, (amount, left, becomes, stage) in enumerate(parts):
        part = OverpaymentReturned(
            effective=date(2024, 4, 12), alert=recover.alert, kind=Return.INSTALMENT, amount=amount, month="2024-04"
        )
        facts.append(from_agency(f"{n}", part))
        state, log = lived(facts)
        row = alerts(log)["recover"]
        assert (row.alert, row.amount, row.state, row.stage) == (recover.alert, left, becomes, stage)
        told = next(one for one in state.told.values() if one.alert == recover.alert)
        assert (told.terms.amount, told.is_open) == (left, becomes == "open")


def test_an_alert_whose_day_has_passed_is_escalated_and_stays_open() -> None:
    state, log = lived([RETIRED, DIED], then=date(2024, 6, 1))
    assert any(isinstance(one.event, AlertEscalated) for one in log)
    rows = alerts(log)
    assert {(row.state, row.escalated) for row in rows.values()} == {("open", True)}
    assert all(one.escalated for one in state.told.values())


def test_a_part_that_comes_back_after_its_day_is_late_no_more() -> None:
    _, log = lived([RETIRED, DIED])
    part = OverpaymentReturned(
        effective=date(2024, 6, 3),
        alert=alerts(log)["recover"].alert,
        kind=Return.REFUND,
        amount="1.00",
        month="2024-06",
    )
    _, log = lived([RETIRED, DIED], then=date(2024, 6, 1))
    row = alerts(log)["recover"]
    later = entry(len(log) + 1, published(from_agency("part", part, date(2024, 6, 3))))
    assert row.escalated
    after = alert_inbox.fold(row.alert, row, later)
    assert after
    assert not after.escalated


def test_facts_that_no_view_knows_touch_nothing_but_the_trail() -> None:
    told = entry(
        1, published(known("m", GoneMissing(effective=date(2023, 2, 10)), date(2023, 10, 1), Department.POLICE))
    )
    assert (roster.keys(told), alert_inbox.keys(told)) == ((), ())
    assert audit_trail.keys(told) == (f"1-{UUID(str(RETIREE))}",)


def test_a_report_of_a_death_alone_makes_no_row() -> None:
    assert (
        roster_row(
            [entry(1, published(known("d", DeathReported(effective=date(2024, 1, 31)), date(2024, 4, 10), AGENCY)))]
        )
        is None
    )
