"""What a relay remembers: every entry it sent, and before that the record of what it is about to deliver, once."""

from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError

from domain.disclosures import DataDelivered, DataDisclosed
from infra import log
from infra.database import Database
from infra.ledger import append_plain
from infra.log import last_position, stream_of
from infra.outbox import Outbox

WHOM = UUID(int=7)
DELIVERED = DataDelivered(department="social-insurance", outlet="alerts", alerts=("1",), retirees=(WHOM,))
LOOK = DataDisclosed(department="a", actor="b", purpose="c", legal_basis="d", fields=(), retirees=())


def told(database: Database) -> int:
    with database.transaction() as connection:
        append_plain(connection, stream_of("somebody"), LOOK)
        return last_position(connection)


def records(count: int = 1) -> Callable[[int], Sequence[DataDelivered]]:
    return lambda _: [DELIVERED] * count


def recorded(database: Database) -> int:
    with database.transaction() as connection:
        return len(log.read(connection, 0, 100, names=["personal-data-delivered.v1"]))


def test_the_record_of_what_is_delivered_is_an_entry_like_any_other(database: Database) -> None:
    outbox = Outbox(database)
    outbox.announce(told(database), records(2))
    outbox.sent(1, 1)
    assert outbox.position() == 1
    outbox.sent(2, 3)
    assert Outbox(database).position() == 3


def test_what_was_recorded_before_a_crash_is_not_recorded_again_and_what_came_after_is(database: Database) -> None:
    first, seen = told(database), list[int]()

    def of(after: int) -> Sequence[DataDelivered]:
        seen.append(after)
        return [DELIVERED]

    Outbox(database).announce(first, of)
    again = Outbox(database)
    again.announce(first, of)
    assert (seen, recorded(database)) == ([0], 1)
    again.announce(first + 2, of)
    assert (seen, recorded(database)) == ([0, first], 2)


def test_of_two_relays_one_is_told_that_the_other_was_faster(database: Database) -> None:
    outbox, other = Outbox(database), Outbox(database)
    last = told(database)
    outbox.sent(1, last)
    with pytest.raises(IntegrityError):
        other.sent(1, last)
