"""The passing of days: what falls due is decided on, retiree by retiree, and then the day itself is an event of the log.

A crash at any line leaves the day unfinished; whoever comes next finishes it before the following one. What was decided is
seen by the state, so nobody is told anything twice.
"""

from collections.abc import Sequence
from datetime import date

from domain.decide import evolve, next_due, pass_day
from domain.history import DayPassed
from domain.law import Law
from infra import codec, log
from infra.batch import Batch
from infra.copying import UUID as UUID_TYPE
from infra.copying import array, date4, int8, read_int, read_time
from infra.keys import KeyRing
from infra.log import SQL, recorded
from infra.retirees import Retiree
from infra.session import Session
from infra.writing import save, statement_of

CLOCK = log.stream_of("clock")
AT_A_TIME = 500
"""Retirees in one transaction."""


def last_day(session: Session) -> date | None:
    """The last day that is over and done with; None before the first."""
    for row in log.read_stream(session, CLOCK, limit=1, desc=True):
        event = codec.decode(*row).event
        assert isinstance(event, DayPassed)
        return event.day
    return None


def pass_some(session: Session, keys: KeyRing, law: Law, day: date) -> int:
    """Decide on some of those for whom something falls due on a day, and commit; how many there were."""
    # Nobody is locked yet: a batch of intake locks its retirees first as well, so that neither waits for the other in a circle.
    _, found = session.exchange([(SQL["begin"], ()), (SQL["due_find"], (date4(day), int8(AT_A_TIME)))])
    _decide(session, keys, law, day, [stream for (stream,) in found])
    return len(found)


def _decide(session: Session, keys: KeyRing, law: Law, day: date, streams: Sequence[bytes]) -> None:
    (locked,) = session.exchange([(SQL["streams_lock"], (array(UUID_TYPE, streams),))])
    batch = Batch(session, keys, law, day)
    events: list[tuple[bytes, int, bytes, bytes]] = []
    touched: list[Retiree] = []
    for stream, version, stored, wrapped in locked:
        retiree = Retiree(b"", stream, read_int(version), codec.decode_state(stored), wrapped, new=False)
        state = retiree.state or batch.made_anew(retiree)
        # somebody else may have decided since: what fell due is then dealt with, and nothing follows
        for decision in pass_day(retiree.id, state, law, day):
            state = evolve(state, decision)
            retiree.version += 1
            events.append((stream, retiree.version, codec.stored_name(decision).encode(), codec.encode(decision)))  # type: ignore[arg-type] # no fact is among them
        retiree.state = state.due_again(next_due(state, law, day))
        retiree.due = date.min  # unlike any, so that it is written in any case
        touched.append(retiree)
    if not events:
        session.exchange(list(save(touched)), commit=True)
        return
    *_, ((before, recorded_at, room, _),) = session.exchange([*save(touched), statement_of(events)], commit=True)
    recorded(session, (read_int(before), read_time(recorded_at), read_int(room)), len(events))
