"""The pages of dead letters: groups of the same failure, one letter, and the forms to mend, send again and give up."""

from collections import Counter
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.facts import Department
from domain.history import Taken
from domain.refusals import Refused
from infra.letters import DeadLetter, Wanted
from services.accounts import Account, Act
from services.api.auth import WhoAsks
from services.api.cursors import After
from services.api.letters import dead_of, wanted_of
from services.letters.dealing import outcome, seen_by
from services.sentences import SENTENCES
from services.web.forms import Fields, token_of
from services.web.pages import render

router = APIRouter(prefix="/pages/dead-letters")

ROWS = 50


@router.get("")
def listed(
    request: Request,
    account: WhoAsks,
    wanted: Annotated[Wanted, Depends(wanted_of)],
    after: After,
    tried: Annotated[str, Query(pattern=r"^([a-z-]+ [0-9]+(, )?)*$")] = "",
) -> HTMLResponse:
    """The letters an account may see: groups of the same failure, and one by one. `tried`: how those just sent again ended."""
    position, _, place = after.place().partition("-")
    letters = dead_of(request).seen(account)
    page = letters.page(wanted, (int(position), place) if position else (0, ""), ROWS)
    given: dict[str, Any] = {
        "account": account,
        "wanted": wanted,
        "groups": letters.groups(wanted),
        "letters": page,
        "sends": account.may(Act.LETTERS_SEND),
        "later": after.next(f"{page[-1].position}-{page[-1].place}") if len(page) == ROWS else None,
        "sentences": SENTENCES,
        "token": token_of(request, account),
        "tried": [one.split(" ") for one in tried.replace("refused", "not-accepted").split(", ")] if tried else [],
    }
    return HTMLResponse(render("dead_letters.html", **given))


@router.post("/replay")
def replay(request: Request, account: WhoAsks, fields: Fields) -> Response:
    """Send all letters of a failure again as they were."""
    wanted = Wanted(
        code=fields.get("code") or None,
        path=fields.get("path"),
        department=Department(whose) if (whose := fields.get("department")) in set(Department) else None,
    )
    counts = Counter(outcome(one.answer) for one in dead_of(request).replay_all(account, wanted))
    said = ", ".join(f"{what} {count}" for what, count in counts.items())
    return RedirectResponse(f"/pages/dead-letters?{urlencode({'tried': said})}", 303)


@router.get("/{place}")
def one(request: Request, account: WhoAsks, place: str) -> HTMLResponse:
    """A letter: why it cannot be taken in, and what to do."""
    return _page(request, account, place)


@router.post("/{place}/original")
def original(request: Request, account: WhoAsks, place: str, fields: Fields) -> HTMLResponse:  # noqa: ARG001 - its token counts
    """The message as it came. A form and no link, as the look is recorded in the log first."""
    shown = dead_of(request).original(account, place)
    return _page(request, account, place, headers=shown.shown, text=shown.value.decode("utf-8", "replace"))


@router.post("/{place}/replay")
def replay_one(request: Request, account: WhoAsks, place: str, fields: Fields) -> HTMLResponse:  # noqa: ARG001 - its token counts
    """Send it again as it was."""
    return _page(request, account, place, answer=dead_of(request).replay(account, place))


@router.post("/{place}/mend")
def mend(request: Request, account: WhoAsks, place: str, fields: Fields) -> HTMLResponse:
    """Send what was mended in its place."""
    text = fields.get("text", "")
    answer = dead_of(request).mend(account, place, text.encode())
    return _page(request, account, place, answer=answer, text=None if isinstance(answer, Taken) else text)


@router.post("/{place}/give-up")
def give_up(request: Request, account: WhoAsks, place: str, fields: Fields) -> HTMLResponse:
    """Let it be."""
    dead_of(request).give_up(account, place, fields.get("reason", ""))
    return _page(request, account, place)


def _page(request: Request, account: Account, place: str, **more: object) -> HTMLResponse:
    letter = _seen(request, account, place)
    own = account.may(Act.LETTERS_SEND) and account.department is letter.department
    given: dict[str, Any] = {
        "account": account,
        "letter": letter,
        "why": SENTENCES[letter.code],
        "looks": letter.kept and (own or account.may(Act.LETTERS_ORIGINAL_ALL)),
        "mends": own,
        "sends": own or account.may(Act.LETTERS_SEND_ALL),
        "token": token_of(request, account),
        "headers": [],
        "text": None,
        "answer": None,
    }
    return HTMLResponse(render("dead_letter.html", **given | more))


def _seen(request: Request, account: Account, place: str) -> DeadLetter:
    letter = dead_of(request).find(place, account)
    if seen_by(account) not in (None, letter.department):
        raise Refused("forbidden", "place")
    return letter
