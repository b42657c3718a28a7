"""What the survivors of a retiree are paid once: found by the machine, claimed by the family, confirmed by an officer."""

from datetime import date

from domain.benefit import Claim, survivor_benefit
from domain.custody import stays_of
from domain.dossier import Dossier
from domain.facts import Known
from domain.kinds import Kind
from domain.law import Law
from domain.money import fen
from domain.months import count, month_of
from domain.refusals import Refused
from domain.tasks import Task
from domain.timeline import Timeline


def grant(dossier: Dossier, due: Timeline, law: Law) -> Task | None:
    """The funeral grant and survivor benefit after a confirmed death; the amount is 0 where a figure is missing that it needs.

    Who dies while serving a sentence leaves no survivor benefit; what was paid in personally is inherited
    (劳社厅函〔2001〕44号), and that amount the agency has.
    """
    death = next(iter(dossier.confirmed), None)
    if death is None:
        return None
    month = month_of(death.fact.effective)
    serving = any(
        stay.kind is Kind.IMPRISONMENT and stay.first <= month and (stay.last is None or stay.last >= month)
        for stay in stays_of(dossier, law)
    )
    rule = "death-while-serving" if serving else "funeral-and-survivors"
    amount = 0 if serving else _amount(dossier, death, due, law)
    return Task(Kind.DEATH, rule, month, (death.reference,), amount)


def _amount(dossier: Dossier, death: Known, due: Timeline, law: Law) -> int:
    """Both together, in fen; 0 where contributions, the province's income or the rules of that day are not recorded."""
    registered, died = dossier.registration, death.fact.effective
    if law.survivors is None or registered is None or registered.contribution_months is None:
        return 0
    province = law.survivors.provinces.get(registered.residence_division[:2])
    if province is None:
        return 0
    try:
        figure = province.figure(died.year - 1)
        claim = Claim(
            contributed=registered.contribution_months,
            received=_received(due, died),
            base=figure.year_total,
            yearly=True,
            base_source=province.source(figure),
        )
        found = survivor_benefit(claim, law.survivors.scheme(died), law.survivors.rounding(province, died))
    except Refused:
        return 0
    return fen(found.total)


def _received(due: Timeline, died: date) -> int:
    """The months of pension received, the month of death included."""
    last = month_of(died)
    return sum(count(span.first, min(span.last or last, last)) for span in due if span.pays and span.first <= last)
