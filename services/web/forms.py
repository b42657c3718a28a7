"""Forms of the pages: their fields, and that they were sent from a page of ours.

A browser sends its cookie along with whatever any page makes it send. So each form carries a token that only our own pages
know: a keyed hash of the account and the session, which the next session makes another.
"""

import hmac
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from domain.refusals import Refused
from infra.keys import KeyRing
from services.accounts import Account
from services.api.auth import WhoAsks, WhoIsSignedIn
from services.api.gate.bodies import body_of

LIMIT = 2 * 1024 * 1024
"""Bytes of a form: a message of 512 KiB, percent-encoded."""


class Forms:
    """Makes and checks the tokens of forms."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def token(self, account: Account) -> str:
        """What stands in each form that an account is shown."""
        return self._keys.tag("form", f"{account.name}\0{account.session}").hex()

    def check(self, account: Account, token: str) -> None:
        """Raise `Refused("form-expired")` unless a form was shown to this account by us."""
        if not hmac.compare_digest(token.encode(), self.token(account).encode()):
            raise Refused("form-expired", "token")


def token_of(request: Request, account: Account) -> str:
    """The token for the forms of a page that an account is shown."""
    forms: Forms = request.app.state.forms
    return forms.token(account)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises `Refused`: `body-too-large`, `invalid-request`."""
    body = await body_of(request, LIMIT)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError:
        raise Refused("invalid-request", "body") from None


async def _fields(request: Request, account: WhoAsks) -> dict[str, str]:
    """The fields of a form of ours. Raises `Refused`: `form-expired`, `body-too-large`, `invalid-request`."""
    return await _checked(request, account)


async def _own_fields(request: Request, account: WhoIsSignedIn) -> dict[str, str]:
    return await _checked(request, account)


async def _checked(request: Request, account: Account) -> dict[str, str]:
    fields = await form_of(request)
    forms: Forms = request.app.state.forms
    forms.check(account, fields.get("token", ""))
    return fields


Fields = Annotated[dict[str, str], Depends(_fields)]
OwnFields = Annotated[dict[str, str], Depends(_own_fields)]
"""The second: of whoever is signed in, though the password must be changed first."""
