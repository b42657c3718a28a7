"""The one reader of what is sent: no body is read further than it may be long, and for no longer than it may take."""

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from domain.refusals import Refused

JSON_LIMIT = 64 * 1024
"""Bytes of a body, where nothing else is said."""


BODY = "changqing.body"
"""Where a scope has its `Bounded`."""


class Bounded:
    """A request's body on its way in. What the framework reads by itself ends at `limit`; who reads more says so by `body_of`.

    `seconds`: from when it is first asked for until all of it must be there, and one more for each 64 KiB that came: whoever
    sends it drop by drop holds a place that others want.
    """

    __slots__ = ("_begun", "_receive", "_seconds", "_whole", "limit", "size")

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._begun = 0.0
        self._whole = False
        self.limit: int | None = JSON_LIMIT
        self.size = 0

    async def __call__(self) -> Message:
        """The next part. Raises `HTTPException`, 408 or 413, which the framework lets through where it would hide a refusal."""
        if self._whole:  # what comes yet is that nobody waits any more
            return await self._receive()
        self._begun = self._begun or asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self._begun + self._seconds + self.size / JSON_LIMIT):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        self._whole = not message.get("more_body", False)
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
