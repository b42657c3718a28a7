"""What must hold of the ledger at any time, whoever was killed: asked of the tables themselves."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID

from msgspec.structs import replace

from domain.history import Entry, FactPublished, Receipt
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database


def whole_log(database: Database) -> list[Entry]:
    """The log, and that it is whole.

    Positions count from 1 to the head, versions from 1 in each stream to where the stream stands, times never run back;
    each published event has its one row in the inbox, at its position, and the inbox has no other.
    """
    with database.transaction() as connection:
        connection.execute("set transaction isolation level repeatable read")
        found = [codec.decode(*row) for row in log.read(connection, 0, log.LAST)]
        head = log.last_position(connection)
        streams = dict(connection.execute("select stream, version from ledger.stream where version > 0").fetchall())
        inbox = connection.execute(
            "select source, id, position, retiree, digest, recorded_at from ledger.inbox"
        ).fetchall()
    assert [entry.position for entry in found] == list(range(1, head + 1))
    versions: dict[UUID, list[int]] = defaultdict(list)
    for entry in found:
        versions[entry.stream].append(entry.version)
    assert all(list(range(1, len(of) + 1)) == of for of in versions.values())
    assert streams == {stream: len(of) for stream, of in versions.items()}
    assert all(one.recorded_at <= other.recorded_at for one, other in pairwise(found))
    facts = [
        (e.event.source, e.event.id, e.position, e.stream, e.event.digest, e.recorded_at)
        for e in found
        if isinstance(e.event, FactPublished)
    ]
    assert len({(source, id_) for source, id_, *_ in facts}) == len(facts), "an event is there twice"
    assert sorted(facts) == sorted(inbox)
    return found


def receipts(answers: Iterable[Receipt | Refused]) -> list[Receipt]:
    """The answers, none of which is a refusal."""
    found = list(answers)
    refused = [(answer.code, answer.path) for answer in found if isinstance(answer, Refused)]
    assert not refused
    return [answer for answer in found if isinstance(answer, Receipt)]


def as_first(answers: Iterable[Receipt | Refused]) -> list[Receipt | Refused]:
    """The answers as those to what came for the first time: a repeat's says that it is one, and nothing else is another."""
    return [replace(one, known=False) if isinstance(one, Receipt) else one for one in answers]


def assert_as_told(found: list[Entry], told: Iterable[Receipt]) -> None:
    """Each receipt tells of the event at its position."""
    for receipt in told:
        entry = found[receipt.position - 1]
        assert isinstance(entry.event, FactPublished)
        assert (entry.event.source, entry.event.id) == (receipt.source, receipt.id)
        assert (entry.stream, entry.recorded_at) == (receipt.retiree, receipt.recorded_at)
