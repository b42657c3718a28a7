"""Sources over HTTP: what is known of each, and what is missing of one."""

from datetime import datetime
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from msgspec import Struct
from msgspec.structs import replace

from domain.facts import Department
from domain.sources import Policy, SourceKey
from infra.sources import Sources
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.questions import Limit, OnDay, Then, answered, time_of
from services.application import BEIJING
from services.sources.states import MissingAnswer, SourcePage, SourceStates, seen_by

router = APIRouter(tags=["publishing"])

Source = Annotated[str, Query(min_length=1, max_length=255, description="The source, as its events name it.")]


class RegisteredSource(Struct, frozen=True, kw_only=True):
    """A source of the register; it covers all below it. `office`: who answers for it. `keys`: those no longer good among them."""

    source: str
    department: Department
    office: str
    policy: Policy
    keys: list[SourceKey]


class AsOfThen(NamedTuple):
    """Where sources are read, and as of which time; None: as they are now."""

    states: SourceStates
    known: datetime | None


def states_then(request: Request, known: Then = None, on: OnDay = None) -> AsOfThen:
    """Where this process reads them, now, at the end of a day, or as was known before that.

    What comes of a source is true when it comes: the two times are one, and the earlier of them counts.
    """
    states: SourceStates = request.app.state.sources
    at = min((time_of(one) for one in (known, on) if one), default=None)
    return AsOfThen(states.as_known(at) if at else states, at and at.astimezone(BEIJING))


StatesThen = Annotated[AsOfThen, Depends(states_then)]


@router.get("/sources", summary="What is known of each source")
@answers(SourcePage)
def sources(account: WhoAsks, states: StatesThen, after: After, limit: Limit = 100) -> Response:
    """Heard when, which numbers are missing or were given twice, which batches are not whole.

    A publisher sees the sources of its own department, the agency and an auditor all of them.
    """
    page = states.states.page(account, after.place(), limit)
    return answered(replace(page, after=after.at(page.after)))


@router.get("/sources/registered", summary="What is agreed with each source, and the keys it signs with")
@answers(list[RegisteredSource])
def registered(request: Request, account: WhoAsks) -> Response:
    """As the register stands. A publisher sees the sources of its own department, the agency and an auditor all of them."""
    register: Sources = request.app.state.source_register
    found, whose = register.read(), seen_by(account)
    lines = [
        RegisteredSource(
            source=one.source,
            department=one.department,
            office=one.office,
            policy=one.policy,
            keys=[key for key in found.keys.values() if key.source == one.source],
        )
        for one in found.sources.values()
        if whose in {None, one.department}
    ]
    return answered(lines)


@router.get("/sources/missing", summary="What is missing of a source")
@answers(MissingAnswer, refuses=("not-found",))
def missing(account: WhoAsks, states: StatesThen, source: Source) -> Response:
    """The numbers that did not come, in runs, and the batches that are not whole. 404 for a source that nothing is known of."""
    return answered(states.states.of(account, source))
