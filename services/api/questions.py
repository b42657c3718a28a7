"""What the questions of the API and of the pages share: how they are bounded, and whom they ask."""

from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime

from services.application import BEIJING
from services.reader import Reader

DeedCursor = Annotated[str, Query(pattern="^([0-9]{1,18}-[0-9a-f-]{36})?$", description="A `deed_id`, or nothing.")]
DivisionPrefix = Annotated[str, Query(pattern="^[0-9]{0,12}$", description="A division code or the beginning of one.")]
AsOf = Annotated[
    date | None,
    Query(description="The day whose division code is asked for; today by default. The people are today's."),
]
Limit = Annotated[int, Query(ge=1, le=1000)]
NOBODY = UUID(int=0)
"""Before every retiree."""


Then = Annotated[
    AwareDatetime | date | None,
    Query(
        description="As it was known then: at the end of a day in Beijing, or at a time. As it is known now by default."
    ),
]


def reader_of(request: Request) -> Reader:
    """The reader of this process."""
    reader: Reader = request.app.state.reader
    return reader


def reader_then(request: Request, known: Then = None) -> Reader:
    """The same, for whoever may ask what was known before."""
    reader = reader_of(request)
    if known is None:
        return reader
    if not isinstance(known, datetime):
        known = datetime.combine(known, time.max, BEIJING)
    return reader.as_known(known)


ReaderThen = Annotated[Reader, Depends(reader_then)]
