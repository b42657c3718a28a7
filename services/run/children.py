"""Our own processes under one roof: started, started again when they die, ended in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import structlog

_logger = structlog.get_logger()

SUPERVISED = "CHANGQING_SUPERVISED"
_FIRST_WAIT, _LONGEST_WAIT, _STEADY = 0.25, 10.0, 30.0
"""Seconds before a dead process is started again, doubled each time up to the longest; a steady one starts afresh."""


class Child:
    """One process: `changqing <command>`, logging to a file of its own."""

    def __init__(
        self, command: str, environment: Mapping[str, str], logs: Path, *options: str, name: str | None = None
    ) -> None:
        """`name`: of its log, where several of one command run."""
        self.command = command
        self._options = options
        self._environment = {**os.environ, **environment, SUPERVISED: "1", "TMPDIR": str(logs)}
        self._log = logs / f"{name or command}.log"
        self._pid_file = logs / f"{name or command}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._wait = _FIRST_WAIT

    def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C in the terminal is the supervisor's to handle, in order."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "services.cli", self.command, *self._options],
                stdin=subprocess.PIPE,  # closes when we die, however we die: then it ends itself (`watch_supervisor`)
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))
        self._began = time.monotonic()

    def revive(self) -> None:
        """Start it again if it died, not sooner than its patience allows."""
        if self._process is None or self._process.poll() is None:
            return
        lived = time.monotonic() - self._began
        if lived > _STEADY:
            self._wait = _FIRST_WAIT
        if lived > self._wait:
            _logger.warning("a process ended and is started again", process=self.command, code=self._process.returncode)
            self._wait = min(2 * self._wait, _LONGEST_WAIT)
            self.start()

    def stop(self, patience: float = 10.0) -> None:
        """End it: gently, then for certain. Either way the log loses nothing."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def watch_supervisor() -> None:
    """In a supervised process: end when the supervisor is gone, so that nothing is left behind by a kill -9."""
    if os.environ.get(SUPERVISED):
        Thread(target=_until_closed, daemon=True).start()


def _until_closed() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)
