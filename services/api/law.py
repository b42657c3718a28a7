"""The law that answers follow from, each rule with its document and article. To be read; who changes it, changes the files."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from msgspec import Struct

from domain.law import Law
from domain.law.city import CityLaw
from domain.law.provisions import Adjustment, Rule
from domain.refusals import Refused
from services.accounts import Act
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.questions import Day, answered
from services.application import today

router = APIRouter(prefix="/law", tags=["law"])


class LawInForce(Struct, frozen=True, kw_only=True):
    """The law of a day. `digest`: what tells one law from another; `next`: the first day on which it is another, as far as is known.

    `city`: its own steps, fees, duties and rules, where a division was asked for that has a file of its own.
    """

    on: date
    digest: str
    next: date | None
    rules: tuple[Rule, ...]
    city: CityLaw | None
    adjustments: tuple[Adjustment, ...]


@router.get("", summary="The law in force on a day")
@answers(LawInForce)
def law(
    request: Request,
    account: WhoAsks,
    on: Annotated[Day | None, Query(description="The day; today by default.")] = None,
    division: Annotated[str, Query(pattern="^([0-9]{4,12})?$", description="With that of the city it lies in.")] = "",
) -> Response:
    """Every national rule with its document, article, days and settings; with a division its city's and the adjustments there."""
    account.allow(Act.LAW)
    ours, day = _law(request), on or today()
    return answered(
        LawInForce(
            on=day,
            digest=ours.digest,
            next=ours.next_turn(day),
            rules=ours.in_force(day),
            city=ours.city_law(division, day) if division else None,
            adjustments=ours.adjustments(division) if division else (),
        )
    )


@router.get("/{key}", summary="Every version of a rule")
@answers(list[Rule])
def versions(
    request: Request,
    account: WhoAsks,
    key: Annotated[str, Path(pattern="^[a-z0-9-]{1,80}$", description="A rule, by its key.")],
) -> Response:
    """The oldest first, each with the days it holds."""
    account.allow(Act.LAW)
    found = _law(request).of_key(key)
    if not found:
        raise Refused("not-found", "key")
    return answered(found)


def _law(request: Request) -> Law:
    ours: Law = request.app.state.law
    return ours
