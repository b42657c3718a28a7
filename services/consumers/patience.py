"""What to do after a try to deliver: pure, so that three days of failures are tried in a test.

What a receiver says about the event itself (most of 4xx) ends with a dead letter after some tries, and the next goes on;
whatever says that the receiver is not well stands in the way of everything behind it, so that order is kept.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from infra.webhooks import Answer

GONE = 410
_NOT_NOW = frozenset({408, 425, 429})


class Verdict(StrEnum):
    """What becomes of an event after a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    DEAD = "dead"
    ENDED = "ended"


def refuses(answer: Answer) -> bool:
    """Whether a receiver says that it will not have this event, rather than that it is not well."""
    return answer.status is not None and 400 <= answer.status < 500 and answer.status not in _NOT_NOW


class Patience(Struct, frozen=True, kw_only=True):
    """How long a consumer is waited for. Between two tries `first`, doubled each time up to `longest`.

    `tries`: of an event that the receiver will not have. `give_up`: how long for everything else, since the event was
    recorded and since nothing got through, whichever is later: what is older goes, one after the other.
    `asked`: the longest that a receiver may ask for (Retry-After).
    """

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    give_up: timedelta = timedelta(days=3)
    asked: timedelta = timedelta(days=1)
    tries: int = 8

    def verdict(self, answer: Answer, refusals: int, since: datetime, recorded: datetime, now: datetime) -> Verdict:
        """What to do after a try, with `refusals` of this event so far; `since`: nothing got through, `recorded`: it is in the log."""
        status = answer.status
        if status is not None and 200 <= status < 300:
            return Verdict.DELIVERED
        if status == GONE:
            return Verdict.ENDED
        if refuses(answer):
            return Verdict.DEAD if refusals >= self.tries else Verdict.AGAIN
        return Verdict.DEAD if now - max(since, recorded) >= self.give_up else Verdict.AGAIN

    def next_try(self, answer: Answer, tries: int, now: datetime, lot: float) -> datetime:
        """When to try again after the `tries`th try; `lot`, from 0 to 1, keeps consumers apart: half of the wait is left to it."""
        wait = min(self.longest, self.first * (1 << min(tries - 1, 30))) * ((1 + lot) / 2)
        if answer.retry_after is not None:
            wait = max(wait, min(self.asked, timedelta(seconds=answer.retry_after)))
        return now + wait
