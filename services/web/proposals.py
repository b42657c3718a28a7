"""The page of proposals: what waits for a second person, what was decided, and the forms for both."""

import re
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.proposals import Act, Wish
from domain.refusals import Refused
from services.api.auth import WhoAsks
from services.api.proposals import eyes_of
from services.four_eyes import card, may_propose
from services.web.forms import Fields, token_of
from services.web.pages import render

router = APIRouter(prefix="/pages/proposals")

ROWS = 200
_COUNT = re.compile("[0-9]{1,12}").fullmatch


@router.get("")
def listed(request: Request, account: WhoAsks) -> HTMLResponse:
    """What an account may see: those that are open first."""
    eyes = eyes_of(request)
    open_ = [one for state in ("proposed", "approved") for one in eyes.page(account, state, limit=ROWS)]
    ended = [
        one for state in ("done", "refused", "withdrawn", "expired") for one in eyes.page(account, state, limit=50)
    ]
    given: dict[str, Any] = {
        "account": account,
        "rows": [card(one) for one in (*open_, *ended)],
        "seconds": {one.id for one in open_ if eyes.may_second(account, one)},
        "own": {one.id for one in open_ if eyes.is_own(account, one)},
        "proposes": may_propose(account, Act.ERASE),
        "others": [act for act in Act if act not in (Act.ERASE, Act.LIFT_HOLD) and may_propose(account, act)],
        "holds": eyes.holds_for(account) if may_propose(account, Act.LIFT_HOLD) else [],
        "token": token_of(request, account),
    }
    return HTMLResponse(render("proposals.html", **given))


@router.post("")
def propose(request: Request, account: WhoAsks, fields: Fields) -> Response:
    """Propose to erase somebody, to lift a hold, or what a refusal said."""
    act = Act.LIFT_HOLD if fields.get("subject") else Act.ERASE
    retiree = _uuid(fields.get("retiree", ""), "retiree") if "act" not in fields else None
    count = fields.get("count") or "0"
    if not _COUNT(count) or fields.get("act", act) not in list(Act):
        raise Refused("invalid-request", "act" if _COUNT(count) else "count")
    wish = Wish(
        act=Act(fields.get("act", act)),
        reason=fields.get("reason", ""),
        basis=fields.get("basis", ""),
        retiree=retiree,
        subject=fields.get("subject", "").strip(),
        count=int(count),
    )
    eyes_of(request).propose(account, wish)
    return _back()


@router.post("/holds")
def hold(request: Request, account: WhoAsks, fields: Fields) -> Response:
    """Hold somebody."""
    retiree = _uuid(fields.get("retiree", ""), "retiree")
    eyes_of(request).hold(account, retiree, fields.get("reason", ""), fields.get("basis", ""))
    return _back()


@router.post("/{proposal}/{deed}")
def decide(request: Request, account: WhoAsks, proposal: UUID, deed: str, fields: Fields) -> Response:
    """Approve, refuse, withdraw or carry out."""
    eyes = eyes_of(request)
    match deed:
        case "approve":
            eyes.approve(account, proposal)
        case "refuse":
            eyes.refuse(account, proposal, fields.get("reason", ""))
        case "withdraw":
            eyes.withdraw(account, proposal)
        case "carry-out":
            eyes.carry_out(account, proposal)
        case _:
            raise Refused("not-found")
    return _back()


def _back() -> Response:
    return RedirectResponse("/pages/proposals", 303)


def _uuid(text: str, path: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise Refused("invalid-request", path, "it must be the id of a retiree") from None
