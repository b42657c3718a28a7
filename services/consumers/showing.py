"""How each consumer is: how far behind, what stands in the way, what could not be delivered."""

from datetime import UTC, datetime

from msgspec import Struct

from infra.consumers import Consumer, Consumers
from infra.outlets import Outlet
from services.accounts import Account, Act
from services.consumers.selecting import Leaves, selected
from services.reading.who import who

LOOKED_AT = 1_000
"""How many entries of the log are looked at to count what waits; where there are more, it is `at_least` so much."""


class ConsumerLine(Struct, frozen=True, kw_only=True):
    """A consumer, without its secrets. `state`: current, behind, failing, ended.

    `waiting`: events that it has yet to get, `at_least` so many where more than 1,000 entries lie before it; `behind_seconds`:
    since when the first of them has been in the log. `delivered`: events that its webhook took; `delivered_at`: when it last did, or when a feed was acknowledged.
    `error` and `failed_at` are of the last failure, over or not.
    """

    consumer: str
    department: str
    kind: str
    state: str
    url: str
    account: str
    types: tuple[str, ...]
    offices: tuple[str, ...]
    fields: tuple[str, ...]
    registered_at: datetime
    ended: str | None
    position: int
    behind: int
    waiting: int
    at_least: bool
    behind_seconds: float
    delivered: int | None
    delivered_at: datetime | None
    tries: int
    failing_since: datetime | None
    next_try: datetime | None
    error: str | None
    failed_at: datetime | None
    dead_letters: int


def lines(consumers: Consumers, now: datetime | None = None) -> list[ConsumerLine]:
    """Every consumer, by name, as it is at a time (UTC), by default now."""
    head, dead = consumers.outlets.head(), consumers.outlets.dead_counts()
    found = consumers.all()
    return [_line(consumers, one, dead.get(one.name, 0), head, now or datetime.now(UTC)) for one in found]


def lines_for(consumers: Consumers, account: Account) -> list[ConsumerLine]:
    """The consumers that an account may know of: all for an auditor, those of its department for anybody else."""
    everybody, seen = account.may(Act.CONSUMERS_ALL), consumers.seen_by(who(account))
    found = [line for line in lines(consumers) if line.consumer in seen]
    return [line for line in found if everybody or line.department == account.department]


def line(consumers: Consumers, name: str) -> ConsumerLine:
    """One consumer. Raises `Refused("unknown-consumer")`."""
    dead = consumers.outlets.dead_counts().get(name, 0)
    return _line(consumers, consumers.find(name), dead, consumers.outlets.head(), datetime.now(UTC))


def _line(consumers: Consumers, one: Consumer, dead: int, head: int, now: datetime) -> ConsumerLine:
    outlet, terms = consumers.outlets.find(one.name), one.terms
    entries = [] if one.ended else consumers.outlets.entries(outlet.position, LOOKED_AT)
    leaves = Leaves.of(consumers)
    waiting = [(entry.recorded_at, len(items)) for entry in entries if (items := selected(entry, terms, leaves))]
    looked_to = entries[-1].position if entries else outlet.position
    at_least = bool(entries) and head > looked_to
    since = waiting[0][0] if waiting else entries[-1].recorded_at if at_least else now
    return ConsumerLine(
        consumer=one.name,
        department=terms.department,
        kind=terms.kind,
        state=_state(one, outlet, waiting=bool(waiting)),
        url=terms.url.partition("?")[0],  # those of old may have a query, which is nobody's business
        account=terms.account,
        types=terms.types,
        offices=terms.offices,
        fields=terms.fields,
        registered_at=one.registered_at,
        ended=one.ended,
        position=outlet.position,
        behind=max(0, head - outlet.position),
        waiting=sum(count for _, count in waiting),
        at_least=at_least,
        behind_seconds=round(max(0.0, (now - since).total_seconds()), 1),
        delivered=outlet.delivered if terms.kind == "webhook" else None,
        delivered_at=outlet.delivered_at,
        tries=outlet.tries,
        failing_since=outlet.failing_since,
        next_try=outlet.next_try,
        error=outlet.code,
        failed_at=outlet.failed_at,
        dead_letters=dead,
    )


def _state(one: Consumer, outlet: Outlet, *, waiting: bool) -> str:
    if one.ended is not None:
        return "ended"
    if outlet.failing_since:
        return "failing"
    return "behind" if waiting else "current"
