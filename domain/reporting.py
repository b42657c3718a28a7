"""Whether a death was reported in time (社会保险经办条例 Art. 25; before it 劳社厅发〔2001〕8号; cities may have their own days)."""

from datetime import date, timedelta

from msgspec import Struct

from domain.dossier import Dossier
from domain.facts import DeathDeclared
from domain.law import Citation, Law


class LateReport(Struct, frozen=True):
    """A death that was reported late: the last day to report it, the day we were told, and the rule.

    `by_weekday`: the holidays of those days are not recorded, so that Monday to Friday counted as working days.
    """

    due: date
    told: date
    rule: Citation
    by_weekday: bool = False


def late_report(dossier: Dossier, law: Law) -> LateReport | None:
    """How late the death that counts was reported; None: in time, or nothing can be said.

    The first word of it counts, a weak source's too: whoever must report has done so then. Of a death that was known here no
    later than the retiree, nobody knows when the agency heard of it. A court's judgment is what can be reported of a
    declaration, whatever day it names.
    """
    death = next(iter(dossier.confirmed), None)
    if death is None or dossier.first is None or dossier.left_out:  # one that is left out may have been the first word
        return None
    day = death.fact.effective
    counted = death.fact.judged_on or day if isinstance(death.fact, DeathDeclared) else day
    told = min((k.learnt for k in dossier.deaths if k.learnt >= day and not dossier.misnames(k)), default=day)
    if told <= dossier.first[0]:
        return None
    rule, calendar = law.local("death-report", counted, dossier.division), law.calendar
    if rule.working_days:
        due = calendar.after(counted, rule.report_within_days)
    else:
        due = calendar.not_before(counted + timedelta(days=rule.report_within_days))
    return LateReport(due, told, rule.citation, not calendar.knows(counted, due)) if told > due else None
