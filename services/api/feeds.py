"""Consumers over HTTP: their feeds, by cursor and as server-sent events, and how each consumer is."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Header, Request
from fastapi.responses import Response
from pydantic import BeforeValidator, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from domain.refusals import Refused
from infra.database import DatabaseError
from services.accounts import Account, Act
from services.api.answering import EVENT_STREAM, answers
from services.api.auth import WhoAsks, still_asks
from services.api.cursors import After, given
from services.api.questions import Limit, answered
from services.consumers.feeds import CURSOR, Cursor, Feeds
from services.consumers.showing import ConsumerLine, lines_for

router = APIRouter(tags=["consumers"])

_PAGE = 200
_STUCK_SECONDS = 30
"""How long a reader may leave what we send unread before the stream ends; it comes back with the last id it saw."""


def _whole(given: object) -> object:
    """A JSON number; not what Python takes for one as well. Raises `ValueError`."""
    if isinstance(given, bool | str):
        raise ValueError("a whole number")  # noqa: TRY004 - what pydantic turns into a refusal
    return given


_Position = Annotated[int, Field(ge=0, lt=10**18), BeforeValidator(_whole)]


class FeedPage(msgspec.Struct):
    """Events of a feed, as CloudEvents, and the cursor to go on from; `position`: of the log, up to which that is all."""

    events: list[msgspec.Raw]
    after: str
    position: int


class FeedPlace(msgspec.Struct):
    """Up to where a consumer said that it has everything."""

    position: int


@router.get("/consumers", summary="The consumers, and how each is")
@answers(list[ConsumerLine])
def consumers(request: Request, account: WhoAsks) -> Response:
    """An auditor sees all, everybody else those of their department: how far behind, the last error, dead letters."""
    account.allow(Act.CONSUMERS)
    return answered(lines_for(request.app.state.consumers, account))


@router.get("/feeds/{consumer}", summary="The events of a feed after a cursor")
@answers(FeedPage, refuses=("unknown-consumer", "consumer-ended"))
def feed(request: Request, account: WhoAsks, consumer: str, after: After, limit: Limit = _PAGE) -> Response:
    """The next events for a consumer, in the log's order, after a cursor or else the place kept.

    Ask again with the `after` of the answer, and acknowledge it.
    """
    feeds = _feeds(request)
    page = feeds.page(account, consumer, feeds.begin(account, consumer, after.place() or None), limit)
    return answered(FeedPage([msgspec.Raw(item.body) for _, item in page.items], after.at(page.come), page.come))


@router.get("/feeds/{consumer}/stream", summary="The events of a feed as server-sent events")
@answers(files=(EVENT_STREAM,), refuses=("unknown-consumer", "consumer-ended"))
async def stream(
    request: Request,
    account: WhoAsks,
    consumer: str,
    after: After,
    last_event_id: Annotated[str | None, Header(pattern=CURSOR)] = None,
) -> EventSourceResponse:
    """The events after the place kept, after a cursor or after `Last-Event-ID`, then each new one as it comes.

    A comment every 15 s keeps the connection open. It ends when the consumer does.
    """
    feeds = _feeds(request)
    begin = await asyncio.to_thread(feeds.begin, account, consumer, last_event_id or after.place() or None)
    events = _stream(request, feeds, account, consumer, begin)
    return EventSourceResponse(events, send_timeout=_STUCK_SECONDS)


@router.post("/feeds/{consumer}/acknowledge", summary="Say how far a feed was read")
@answers(FeedPlace, refuses=("unknown-consumer", "consumer-ended", "position-ahead"))
def acknowledge(
    request: Request,
    account: WhoAsks,
    consumer: str,
    position: Annotated[_Position | Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,800}$")], Body(embed=True)],
) -> Response:
    """Remember the place: an `after`, or the id of an event of the stream. It never goes back; the answer says where it is."""
    return answered(FeedPlace(_feeds(request).acknowledge(account, consumer, _place(request, account, position))))


def _place(request: Request, account: Account, position: int | str) -> Cursor:
    """Where a reader says it is: by the id of an event, or by a cursor of ours."""
    if isinstance(position, int) or re.fullmatch(CURSOR, position):
        return Cursor.of(position)
    return Cursor.of(given(request, account.name, position).place())


async def _stream(
    request: Request, feeds: Feeds, account: Account, consumer: str, after: Cursor
) -> AsyncIterator[ServerSentEvent]:
    while True:
        woken = asyncio.ensure_future(request.app.state.wakeups.wait())  # before reading, so that nothing slips between
        try:
            if not await asyncio.to_thread(still_asks, request, account):
                woken.cancel()
                return
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
