"""Alerts: what an office is asked to do when a fact becomes known, and what becomes of what it was asked before."""

from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts import Action, Strength
from domain.decide import decide, pass_day, standing_of
from domain.facts import MAY_PUBLISH, DeathReported, Department, Known, Reference
from domain.kinds import Kind
from domain.months import month_of, plus
from domain.refusals import Refused
from domain.state import FactRecorded, RetireeState, evolve
from domain.told import AlertRaised, AlertWithdrawn
from infra.statutes import the_law
from tests.building import (
    LAST_DAY,
    PENSION,
    RETIREE,
    Step,
    death,
    histories,
    in_order_of_arrival,
    lives,
    on_one_day,
    registered,
    retraction,
    shuffled,
    timeline,
    told,
)

LAW = the_law()
RETIRED = registered(date(2020, 1, 31), date(2020, 2, 3))


def said(step: Step) -> list[tuple[Action, str, str | None, int, str]]:
    return [(a.action, a.first_month, a.last_month, a.months, a.amount) for a in step.alerts]


def test_a_registration_alone_raises_nothing() -> None:
    (step,) = told([RETIRED], LAW)
    assert step.decisions == [FactRecorded(RETIRED, step.state.dossier)]


def test_a_late_report_stops_and_recovers_to_the_fen() -> None:
    """Died on 31 January, known on 10 April: three months of 3,456.78 yuan were paid too much."""
    *_, step = told([RETIRED, death(date(2024, 1, 31), date(2024, 4, 10))], LAW)
    assert said(step) == [
        (Action.STOP, "2024-02", None, 0, "0.00"),
        (Action.RECOVER, "2024-02", "2024-04", 3, "10370.34"),
    ]
    stop, recover = step.alerts
    assert [stop.kind, recover.kind] == [Kind.DEATH, Kind.DEATH]
    assert [stop.strength, recover.strength] == [Strength.CONFIRMED, Strength.CONFIRMED]
    assert [stop.rule.document, recover.rule.article] == ["劳社厅发〔2001〕8号", "第四十六条"]
    assert [stop.act_by, recover.act_by] == [date(2024, 4, 25), date(2024, 5, 10)]
    assert {stop.office, recover.office} == {"social-insurance/440300000000"}
    assert stop.evidence == recover.evidence == (Reference("/civil-affairs/shenzhen", "death"),)


def test_a_report_in_the_month_of_death_only_stops() -> None:
    *_, step = told([RETIRED, death(date(2024, 2, 29), date(2024, 2, 29))], LAW)
    assert said(step) == [(Action.STOP, "2024-03", None, 0, "0.00")]


def test_recovery_before_december_2023_cites_the_older_rule() -> None:
    *_, step = told([RETIRED, death(date(2023, 8, 31), date(2023, 11, 30))], LAW)
    assert step.alerts[1].rule.document == "劳社厅发〔2001〕8号"
    *_, step = told([RETIRED, death(date(2023, 8, 31), date(2023, 12, 1))], LAW)
    assert step.alerts[1].rule.document == "社会保险经办条例（国务院令第765号）"


def test_a_stop_cites_the_article_that_the_timeline_cites() -> None:
    facts = [registered(date(1999, 12, 31), date(2000, 1, 5)), death(date(2001, 12, 20), date(2001, 12, 28))]
    *_, step = told(facts, LAW)
    assert step.alerts[0].rule == timeline(facts, LAW)[-1].rule


def test_a_retraction_resumes_pays_back_to_the_fen_and_cancels_the_recovery() -> None:
    facts = [RETIRED, death(date(2024, 1, 31), date(2024, 4, 10)), retraction("death", date(2024, 7, 2))]
    _, reported, retracted = told(facts, LAW)
    assert said(retracted) == [
        (Action.RESUME, "2024-08", None, 0, "0.00"),
        (Action.PAY_BACK, "2024-05", "2024-07", 3, "10370.34"),
    ]
    replaced = {alert for raised in retracted.alerts for alert in raised.replaces}
    assert replaced == {alert.alert for alert in reported.raised}
    assert set(retracted.state.open_alerts) == {Action.RESUME, Action.PAY_BACK}
    assert {alert.kind for alert in retracted.alerts} == {Kind.DEATH_RETRACTED}
    assert all(facts[-1].reference in alert.evidence for alert in retracted.alerts)


def test_a_retraction_before_the_next_payment_owes_nothing_back() -> None:
    facts = [RETIRED, death(date(2024, 3, 31), date(2024, 4, 10)), retraction("death", date(2024, 4, 30))]
    *_, step = told(facts, LAW)
    assert said(step) == [(Action.RESUME, "2024-05", None, 0, "0.00")]
    assert set(step.state.open_alerts) == {Action.RESUME}


