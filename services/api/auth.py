"""Which account a request comes from: a program's by its token (Bearer), a person's by the session of the browser's cookie."""

import re
from typing import Annotated

from fastapi import Depends, Request
from msgspec.structs import replace

from domain.refusals import Refused
from infra.field_catalogue import the_catalogue
from infra.sessions import Sessions
from services.accounts import Account
from services.api.cookies import SESSION, Cookies
from services.api.denials import denied
from services.api.gate.admitting import admit
from services.api.peers import peers_of
from services.identities.accounts import Accounts, account_of, usable
from services.identities.issuers import Issuers
from services.identities.tokens import Claims, TokenError
from services.reading.purposes import purpose_of

PURPOSE = "changqing-purpose"
"""The header that says what a request is for, where the token leaves a choice."""

NOBODY = "nobody"
"""Nothing was given by which somebody could be known: no attempt."""

_PURPOSE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def who_is_signed_in(request: Request) -> Account:
    """The account of a request, though its password is still the first one. Raises `Refused`: `unauthenticated`, `form-expired`."""
    try:
        account, request.state.must_change = _known(request)
    except TokenError as error:
        if error.args[0] != NOBODY:
            denied(request, error.claimed, str(error))
        raise Refused("unauthenticated", "", str(error)) from None
    request.state.account = account  # for the page that says why something is refused
    admit(request, account)
    return account


def still_asks(request: Request, account: Account) -> bool:
    """Whether an answer that goes on and on may go on: token, session and account are not over, and the account is what it was.

    An open stream is no use of a session: nobody may be sitting before it.
    """
    try:
        now, must_change = _known(request, used=False)
    except (TokenError, Refused):
        return False
    return now == account and not must_change


WhoIsSignedIn = Annotated[Account, Depends(who_is_signed_in)]


async def who_asks(request: Request, account: WhoIsSignedIn) -> Account:
    """The account of a request. Waits for nothing, so it is done where it is: another thread costs more. Raises `Refused`: `unauthenticated`, `form-expired`, `password-must-change`."""
    if request.state.must_change:
        raise Refused("password-must-change")
    return account


WhoAsks = Annotated[Account, Depends(who_asks)]


def _known(request: Request, *, used: bool = True) -> tuple[Account, bool]:
    if request.headers.get("authorization"):
        return _by_token(request), False
    return _by_session(request, used=used)


def _by_session(request: Request, *, used: bool) -> tuple[Account, bool]:
    """The account whose session the browser's cookie is of, and whether the password must be changed first."""
    cookies: Cookies = request.app.state.cookies
    sessions: Sessions = request.app.state.sessions
    accounts: Accounts = request.app.state.accounts
    token = cookies.get(request, SESSION)
    if not token:
        raise TokenError(NOBODY)
    session = sessions.find(token, used=used)
    if session is None:
        raise TokenError("session-over")
    found = usable(accounts.register.find(session.account))
    if found is None:
        raise TokenError("account-unusable", session.account)
    ours = (
        cookies.from_here(request)
        if request.method not in {"GET", "HEAD"}
        # a link may lead to a page of ours, and to no answer of the API: each look is recorded in somebody's name
        else not (request.url.path.startswith("/v1/") and cookies.of_another_site(request))
    )
    if not ours:
        denied(request, found.name, "form-of-another-site")
        raise Refused("form-expired", "origin")
    return account_of(found, purpose=session.purpose, session=session.digest), found.must_change


def _by_token(request: Request) -> Account:
    """The account that a token is of. Raises `TokenError`."""
    scheme, _, token = request.headers["authorization"].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenError("no-token")
    issuers: Issuers = request.app.state.issuers
    claims = issuers.read(token)
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
    account = account_of(found, purpose=_purpose(request, claims))
    several = (
        claims.scope
        if claims.revision is not None
        else [one for one in claims.scope if one in the_catalogue().purposes]
    )
    if account.purpose or len(several) < 2:
        return account
    default = purpose_of(account).key  # a token for some purposes is for no other
    if default not in several:
        denied(request, claims.account, "purpose-not-granted")
        raise Refused("purpose-not-granted", PURPOSE)
    return replace(account, purpose=default)


def _purpose(request: Request, claims: Claims) -> str:
    """What a request is for: as its header says, within what its token is for; else the one purpose that the token is for."""
    asked, scope = request.headers.get(PURPOSE, ""), claims.scope
    if asked and (not _PURPOSE.fullmatch(asked) or (scope and asked not in scope)):
        denied(request, claims.account, "purpose-not-granted")
        raise Refused("purpose-not-granted", PURPOSE)
    return asked or (scope[0] if len(scope) == 1 else "")
