"""The one reader of what is sent: no body is read further than it may be long."""

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from domain.refusals import Refused

JSON_LIMIT = 64 * 1024
"""Bytes of a body, where nothing else is said."""


BODY = "changqing.body"
"""Where a scope has its `Bounded`."""


class Bounded:
    """A request's body on its way in. What the framework reads by itself ends at `limit`; who reads more says so by `body_of`."""

    __slots__ = ("_receive", "limit", "size")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.limit: int | None = JSON_LIMIT
        self.size = 0

    async def __call__(self) -> Message:
        """The next part. Raises `HTTPException(413)`, which the framework lets through where it would hide a refusal."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            if self.limit is not None and self.size > self.limit:
                raise HTTPException(413, str(self.limit))
        return message


async def body_of(request: Request, limit: int, *, cut: bool = False) -> bytes:
    """The body. Raises `Refused("body-too-large")`, or with `cut` gives a byte more than the limit, by which its reader knows."""
    if bounded := request.scope.get(BODY):
        bounded.limit = None  # bounded here
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            if cut:
                return bytes(body[: limit + 1])
            raise Refused("body-too-large", "", f"the limit here is {limit} bytes")
    return bytes(body)