def test_a_weak_source_only_asks_to_verify() -> None:
    *_, step = told([RETIRED, death(date(2024, 1, 31), date(2024, 4, 10), department=Department.COMMUNITY)], LAW)
    (verify,) = step.alerts
    assert said(step) == [(Action.VERIFY, "2024-02", "2024-04", 3, "10370.34")]
    assert (verify.kind, verify.strength) == (Kind.SUSPECTED_DEATH, Strength.SUSPECTED)
    assert verify.act_by == date(2024, 4, 25)


def test_a_second_weak_report_of_the_same_day_asks_nobody_twice() -> None:
    facts = [
        RETIRED,
        death(date(2024, 1, 31), date(2024, 4, 10), "1", Department.COMMUNITY),
        death(date(2024, 1, 31), date(2024, 6, 11), "2", Department.FAMILY),
    ]
    *_, step = told(facts, LAW)
    assert [type(decision) for decision in step.decisions] == [FactRecorded]


def test_a_strong_report_takes_the_place_of_the_request_to_verify() -> None:
    facts = [
        RETIRED,
        death(date(2024, 1, 31), date(2024, 2, 10), "weak", Department.COMMUNITY),
        death(date(2024, 1, 31), date(2024, 2, 20), "strong"),
    ]
    _, weak, strong = told(facts, LAW)
    assert [alert.action for alert in strong.alerts] == [Action.STOP, Action.RECOVER]
    assert strong.alerts[0].replaces == (weak.alerts[0].alert,)
    assert set(strong.state.open_alerts) == {Action.STOP, Action.RECOVER, Action.GRANT}


def test_a_weak_report_that_is_taken_back_withdraws_the_request_to_verify() -> None:
    facts = [
        RETIRED,
        death(date(2024, 1, 31), date(2024, 2, 10), department=Department.COMMUNITY),
        retraction("death", date(2024, 2, 12), department=Department.COMMUNITY),
    ]
    _, weak, back = told(facts, LAW)
    withdrawn = AlertWithdrawn(
        alert=weak.alerts[0].alert,
        retiree=RETIREE,
        office=weak.alerts[0].office,
        evidence=(facts[-1].reference,),
    )
    assert back.decisions[1:] == [withdrawn]
    assert back.state.open_alerts == {}


def test_a_resumption_stays_open_whatever_else_comes_until_the_next_stop() -> None:
    community = Department.COMMUNITY
    facts = [
        RETIRED,
        death(date(2024, 1, 31), date(2024, 4, 10), "1", document="1号"),
        retraction("1", date(2024, 7, 2), "2"),
        death(date(2024, 6, 1), date(2024, 7, 8), "3", community),
        retraction("3", date(2024, 7, 9), "4", community),
        death(date(2024, 7, 31), date(2024, 8, 9), "5", document="2号"),
    ]
    *_, weak, back, again = told(facts, LAW)
    assert [alert.replaces for alert in weak.alerts] == [()]
    assert set(weak.state.open_alerts) == {Action.RESUME, Action.PAY_BACK, Action.VERIFY}
    assert set(back.state.open_alerts) == {Action.RESUME, Action.PAY_BACK}
    assert back.state.open_alerts[Action.RESUME] in again.alerts[0].replaces
    assert set(again.state.open_alerts) == {Action.STOP, Action.RECOVER, Action.PAY_BACK, Action.GRANT}


def test_a_name_that_does_not_fit_asks_to_settle_who_it_is() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), name="one"),
        death(date(2024, 1, 31), date(2024, 2, 10), name="other"),
    ]
    *_, step = told(facts, LAW)
    (verify,) = step.alerts
    assert (verify.action, verify.kind) == (Action.VERIFY, Kind.IDENTITY_MISMATCH)
    assert (verify.strength, verify.rule.key) == (Strength.SUSPECTED, "identity-mismatch")
    assert verify.act_by == date(2024, 2, 15)


def test_a_resumption_because_a_name_no_longer_fits_claims_no_retraction() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), "e", department=Department.ENTERPRISE, name="one"),
        death(date(2024, 1, 31), date(2024, 2, 10), name="one"),
        registered(date(2020, 1, 31), date(2024, 5, 6), "a", name="other"),
    ]
    *_, step = told(facts, LAW)
    resume = next(alert for alert in step.alerts if alert.action is Action.RESUME)
    assert resume.kind is not Kind.DEATH_RETRACTED


