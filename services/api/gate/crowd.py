"""How many are within at once: so many requests, so many streams. Who comes when all places are taken is sent away at once.

A queue would only make all of them late: with every place taken, what comes next is answered in the time of a hundred others.
"""

from msgspec import Struct


class Crowd(Struct):
    """The places of a process. `requests`, `streams`: taken now; `most_requests`, `most_streams`: all there are."""

    most_requests: int
    most_streams: int
    requests: int = 0
    streams: int = 0

    def enter(self) -> bool:
        """Take the place of a request; False when none is free."""
        if self.requests >= self.most_requests:
            return False
        self.requests += 1
        return True

    def leave(self) -> None:
        """Give the place of a request back."""
        self.requests -= 1

    def stay(self) -> bool:
        """Take the place of a stream; False when none is free."""
        if self.streams >= self.most_streams:
            return False
        self.streams += 1
        return True

    def go(self) -> None:
        """Give the place of a stream back."""
        self.streams -= 1
