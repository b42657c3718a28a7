"""Which account a request comes from: a program's by its token (Bearer), a person's by the session of the browser's cookie."""

import re
from typing import Annotated

from fastapi import Depends, Request

from domain.refusals import Refused
from services.accounts import Account
from services.api.denials import denied
from services.api.gate.admitting import admit
from services.api.peers import peers_of
from services.identities.accounts import Accounts, account_of, usable
from services.identities.tokens import Claims, TokenError, Tokens

PURPOSE = "changqing-purpose"
"""The header that says what a request is for, where the token leaves a choice."""

_PURPOSE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def who_asks(request: Request) -> Account:
    """The account of a request. Raises `Refused("unauthenticated")`."""
    if not request.headers.get("authorization"):
        raise Refused("unauthenticated")
    try:
        account = _by_token(request)
    except TokenError as error:
        denied(request, error.claimed, str(error))
        raise Refused("unauthenticated", "", str(error)) from None
    request.state.account = account  # for the page that says why something is refused
    admit(request, account)
    return account


WhoAsks = Annotated[Account, Depends(who_asks)]


def _by_token(request: Request) -> Account:
    """The account that a token is of. Raises `TokenError`."""
    scheme, _, token = request.headers["authorization"].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError("no-token")
    tokens: Tokens = request.app.state.tokens
    claims = tokens.read(token)
    accounts: Accounts = request.app.state.accounts
    known = accounts.find(claims.account, claims.revision or 0)
    claimed = known.name if known else ""
    found = usable(known)
    if found is None:
        raise TokenError("account-unusable", claimed)
    if claims.revision not in (None, found.revision):
        raise TokenError("token-revoked", claimed)
    if found.standing.bound and not claims.certificate:
        raise TokenError("token-without-certificate", claimed)
    if claims.certificate and claims.certificate != peers_of(request).certificate(request):
        raise TokenError("token-of-another-certificate", claimed)
    return account_of(found, purpose=_purpose(request, claims))


def _purpose(request: Request, claims: Claims) -> str:
    """What a request is for: as its header says, within what its token is for; else the one purpose that the token is for."""
    asked, scope = request.headers.get(PURPOSE, ""), claims.scope
    if asked and (not _PURPOSE.fullmatch(asked) or (scope and asked not in scope)):
        raise Refused("purpose-not-granted", PURPOSE)
    return asked or (scope[0] if len(scope) == 1 else "")