def test_the_same_document_raises_nothing_again_and_a_new_one_stops() -> None:
    facts = [
        RETIRED,
        death(date(2024, 3, 10), date(2024, 3, 20), "1", document="民政〔2024〕1号"),
        retraction("1", date(2024, 3, 25), "2"),
        death(date(2024, 3, 10), date(2024, 4, 8), "3", document="民政〔2024〕1号"),
        death(date(2024, 3, 10), date(2024, 4, 9), "4", document="民政〔2024〕2号"),
    ]
    *_, same, new = told(facts, LAW)
    assert same.alerts == []
    assert said(new) == [(Action.STOP, "2024-04", None, 0, "0.00"), (Action.RECOVER, "2024-04", "2024-04", 1, PENSION)]


def test_parked_facts_raise_nothing_until_the_registration_does() -> None:
    facts = [death(date(2023, 5, 20), date(2023, 6, 1)), registered(date(2023, 1, 31), date(2023, 9, 12))]
    parked, late = told(facts, LAW)
    assert [type(decision) for decision in parked.decisions] == [FactRecorded]
    assert not parked.state.registered
    assert said(late) == [
        (Action.STOP, "2023-06", None, 0, "0.00"),
        (Action.RECOVER, "2023-06", "2023-09", 4, "13827.12"),
    ]
    assert all({known.reference for known in facts} == set(alert.evidence) for alert in late.alerts)


def test_who_died_before_the_first_pension_is_stopped_from_its_first_month() -> None:
    facts = [registered(date(2024, 2, 29), date(2024, 3, 4)), death(date(2024, 2, 10), date(2024, 4, 5))]
    *_, step = told(facts, LAW)
    assert said(step) == [
        (Action.STOP, "2024-03", None, 0, "0.00"),
        (Action.RECOVER, "2024-03", "2024-04", 2, "6913.56"),
    ]


def test_an_earlier_day_of_death_moves_the_stop_and_widens_the_recovery() -> None:
    facts = [
        RETIRED,
        death(date(2024, 3, 10), date(2024, 5, 6), "1"),
        death(date(2024, 1, 10), date(2024, 5, 20), "2", Department.POLICE),
    ]
    _, first, second = told(facts, LAW)
    assert said(second) == [
        (Action.STOP, "2024-02", None, 0, "0.00"),
        (Action.RECOVER, "2024-02", "2024-05", 4, "13827.12"),
        (Action.VERIFY, "2024-01", None, 0, "0.00"),
    ]
    assert second.alerts[2].kind is Kind.CONFLICT
    assert set(second.alerts[0].replaces) == {alert.alert for alert in first.raised}


def test_the_largest_pension_over_many_years_can_still_be_read_back() -> None:
    facts = [
        registered(date(2020, 1, 31), date(2020, 2, 3), pension="999999999.99"),
        death(date(2023, 1, 10), date(2024, 12, 5)),
    ]
    *_, step = told(facts, LAW)
    for alert in step.alerts:
        assert msgspec.json.decode(msgspec.json.encode(alert), type=AlertRaised) == alert


def test_a_city_without_a_file_is_served_by_the_office_of_its_division() -> None:
    elsewhere = msgspec.structs.replace(RETIRED.fact, residence_division="110105001002")
    facts = [msgspec.structs.replace(RETIRED, fact=elsewhere), death(date(2024, 1, 31), date(2024, 2, 1))]
    *_, step = told(facts, LAW)
    assert step.alerts[0].office == "social-insurance/110100000000"


def test_under_the_law_of_an_earlier_day_the_earlier_article_is_cited() -> None:
    *_, step = told([RETIRED, death(date(2024, 1, 31), date(2024, 4, 10))], LAW.pinned(date(2001, 6, 1)))
    assert [alert.rule.document for alert in step.alerts] == ["国发〔1978〕104号", "劳社厅发〔2001〕8号"]


@pytest.mark.parametrize("department", Department)
def test_only_witnesses_report_a_death(department: Department) -> None:
    report = death(date(2024, 1, 31), date(2024, 2, 1), department=department)
    if department in MAY_PUBLISH[DeathReported]:
        assert decide(RETIREE, RetireeState(), report, LAW, date(2024, 2, 1))
        return
    with pytest.raises(Refused) as caught:
        decide(RETIREE, RetireeState(), report, LAW, date(2024, 2, 1))
    assert caught.value.code == "not-your-fact"


def test_a_day_that_has_not_come_is_refused_and_today_is_not() -> None:
    report = death(date(2024, 2, 29), date(2024, 2, 29))
    assert decide(RETIREE, RetireeState(), report, LAW, date(2024, 2, 29))
    with pytest.raises(Refused) as caught:
        decide(RETIREE, RetireeState(), report, LAW, date(2024, 2, 28))
    assert (caught.value.code, caught.value.path) == ("date-in-future", "data.effective")


