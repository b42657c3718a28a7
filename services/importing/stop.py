"""Ctrl-C and SIGTERM, heeded where nothing is left half done."""

import signal


class Interrupted(Exception):  # noqa: N818 - not an error: somebody wants us to end
    """Ctrl-C or SIGTERM. Up to the last summary everything is done; what is beyond is done again, and known."""


class Stop:
    """Whether it is to stop: where that is asked next; at once, when it is said twice.

    Made before any worker is: a signal that comes while one is being started would be lost otherwise.
    """

    def __init__(self) -> None:
        self._told = False
        for sent in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sent, self._tell)

    def heed(self) -> None:
        """Raises `Interrupted` if it is to stop."""
        if self._told:
            raise Interrupted

    def _tell(self, number: int, _: object) -> None:
        self._told = True
        signal.signal(number, signal.SIG_DFL)
