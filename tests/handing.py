"""Handovers for tests: a retiree of each city, the facts of every step, and what a state does with them."""

from collections.abc import Callable
from datetime import date
from itertools import count
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from domain.facts import (
    ArchiveReceived,
    Aspect,
    ContactCardIssued,
    Department,
    EnterpriseKind,
    EnterpriseState,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverStepDone,
    Known,
    LifeEvent,
    ReceptionAccepted,
    Reference,
    Relocated,
    RetirementRegistered,
)
from domain.handover import Handover, Stage, decide_handover, evolve_handover, missing, stage
from domain.refusals import Refused
from infra.statutes import the_law
from services.accounts import Role
from services.sentences import SENTENCES

LAW = the_law()
DAY = date(2024, 5, 6)
SZ, SZ_OTHER = "440304001002", "440305002003"
ZZ, ZZ_OTHER = "410105001002", "410102003004"
DL, DL_OTHER = "210202001002", "210211003004"
XN, XN_OTHER = "421202001002", "421221003004"
AROUND_A_MOVE = {
    "old": (Role.COMMUNITY, SZ),
    "new": (Role.COMMUNITY, SZ_OTHER),
    "whole city": (Role.COMMUNITY, "4403"),
    "elsewhere": (Role.COMMUNITY, DL),
    "agency": (Role.OFFICER, "4403"),
    "agency elsewhere": (Role.OFFICER, "2102"),
}
"""The accounts of those who are concerned when somebody moves within Shenzhen, and of others."""
BEIJING = "110105001001"
D = Department
_ids = count(1)


def registration(division: str, **more: Any) -> RetirementRegistered:
    return RetirementRegistered(
        effective=date(2020, 1, 31),
        monthly_pension="3456.78",
        residence_division=division,
        **{"hukou_division": division} | more,
    )


def by(department: Department, fact: LifeEvent, id_: str = "") -> Known:
    return Known(
        reference=Reference(f"/{department}/somewhere", id_ or f"n{next(_ids)}"),
        department=department,
        learnt=fact.effective,
        fact=fact,
    )


def proposed(
    kind: EnterpriseKind = EnterpriseKind.PROVINCIAL,
    state: EnterpriseState = EnterpriseState.OPERATING,
    on: date = DAY,
    **more: Any,
) -> Known:
    fact = HandoverProposed(effective=on, enterprise_kind=kind, enterprise_state=state, **more)
    return by(D.ENTERPRISE, fact, f"p{next(_ids)}")


def step(department: Department, key: str, on: date = DAY) -> Known:
    return by(department, HandoverStepDone(effective=on, step=key))


def completed(division: str, on: date = DAY) -> Known:
    return by(D.COMMUNITY, HandoverCompleted(effective=on, division=division), f"c{next(_ids)}")


def archived(department: Department, on: date = DAY) -> Known:
    return by(department, ArchiveReceived(effective=on))


def paid(department: Department, amount: str = "5000.00", on: date = DAY) -> Known:
    return by(department, FeePaid(effective=on, amount=amount))


def retracted(known: Known) -> Known:
    fact = FactRetracted(effective=DAY, retracts=known.reference.id)
    return replace(by(known.department, fact), reference=Reference(known.reference.source, f"r{next(_ids)}"))


def told(who: RetirementRegistered | None, *facts: Known, state: Handover | None = None, today: date = DAY) -> Handover:
    """The state after facts that the law allows, one after the other."""
    state = state or Handover()
    for known in facts:
        decide_handover(state, known, who, LAW, today)
        state = evolve_handover(state, known)
    return state


def refused(who: RetirementRegistered | None, state: Handover, known: Known) -> Refused:
    with pytest.raises(Refused) as caught:
        decide_handover(state, known, who, LAW, DAY)
    assert caught.value.code in SENTENCES
    return caught.value


def stage_of(state: Handover, who: RetirementRegistered, today: date = DAY) -> Stage:
    return stage(state, who, LAW, today)


def open_steps(state: Handover, who: RetirementRegistered, today: date = DAY) -> list[str]:
    return [owed.step.key for owed in missing(state, who, LAW, today)]


class City(NamedTuple):
    who: RetirementRegistered
    steps: Callable[[], list[Known]]


def shenzhen_steps() -> list[Known]:
    return [proposed(), step(D.ENTERPRISE, "agreement"), paid(D.COMMUNITY), archived(D.COMMUNITY)]


def zhengzhou_steps() -> list[Known]:
    return [
        proposed(),
        step(D.ENTERPRISE, "framework-agreement"),
        step(D.AGENCY, "agreement"),
        step(D.ENTERPRISE, "roster-compiled"),
        step(D.COMMUNITY, "information-verified"),
        archived(D.ARCHIVES),
    ]


def dalian_steps() -> list[Known]:
    return [
        proposed(),
        step(D.ENTERPRISE, "out-of-pool-settled"),
        step(D.AGENCY, "headcount-verified"),
        by(D.AGENCY, FeeAssessed(effective=DAY, amount="5000.00")),
        step(D.ENTERPRISE, "agreement"),
        paid(D.AGENCY),
        archived(D.AGENCY),
    ]


def xianning_steps() -> list[Known]:
    return [
        proposed(),
        step(D.AGENCY, "enterprise-confirmed"),
        step(D.ENTERPRISE, "retirement-declared"),
        step(D.ENTERPRISE, "information-confirmed"),
        archived(D.AGENCY),
        step(D.COMMUNITY, "reported-in"),
        by(D.COMMUNITY, ContactCardIssued(effective=DAY)),
    ]


CITIES = {
    "shenzhen": City(registration(SZ), shenzhen_steps),
    "zhengzhou": City(registration(ZZ), zhengzhou_steps),
    "dalian": City(registration(DL), dalian_steps),
    "xianning": City(registration(XN), xianning_steps),
}


def moved(aspect: Aspect, division: str, on: date = DAY) -> Known:
    department = D.POLICE if aspect is Aspect.HUKOU else D.COMMUNITY
    return by(department, Relocated(effective=on, aspect=aspect, division=division), f"m{next(_ids)}")


def received(division: str, on: date = DAY) -> Known:
    return by(D.COMMUNITY, ReceptionAccepted(effective=on, division=division))
