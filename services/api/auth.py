"""Which account a request comes from: HTTP Basic (pages, where the browser asks) or Bearer `name.secret` (programs)."""

import base64
import binascii
from typing import Annotated

from fastapi import Depends, Request

from domain.refusals import Refused
from services.accounts import Account, Accounts
from services.api.gate.admitting import admit


def account_of(request: Request) -> Account:
    """The account of a request. Raises `Refused("unauthenticated")`."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    name, _, secret = value.partition(":") if scheme.lower() == "basic" else value.partition(".")
    accounts: Accounts = request.app.state.accounts
    account = accounts.check(name, secret)
    if account is None:
        raise Refused("unauthenticated")
    request.state.account = account  # for the page that says why something is refused
    admit(request, account)
    return account


WhoAsks = Annotated[Account, Depends(account_of)]
