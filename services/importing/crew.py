"""The workers as the importing process sees them: given parts, asked for answers, replaced when they die."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from services.importing.errors import ImportingError
from services.importing.messages import Answer, Done, Failed, Part, Ready, Waiting, decode_answer, encode

_DEATHS = 3
"""Deaths of a worker one after the other without any part done: not an accident."""


class Crew:
    """Some workers. `began_at`: the ledger's position when the import began, as soon as that is known."""

    def __init__(self, size: int, name: str) -> None:
        self.began_at: int | None = None
        self._members = [_Member(name) for _ in range(size)]

    def __len__(self) -> int:
        return len(self._members)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for member in self._members:
            member.connection.close()  # at which it goes
        for member in self._members:
            member.end()

    def give(self, worker: int, part: Part) -> None:
        """Have a part done."""
        self._members[worker].give(part)

    def answers(self, seconds: float) -> Iterator[Ready | Done | Waiting]:
        """What comes within some seconds. A worker that died is replaced. Raises `ImportingError` when that is no use."""
        ready = wait([member.connection for member in self._members], seconds)
        for member in [member for member in self._members if member.connection in ready]:
            try:
                answer = member.answer()
            except (EOFError, OSError):
                member.replace(self.began_at)
                continue
            if isinstance(answer, Failed):
                raise ImportingError(answer.why, answer.code)
            yield answer


class _Member:
    """One worker, and the parts it has not done yet."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts: dict[int, Part] = {}
        self._deaths = 0
        self._start()

    def _start(self) -> None:
        """In a session of its own: Ctrl-C in the terminal is for the importing process."""
        self.connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "services.importing.worker", self._name],  # not what lies around here
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def give(self, part: Part) -> None:
        self._parts[part.window] = part
        with suppress(OSError):  # it died: its answers come to an end, and its successor is given what is not done
            self.connection.send_bytes(encode(part))

    def answer(self) -> Answer:
        """Its next answer. `EOFError` or `OSError` when it died."""
        answer = decode_answer(self.connection.recv_bytes())
        if isinstance(answer, Done):
            del self._parts[answer.window]
            self._deaths = 0
        return answer

    def replace(self, began_at: int | None) -> None:
        """Start another in its place; what the dead one had committed already counts as what this import did."""
        self._deaths += 1
        self.connection.close()
        self.end()
        if self._deaths == _DEATHS:
            code = self._process.returncode
            raise ImportingError(f"a worker ended {_DEATHS} times in a row, with {code}; it may have said why above")
        self._start()
        for part in list(self._parts.values()):
            self.give(replace(part, since=began_at))

    def end(self) -> None:
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
