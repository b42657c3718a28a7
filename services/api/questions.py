"""What the questions of the API and of the pages share: how they are bounded, and whom they ask."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

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


def reader_of(request: Request) -> Reader:
    """The reader of this process."""
    reader: Reader = request.app.state.reader
    return reader
