"""What would become of the rows of a table, said without a ledger: whatever does not depend on what is known of a person."""

from collections.abc import Iterable
from datetime import date

from domain.decide import check
from domain.facts import Department, Known, Reference
from domain.identity import check_day, normal
from domain.refusals import Refused
from infra.submissions import check_other
from services.accepting.cloudevents import Publisher, department_of, structured, submission
from services.accepting.intake import Refusal, refusal
from services.importing.messages import Line
from services.tables.rows import Passed


class Judge:
    """Judges lines one after the other, as of a day in Beijing; of an id that comes again it tells whether its content does."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._publishers = {department: Publisher("dry-run", department, "file") for department in Department}
        self._seen: dict[Reference, bytes] = {}

    def refused(self, line: Line) -> Refusal | None:
        """The refusal a line would get; None when nothing is known against it."""
        if line.fault:
            return refusal(Refused(line.fault.code, line.fault.path, line.fault.detail))
        envelope = None
        try:
            envelope = structured(line.text)
            sent = submission(envelope, self._publishers[department_of(envelope.source)])
            number = normal(sent.person.identity_number)
            check_day(number, sent.fact.effective)
            check_other(sent, number)
            reference = Reference(sent.source, sent.id)
            check(
                Known(reference=reference, department=sent.department, learnt=self._today, fact=sent.fact), self._today
            )
        except Refused as why:
            return refusal(why, envelope)
        same = self._seen.setdefault(reference, sent.digest) == sent.digest
        return None if same else refusal(Refused("id-conflict", "id"), envelope)


def judged(rows: Iterable[Line | Passed], today: date) -> Iterable[tuple[Line | Passed, Refusal | None]]:
    """Each row with the refusal it would get."""
    judge = Judge(today)
    for row in rows:
        yield row, judge.refused(row) if isinstance(row, Line) else None
