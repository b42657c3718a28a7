"""The passing of days: what falls due is decided on, retiree by retiree, and then the day itself is an event of the log.

A crash at any line leaves the day unfinished; whoever comes next finishes it before the following one. What was decided is
seen by the state, so nobody is told anything twice.
"""

import logging
from datetime import date, timedelta
from uuid import UUID

import psycopg

from domain.decide import pass_day
from domain.history import DayPassed
from domain.law import Law
from domain.state import FactRecorded, evolve
from infra import codec, log
from infra.batch import Batch, day_of
from infra.copying import UUID as UUID_TYPE
from infra.copying import array, date4, int8, read_int, read_time
from infra.faults import in_words
from infra.keys import KeyRing, WrongKeyError
from infra.log import SQL, recorded
from infra.retirees import Retiree
from infra.session import Session
from infra.writing import postpone, save, statement_of

_log = logging.getLogger(__name__)
CLOCK = log.stream_of("clock")
AT_A_TIME = 200
"""Retirees in one transaction."""
NOBODY = bytes(16)
"""Before everybody, in the order of ids."""


def last_day(session: Session) -> DayPassed | None:
    """The last day that is over and done with; None before the first."""
    for row in log.read_stream(session, CLOCK, limit=1, desc=True):
        event = codec.decode(*row).event
        assert isinstance(event, DayPassed)
        return event
    return None


def pass_some(session: Session, keys: KeyRing, law: Law, day: date, after: bytes | None = None) -> list[bytes]:
    """Decide on some of those for whom something falls due on a day, and commit; who they were.

    With `after`: on the next after that one of everybody, anew.
    """
    finding = SQL["due_find"], (date4(day), int8(AT_A_TIME))
    if after is not None:
        finding = SQL["due_walk"], (after, int8(AT_A_TIME))
    # Nobody is locked yet: a batch of intake locks its retirees first as well, so that neither waits for the other in a circle.
    _, found = session.exchange([(SQL["begin"], ()), finding])
    streams = [stream for (stream,) in found]
    (locked,) = session.exchange([(SQL["streams_lock"], (array(UUID_TYPE, streams),))])
    batch = Batch(session, keys, law, day)
    events: list[_Event] = []
    touched: list[Retiree] = []
    failed: list[bytes] = []
    for stream, version, stored, wrapped in locked:
        if stored is None or wrapped is None:
            continue  # no retiree, or one who was erased: of nobody is anything to be done
        try:
            retiree = Retiree(b"", stream, read_int(version), codec.decode_state(stored), wrapped, new=False)
            events += _decide(retiree, batch, law, day, anew=after is not None)
        except (psycopg.Error, WrongKeyError):
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours about one person must not stop the days for everybody
            _log.critical("cannot decide on %s by the day: %s", UUID(bytes=stream), in_words(fault))
            failed.append(stream)
        else:
            touched.append(retiree)
    done = {retiree.stream for retiree in touched}
    never = [stream for stream in streams if stream not in done and stream not in failed]
    asked = [*save(touched), *postpone(failed, day + timedelta(days=1)), *postpone(never, None)]
    if not events:
        session.exchange(asked, commit=True)
        return streams
    *_, ((before, recorded_at, room, _),) = session.exchange([*asked, statement_of(events)], commit=True)
    recorded(session, (read_int(before), read_time(recorded_at), read_int(room)), len(events))
    return streams


_Event = tuple[bytes, int, bytes, bytes]
"""Stream, version, stored name and bytes."""


def _decide(retiree: Retiree, batch: Batch, law: Law, day: date, *, anew: bool) -> list[_Event]:
    """What follows for one retiree, with the state after it."""
    state = retiree.state or batch.made_anew(retiree)
    due = retiree.due
    retiree.due = date.min  # unlike any, so that it is written in any case
    retiree.state = state
    if not anew and state.seen and (state.seen > day or due is None or due > day):
        return []  # somebody has decided since, and dealt with what fell due
    day = day_of(day, state)
    events: list[_Event] = []
    for decision in pass_day(retiree.id, state, law, day):
        assert not isinstance(decision, FactRecorded)
        state = evolve(state, decision)
        retiree.version += 1
        events.append((retiree.stream, retiree.version, codec.stored_name(decision).encode(), codec.encode(decision)))
    retiree.state = state.on(day, law)
    return events
