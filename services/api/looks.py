"""Who saw me: for one retiree, who was shown, handed or unmasked what, when, why, on which basis and by which way."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter
from fastapi.responses import Response

from services.accounts import Account, Act
from services.api.answering import answers
from services.api.auth import WhoAsks
from services.api.cursors import Before
from services.api.questions import Limit, ReaderBy, answered

router = APIRouter(tags=["reading"])


class LookLine(msgspec.Struct, frozen=True, kw_only=True):
    """One look or delivery. `deed`: read or received; `actor`: an account, an outlet or `operator:` and a login; `fields`: what was shown.

    `way`: page, api, export, print or terminal, None for what was delivered; `look`: shown, sought, unmasked, opened or deeds.
    """

    deed_id: str
    position: int
    recorded_at: datetime
    retiree: UUID
    deed: str
    department: str
    actor: str
    fields: tuple[str, ...]
    purpose: str | None
    legal_basis: str | None
    way: str | None
    look: str | None
    reason: str | None


class LookPage(msgspec.Struct, frozen=True):
    """Looks at a retiree, the newest first, and the cursor to go on before; None: that was all."""

    retiree: UUID
    looks: list[LookLine]
    before: str | None


def lines(rows: list[dict[str, Any]]) -> list[LookLine]:
    """The rows of the trail as they are answered."""
    members = set(LookLine.__struct_fields__) - {"fields"}
    return [
        LookLine(**{name: row[name] for name in members}, fields=tuple(one for one in row["what"].split(", ") if one))
        for row in rows
    ]


def may_ask(account: Account) -> None:
    """Raise `Refused("forbidden")` for whoever may not ask."""
    account.allow(Act.LOOKS)


@router.get("/retirees/{retiree}/looks", summary="Who saw a retiree's data, and to whom it was handed")
@answers(LookPage, refuses=("not-found",))
def looks(reader: ReaderBy, account: WhoAsks, retiree: UUID, before: Before, limit: Limit = 200) -> Response:
    """The newest first; with `known` as it was known then. Of all records of that person. This look is recorded before it is answered."""
    may_ask(account)
    found = lines(reader.looks_at(account, retiree, before.place(), limit))
    return answered(LookPage(retiree, found, before.at(found[-1].deed_id) if len(found) == limit else None))
