"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): what is asked again under the same key is done no second time.

For what is not the same when done twice. What is kept of an answer is sealed, and no answer that shows a person is kept:
such a path has no use for a key, as every showing is a look of its own.
"""

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from fastapi import Depends, FastAPI, Header, Request
from fastapi.responses import Response
from starlette.types import Message

from domain.refusals import Refused
from infra.database import DatabaseError
from infra.once import Once
from services.accounts import Account
from services.api.auth import WhoAsks
from services.api.gate.passing import passing_of

_LONGEST = 120
"""Seconds after which nobody works on it any more: its process died, or was not heard of again."""
_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r'^"?[\x21\x23-\x7e]{8,200}"?$',
        description="A name of your own for this request: sent again within a day, it is done no second time.",
    ),
]


class AnsweredBefore(Exception):  # noqa: N818 - an answer, no error
    """The same was asked before, and answered so."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def _once(request: Request, account: WhoAsks, key: _Key = None) -> None:
    """Raises `Refused`: `idempotency-key-reused`, `idempotency-in-progress`, `idempotency-in-doubt`; and `AnsweredBefore`."""
    passing = passing_of(request)
    if key is None or passing is None:
        return
    key = key.strip('"')
    keys: Once = request.app.state.once
    rights = (account.role, account.department, account.division, account.purpose)  # withdrawn, nothing is told again
    asked = msgspec.msgpack.encode((rights, request.method, request.url.path, request.url.query, await request.body()))
    before = await asyncio.to_thread(keys.begin, account.name, key, asked)
    if before is None:
        passing.once = _keeping(keys, account, key)
    elif not before.same:
        raise Refused("idempotency-key-reused", "idempotency-key")
    elif before.status is None and before.seconds < _LONGEST:
        raise Refused("idempotency-in-progress", "idempotency-key")
    elif before.status is None or before.status >= 500:
        raise Refused("idempotency-in-doubt", "idempotency-key")
    else:
        media, _, body = before.answer.partition(b"\n")
        headers = {"Idempotency-Replayed": "true"}
        raise AnsweredBefore(Response(body, before.status, headers, media.decode()))


class _keeping:  # noqa: N801 - a function with what it needs
    """Keeps an answer before it is sent. If that fails it is sent all the same: the key is in doubt, and says so."""

    def __init__(self, keys: Once, account: Account, key: str) -> None:
        self._keys = keys
        self._account = account
        self._key = key

    async def __call__(self, start: Message, body: bytes) -> None:
        media = next((value for name, value in start["headers"] if name == b"content-type"), b"")
        with suppress(DatabaseError):
            await asyncio.to_thread(
                self._keys.end, self._account.name, self._key, start["status"], media + b"\n" + body
            )


OnlyOnce = Depends(_once)
"""For the `dependencies` of a path."""


def install(app: FastAPI) -> None:
    """Answer as before where the same was asked before."""

    @app.exception_handler(AnsweredBefore)
    async def before(_: Request, answered: AnsweredBefore) -> Response:
        return answered.response
