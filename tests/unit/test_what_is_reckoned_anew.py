"""A fact that cannot touch the pension reckons nothing anew: not the months, not the alerts, not when something falls due."""

from datetime import date, timedelta
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.decide import decide
from domain.facts import (
    MAY_PUBLISH,
    TURNS,
    ActivityAttended,
    AlertAcknowledged,
    AlertApplied,
    AlertConfirmed,
    AlertContested,
    AlertDismissed,
    ArchiveLent,
    ArchiveMoved,
    Aspect,
    CareFlagged,
    ContactCardIssued,
    ContestAnswered,
    DeathDeclared,
    DeathReported,
    DeathRetracted,
    Department,
    Detained,
    FactRetracted,
    GoneMissing,
    HandoverRefused,
    HandoverReturned,
    HealthFileKept,
    IdentityLinked,
    Known,
    LifeEvent,
    OverpaymentReturned,
    PartyRelationTransferred,
    PensionAdjusted,
    PensionPaid,
    ReceptionAccepted,
    Released,
    Relocated,
    RetirementRegistered,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.state import FactRecorded, RetireeState, evolve, next_due
from infra import codec
from tests.building import LAST_DAY, RETIREE, in_order_of_arrival, known, lives
from tests.handing import DAY, DL, DL_OTHER, D, by, completed, dalian_steps, moved, proposed, registration, step
from tests.unit.one_pension import LAW, Office, told_of

TOUCHING: set[Any] = {
    RetirementRegistered,
    SurvivalVerified,
    DeathReported,
    DeathDeclared,
    DeathRetracted,
    FactRetracted,
    PensionPaid,
    AlertApplied,
    OverpaymentReturned,
    *TURNS,
}
"""What the months, or what was paid of them, may follow from."""
MOVING: set[Any] = {Relocated, ReceptionAccepted}
"""These touch no month; but which office must be told to receive somebody is asked together with all other alerts."""


def _quiet(alert: str, other: str) -> list[Known]:
    """A fact of every other kind, each fitting the ones before it."""

    def answer(kind: type[LifeEvent], to: str = alert, **rest: Any) -> Known:
        return by(D.AGENCY, kind(effective=DAY, **{"alert": to} | rest))

    return [
        proposed(),
        by(D.AGENCY, HandoverRefused(effective=DAY, reason="示例")),
        *dalian_steps(),
        by(D.AGENCY, HandoverReturned(effective=DAY, reason="示例", steps=("agreement",))),
        step(D.ENTERPRISE, "agreement"),
        completed(DL),
        by(D.AGENCY, ArchiveLent(effective=DAY, borrower="示例")),
        by(D.AGENCY, ArchiveMoved(effective=DAY, division=DL)),
        by(D.COMMUNITY, PartyRelationTransferred(effective=DAY, division=DL)),
        by(D.COMMUNITY, ContactCardIssued(effective=DAY)),
        by(D.COMMUNITY, VisitMade(effective=DAY)),
        by(D.COMMUNITY, CareFlagged(effective=DAY, group=SpecialGroup.ALONE)),
        by(D.COMMUNITY, ActivityAttended(effective=DAY, activity="示例")),
        by(D.HEALTH, HealthFileKept(effective=DAY)),
        by(D.POLICE, IdentityLinked(effective=DAY)),
        answer(AlertAcknowledged),
        answer(AlertConfirmed),
        answer(AlertContested, reason="示例"),
        by(D.COMMUNITY, ContestAnswered(effective=DAY, alert=alert, reason="示例")),
        answer(AlertDismissed, to=other, reason="示例"),
    ]


def _lived() -> RetireeState:
    """Somebody of Dalian with years of facts, of whom a death and an absence are rumoured, as the ledger keeps it."""
    office = Office(
        known("registration", registration(DL), date(2020, 2, 3), Department.AGENCY),
        told_of(Detained, date(2021, 3, 5)),
        told_of(Released, date(2021, 6, 5)),
    )
    for year in range(2020, 2025):
        office.learn(told_of(PensionAdjusted, date(year, 4, 1), id_=f"a{year}", monthly_pension=f"{year}.00"))
        office.learn(told_of(SurvivalVerified, date(year, 4, 2), id_=f"v{year}"))
    office.learn(known("rumour", DeathReported(effective=date(2024, 5, 1)), DAY, Department.FAMILY))
    office.learn(told_of(GoneMissing, date(2024, 5, 2), DAY, id_="rumour-2", by=Department.COMMUNITY))
    return office.state.on(DAY, LAW)


def _read(state: RetireeState) -> RetireeState:
    """As it is read from the ledger: nothing is kept beside it."""
    found = codec.decode_state(codec.encode_state(state))
    assert found
    return found


def _decided(before: RetireeState, fact: Known) -> RetireeState:
    decisions = decide(RETIREE, before, fact, LAW, DAY)
    return reduce(evolve, decisions, before).on(DAY, LAW, before)


def _reckoned(state: RetireeState) -> bool:
    """Whether the months were reckoned of its dossier, which keeps what they came to."""
    return any(name.startswith("domain.entitlement.") for name in vars(state.dossier))


def _alerts(state: RetireeState) -> list[str]:
    return list(state.open_alerts.values())


def test_every_kind_of_fact_touches_the_pension_or_does_not() -> None:
    quiet = {type(fact.fact) for fact in _quiet("", "")}
    kinds = [*TOUCHING, *MOVING, *quiet]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(MAY_PUBLISH)


def test_a_fact_that_cannot_touch_the_pension_reckons_nothing_anew() -> None:
    state = _lived()
    alert, other, *_ = _alerts(state)
    for fact in _quiet(alert, other):
        before = _read(state)
        state = _decided(before, fact)
        assert state.dossier is before.dossier, fact
        dismissed = isinstance(fact.fact, AlertContested | ContestAnswered | AlertDismissed)
        assert not _reckoned(state) or dismissed, fact  # these bring another day to act by
        assert state.due == next_due(_read(state), LAW, DAY), fact


def test_an_answer_of_any_kind_but_a_payment_asks_for_no_alert_anew() -> None:
    state = _lived()
    alert, other, *_ = _alerts(state)
    for fact in _quiet(alert, other):
        before = _read(state)
        recorded, *more = decide(RETIREE, before, fact, LAW, DAY)
        assert isinstance(recorded, FactRecorded)
        assert not more
        assert not _reckoned(before), fact
        state = _decided(before, fact)


def test_a_move_leaves_the_months_as_they_are_and_asks_which_office_receives() -> None:
    before = _read(_lived())
    after = _decided(before, moved(Aspect.RESIDENCE, DL_OTHER))
    assert after.dossier is before.dossier
    assert len(_alerts(after)) == len(_alerts(before)) + 1


def test_what_touches_the_pension_is_reckoned() -> None:
    before = _read(_lived())
    after = _decided(before, told_of(PensionAdjusted, DAY, monthly_pension="9000.00"))
    assert after.dossier is not before.dossier
    assert _reckoned(after)


@given(lives(), st.integers(0, 400), st.sampled_from([AlertAcknowledged, AlertConfirmed, AlertContested]))
def test_an_answer_tells_as_much_as_if_everything_were_asked_anew(
    facts: list[Known], later: int, kind: type[LifeEvent]
) -> None:
    office = Office(*in_order_of_arrival(facts))
    office.day(LAST_DAY)
    state, day = office.state.on(LAST_DAY, LAW), LAST_DAY + timedelta(later)
    rest: dict[str, Any] = {"reason": "示例"} if kind is AlertContested else {}
    for n, alert in enumerate(_alerts(state)):
        fact = told_of(kind, day, id_=f"answer-{n}", alert=alert, **rest)
        decisions = decide(RETIREE, state, fact, LAW, day)
        if state.is_current(day):
            assert decisions == decide(RETIREE, replace(state, seen=None), fact, LAW, day)
            after = reduce(evolve, decisions, state)
            assert after.on(day, LAW, state) == after.on(day, LAW)