# What always holds


@given(st.one_of(histories(registrations=2), lives()))
def test_whoever_follows_the_alerts_ends_where_the_timeline_is(facts: list[Known]) -> None:
    steps = told(in_order_of_arrival(facts), LAW)
    state = steps[-1].state if steps else RetireeState()
    passed = pass_day(RETIREE, state, LAW, LAST_DAY)
    paying_from: str | None = None
    for alert in [*(alert for step in steps for alert in step.raised), *passed]:
        match alert:
            case AlertRaised(action=Action.STOP | Action.SUSPEND):
                paying_from = "never"
            case AlertRaised(action=Action.RESUME):
                paying_from = alert.first_month
            case _:
                pass
    if not state.registered:
        return
    next_month = plus(month_of(LAST_DAY), 1)
    span = next(s for s in reversed(timeline(facts, LAW, LAST_DAY)) if s.first <= next_month)
    assert span.pays == (paying_from is None or paying_from <= next_month)


@given(st.one_of(histories(registrations=2), lives()))
def test_what_is_open_is_what_holds(facts: list[Known]) -> None:
    """But for a resumption, which stays open until it is done; and for what is at risk, which grows by the day."""
    raised: dict[str, AlertRaised] = {}
    for step in told(in_order_of_arrival(facts), LAW):
        raised |= {alert.alert: alert for alert in step.raised}
        holds = standing_of(step.state.dossier, LAW, step.known.learnt)
        is_open = {action: raised[alert] for action, alert in step.state.open_alerts.items()}
        assert set(is_open) - {Action.RESUME} == set(holds)
        for action, instruction in holds.items():
            terms, alert = instruction.terms, is_open[action]
            assert (terms.kind, terms.first_month, terms.strength) == (alert.kind, alert.first_month, alert.strength)
            if terms.strength is Strength.CONFIRMED:
                assert (terms.last_month, terms.months, terms.amount) == (alert.last_month, alert.months, alert.amount)


@given(st.one_of(histories(registrations=2), lives()))
def test_a_retiree_who_is_to_be_stopped_is_not_to_be_resumed(facts: list[Known]) -> None:
    for step in told(in_order_of_arrival(facts), LAW):
        assert not {Action.STOP, Action.RESUME} <= set(step.state.open_alerts)


@given(st.one_of(histories(registrations=2), lives()))
def test_an_alert_is_replaced_or_withdrawn_once_and_only_while_it_is_open(facts: list[Known]) -> None:
    open_alerts: set[str] = set()
    numbers: list[int] = []
    for step in told(in_order_of_arrival(facts), LAW):
        for decision in step.decisions:
            if isinstance(decision, AlertRaised):
                gone = set(decision.replaces)
                assert gone <= open_alerts
                open_alerts = open_alerts - gone | {decision.alert}
                numbers.append(int(decision.alert.rpartition("-")[2]))
            elif isinstance(decision, AlertWithdrawn):
                open_alerts.remove(decision.alert)
        assert open_alerts == set(step.state.open_alerts.values())
    assert numbers == list(range(1, len(numbers) + 1))


@given(histories())
@settings(max_examples=40)
def test_facts_of_one_day_leave_the_same_open_in_every_order(facts: list[Known]) -> None:
    def left_open(order: list[Known]) -> set[tuple[object, ...]]:
        steps = told(order, LAW)
        raised = {alert.alert: alert for step in steps for alert in step.raised}
        found = [raised[alert] for alert in steps[-1].state.open_alerts.values()] if steps else []
        return {(a.action, a.kind, a.first_month, a.months, a.amount) for a in found if a.action is not Action.RESUME}

    same_day = on_one_day(facts)
    expected = left_open(same_day)
    for order in shuffled(same_day, 40):
        assert left_open(list(order)) == expected


@given(st.one_of(histories(registrations=2), lives()))
def test_the_state_survives_its_storage(facts: list[Known]) -> None:
    for step in told(in_order_of_arrival(facts), LAW):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(step.state), type=RetireeState) == step.state


@given(st.one_of(histories(registrations=2), lives()))
def test_deciding_leaves_the_state_it_was_given_alone(facts: list[Known]) -> None:
    state = RetireeState()
    for fact in in_order_of_arrival(facts):
        before = msgspec.msgpack.encode(state)
        decisions = decide(RETIREE, state, fact, LAW, LAST_DAY)
        after = state
        for decision in decisions:
            after = evolve(after, decision)
        assert msgspec.msgpack.encode(state) == before
        state = after
