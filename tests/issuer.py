"""A small issuer of identities and tokens, real on the wire: OpenID Connect's code flow with PKCE, and a set of keys."""

import base64
import hashlib
import json
import time
from http.server import BaseHTTPRequestHandler
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.wire import OnTheWire, Quiet

Json = dict[str, Any]

CLIENT, SECRET = "changqing", "shared-with-the-issuer"


class Issuer(OnTheWire):
    """Whoever comes is `somebody` and is sent back at once. `claims` and `key` change what it says and how it is signed."""

    def __init__(self) -> None:
        self.somebody = "zhang.san"
        self.claims: Json = {}
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signing: Any = self.key
        self.header: dict[str, str] = {"alg": "RS256", "kid": "one"}
        self.asked_for_keys = 0
        self._codes: dict[str, Json] = {}
        super().__init__(self._handler())

    def sends_back(self, there: str) -> str:
        """Where somebody is sent who follows a link to the issuer and signs in."""
        asked = {name: one for name, (one,) in parse_qs(urlsplit(there).query).items()}
        assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
        code = token_urlsafe(8)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def access_token(self, account: str, **claims: Any) -> str:
        """An access token of this issuer for an account of ours."""
        now = int(time.time())
        said = {"iss": self.url, "aud": "the-ledger", "sub": "x", "client_id": account, "iat": now, "exp": now + 300}
        token: str = jwt.encode(
            {"typ": "at+jwt", **self.header}, said | claims, self.signing, algorithms=[self.header["alg"]]
        )
        return token

    def _identity(self, form: Json) -> Json:
        asked = self._codes.pop(form["code"])
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        given = (form["client_id"], form["client_secret"], form["redirect_uri"], challenge)
        assert given == (CLIENT, SECRET, asked["redirect_uri"], asked["code_challenge"])
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": self.somebody,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 60,
        }
        token = jwt.encode(dict(self.header), said | self.claims, self.signing, algorithms=[self.header["alg"]])
        return {"id_token": token, "access_token": "x", "token_type": "Bearer"}

    def _document(self, path: str) -> Json:
        if path == "/keys":
            self.asked_for_keys += 1
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ours = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - likewise
                self._give(200, ours._document(self.path))

            def do_POST(self) -> None:  # noqa: N802 - by this name the library calls it
                form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
                try:
                    self._give(200, ours._identity(form))
                except (AssertionError, KeyError):
                    self._give(400, {"error": "invalid_grant"})

            def _give(self, status: int, said: Json) -> None:
                self.give(status, json.dumps(said).encode())

        return Handler
