"""What a relay remembers: every entry it sent, and the record of a delivery along with the entries it is of."""

from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError

from domain.disclosures import DataDelivered, DataDisclosed
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


def test_the_record_that_follows_at_once_counts_as_sent_with_what_it_is_of(database: Database) -> None:
    outbox = Outbox(database)
    outbox.sent(1, told(database), DELIVERED)
    assert outbox.position() == 2
    outbox.sent(2, 2, None)  # the follower brings the record too
    assert outbox.position() == 2
    assert told(database) == 3
    outbox.sent(3, 3, None)
    assert Outbox(database).position() == 3


def test_the_record_brought_along_with_others_is_not_remembered_twice(database: Database) -> None:
    outbox = Outbox(database)
    outbox.sent(1, told(database), DELIVERED)
    outbox.sent(2, told(database), DELIVERED)
    assert outbox.position() == 4


def test_a_record_that_comes_after_somebody_else_waits_for_its_turn(database: Database) -> None:
    outbox = Outbox(database)
    first, second = told(database), told(database)
    outbox.sent(first, first, DELIVERED)
    assert outbox.position() == first
    outbox.sent(second, second + 1, None)
    assert outbox.position() == 3


def test_of_two_relays_one_is_told_that_the_other_was_faster(database: Database) -> None:
    outbox, other = Outbox(database), Outbox(database)
    last = told(database)
    outbox.sent(1, last, DELIVERED)
    with pytest.raises(IntegrityError):
        other.sent(1, last, DELIVERED)
