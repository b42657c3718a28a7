"""Dead letters that an operator wants tried once more, beside the log: what comes new waits for a few seconds of them at most.

Between two looks at the log they are tried in turn until one fails, which is then left alone for a while. How often each
was tried is remembered by this process only: after a crash its tries are counted anew.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from msgspec import Struct

from domain.consumers import DeliveryGivenUp
from domain.history import Entry, handing_over
from infra.consumers import Consumer, Consumers
from infra.outlets import Letter, Settled, webhook
from infra.webhooks import Answer
from services.consumers.patience import Patience, Verdict, refuses
from services.consumers.selecting import Item, Leaves, selected

LETTERS = 2_000
"""How many letters are looked at in one turn."""
TURN_SECONDS = 5.0
"""How long a turn may take; a try that began within it is waited for."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_logger = structlog.get_logger()


class _Tried(Struct, frozen=True):
    """A letter that failed: how often, refused how often, since when, and when it is tried next. UTC."""

    tries: int
    refusals: int
    since: datetime
    at: datetime


class Again:
    """The dead letters of one consumer that are to be tried once more."""

    def __init__(self, consumers: Consumers, leaves: Leaves, patience: Patience, lot: Callable[[], float]) -> None:
        self._consumers = consumers
        self._leaves = leaves
        self._patience = patience
        self._lot = lot
        self._revision = 0
        self._tried: dict[str, _Tried] = {}

    def turn(self, consumer: Consumer, send: Callable[[Consumer, Item], Answer | None]) -> Answer | None:
        """Try those that are due, until one fails. `send` gives None when it is not the time to send any more.

        The answer is of a receiver that says that it is gone; else None.
        """
        if consumer.revision != self._revision:  # something was changed: all are tried at once
            self._revision, self._tried = consumer.revision, {}
        until = time.monotonic() + TURN_SECONDS
        for letter in sorted(self._consumers.outlets.waiting_letters(consumer.name, LETTERS), key=self._since_when):
            if time.monotonic() > until:
                return None
            tried = self._tried.get(letter.event)
            if tried and tried.at > datetime.now(UTC):
                continue
            entry, item = self._found(consumer, letter)
            if item is None:  # its terms have changed since
                self._give_up(consumer, letter, 0, "not-wanted")
                continue
            self._announce(consumer, entry, item)
            answer = send(consumer, item)
            if answer is None:
                return None
            match self._judge(consumer, letter, entry, answer):
                case Verdict.DELIVERED:
                    continue
                case Verdict.ENDED:
                    return answer
                case Verdict.AGAIN | Verdict.DEAD:
                    return None
        return None

    def _since_when(self, letter: Letter) -> datetime:
        """Since when it is due: one that fails again and again, however soon it is due, goes behind those not tried yet."""
        tried = self._tried.get(letter.event)
        return tried.at if tried else _LONG_AGO

    def _announce(self, consumer: Consumer, entry: Entry, item: Item) -> None:
        """Record that a letter is about to be sent; tried again by itself, it was recorded at its first try."""
        if item.event not in self._tried:
            terms = consumer.terms
            handed = handing_over(terms.department, webhook(consumer.name), [(entry, item.event)], terms.fields)
            self._consumers.outlets.announce_letter(consumer.name, handed)

    def _judge(self, consumer: Consumer, letter: Letter, entry: Entry, answer: Answer) -> Verdict:
        """What becomes of a letter after a try is remembered, and told."""
        now = datetime.now(UTC)
        before = self._tried.pop(letter.event, _Tried(0, 0, now, now))
        tries, refusals = before.tries + 1, before.refusals + refuses(answer)
        verdict = self._patience.verdict(answer, refusals, before.since, entry.recorded_at, now)
        if verdict is Verdict.DELIVERED:
            settled = Settled(position=0, delivered=[letter.event])
            self._consumers.outlets.settle_letter(consumer.name, settled)
        elif verdict is Verdict.DEAD:
            self._give_up(consumer, letter, tries, answer.code)
        elif verdict is Verdict.AGAIN:
            at = self._patience.next_try(answer, tries, now, self._lot())
            self._tried[letter.event] = _Tried(tries, refusals, before.since, at)
            if tries == 1:
                _logger.warning("a consumer does not take a dead letter", consumer=consumer.name, code=answer.code)
        return verdict

    def _found(self, consumer: Consumer, letter: Letter) -> tuple[Entry, Item | None]:
        (entry,) = self._consumers.outlets.entries(letter.position - 1, 1)
        items = selected(entry, consumer.terms, self._leaves)
        return entry, next((item for item in items if item.event == letter.event), None)

    def _give_up(self, consumer: Consumer, letter: Letter, tries: int, code: str) -> None:
        told = DeliveryGivenUp(
            consumer=consumer.name, event=letter.event, position=letter.position, tries=tries, code=code
        )
        settled = Settled(position=0, given_up=(told,), types={letter.event: letter.type})
        self._consumers.outlets.settle_letter(consumer.name, settled)
