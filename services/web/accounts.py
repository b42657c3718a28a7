"""The page of accounts: which there are, and the forms to keep them. A secret stands on the page that answers its form, and nowhere else."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.accounts import Standing
from domain.facts import Department
from domain.refusals import Refused
from services.accounts import Account, Act, Role
from services.api.accounts import NAME, keeping_of
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.identities.keeping import NewSecret
from services.web.forms import Fields, token_of
from services.web.pages import render

router = APIRouter(prefix="/pages/accounts")

ROWS = 100


@router.get("")
def listed(request: Request, account: WhoAsks, after: After) -> HTMLResponse:
    """The accounts of one's division."""
    return _page(request, account, after)


@router.post("")
def new(request: Request, account: WhoAsks, after: After, fields: Fields) -> HTMLResponse:
    """Make one, and show its secret."""
    name = fields.get("account", "").strip()
    if not re.fullmatch(NAME, name):
        raise Refused("account-invalid", "account", "letters, digits, Chinese characters, - and _")
    standing = Standing(**_standing(fields), subject=fields.get("subject", "").strip())
    made = keeping_of(request).new(account, name, standing, person=fields.get("kind") == "person")
    return _page(request, account, after, made)


@router.post("/{name}/{deed}")
def keep(request: Request, account: WhoAsks, after: After, name: str, deed: str, fields: Fields) -> Response:
    """Change it, give it a new secret, end it, let it be used again, or unlock it."""
    keeping = keeping_of(request)
    match deed:
        case "change":
            keeping.change(account, name, _standing(fields))
        case "secret":
            person = fields.get("kind") == "person"
            return _page(request, account, after, keeping.secret(account, name, 24, person=person))
        case "disable":
            keeping.disable(account, name, fields.get("reason", ""))
        case "enable":
            keeping.enable(account, name)
        case "unlock":
            keeping.unlock(account, name)
        case _:
            raise Refused("not-found")
    return RedirectResponse("/pages/accounts", 303)


def _page(request: Request, account: Account, after: After, made: NewSecret | None = None) -> HTMLResponse:
    rows = keeping_of(request).page(account, "" if made else after.place(), ROWS)
    given: dict[str, Any] = {
        "rows": rows,
        "made": made,
        "keeps": account.may(Act.ACCOUNTS_MANAGE),
        "roles": list(Role),
        "departments": list(Department),
        "later": after.next(rows[-1].account) if len(rows) == ROWS else "",
        "token": token_of(request, account),
    }
    return HTMLResponse(render("accounts.html", account=account, **given), headers={"Cache-Control": "no-store"})


def _standing(fields: dict[str, str]) -> dict[str, Any]:
    try:
        department = Department(fields.get("department", ""))
        until = fields.get("until", "")
        ends = datetime.combine(date.fromisoformat(until), time.min, UTC) if until else None
    except ValueError:
        raise Refused("account-invalid", "department", "the department or the day") from None
    division = fields.get("division", "").strip()
    return {"role": fields.get("role", ""), "department": department, "division": division, "until": ends}
