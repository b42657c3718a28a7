"""Cursors: where an answer ended, signed for one account and one question, so that no other may go on from there.

`base64url(12 bytes of a keyed hash, the place)`. The hash is over account, path and question too: whoever took a cursor from
somebody else, or asks something else by it, is refused. What comes before or behind a place is asked by it, never by a count.
"""

import base64
import binascii
import hmac
import re
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Query, Request

from domain.refusals import Refused
from infra.keys import KeyRing
from services.api.auth import WhoAsks

_SIGNED = 12
_NOT_THE_QUESTION = frozenset({"after", "before", "limit", "since"})
_QUESTION = partial(re.compile("^(/v1/feeds/[^/]+)/(?:acknowledge|stream)$").sub, r"\1")
"""One cursor is of a feed, of its stream, and of what is kept of it."""
_Text = Annotated[
    str, Query(max_length=800, pattern="^[A-Za-z0-9_-]*$", description="A cursor of an answer to the same question.")
]


class Cursor:
    """What an account was given to go on from. `name`: of the parameter. `more`: what else is asked, beside the address."""

    def __init__(self, request: Request, account: str, name: str, given: str) -> None:
        keys: KeyRing = request.app.state.keys
        self._keys = keys
        self._request = request
        self._account = account
        self._name = name
        self._given = given

    def place(self, more: str = "") -> str:
        """The place that was given; empty: the beginning. Raises `Refused("cursor-refused")`."""
        if not self._given:
            return ""
        try:
            raw = base64.urlsafe_b64decode(self._given + "=" * (-len(self._given) % 4))
            place = raw[_SIGNED:].decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("cursor-refused", self._name) from None
        if not hmac.compare_digest(raw[:_SIGNED], self._signature(place, more)):
            raise Refused("cursor-refused", self._name)
        return place

    def at(self, place: object, more: str = "") -> str:
        """The cursor of a place."""
        written = str(place)
        raw = self._signature(written, more) + written.encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def next(self, place: object, more: str = "") -> str:
        """The question for what comes after a place, as its address says it."""
        asked = [(key, value) for key, value in self._request.query_params.multi_items() if key != self._name]
        return "?" + urlencode([*asked, (self._name, self.at(place, more))])

    def link(self, place: object, more: str = "") -> dict[str, str]:
        """The same as a header (RFC 8288)."""
        return {"Link": f'<{self._request.url.path}{self.next(place, more)}>; rel="next"'}

    def _signature(self, place: str, more: str) -> bytes:
        params = self._request.query_params.multi_items()
        asked = urlencode(sorted(one for one in params if one[0] not in _NOT_THE_QUESTION))
        bound = msgspec.json.encode((self._account, _QUESTION(self._request.url.path), asked, more, place))
        return self._keys.tag("cursor", bound.decode())[:_SIGNED]


async def _after(request: Request, account: WhoAsks, after: _Text = "") -> Cursor:
    return Cursor(request, account.name, "after", after)


async def _before(request: Request, account: WhoAsks, before: _Text = "") -> Cursor:
    return Cursor(request, account.name, "before", before)


def given(request: Request, account: str, text: str) -> Cursor:
    """A cursor that came otherwise than by its parameter."""
    return Cursor(request, account, "position", text)


After = Annotated[Cursor, Depends(_after)]
"""What comes after a place."""
Before = Annotated[Cursor, Depends(_before)]
"""What came before a place: the newest come first."""
