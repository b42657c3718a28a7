"""Access tokens: JWT by RFC 9068, signed by us with Ed25519, good for ten minutes, and nothing else is taken for one."""

import base64
import json
import secrets
import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from msgspec import Struct

from infra.token_keys import TokenKey, TokenKeys
from services.identities.accounts import KEPT_SECONDS

SECONDS: Final = 600
"""How long a token is good (RFC 9068 leaves it to us; the shorter, the less a stolen one is worth)."""

ALGORITHM: Final = "Ed25519"
"""As RFC 9864 names it; there is no other for our tokens, whatever a token's header says."""

TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
LONGEST: Final = 8_192
"""Bytes of a token that are looked at."""
_LEEWAY: Final = 5
_MOST: Final = 10_000
"""Seconds by which another clock may be ahead; tokens remembered at a time."""

_REFRESH_SECONDS: Final = 1.0
"""An unknown key makes us read the keys again, but not more often."""


class TokenError(Exception):
    """A token that will not do; the message is a word for the log of failed attempts, and says nothing of its content.

    `claimed`: the account whose token it is, where it is one of ours that is right but for that.
    """

    def __init__(self, why: str, claimed: str = "") -> None:
        super().__init__(why)
        self.claimed = claimed


class Claims(Struct, frozen=True, kw_only=True):
    """What a token says: whose it is, until when (seconds since 1970), for which purposes, bound to which certificate, of which revision."""

    account: str
    until: float
    scope: tuple[str, ...] = ()
    certificate: str = ""
    revision: int | None = None


class Tokens:
    """Makes and reads our tokens. `issuer`: our own address, which is the audience too. Safe for threads."""

    def __init__(self, keys: TokenKeys, issuer: str) -> None:
        self.issuer = issuer
        self._keys = keys
        self._lock = Lock()
        self._read_at = 0.0
        self._known: dict[str, OKPKey] = {}
        self._signing: tuple[str, OKPKey] | None = None
        self._lately: dict[str, tuple[float, Claims]] = {}

    def issue(self, account: str, revision: int, scope: Sequence[str] = (), certificate: str = "") -> str:
        """A token for an account; `certificate`: the SHA-256 of the one that must come with it, base64url (RFC 8705)."""
        self._refresh(KEPT_SECONDS)
        assert self._signing is not None
        kid, key = self._signing
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": account,
            "client_id": account,
            "iat": now,
            "exp": now + SECONDS,
            "jti": secrets.token_urlsafe(16),
            "rev": revision,
        }
        if scope:
            claims["scope"] = " ".join(scope)
        if certificate:
            claims["cnf"] = {"x5t#S256": certificate}
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def read(self, token: str) -> Claims:
        """What a token of ours says; one that was checked within the last seconds is not checked again. Raises `TokenError`."""
        at, claims = self._lately.get(token, (0.0, None))
        now = time.time()
        if claims is not None and now - KEPT_SECONDS < at <= now < claims.until:
            return claims
        claims = self._checked(token)
        if len(self._lately) >= _MOST:
            self._lately = {}
        self._lately[token] = now, claims
        return claims

    def _checked(self, token: str) -> Claims:
        kid = header_of(token, (ALGORITHM,)).get("kid")
        if not isinstance(kid, str):
            raise TokenError("token-unknown-key")
        self._refresh(KEPT_SECONDS)
        if kid not in self._known:
            self._refresh(_REFRESH_SECONDS)
        key = self._known.get(kid)
        if key is None:
            raise TokenError("token-unknown-key")
        claims = verified(token, key, (ALGORITHM,))
        check_claims(claims, self.issuer, self.issuer)
        account, revision = claims.get("sub"), claims.get("rev")
        if not isinstance(account, str) or not isinstance(revision, int):
            raise TokenError("token-malformed")
        return Claims(
            account=account,
            until=float(claims["exp"]),
            scope=scope_of(claims),
            certificate=certificate_of(claims),
            revision=revision,
        )

    def public(self) -> dict[str, Any]:
        """The keys by which anybody may check our tokens, as a JSON Web Key Set (RFC 7517)."""
        self._refresh(KEPT_SECONDS)
        keys = [key.as_dict(private=False) | {"use": "sig", "alg": ALGORITHM} for key in self._known.values()]
        return {"keys": keys}

    def forget(self) -> None:
        """Read the keys again at the next use: they were changed here."""
        self._known, self._lately = {}, {}

    def _refresh(self, after_seconds: float) -> None:
        if self._known and time.monotonic() - self._read_at < after_seconds:
            return
        with self._lock:
            if self._known and time.monotonic() - self._read_at < after_seconds:
                return
            found = self._keys.known()
            self._known = {one.kid: _jwk(one) for one in found}
            self._signing = found[0].kid, self._known[found[0].kid]
            self._read_at = time.monotonic()


