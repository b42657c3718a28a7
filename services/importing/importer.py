"""The importing process: windows of the file to the workers, their answers to the record, in order."""

import time
from dataclasses import dataclass, field

from msgspec.structs import replace

from services.importing.crew import Crew
from services.importing.errors import ImportingError
from services.importing.messages import Content, Done, Line, Part, Ready, Tally, Waiting
from services.importing.progress import Progress
from services.importing.record import Record, Summary
from services.importing.source import Lines, Mark, Window, worker_of
from services.importing.stop import Stop

_IN_FLIGHT = 3
"""Windows with the workers at a time: one that is worked at, and more, so that no worker waits for another."""
_POLL_SECONDS = 0.2


@dataclass
class _Open:
    """A window with the workers: how many parts are not done, and what became of the others."""

    end: Mark
    parts: int = 0
    tally: Tally = field(default_factory=Tally)
    told: list[Line] = field(default_factory=list)


class Importer:
    """One run over a file, from where the last one came to (`found`)."""

    def __init__(
        self,
        source: Lines,
        record: Record,
        crew: Crew,
        batch: int,
        progress: Progress,
        found: Summary | None,
        stop: Stop,
    ) -> None:
        self._source = source
        self._record = record
        self._crew = crew
        self._lines = batch * len(crew)
        self._progress = progress
        self._found = found
        self._again = found.given if found else 0
        self._open: dict[int, _Open] = {}
        self._number = 0
        self._stop = stop
        self._began = time.monotonic()

    def run(self, content: Content) -> Summary:
        """Import to the end of the file. Raises `ImportingError`, `Interrupted`."""
        summary = self._begin()
        while self._feed(content, summary):
            for answer in self._answers():
                if isinstance(answer, Done):
                    window = self._open[answer.window]
                    window.parts -= 1
                    window.tally += answer.tally
                    window.told += answer.told
            summary = self._settle(summary)
        summary = replace(summary, complete=True)
        self._record.save(summary)
        return summary

    def _begin(self) -> Summary:
        """Wait for a worker to say how far the ledger is, and write down that we begin, before any line is given."""
        heads: list[int] = []
        while not heads:
            heads = [answer.head for answer in self._answers() if isinstance(answer, Ready)]
        found, head = self._found, heads[0]
        if found is None:
            summary = Summary(size=self._source.size, mark=self._source.mark, given=0, began_at=head)
            self._record.clear()
        elif head < (found.tally.last or 0):
            said = f"this import has come to position {found.tally.last}, and the ledger of DATABASE_URL ends at {head}"
            raise ImportingError(f"{said}: another database? --restart begins anew", 2)
        else:
            summary = found
        self._crew.began_at = summary.began_at
        return self._saved(summary)

    def _feed(self, content: Content, summary: Summary) -> bool:
        """Keep the workers in work; says whether anything is still to be done."""
        while len(self._open) < _IN_FLIGHT and (window := self._source.window(self._lines)):
            self._give(content, window, summary.began_at)
        return bool(self._open)

    def _give(self, content: Content, window: Window, began_at: int) -> None:
        self._number += 1
        workers = len(self._crew)
        parts: dict[int, list[Line]] = {}
        for line in window.lines:
            parts.setdefault(worker_of(line.text, workers), []).append(line)
        self._open[self._number] = _Open(window.end, len(parts))
        for worker, lines in parts.items():
            since = began_at if lines[0].number <= self._again else None
            self._crew.give(worker, Part(self._number, lines, content, since, self._source.whole))

    def _settle(self, summary: Summary) -> Summary:
        """Write down the windows that are done, up to the first that is not."""
        before = summary
        for number, window in list(self._open.items()):
            if window.parts:
                break
            del self._open[number]
            summary = replace(
                summary,
                mark=window.end,
                refusals=self._record.add(window.told) if window.told else summary.refusals,
                tally=summary.tally + window.tally,
            )
        if summary is not before:
            summary = self._saved(summary)
            self._progress.show(self._source.read, summary)
        return summary

    def _saved(self, summary: Summary) -> Summary:
        spent = time.monotonic() - self._began
        summary = replace(
            summary,
            given=max(summary.given, summary.mark.line + _IN_FLIGHT * self._lines),
            seconds=summary.seconds + spent,
        )
        self._began += spent
        self._record.save(summary)
        return summary

    def _answers(self) -> list[Ready | Done]:
        answers: list[Ready | Done] = []
        blank = self._open and not any(window.parts for window in self._open.values())  # nobody has anything to answer
        for answer in self._crew.answers(0 if blank else _POLL_SECONDS):
            if isinstance(answer, Waiting):
                self._progress.waiting(answer.why)
            else:
                answers.append(answer)
        self._stop.heed()
        return answers
