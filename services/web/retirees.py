"""The page of a retiree, and the button on it that shows what is masked, for a reason."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from msgspec.structs import replace

from domain.refusals import Refused
from infra.field_catalogue import the_catalogue
from services.accounts import Account, Act
from services.api.auth import WhoAsks
from services.api.questions import CardOn, ReaderThen
from services.api.unmasking import may_unmask
from services.reading.cards import MASKABLE, OF_PERSON, ON_PAGE, RosterLine
from services.reading.purposes import checked, reasons_for, view_of
from services.reading.reader import Reader
from services.web.forms import Fields, token_of
from services.web.pages import render

router = APIRouter()

_SHOW = "show."
"""Before the name of a field that is ticked in the form."""


@router.get("/pages/retirees/{retiree}")
def retiree(request: Request, reader: ReaderThen, account: WhoAsks, retiree: UUID, on: CardOn = None) -> HTMLResponse:
    """Who an alert is about, today or on a day."""
    account.allow(Act.RETIREE)
    return _page(request, reader, account, retiree, on, {})


@router.post("/pages/retirees/{retiree}/unmask")
def unmask(
    request: Request, reader: ReaderThen, account: WhoAsks, retiree: UUID, fields: Fields, on: CardOn = None
) -> HTMLResponse:
    """The same with some fields plain. What was typed goes before what was chosen from the list."""
    may_unmask(account)
    wanted = tuple(name.removeprefix(_SHOW) for name in fields if name.startswith(_SHOW))
    if not wanted:
        raise Refused("invalid-request", "fields")
    reason = checked(account, fields.get("said", "").strip() or fields.get("reason", ""))
    plain = reader.unmask(account, retiree, wanted, reason, on)
    return _page(request, reader, account, retiree, on, plain)


def _page(
    request: Request,
    reader: Reader,
    account: Account,
    retiree: UUID,
    on: date | None,
    plain: Mapping[str, str | None],
) -> HTMLResponse:
    """The page, of a day, with the fields that are `plain`."""
    card = reader.retiree(account, retiree, ON_PAGE, on)
    named = the_catalogue().fields
    masked = [named[key] for key in view_of(account).masked(MASKABLE) if named[key].key not in plain]
    given: dict[str, Any] = {
        "row": _opened(card.line, plain),
        "on": on,
        "alerts": card.alerts,
        "handover": card.handover,
        "masked": masked,
        "reasons": reasons_for(account),
        "token": token_of(request, account),
    }
    return HTMLResponse(render("retiree.html", known=reader.known, account=account, **given))


def _opened(line: RosterLine, plain: Mapping[str, str | None]) -> RosterLine:
    """The line with some fields plain."""
    person = replace(line.person, **{name: said for name, said in plain.items() if name in OF_PERSON})
    return replace(line, person=person, **{name: said for name, said in plain.items() if name not in OF_PERSON})
