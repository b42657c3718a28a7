"""Sources over HTTP: what is known of each, and what is missing of one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.questions import Limit, answered
from services.sources.states import MissingAnswer, SourcePage, SourceStates

router = APIRouter(tags=["publishing"])

Source = Annotated[str, Query(min_length=1, max_length=255, description="The source, as its events name it.")]
After = Annotated[str, Query(max_length=255, description="The `after` of an answer, or nothing.")]


def states_of(request: Request) -> SourceStates:
    """Where this process reads them."""
    states: SourceStates = request.app.state.sources
    return states


@router.get("/sources", summary="What is known of each source")
@answers(SourcePage)
def sources(request: Request, account: WhoAsks, after: After = "", limit: Limit = 100) -> Response:
    """Heard when, which numbers are missing or were given twice, which batches are not whole.

    A publisher sees the sources of its own department, the agency and an auditor all of them.
    """
    return answered(states_of(request).page(account, after, limit))


@router.get("/sources/missing", summary="What is missing of a source")
@answers(MissingAnswer, refuses=("not-found",))
def missing(request: Request, account: WhoAsks, source: Source) -> Response:
    """The numbers that did not come, in runs, and the batches that are not whole. 404 for a source that nothing is known of."""
    return answered(states_of(request).of(account, source))
