"""A worker of an import, a process of its own: commits the parts it is given, each as one batch, and tells how they ended.

It may die at any instruction. What it had committed the inbox knows, and whoever does the part again learns it there.
"""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

import msgspec

from domain.facts import Department
from domain.history import Outcome, Taken
from domain.law import LawError
from domain.refusals import Refused
from infra.database import DatabaseError, RightsError
from infra.keys import WrongKeyError
from infra.known import beginning_with
from infra.terminal import operator
from services.accepting import intake
from services.accepting.bounds import Bound
from services.accepting.cloudevents import Envelope, Publisher, department_of, structured
from services.accepting.intake import Received
from services.application import Changqing
from services.cases.what_if import RefusedLine
from services.importing.messages import (
    Answer,
    Done,
    Failed,
    Fault,
    Line,
    Part,
    Ready,
    Tally,
    Waiting,
    decode_part,
    encode,
)
from services.importing.record import TakenLine
from services.opening import opened
from services.settings import Settings, SettingsError
from services.tables.content import ID_LENGTH, subject_of

T = TypeVar("T")

RETRY_SECONDS = 1.0
_SWEEP = 8
"""After so many parts cycles of garbage are looked for: deciding leaves none, and what others leave must not fill the memory."""


class Worker:
    """Does parts of a file. `name` stands in the ledger as the publisher of each line; whoever imports gives the answers in it."""

    def __init__(self, application: Changqing, name: str, tell: Callable[[Answer], None]) -> None:
        self._application = application
        self._account = operator()
        self._publishers = {department: Publisher(name, department, "file") for department in Department}
        self._tell = tell

    def head(self) -> int:
        """The last position of the ledger. Waits for PostgreSQL as long as it takes. Raises `RightsError`."""
        return self._patiently(self._application.recorder.max_notification_id) or 0

    def do(self, part: Part) -> Done:
        """Commit a part. Waits likewise. Raises `WrongKeyError`, `RightsError`."""
        bound = Bound(self._account, *part.content)
        received = [self._received(line, bound) for line in part.lines]
        since = self.head() if part.since is None else part.since
        answers = self._patiently(partial(intake.accept, self._application, received))
        tally, told = _told(part, answers, since)
        if part.whole:
            told += self._taken(part, answers, since)
        return Done(part.window, tally, told)

    def _received(self, line: Line, bound: Bound) -> Received:
        """A line, in the name of the department that its source says."""
        text, place = line.text, f"file:{line.number}"
        try:
            if line.fault:
                publisher = self._publishers[department_of(line.fault.source or "")]
                return Received(partial(_refuse, line.fault), publisher, text, place)
            envelope = structured(text)
            publisher = self._publishers[department_of(envelope.source)]
            return Received(lambda: envelope, publisher, text, place, bound=bound)
        except Refused:  # the handler meets the same fault, and makes it a refusal
            read = partial(_refuse, line.fault) if line.fault else partial(structured, text)
            return Received(read, self._publishers[Department.AGENCY], text, place)

    def _taken(self, part: Part, answers: Sequence[intake.Answer], since: int) -> list[Line]:
        """Lines of the record for what was accepted, and what else is told of the same where an id was made of the content."""
        taken = [
            (line.number, answer) for line, answer in zip(part.lines, answers, strict=True) if isinstance(answer, Taken)
        ]
        made = [(answer.source, subject) for _, answer in taken if (subject := subject_of(answer.id))]
        beside = self._patiently(partial(beginning_with, self._application.database, made, ID_LENGTH)) if made else {}
        return [
            Line(
                number,
                msgspec.json.encode(
                    TakenLine(
                        number,
                        answer.id,
                        answer.status,
                        answer.position,
                        answer.position <= since,
                        [
                            id_
                            for id_ in beside.get((answer.source, subject_of(answer.id) or ""), ())
                            if id_ != answer.id
                        ],
                    )
                ),
            )
            for number, answer in taken
        ]

    def _patiently(self, deed: Callable[[], T]) -> T:
        while True:
            try:
                return deed()
            except RightsError:
                raise
            except DatabaseError as error:
                self._tell(Waiting(str(error)))
                time.sleep(RETRY_SECONDS)


def _refuse(fault: Fault) -> Envelope:
    raise Refused(fault.code, fault.path, fault.detail)


def _told(part: Part, answers: Sequence[intake.Answer], since: int) -> tuple[Tally, list[Line]]:
    """The answers, counted; and the lines for the file of refusals."""
    fresh: dict[int, Outcome] = {}
    refused = []
    for line, answer in zip(part.lines, answers, strict=True):
        if not isinstance(answer, Taken):
            refused.append(Line(line.number, msgspec.json.encode(RefusedLine(line.number, answer))))
        elif answer.position > since:
            fresh[answer.position] = answer.status
    accepted = sum(outcome is Outcome.ACCEPTED for outcome in fresh.values())
    tally = Tally(
        accepted=accepted,
        parked=len(fresh) - accepted,
        known=len(answers) - len(refused) - len(fresh),
        refused=len(refused),
        first=min(fresh, default=None),
        last=max(fresh, default=None),
    )
    return tally, refused


def main() -> None:
    """Work until the importing process is gone. It is at the other end of the socket that is our standard input."""
    importing = Connection(0)
    parts: SimpleQueue[Part] = SimpleQueue()
    Thread(target=_receive, args=(importing, parts), daemon=True).start()

    def tell(answer: Answer) -> None:
        try:
            importing.send_bytes(encode(answer))
        except OSError:  # gone already, for what another of us told it: nobody is left to be told
            os._exit(0)

    try:
        application, _ = opened(Settings.read())
        worker = Worker(application, sys.argv[1], tell)
        tell(Ready(worker.head()))
        gc.disable()  # between its batches a worker holds next to nothing, so that is the moment to look for cycles
        gc.freeze()
        for done in count(1):
            tell(worker.do(parts.get()))
            if done % _SWEEP == 0:
                gc.collect()
    except SettingsError as error:
        tell(Failed(str(error), 2))
    except (LawError, WrongKeyError, RightsError) as error:
        tell(Failed(str(error), 1))
    signal.pause()


def _receive(importing: Connection, parts: SimpleQueue[Part]) -> None:
    """Take what is sent as it comes, so that the importing process never waits to be rid of it.

    When that process is gone, by its own will or by kill -9, we go at once: PostgreSQL rolls back what we were at.
    """
    try:
        while True:
            parts.put(decode_part(importing.recv_bytes()))
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