def header_of(token: str, algorithms: Sequence[str]) -> dict[str, Any]:
    """The header of what may be an access token, by an algorithm that is allowed. Raises `TokenError`."""
    if len(token) > LONGEST or not token.isascii():
        raise TokenError("token-malformed")
    try:
        protected = jwt_header(token)
    except (ValueError, TypeError, RecursionError):
        raise TokenError("token-malformed") from None
    if protected.get("alg") not in algorithms:
        raise TokenError("token-wrong-algorithm")
    if str(protected.get("typ", "")).lower() not in TYPES:
        raise TokenError("token-wrong-type")
    return protected


def jwt_header(token: str) -> dict[str, Any]:
    """The protected header of three parts with dots between. Raises `ValueError`, `TypeError`."""
    first, _, _ = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    if not isinstance(header, dict):
        raise TypeError("a header is an object")
    return header


def verified(token: str, key: Any, algorithms: Sequence[str]) -> dict[str, Any]:
    """The claims of a token whose signature is right, by one key or a set. Raises `TokenError`."""
    try:
        found = jwt.decode(token, key, algorithms=list(algorithms), registry=JWSRegistry(algorithms=list(algorithms)))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise TokenError("token-forged") from None
    return dict(found.claims)


def check_claims(claims: dict[str, Any], issuer: str, audience: str) -> None:
    """Raise `TokenError` unless a token is that issuer's, for that audience, and good at this moment."""
    if claims.get("iss") != issuer:
        raise TokenError("token-wrong-issuer")
    given = claims.get("aud")
    if audience not in (given if isinstance(given, list) else [given]):
        raise TokenError("token-wrong-audience")
    now = time.time()
    end = claims.get("exp")
    if isinstance(end, bool) or not isinstance(end, int | float):
        raise TokenError("token-malformed")
    if end <= now:
        raise TokenError("token-expired")
    for claim in ("nbf", "iat"):
        begin = claims.get(claim, 0)
        if isinstance(begin, bool) or not isinstance(begin, int | float) or begin > now + _LEEWAY:
            raise TokenError("token-not-yet-good")


def scope_of(claims: dict[str, Any]) -> tuple[str, ...]:
    """The purposes that a token is for; none: all that the account's role may claim."""
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise TokenError("token-malformed")
    return tuple(scope.split())


def certificate_of(claims: dict[str, Any]) -> str:
    """The certificate that a token is bound to; empty: to none. Raises `TokenError` for a binding that we cannot check."""
    bound = claims.get("cnf")
    if bound is None:
        return ""
    thumbprint = bound.get("x5t#S256") if isinstance(bound, dict) and set(bound) == {"x5t#S256"} else None
    if not isinstance(thumbprint, str) or not thumbprint:
        raise TokenError("token-malformed")
    return thumbprint


def _jwk(key: TokenKey) -> OKPKey:
    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    made: dict[str, str | list[str]] = {
        "kty": "OKP",
        "crv": "Ed25519",
        "kid": key.kid,
        "x": text(key.public),
        "d": text(key.seed),
    }
    return OKPKey.import_key(made)
