"""Reading: the alert feed by cursor and as an event stream, the roster, the inbox and the audit trail.

Whoever is shown personal data is recorded first: no record, no data.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from domain.facts import Department
from infra.database import DatabaseError
from infra.log import LAST
from infra.searching import Sought
from projections.alert_inbox import AlertRow, Priority
from projections.audit_trail import TrailRow
from services.accounts import Account, Act
from services.api.answering import EVENT_STREAM, answers
from services.api.auth import WhoAsks, still_asks
from services.api.cursors import After, Before
from services.api.questions import (
    NOBODY,
    AlertId,
    AsOf,
    CardOn,
    DivisionPrefix,
    Limit,
    ReaderBy,
    ReaderThen,
    Since,
    StreetOrCommunity,
    WhoIsWanted,
    answered,
    reader_of,
)
from services.bus.outgoing import Outgoing, alert_event
from services.reading.cards import AlertCard, RetireeCard, RosterLine
from services.reading.rosters import EVERYBODY, Counts

router = APIRouter(tags=["reading"])

PAGE = 200


class AlertPage(msgspec.Struct):
    """Alerts after a cursor, and the cursor to go on from; `position`: of the log, up to which that is all."""

    alerts: list[Outgoing]
    after: str
    position: int


class InboxLine(AlertRow, frozen=True, kw_only=True):
    """An alert of the inbox, with how urgent it is on the day asked for."""

    priority: Priority | None


@router.get("/alerts", summary="Alerts after a cursor")
@answers(AlertPage)
def alerts(request: Request, account: WhoAsks, after: After, since: Since = 0, limit: Limit = PAGE) -> Response:
    """The alerts after a cursor, as CloudEvents, in the log's order. Ask again with the `after` of the answer."""
    account.allow(Act.ALERTS)
    entries, come = reader_of(request).alerts(account, int(after.place() or since), limit)
    return answered(AlertPage([alert_event(entry) for entry in entries], after.at(come), come))


@router.get("/alerts/stream", summary="Alerts as server-sent events")
@answers(files=(EVENT_STREAM,))
async def stream(
    request: Request,
    account: WhoAsks,
    since: Since = 0,
    last_event_id: Annotated[str | None, Header(pattern="^[0-9]{1,18}$")] = None,
) -> EventSourceResponse:
    """The alerts after a position, then each new one as it comes. `Last-Event-ID` goes on where a connection broke."""
    account.allow(Act.ALERTS)
    return EventSourceResponse(_stream(request, account, since if last_event_id is None else int(last_event_id)))


async def _stream(request: Request, account: Account, after: int) -> AsyncIterator[ServerSentEvent]:
    while True:
        woken = asyncio.ensure_future(request.app.state.wakeups.wait())  # before reading, so that nothing slips between
        try:
            if not await asyncio.to_thread(still_asks, request, account):
                woken.cancel()
                return
            entries, come = await asyncio.to_thread(reader_of(request).alerts, account, after, PAGE)
        except DatabaseError:
            return  # the stream ends, and the client comes back with the last id it saw
        for entry in entries:
            data = msgspec.json.encode(alert_event(entry)).decode()
            yield ServerSentEvent(data=data, event=entry.name, id=str(entry.position))
        if come > after:
            after = come
            woken.cancel()
        else:
            await woken


@router.get("/inbox", summary="The alert inbox")
@answers(list[InboxLine])
def inbox(
    reader: ReaderBy,
    account: WhoAsks,
    before: Before,
    state: Annotated[str, Query(pattern="^(open|closed|replaced|withdrawn|)$")] = "open",
    limit: Limit = PAGE,
) -> Response:
    """The newest alerts in a state. `Link` leads to those before them."""
    account.allow(Act.ALERTS)
    rows = reader.inbox(account, state, int(before.place() or LAST), limit)
    return answered(rows, before.link(rows[-1]["position"]) if len(rows) == limit else None)


