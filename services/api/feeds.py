"""Consumers over HTTP: their feeds, by cursor and as server-sent events, and how each consumer is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Header, Query, Request
from fastapi.responses import Response
from pydantic import BeforeValidator, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from domain.refusals import Refused
from infra.database import DatabaseError
from services.accounts import Account
from services.api.answering import EVENT_STREAM, answers
from services.api.auth import WhoAsks
from services.api.questions import Limit, answered
from services.consumers.feeds import CURSOR, Cursor, Feeds
from services.consumers.showing import ConsumerLine, lines_for

router = APIRouter(tags=["consumers"])

_PAGE = 200
_STUCK_SECONDS = 30
"""How long a reader may leave what we send unread before the stream ends; it comes back with the last id it saw."""

Place = Annotated[str | None, Query(pattern=CURSOR, description="The `after` of an answer; by default the place kept.")]


def _whole(given: object) -> object:
    """A JSON number; not what Python takes for one as well. Raises `ValueError`."""
    if isinstance(given, bool | str):
        raise ValueError("a whole number")  # noqa: TRY004 - what pydantic turns into a refusal
    return given


_Position = Annotated[int, Field(ge=0, lt=10**18), BeforeValidator(_whole)]


class FeedPage(msgspec.Struct):
    """Events of a feed, as CloudEvents, and the cursor to go on from."""

    events: list[msgspec.Raw]
    after: int


class FeedPlace(msgspec.Struct):
    """Up to where a consumer said that it has everything."""

    position: int


@router.get("/consumers", summary="The consumers, and how each is")
@answers(list[ConsumerLine])
def consumers(request: Request, account: WhoAsks) -> Response:
    """An auditor sees all, everybody else those of their department: how far behind, the last error, dead letters."""
    return answered(lines_for(request.app.state.consumers, account))


@router.get("/feeds/{consumer}", summary="The events of a feed after a cursor")
@answers(FeedPage, refuses=("unknown-consumer", "consumer-ended"))
def feed(request: Request, account: WhoAsks, consumer: str, after: Place = None, limit: Limit = _PAGE) -> Response:
    """The next events for a consumer, in the log's order. Ask again with the `after` of the answer, and acknowledge it."""
    feeds = _feeds(request)
    page = feeds.page(account, consumer, feeds.begin(account, consumer, after), limit)
    return answered(FeedPage([msgspec.Raw(item.body) for _, item in page.items], page.come))


@router.get("/feeds/{consumer}/stream", summary="The events of a feed as server-sent events")
@answers(files=(EVENT_STREAM,), refuses=("unknown-consumer", "consumer-ended"))
async def stream(
    request: Request,
    account: WhoAsks,
    consumer: str,
    after: Place = None,
    last_event_id: Annotated[str | None, Header(pattern=CURSOR)] = None,
) -> EventSourceResponse:
    """The events after the place kept, after a cursor or after `Last-Event-ID`, then each new one as it comes.

    A comment every 15 s keeps the connection open. It ends when the consumer does.
    """
    feeds = _feeds(request)
    begin = await asyncio.to_thread(feeds.begin, account, consumer, last_event_id or after)
    events = _stream(request, feeds, account, consumer, begin)
    return EventSourceResponse(events, send_timeout=_STUCK_SECONDS)


@router.post("/feeds/{consumer}/acknowledge", summary="Say how far a feed was read")
@answers(FeedPlace, refuses=("unknown-consumer", "consumer-ended", "position-ahead"))
def acknowledge(
    request: Request,
    account: WhoAsks,
    consumer: str,
    position: Annotated[_Position | Annotated[str, Field(pattern=CURSOR)], Body(embed=True)],
) -> Response:
    """Remember the place: an `after`, or the id of an event of the stream. It never goes back; the answer says where it is."""
    return answered(FeedPlace(_feeds(request).acknowledge(account, consumer, Cursor.of(position))))


async def _stream(
    request: Request, feeds: Feeds, account: Account, consumer: str, after: Cursor
) -> AsyncIterator[ServerSentEvent]:
    while True:
        woken = asyncio.ensure_future(request.app.state.wakeups.wait())  # before reading, so that nothing slips between
        try:
            page = await asyncio.to_thread(feeds.page, account, consumer, after, _PAGE)
        except (DatabaseError, Refused):
            woken.cancel()
            return  # the stream ends; the client comes back with the last id it saw, or is told why not
        for cursor, item in page.items:
            yield ServerSentEvent(data=item.body.decode(), event=item.type, id=cursor)
        if page.come > after.position:
            after = Cursor(page.come)
            woken.cancel()
        else:
            await woken


def _feeds(request: Request) -> Feeds:
    feeds: Feeds = request.app.state.feeds
    return feeds
