"""What every embedded server has in common: started once, reused, stopped in order, sound after any kill."""

import os
import re
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import ClassVar

from infra.embedded.account import OURSELVES, Account
from infra.embedded.errors import EmbeddedError
from infra.embedded.lock import Lock

Say = Callable[[str], None]
"""Told in plain sentences what is going on, for a terminal or a log."""

_POLL = 0.05  # seconds
_TELLING = re.compile("FATAL|PANIC|ERROR|[Ee]rror:|Exception")
_REMEDIES = (
    ("No space left", "Free some disk space and start again."),
    ("Permission denied", "Correct the permissions or choose another directory."),
    ("already in use", "Start again: another free port is chosen then."),
)


def silent(_: str) -> None:
    """For callers that do not want to be told."""


class Server(ABC):
    """A server whose data lives in the directory `home`.

    Two locks say all there is to know about who is alive, and neither outlives its holder:

    - `owner.lock` is held by the process that answers for the server, from its start() to its stop() or its death.
    - `server.lock` is inherited by the server and every process it forks, and contains its process id. While it is
      held the data belongs to a living server; when it is free, nothing of an earlier server is left.
    """

    name: ClassVar[str]
    signals: ClassVar[tuple[tuple[signal.Signals, float], ...]]
    """How to end it, gently first: each signal, and the seconds it is given to work."""

    def __init__(self, home: Path, *, say: Say = silent, limit: float = 300) -> None:
        """`limit`: seconds start() may take, downloads aside; recovery after a crash can be long."""
        self.home = home.expanduser().resolve()
        self.log = self.home / f"{self.name.lower()}.log"
        self.pid: int | None = None
        self._say = say
        self._limit = limit
        self._account: Account = OURSELVES
        self._owner = Lock(self.home / "owner.lock")
        self._server = Lock(self.home / "server.lock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when the server answers: a new one, or the one that is already alive on this directory.

        Whoever starts a server owns it. One whose owner is dead is adopted by the next to start(); one whose owner is
        alive is only used. Raises EmbeddedError, and nothing else, when that cannot be done.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self._start()
        except OSError as error:
            self._owner.free()
            message = f"{self.name} cannot use {error.filename or self.home}: {error.strerror or error}."
            raise EmbeddedError(message, _remedy(str(error), "Choose another directory.")) from error
        except BaseException:
            self._owner.free()
            raise

    def stop(self) -> None:
        """Stops the server if we own it, and lets go of it in any case; calling it again does no harm."""
        if self._owner.held:
            self._end()
            self._owner.free()
            self._say(f"{self.name}: stopped")
        self.pid = self._process = None

    @property
    def alive(self) -> bool:
        """Whether a server lives on this directory, ours or another's."""
        return not self._dead()

    def _start(self) -> None:
        deadline = time.monotonic() + self._limit
        while True:
            if self._owner.take() and self._server.take():
                return self._launch()
            if (pid := self._living()) and self._answers():
                self.pid = pid
                return self._say(f"{self.name}: using the running server (process {pid})")
            if time.monotonic() > deadline:
                raise self._too_slow()
            time.sleep(_POLL)

    def _launch(self) -> None:
        """Starts a new server; we hold both locks. If we die here, the next owner adopts the server or replaces it."""
        try:
            os.ftruncate(self._server.fd, 0)
            command = self._prepare()
            self._say(f"{self.name}: starting")
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))
            with self.log.open("wb") as log:
                # The lock is its standard input: so it holds it, and writes its own process id into it before it
                # becomes the server. Written by us, the number would be missing if we were killed in between.
                shell = ["/bin/sh", "-c", 'echo $$ >&0; exec "$@"', self.name]
                self._process = self._spawn(shell + command, log.fileno())
                self.pid = self._process.pid
            self._await()
        except BaseException:
            if self._process is not None:
                self._server.free()
                self._end()
                self.pid = self._process = None
            raise
        finally:
            self._server.free()

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._limit
        while self._process.poll() is None:
            if self._answers():
                return self._say(f"{self.name}: ready (process {self.pid})")
            if time.monotonic() > deadline:
                raise self._too_slow()
            time.sleep(_POLL)
        raise self._failed("ended while it was starting", self.log.read_text(errors="replace"))

    def _spawn(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        """A child in a session of its own: Ctrl-C in the terminal is ours to handle, in order."""
        return subprocess.Popen(
            command,
            stdin=self._server.fd,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.home,
            env=self._environment(),
            start_new_session=True,
            user=self._account.uid,
            group=self._account.gid,
            extra_groups=None if self._account is OURSELVES else [],
        )

    def _run(self, command: list[str], doing: str) -> None:
        """Runs a tool to its end under the server's lock: if we die, the next owner waits for the tool as well."""
        tool = self._spawn(command, subprocess.PIPE)
        output = tool.communicate()[0].decode(errors="replace")
        if tool.returncode:
            raise self._failed(f"failed {doing}", output)

    def _end(self) -> None:
        for sent, patience in self.signals:
            if self.pid and not self._dead():
                with suppress(ProcessLookupError):  # it is gone, and its children still hold the lock
                    os.kill(self.pid, sent)
            deadline = time.monotonic() + patience
            while not self._dead():
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL)
            else:
                return
        raise EmbeddedError(f"{self.name} (process {self.pid}) does not stop.", f"Look into {self.log}.")

    def _dead(self) -> bool:
        if not self._server.take():
            return False
        self._server.free()
        if self._process is not None:
            self._process.wait()  # its files are closed, so it is past its last instruction; else it stays a zombie
        return True

    def _living(self) -> int | None:
        """The process id a living server wrote, or None while it is not far enough to have written it."""
        with suppress(FileNotFoundError, ValueError):
            return int(self._server.path.read_text())
        return None

    def _failed(self, what: str, output: str) -> EmbeddedError:
        lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("\t")]
        telling = [line for line in lines if _TELLING.search(line)] or lines or ["it left no message"]
        quote = shorten(telling[-1].rstrip("."), 240, placeholder=" …")
        return EmbeddedError(f"{self.name} {what}: {quote}.", _remedy(output, f"Look into {self.log}."))

    def _too_slow(self) -> EmbeddedError:
        return EmbeddedError(f"{self.name} did not answer within {self._limit:g} s.", f"Look into {self.log}.")

    def _environment(self) -> dict[str, str]:
        # Java reads file names in the encoding of the locale, and PostgreSQL takes settings from PG*: neither
        # may depend on the shell we were started from.
        return {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C.UTF-8"}

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Makes the data directory ready, again from the start if an earlier owner was killed; returns the command."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server does its work for clients now."""


def _remedy(text: str, otherwise: str) -> str:
    return next((remedy for sign, remedy in _REMEDIES if sign in text), otherwise)
