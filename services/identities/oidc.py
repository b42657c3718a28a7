"""Signing in elsewhere: OpenID Connect's code flow, with PKCE (RFC 7636), state and nonce."""

import base64
import hashlib
import secrets
import time
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import msgspec
from msgspec import Struct

from infra.keys import KeyRing, WrongKeyError
from services.identities.issuers import ALGORITHMS
from services.identities.key_sets import RemoteKeys, fetched
from services.identities.people import SignInError
from services.identities.tokens import TokenError, check_claims, jwt_header, verified

SECONDS: Final = 600
"""How long somebody may take to sign in there."""

_OWNER = "oidc:state"


class Begun(Struct, frozen=True):
    """What we remember of somebody who was sent there, encrypted in their browser's cookie."""

    state: str
    nonce: str
    verifier: str
    onward: str
    until: float

    def __repr__(self) -> str:
        return "Begun(...)"  # a line of the log must not hold the verifier


class Provider:
    """An issuer of identities: its address, our name and secret there, where it sends people back to, and which claim says who it is."""

    def __init__(self, keys: KeyRing, issuer: str, client: str, secret: str, back: str, claim: str = "sub") -> None:
        self._keys = keys
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._back = back
        self._claim = claim
        self._lock = Lock()
        self._found: dict[str, Any] | None = None
        self._their_keys: RemoteKeys | None = None

    def begin(self, onward: str) -> tuple[str, str]:
        """Where to send somebody, and what to remember of it, encrypted. Raises `SignInError`."""
        begun = Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            onward=onward,
            until=time.time() + SECONDS,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._back,
            "scope": "openid",
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        sealed = self._keys.seal_secret(_OWNER, msgspec.json.encode(begun))
        where = str(self._discovered()["authorization_endpoint"])
        both = "&" if "?" in where else "?"
        return f"{where}{both}{urlencode(query)}", base64.urlsafe_b64encode(sealed).decode()

    def finish(self, remembered: str, state: str, code: str, issuer: str = "") -> tuple[str, str]:
        """Who came back, and where they wanted to go. `issuer`: as they say who sent them (RFC 9207). Raises `SignInError`."""
        begun = self._opened(remembered)
        if not code or not secrets.compare_digest(state.encode(), begun.state.encode()) or begun.until < time.time():
            raise SignInError("oidc-state")
        if issuer not in {"", self._issuer}:
            raise SignInError("oidc-wrong-issuer")
        found = self._discovered()
        try:
            told = fetched(
                str(found["token_endpoint"]),
                grant_type="authorization_code",
                code=code,
                redirect_uri=self._back,
                client_id=self._client,
                client_secret=self._secret,
                code_verifier=begun.verifier,
            )
            token = told["id_token"]
        except (httpx.HTTPError, ValueError, TypeError, KeyError):
            raise SignInError("oidc-refused") from None
        return self._subject(token, begun.nonce), begun.onward

    def _subject(self, token: Any, nonce: str) -> str:
        try:
            header = jwt_header(token)
            if header.get("alg") not in ALGORITHMS or self._their_keys is None:
                raise SignInError("oidc-wrong-algorithm")
            claims = verified(token, self._their_keys.find(header.get("kid")), ALGORITHMS)
            check_claims(claims, self._issuer, self._client)
        except (TokenError, ValueError, TypeError, AttributeError, RecursionError):
            raise SignInError("oidc-forged") from None
        if claims.get("nonce") != nonce or claims.get("azp", self._client) != self._client:
            raise SignInError("oidc-replayed")
        subject = claims.get(self._claim)
        if not isinstance(subject, str) or not subject:
            raise SignInError("oidc-no-subject")
        return subject

    def _opened(self, remembered: str) -> Begun:
        try:
            sealed = base64.urlsafe_b64decode(remembered.encode())
            return msgspec.json.decode(self._keys.open_secret(_OWNER, sealed), type=Begun)
        except (WrongKeyError, ValueError, msgspec.DecodeError):
            raise SignInError("oidc-state") from None

    def _discovered(self) -> dict[str, Any]:
        """What the issuer says of itself, asked once. Raises `SignInError`."""
        with self._lock:
            if self._found is None:
                try:
                    found = fetched(f"{self._issuer}/.well-known/openid-configuration")
                    if found["issuer"] != self._issuer:
                        raise SignInError("oidc-wrong-issuer")
                    self._their_keys = RemoteKeys(str(found["jwks_uri"]))
                    self._found = dict(found)
                except (httpx.HTTPError, ValueError, TypeError, KeyError):
                    raise SignInError("oidc-unreachable") from None
            return self._found
