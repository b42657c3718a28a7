"""How questions are bounded: the query parameters that the API and the pages share."""

from typing import Annotated

from fastapi import Query

DeedCursor = Annotated[str, Query(pattern="^([0-9]{1,18}-[0-9a-f-]{36})?$", description="A `deed_id`, or nothing.")]
DivisionPrefix = Annotated[str, Query(pattern="^[0-9]{0,12}$", description="A division code or the beginning of one.")]
Limit = Annotated[int, Query(ge=1, le=1000)]
