"""Tokens of ours, and of one other issuer where the settings name one: whichever a token says it is of checks it."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from services.identities.key_sets import RemoteKeys
from services.identities.tokens import (
    Claims,
    TokenError,
    Tokens,
    certificate_of,
    check_claims,
    header_of,
    scope_of,
    verified,
)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "EdDSA")
"""What another issuer may sign with: never a shared secret, and never nothing."""


class Elsewhere:
    """Another issuer (RFC 9068): its name, our name there, its keys, its algorithms, and the claim that names an account of ours."""

    def __init__(
        self, issuer: str, audience: str, keys: RemoteKeys, algorithms: Sequence[str], claim: str = "sub"
    ) -> None:
        """Raises `ValueError` for an algorithm that will not do."""
        if not algorithms or not set(algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms are some of {', '.join(ALGORITHMS)}")
        self.issuer = issuer
        self._audience = audience
        self._keys = keys
        self._algorithms = tuple(algorithms)
        self._claim = claim

    def read(self, token: str) -> Claims:
        """What a token of theirs says. Raises `TokenError`."""
        kid = header_of(token, self._algorithms).get("kid")
        claims = verified(token, self._keys.find(kid), self._algorithms)
        check_claims(claims, self.issuer, self._audience)
        account = claims.get(self._claim)
        if not isinstance(account, str) or not account:
            raise TokenError("token-malformed")
        return Claims(
            account=account,
            until=float(claims["exp"]),
            scope=scope_of(claims),
            certificate=certificate_of(claims),
        )


class Issuers:
    """Whose tokens are taken."""

    def __init__(self, ours: Tokens, other: Elsewhere | None = None) -> None:
        self._ours = ours
        self._other = other

    def read(self, token: str) -> Claims:
        """What a token says. Raises `TokenError`."""
        if self._other and _issuer(token) == self._other.issuer != self._ours.issuer:
            return self._other.read(token)
        return self._ours.read(token)


def _issuer(token: str) -> Any:
    """Whose a token says it is: nothing is believed of it but whom to ask."""
    try:
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("iss")
    except (IndexError, ValueError, AttributeError, RecursionError):
        return None
