"""Access tokens for programs: got by client credentials (RFC 6749, 4.4), used until they are nearly over, then got anew."""

import math
import time
from collections.abc import Generator
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from services.client.errors import ClientError, NotAllowedError, UnreachableError

_SPARE: Final = 0.2
"""A token is got anew when so much of its life is left, so that none ends on the way."""


class _Token(Struct):
    access_token: str
    expires_in: float = 60.0


class _Error(Struct):
    error: str = ""


class Bearer(httpx.Auth):
    """An account's token in every request. `account` is `name:secret`, `url` where tokens are got.

    A token that is refused before its time, as after a rotation of keys, is got anew once. Raises what a channel does.
    """

    requires_response_body = True

    def __init__(self, url: str, account: str) -> None:
        self._url = url
        self._name, _, self._secret = account.partition(":")
        self._token = ""
        self._renew_at = -math.inf

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with a token, and before it one for the token where there is none."""
        fresh = time.monotonic() >= self._renew_at
        if fresh:
            self._take((yield self._asking()))
        request.headers["Authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            self._take((yield self._asking()))
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _asking(self) -> httpx.Request:
        said = {"grant_type": "client_credentials", "client_id": self._name, "client_secret": self._secret}
        return httpx.Request("POST", self._url, data=said)

    def _take(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
            raise UnreachableError(f"no token is given now ({status})", _seconds(answer))
        try:
            if status != httpx.codes.OK:
                wrong = msgspec.json.decode(answer.content, type=_Error).error
                raise NotAllowedError(f"the account gets no token ({wrong or status})")
            token = msgspec.json.decode(answer.content, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ClientError(f"the answer holds no token ({status}): is this the address of a ledger?") from None
        self._token = token.access_token
        self._renew_at = time.monotonic() + (1 - _SPARE) * token.expires_in


def _seconds(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "")
    return min(float(given), 600.0) if given.isdecimal() else 0.0
