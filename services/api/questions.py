"""What the questions of the API and of the pages share: how they are bounded, whom they ask, and how they are answered."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import AwareDatetime, BeforeValidator

from domain.disclosures import Way
from domain.facts import SpecialGroup
from infra.log import LAST
from services.application import BEIJING
from services.reading.reader import Reader
from services.reading.rosters import Wanted


def _written(given: object) -> object:
    """A day or a time as ISO 8601 writes it; pydantic would take any number for seconds since 1970. Raises `ValueError`."""
    if isinstance(given, str) and not _ISO(given):
        raise ValueError("a day or a time as ISO 8601 writes it")
    return given


_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+))?", re.ASCII | re.IGNORECASE).fullmatch
Day = Annotated[date, BeforeValidator(_written)]
AlertId = Annotated[str, Path(pattern="^[0-9a-f-]{36}-[0-9]{1,9}$", description="The id of an alert.")]
DivisionPrefix = Annotated[str, Query(pattern="^[0-9]{0,12}$", description="A division code or the beginning of one.")]
StreetOrCommunity = Annotated[
    str, Query(pattern="^[0-9]{9}([0-9]{3})?$", description="The code of a community, or the nine digits of a street.")
]
AsOf = Annotated[
    Day | None,
    Query(
        description="The roster as it was, or will be, on this day, by the division codes of that day; today by default."
    ),
]
"""Effective time: what was true on a day, by all that is known. `Then` is the other time."""
CardOn = Annotated[
    Day | None,
    Query(
        description="The line and the handover as they were, or will be, on this day; today by default. "
        "Alerts follow from what was recorded and are the same of every day: `known` asks for those of then."
    ),
]
"""The same of one retiree."""
Position = Annotated[int, Query(ge=0, le=LAST)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Since = Annotated[
    int, Query(ge=0, description="Without a cursor: after this position of the log, such as that of a receipt.")
]
NOBODY = UUID(int=0)
"""Before every retiree."""


Then = Annotated[
    Annotated[AwareDatetime | date, BeforeValidator(_written)] | None,
    Query(
        description="As it was known then: at the end of a day in Beijing, or at a time. As it is known now by default."
    ),
]


def answered(body: object, headers: Mapping[str, str] | None = None) -> Response:
    """What is answered, as JSON, by the very types that the documents are made from."""
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")


def reader_of(request: Request) -> Reader:
    """The reader of this process."""
    reader: Reader = request.app.state.reader
    return reader.by(Way.PAGE if request.url.path.startswith("/pages/") else Way.API)


_EARLIEST, _LATEST = datetime(2, 1, 1, tzinfo=BEIJING), datetime(9998, 12, 31, tzinfo=BEIJING)
"""What was known before is nothing, and after it what is known now; days can be reckoned with on both sides of them."""


async def reader_then(request: Request, known: Then = None) -> Reader:
    """The same, for whoever may ask what was known before."""
    reader = reader_of(request)
    return reader if known is None else await run_in_threadpool(reader.as_known, time_of(known))


def time_of(known: datetime | date) -> datetime:
    """A time that can be reckoned with; a day is up to its end in Beijing."""
    if not isinstance(known, datetime):
        known = datetime.combine(known, time.max, BEIJING)
    try:
        known = known.astimezone(BEIJING)
    except OverflowError:  # at an end of time that another zone's calendar has not
        known = datetime.min.replace(tzinfo=BEIJING) if known.year == 1 else datetime.max.replace(tzinfo=BEIJING)
    return min(max(known, _EARLIEST), _LATEST)


ReaderThen = Annotated[Reader, Depends(reader_then)]
OnDay = Annotated[Day | None, Query(description="As it stood at the end of this day in Beijing; now by default.")]


async def reader_by(reader: ReaderThen, on: OnDay = None) -> Reader:
    """The same of what is true when it is recorded, on a day too."""
    return reader if on is None else await run_in_threadpool(reader.by_end_of, on)


ReaderBy = Annotated[Reader, Depends(reader_by)]


async def wanted(  # noqa: PLR0913 - one for each question of the address
    *,
    status: Annotated[
        str | None,
        Query(pattern="^(payable|payable-unadjusted|suspended|stopped|not-begun)$", description="Of the day."),
    ] = None,
    group: SpecialGroup | None = None,
    party_member: bool | None = None,
    verification: Annotated[
        Literal["due", "overdue"] | None, Query(description="To be verified soon, or overdue.")
    ] = None,
    contact_card: bool | None = None,
    health_file: bool | None = None,
    unvisited_since: Annotated[Day | None, Query(description="Nobody visited on this day or later.")] = None,
    to_visit: Annotated[bool | None, Query(description="Of those whom the city wants visited regularly.")] = None,
    moving: Annotated[
        Literal["in", "out"] | None,
        Query(description="After a move another office is to receive them, or (for the agency) this one."),
    ] = None,
) -> Wanted:
    """Who is asked for on a roster."""
    return Wanted(
        status=status,
        group=group,
        party_member=party_member,
        verification=verification,
        contact_card=contact_card,
        health_file=health_file,
        unvisited_since=unvisited_since,
        to_visit=to_visit,
        moving=moving,
    )


WhoIsWanted = Annotated[Wanted, Depends(wanted)]
