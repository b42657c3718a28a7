"""What an answer or a report of the agency does to what was paid."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from domain.alerts import GRANT_BACK, Action, Terms
from domain.dossier import Dossier
from domain.entitlement import reported, returned, squared, unsaid
from domain.facts import (
    AlertApplied,
    Known,
    OverpaymentReturned,
    PensionPaid,
    Reference,
    Return,
)
from domain.kinds import Kind
from domain.law import Law
from domain.money import fen
from domain.months import Month, month_of, plus
from domain.payments import Payment
from domain.timeline import Run
from domain.told import Stage, Told, named_in


def effect(told: Mapping[str, Told], known: Known) -> Callable[[Dossier, Law, date], Dossier] | None:
    """What an answer or a report of the agency does to what was paid; None when nothing.

    What corrects another fact of the agency does away with what that did, at the least.
    """
    run = _effect(told, known) if type(known.fact) in _OF_MONEY else None
    return partial(_unsay, known.reference) if run is None and known.fact.corrects else run


_OF_MONEY = frozenset({PensionPaid, AlertApplied, OverpaymentReturned})


def _effect(told: Mapping[str, Told], known: Known) -> Callable[[Dossier, Law, date], Dossier] | None:
    by = known.reference
    match known.fact:
        case PensionPaid(paid=paid, until=until, effective=day):
            first = month_of(day)
            run = Run(first, Month(until) if until else first, paid, None if paid else Kind.CORRECTION)
            return partial(_report, run, by)
        case AlertApplied(month=month):
            one = named_in(told, known)
            return _applied(one, Month(month), by) if one else None
        case OverpaymentReturned():
            one = named_in(told, known)
            return partial(_returned, one.terms, known) if one and one.terms.slot != GRANT_BACK else None
        case _:
            return None


def _applied(told: Told, month: Month, by: Reference) -> Callable[[Dossier, Law, date], Dossier] | None:
    """What an application in `month` tells of what was paid until then; of what was recovered or paid back, in whatever month, no more than was told."""
    terms = told.terms
    match terms.action:
        case Action.RECOVER | Action.PAY_BACK if told.stage is Stage.APPLIED:
            return _leave
        case Action.STOP | Action.SUSPEND if month > terms.first_month:
            return partial(_report, Run(terms.first_month, plus(month, -1), pays=True), by)
        case Action.RESUME if month > terms.first_month:
            return partial(_report, Run(terms.first_month, plus(month, -1), pays=False, why=Kind.CORRECTION), by)
        case Action.RECOVER | Action.PAY_BACK if terms.slot != GRANT_BACK:
            return partial(_squared, terms, by)
        case _:
            return None


def _leave(dossier: Dossier, _law: Law, _today: date) -> Dossier:
    return dossier


def _unsay(by: Reference, dossier: Dossier, _law: Law, _today: date) -> Dossier:
    return unsaid(dossier, by)


def _squared(terms: Terms, by: Reference, dossier: Dossier, law: Law, today: date) -> Dossier:
    payment = Payment(by, month=terms.first_month, why=terms.kind)
    owed = terms.action is Action.PAY_BACK
    return squared(dossier, law, today, payment, terms.first_month, terms.last_month, owed=owed)


def _returned(terms: Terms, known: Known, dossier: Dossier, law: Law, today: date) -> Dossier:
    fact = known.fact
    assert isinstance(fact, OverpaymentReturned)
    offset = fact.kind is Return.OFFSET
    part = Payment(known.reference, returned=fen(fact.amount), month=Month(fact.month), why=terms.kind, offset=offset)
    return returned(dossier, law, today, part, terms.first_month, terms.last_month)


def _report(run: Run, by: Reference, dossier: Dossier, law: Law, today: date) -> Dossier:
    return reported(dossier, law, today, by, run)
