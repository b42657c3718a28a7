"""Doing something at a desk of the terminal: what is refused is said in both languages."""

import sys
from collections.abc import Callable
from contextlib import closing
from typing import Protocol, TypeVar

from domain.refusals import Refused
from services.accepting.intake import refusal
from services.commands.guard import REFUSED

DONE = 0


class Closed(Protocol):
    """What is closed when it is left."""

    def close(self) -> None:
        """Let go of what it holds."""


D = TypeVar("D", bound=Closed)


def at_desk(opened: D, deed: Callable[[D], object]) -> int:
    """Do something at a desk, and close it; a refusal is said in both languages. The exit code."""
    with closing(opened) as desk:
        try:
            deed(desk)
        except Refused as error:
            told = refusal(error)
            where = f" {told.path}" if told.path else ""
            detail = f"（{told.detail}）" if told.detail else ""
            sys.stderr.write(f"changqing: {told.code}{where}：{told.reason.zh}{detail}；{told.remedy.zh}\n")
            sys.stderr.write(f"changqing: {told.code}{where}: {told.reason.en}; {told.remedy.en}\n")
            return REFUSED
    return DONE