@router.get("/alerts/{alert}", summary="An alert, and why")
@answers(AlertCard, refuses=("not-found",))
def alert(reader: ReaderBy, account: WhoAsks, alert: AlertId) -> Response:
    """One alert with the facts and the rule it follows from, the months before and after, its history and exposure, and similar ones.

    Without the person, who is shown by `/v1/retirees/{retiree}`. This look is recorded before it is answered.
    """
    account.allow(Act.ALERTS)
    return answered(reader.alert(account, alert))


@router.get("/roster", summary="A page of the community roster")
@answers(list[RosterLine])
def roster(
    reader: ReaderThen,
    account: WhoAsks,
    after: After,
    division: DivisionPrefix = "",
    limit: Limit = 50,
    on: AsOf = None,
    wanted: WhoIsWanted = EVERYBODY,
) -> Response:
    """The people whom a community serves, or served `on` a day, with their personal data, of those who are asked for.

    This look is recorded before it is answered. `Link` leads to those after them.
    """
    account.allow(Act.ROSTER)
    rows = reader.roster(account, division or account.division, UUID(after.place() or NOBODY.hex), limit, on, wanted)
    return answered(rows, after.link(rows[-1].retiree) if rows else None)


@router.get("/roster/counts", summary="What is to be counted of a community or street")
@answers(Counts, refuses=("invalid-field",))
def roster_counts(reader: ReaderThen, account: WhoAsks, division: StreetOrCommunity, on: AsOf = None) -> Response:
    """How many people it served on a day, by status and group, what is to be done for how many, moves, and the staff that the city wants."""
    account.allow(Act.ROSTER)
    return answered(reader.roster_counts(account, division, on))


class SearchBody(BaseModel, extra="forbid", json_schema_extra={"minProperties": 1}):
    """Who is sought; all that is given must fit. A name whole, or two characters or more of it; a telephone number whole."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    number: Annotated[str, Field(min_length=15, max_length=40, description="Of 18 or 15 digits.")] | None = None
    phone: Annotated[str, Field(min_length=5, max_length=200)] | None = None


@router.post("/roster/search", summary="Find people by name, number or telephone")
@answers(
    list[RosterLine], refuses=("identity-number-invalid", "identity-number-damaged", "missing-field", "invalid-field")
)
def search(
    reader: ReaderThen, account: WhoAsks, body: SearchBody, after: After, limit: Limit = 50, on: AsOf = None
) -> Response:
    """People of the account's division, today or `on` a day. By POST, so that who is sought stands in no address. This look is recorded before it is answered."""
    account.allow(Act.SEARCH)
    asked = body.model_dump_json()
    sought = Sought(name=body.name, number=body.number, phone=body.phone)
    rows = reader.search(account, sought, UUID(after.place(asked) or NOBODY.hex), limit, on=on)
    return answered(rows, after.link(rows[-1].retiree, asked) if rows else None)


@router.get("/retirees/{retiree}", summary="A retiree, with the alerts about them")
@answers(RetireeCard, refuses=("not-found", "person-erased"))
def retiree(reader: ReaderThen, account: WhoAsks, retiree: UUID, on: CardOn = None) -> Response:
    """Who an alert is about, for whoever must act on it, today or `on` a day on which they were of its division. This look is recorded before it is answered.

    Of a day, the line is that of the roster of that day; 404 of a day before the retirement. Of who has left since, `alerts` and `handover` are null.
    """
    account.allow(Act.RETIREE)
    return answered(reader.retiree(account, retiree, on=on))


@router.get("/audit", summary="The audit trail")
@answers(list[TrailRow])
def audit(
    reader: ReaderBy,
    account: WhoAsks,
    before: Before,
    department: Department | None = None,
    retiree: UUID | None = None,
    limit: Limit = PAGE,
    actor: Annotated[str, Query(max_length=100, description="An account, a gateway or an outlet.")] = "",
) -> Response:
    """Who published, received and read what about whom; the newest first. `Link` leads to those before them."""
    account.allow(Act.AUDIT)
    rows = reader.audit(account, department or "", retiree, before.place(), limit, actor)
    return answered(rows, before.link(rows[-1]["deed_id"]) if len(rows) == limit else None)
