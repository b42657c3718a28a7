"""Group commit: who waits for what, in which order, and what a failure does to others."""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from threading import Event
from uuid import UUID

import msgspec
import pytest

from domain.facts import Department
from domain.history import Outcome, Receipt
from infra.database import DatabaseError
from services.accepting.cloudevents import Publisher, structured
from services.accepting.gather import Gatherer
from services.accepting.intake import Answer, Received
from tests.building import number_of

AT = datetime(2024, 4, 10, tzinfo=UTC)
POLICE = Publisher("police-1", Department.POLICE, "http")


def received(n: int, id_: str) -> Received:
    """Something about the n-th person."""
    person = {"identity_number": number_of(n)}
    event = {"specversion": "1.0", "type": "t", "source": f"/police/{n}", "id": id_, "data": {"person": person}}
    return Received(partial(structured, msgspec.json.encode(event)), POLICE)


def receipts(batch: Sequence[Received]) -> list[Answer]:
    """To each a receipt that tells whose it is."""
    return [
        Receipt(source=e.source, id=e.id, status=Outcome.ACCEPTED, position=1, retiree=UUID(int=1), recorded_at=AT)
        for e in (one.read() for one in batch)
    ]


def ids(answers: Sequence[Answer]) -> list[str | None]:
    return [answer.id for answer in answers]


def test_answers_are_in_the_order_sent() -> None:
    async def story(gatherer: Gatherer) -> list[Answer]:
        return await gatherer.submit([received(n, str(n)) for n in range(40)])

    with closing(Gatherer(receipts)) as gatherer:
        assert ids(asyncio.run(story(gatherer))) == [str(n) for n in range(40)]


def test_what_is_about_one_person_is_accepted_in_the_order_it_came() -> None:
    came: dict[str, list[int]] = {}

    def accept(batch: Sequence[Received]) -> list[Answer]:
        for envelope in (one.read() for one in batch):
            came.setdefault(envelope.source, []).append(int(envelope.id))
        return receipts(batch)

    async def story(gatherer: Gatherer) -> None:
        await asyncio.gather(*(gatherer.submit([received(k % 7, str(k))]) for k in range(300)))

    with closing(Gatherer(accept)) as gatherer:
        asyncio.run(story(gatherer))
    assert came == {f"/police/{n}": list(range(n, 300, 7)) for n in range(7)}


def test_what_comes_while_a_batch_is_committed_forms_the_next() -> None:
    batches: list[list[str | None]] = []
    begun, may_end = Event(), Event()

    def accept(batch: Sequence[Received]) -> list[Answer]:
        begun.set()
        assert may_end.wait(30)
        answers = receipts(batch)
        batches.append(ids(answers))
        return answers

    async def story(gatherer: Gatherer) -> None:
        first = asyncio.create_task(gatherer.submit([received(1, "first")]))
        await asyncio.to_thread(begun.wait)
        others = [asyncio.create_task(gatherer.submit([received(n, str(n))])) for n in range(3)]
        await asyncio.sleep(0)  # each has handed its own over
        may_end.set()
        await asyncio.gather(first, *others)

    with closing(Gatherer(accept)) as gatherer:
        asyncio.run(story(gatherer))
    assert batches == [["first"], ["0", "1", "2"]]


def test_a_batch_that_fails_is_told_to_its_submitters_and_the_next_goes_on() -> None:
    def accept(batch: Sequence[Received]) -> list[Answer]:
        if any(one.read().id == "lost" for one in batch):
            raise DatabaseError("PostgreSQL is away")
        return receipts(batch)

    async def story(gatherer: Gatherer) -> list[Answer]:
        with pytest.raises(DatabaseError, match="away"):
            await gatherer.submit([received(1, "lost"), received(2, "kept")])
        return await gatherer.submit([received(1, "again"), received(2, "kept")])

    with closing(Gatherer(accept)) as gatherer:
        assert ids(asyncio.run(story(gatherer))) == ["again", "kept"]


def test_what_waits_is_finished_before_the_thread_ends() -> None:
    came: list[Received] = []

    def accept(batch: Sequence[Received]) -> list[Answer]:
        came.extend(batch)
        return receipts(batch)

    gatherer = Gatherer(accept)

    async def story() -> list[asyncio.Task[list[Answer]]]:
        tasks = [asyncio.create_task(gatherer.submit([received(n, str(n))])) for n in range(20)]
        await asyncio.sleep(0)  # each has handed its own over
        gatherer.close()
        return tasks

    asyncio.run(story())
    assert len(came) == 20


def test_a_gatherer_that_was_closed_begins_again() -> None:
    async def one(gatherer: Gatherer) -> list[Answer]:
        return await asyncio.wait_for(gatherer.submit([received(1, "1")]), 10)

    gatherer = Gatherer(receipts)
    for _ in range(2):
        assert ids(asyncio.run(one(gatherer))) == ["1"]
        gatherer.close()


def test_whatever_ends_a_batch_its_submitters_are_told_and_the_next_goes_on() -> None:
    def accept(batch: Sequence[Received]) -> list[Answer]:
        if len(batch) > 1:
            raise SystemExit
        return receipts(batch)

    async def story(gatherer: Gatherer) -> list[Answer]:
        with pytest.raises(RuntimeError, match="SystemExit"):
            await asyncio.wait_for(gatherer.submit([received(1, "1"), received(2, "2")]), 10)
        return await asyncio.wait_for(gatherer.submit([received(3, "3")]), 10)

    with closing(Gatherer(accept)) as gatherer:
        assert ids(asyncio.run(story(gatherer))) == ["3"]
