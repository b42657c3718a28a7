"""Tokens for programs, by what they know: OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

import re

from infra.attempts import AS_ONE, AT_ADDRESS, Attempts
from services.identities.accounts import Accounts, usable
from services.identities.tokens import SECONDS, Tokens

_SCOPE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MOST_SCOPES = 20
_LONGEST = 100
"""Characters of a name."""


class GrantError(Exception):
    """An error of RFC 6749, section 5.2: its code, and in a sentence what it is. `after`: seconds to wait before the next try.

    `claimed`: the account, where there is one of the name that was given; `why`: for the log of failed attempts, empty for
    what is no attempt to get in.
    """

    def __init__(self, error: str, said: str, *, claimed: str = "", why: str = "", after: float = 0.0) -> None:
        super().__init__(said)
        self.error = error
        self.claimed = claimed
        self.why = why
        self.after = after


class Grants:
    """The token endpoint without HTTP."""

    def __init__(self, accounts: Accounts, tokens: Tokens, attempts: Attempts) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._attempts = attempts

    def token(self, name: str, secret: str, scope: str, address: str, certificate: str) -> dict[str, str | int]:
        """The answer to a program that says who it is. Raises `GrantError`.

        Secrets are random and cannot be guessed, so failures are counted of an account at one address: nobody shuts out a
        department by failing in its name from somewhere else.
        """
        asked = tuple(dict.fromkeys(scope.split()))
        if len(asked) > _MOST_SCOPES or not all(_SCOPE.fullmatch(one) for one in asked):
            raise GrantError("invalid_scope", "a scope is the key of a purpose, in small letters, digits and hyphens")
        if len(name) > _LONGEST or not name.isprintable():
            name = ""  # nobody's
        mine = self._attempts.subject("client", name, address)
        place = self._attempts.subject("address-programs", address)
        found = self._accounts.register.find(name) if name else None
        claimed = found.name if found else ""
        # whoever has to wait at an address counts against no account meanwhile
        if wait := self._attempts.begin(place, AT_ADDRESS) or self._attempts.begin(mine, AS_ONE):
            said = f"too many failed attempts: wait {wait:.0f} seconds"
            raise GrantError("invalid_client", said, claimed=claimed, why="locked-out", after=wait)
        if not self._accounts.holds(name, secret) or found is None:
            raise GrantError("invalid_client", "the client or its secret is wrong", claimed=claimed, why="wrong-secret")
        if usable(found) is None:
            # Said to those alone who know the secret.
            raise GrantError("invalid_client", "the account is disabled or has ended", claimed=claimed, why="disabled")
        if found.standing.bound and not certificate:
            said = "this account gets tokens with a client certificate only"
            raise GrantError("invalid_client", said, claimed=claimed, why="no-certificate")
        self._attempts.good(mine, place)
        made = self._tokens.issue(name, found.revision, asked, certificate)
        answer: dict[str, str | int] = {"access_token": made, "token_type": "Bearer", "expires_in": SECONDS}
        return answer | ({"scope": " ".join(asked)} if asked else {})
