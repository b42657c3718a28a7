"""Four eyes over HTTP: proposals with their life, and legal holds."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from domain.proposals import Act, Wish
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.once import OnlyOnce
from services.api.questions import NOBODY, Limit, answered
from services.four_eyes import FourEyes, HoldCard, ProposalCard, card

router = APIRouter(tags=["four eyes"])

State = Literal["proposed", "approved", "refused", "withdrawn", "expired", "done"]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"[^\s\x00-\x1f\x7f-\x9f]")]
"""Something in it is to be seen."""
_OF_SOMEBODY = {
    "if": {"properties": {"act": {"enum": [Act.ERASE, Act.LIFT_HOLD]}}},
    "then": {"required": ["retiree"], "properties": {"retiree": {"type": "string"}}},
    "else": {"properties": {"retiree": {"type": "null"}}},
}


class WishBody(BaseModel, extra="forbid", json_schema_extra=_OF_SOMEBODY):
    """What is proposed. `retiree`: of an erasure and of the lifting of a hold, whose id is the `subject`; what else is proposed has a subject alone."""

    act: Act
    reason: Text
    basis: Text
    retiree: UUID | None = None
    subject: Annotated[str, Field(max_length=500)] = ""
    count: Annotated[int, Field(ge=0, le=2**53)] = 0


class WhyBody(BaseModel, extra="forbid"):
    """Why not."""

    reason: Text


class HoldBody(BaseModel, extra="forbid"):
    """Who is held, and why."""

    retiree: UUID
    reason: Text
    basis: Text


def eyes_of(request: Request) -> FourEyes:
    """Where this process has them."""
    eyes: FourEyes = request.app.state.four_eyes
    return eyes


@router.post("/proposals", summary="Propose what takes a second person", status_code=201, dependencies=[OnlyOnce])
@answers(
    ProposalCard, refuses=("already-proposed", "not-found", "person-erased", "invalid-field", "identity-number-in-id")
)
def propose(request: Request, account: WhoAsks, body: WishBody) -> Response:
    """409 `already-proposed` while the same is open. It holds for 30 days."""
    made = eyes_of(request).propose(account, Wish(**body.model_dump()))
    response = answered(card(made))
    response.status_code = 201
    response.headers["Location"] = f"/v1/proposals/{made.id}"
    return response


@router.get("/proposals", summary="Proposals that one may see")
@answers(list[ProposalCard])
def proposals(
    request: Request,
    account: WhoAsks,
    state: State | None = None,
    retiree: UUID | None = None,
    after: Annotated[UUID, Query(description="The id of the last proposal before, or nothing.")] = NOBODY,
    limit: Limit = 100,
) -> Response:
    """By id. Who may propose or approve an act sees the proposals of it; a guardian and an auditor all of them."""
    return answered([card(one) for one in eyes_of(request).page(account, state, retiree, after, limit)])


@router.get("/proposals/{proposal}", summary="One proposal")
@answers(ProposalCard, refuses=("unknown-proposal",))
def proposal(request: Request, account: WhoAsks, proposal: UUID) -> Response:
    """As it stands now."""
    return answered(card(eyes_of(request).find(account, proposal)))


@router.post("/proposals/{proposal}/approve", summary="Approve as the second person")
@answers(ProposalCard, refuses=("unknown-proposal", "proposal-closed", "second-person", "not-found"))
def approve(request: Request, account: WhoAsks, proposal: UUID) -> Response:
    """403 `second-person` for whoever proposed it. An erasure then waits until `due`."""
    return answered(card(eyes_of(request).approve(account, proposal)))


@router.post("/proposals/{proposal}/refuse", summary="Say no as the second person")
@answers(
    ProposalCard,
    refuses=("unknown-proposal", "proposal-closed", "second-person", "invalid-field", "identity-number-in-id"),
)
def refuse(request: Request, account: WhoAsks, proposal: UUID, body: WhyBody) -> Response:
    """Also while it waits."""
    return answered(card(eyes_of(request).refuse(account, proposal, body.reason)))


@router.post("/proposals/{proposal}/withdraw", summary="Take one's own proposal back")
@answers(ProposalCard, refuses=("unknown-proposal", "proposal-closed", "second-person"))
def withdraw(request: Request, account: WhoAsks, proposal: UUID) -> Response:
    """Also while it waits."""
    return answered(card(eyes_of(request).withdraw(account, proposal)))


@router.post("/proposals/{proposal}/carry-out", summary="Erase, or lift a hold, as was approved")
@answers(
    ProposalCard,
    refuses=(
        "unknown-proposal",
        "proposal-closed",
        "second-person",
        "needs-approval",
        "proposal-waits",
        "legal-hold",
        "person-erased",
    ),
)
def carry_out(request: Request, account: WhoAsks, proposal: UUID) -> Response:
    """409 `proposal-waits` before its day, `legal-hold` while somebody is held. An erasure cannot be undone."""
    return answered(card(eyes_of(request).carry_out(account, proposal)))


@router.get("/holds", summary="Legal holds that lie")
@answers(list[HoldCard])
def holds(request: Request, account: WhoAsks, retiree: UUID | None = None) -> Response:
    """The oldest first, for a guardian, an auditor and the agency."""
    return answered(eyes_of(request).holds_for(account, retiree))


@router.post("/holds", summary="Hold somebody: they are not erased", status_code=201, dependencies=[OnlyOnce])
@answers(HoldCard, refuses=("not-found", "invalid-field", "identity-number-in-id"))
def hold(request: Request, account: WhoAsks, body: HoldBody) -> Response:
    """Until two people have lifted it by a proposal `hold.lift`."""
    response = answered(eyes_of(request).hold(account, body.retiree, body.reason, body.basis))
    response.status_code = 201
    return response
