"""Parts of what is to be recovered: refund, instalment, offset (社会保险经办条例 Art. 46), and what an offset leaves to live on."""

from datetime import date

from domain.alerts import Action, Terms
from domain.dossier import Dossier
from domain.entitlement import due_in
from domain.facts import Known, OverpaymentReturned, Reference, Return
from domain.law import Law
from domain.money import fen
from domain.months import Month, first_day
from domain.payments import offsets
from domain.refusals import Refused


def check_part(terms: Terms, known: Known, dossier: Dossier, law: Law, today: date) -> None:
    """Raise `Refused`: `invalid-field` where nothing is to be recovered, or less than came back; `offset-below-minimum`.

    `terms`: what the alert says that it answers.
    """
    fact = known.fact
    assert isinstance(fact, OverpaymentReturned)
    if terms.action is not Action.RECOVER:
        raise Refused("invalid-field", "data.alert", "nothing is to be recovered by it")
    corrected = Reference(known.reference.source, fact.corrects) if fact.corrects else None
    others = tuple(one for one in dossier.payments if one.reference != corrected)
    before = sum(one.returned for one in dossier.payments if one.reference == corrected)
    amount = fen(fact.amount)
    if not 0 < amount <= fen(terms.amount) + before:
        raise Refused("invalid-field", "data.amount", f"{terms.amount} yuan are still to be recovered")
    if fact.kind is not Return.OFFSET or any(dossier.confirmed):
        return
    month = Month(fact.month)
    pension = due_in(dossier, law, today, month)
    rule = law.local("offset-minimum", first_day(month), dossier.division)
    if pension and pension - offsets(others, month) - amount < fen(rule.minimum):
        raise Refused("offset-below-minimum", "data.amount", f"{rule.minimum} yuan of a month's pension are left")
