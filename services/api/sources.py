"""Sources over HTTP: what is known of each, and what is missing of one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from msgspec.structs import replace

from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.questions import Limit, answered
from services.sources.states import SourceStates

router = APIRouter(tags=["publishing"])

Source = Annotated[str, Query(min_length=1, max_length=255, description="The source, as its events name it.")]


def states_of(request: Request) -> SourceStates:
    """Where this process reads them."""
    states: SourceStates = request.app.state.sources
    return states


@router.get("/sources", summary="What is known of each source")
def sources(request: Request, account: WhoAsks, after: After, limit: Limit = 100) -> Response:
    """Heard when, which numbers are missing or were given twice, which batches are not whole.

    A publisher sees the sources of its own department, the agency and an auditor all of them.
    """
    page = states_of(request).page(account, after.place(), limit)
    return answered(replace(page, after=after.at(page.after)))


@router.get("/sources/missing", summary="What is missing of a source")
def missing(request: Request, account: WhoAsks, source: Source) -> Response:
    """The numbers that did not come, in runs, and the batches that are not whole. 404 for a source that nothing is known of."""
    return answered(states_of(request).of(account, source))
