"""The steps of coming up, told to the terminal as they end and to the front page all the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct
from rich.console import Console


class Step(Struct):
    """One step: `state` is waiting, working, done or failed; `seconds` that it took, or so far."""

    zh: str
    en: str
    state: str = "waiting"
    note: str = ""
    seconds: str = ""


class Progress:
    """The steps in order, and the file that the front page reads them from."""

    def __init__(self, file: Path, console: Console, steps: dict[str, Step]) -> None:
        self._file = file
        self._console = console
        self._steps = steps
        self._lock = Lock()
        self._ready = False
        self._write()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Work on a step: its seconds are shown when it ends, well or not."""
        step, began = self._steps[name], time.monotonic()
        self._set(step, state="working")
        try:
            yield
        except BaseException:
            self._set(step, state="failed", seconds=f"{time.monotonic() - began:.1f}")
            raise
        seconds = f"{time.monotonic() - began:.1f}"
        self._set(step, state="done", seconds=seconds)
        note = f" [dim]{step.note}[/dim]" if step.note else ""
        self._console.print(f"[green]✓[/green] {step.zh} [dim]{step.en}[/dim] {seconds} s{note}", highlight=False)

    def note(self, name: str, note: str) -> None:
        """Say what a step is at."""
        self._set(self._steps[name], note=note)

    def ready(self) -> None:
        """Everything is up."""
        self._ready = True
        self._write()

    def _set(self, step: Step, **changes: str) -> None:
        for field, value in changes.items():
            setattr(step, field, value)
        self._write()

    def _write(self) -> None:
        """Replace the file whole, so that a reader never sees half of it."""
        with self._lock:
            fresh = self._file.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode({"ready": self._ready, "steps": list(self._steps.values())}))
            fresh.replace(self._file)
