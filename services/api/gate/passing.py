"""One request on its way: its name, how long it may take, and what its answer carries beside what was asked.

One object a request, and one place where its answer goes through: a stack of middlewares that each wrap `send` again costs
several times as much.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from secrets import token_hex

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Scope, Send

from infra.traces import traceparent
from services.accounts import Account
from services.api.gate.bodies import BODY, Bounded
from services.api.gate.crowd import Place
from services.api.gate.rates import Left

_KEY = "changqing.passing"
_STREAM = b"text/event-stream"
EARLIER = 0.9
"""Of the time within which an answer must have begun, how much the database has for what is asked of it."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NAME = re.compile(rb"^[A-Za-z0-9._-]{8,64}$").match
_A_NUMBER = re.compile(rb"[0-9]{11}").search
"""Of a telephone or a person: no name to be kept."""
_SECURITY = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

Headers = list[tuple[bytes, bytes]]
Finish = Callable[["Passing", Message, bytes], Awaitable[tuple[Message, bytes]]]
"""Makes of an answer that is there whole what is sent."""
Keep = Callable[[Message, bytes], Awaitable[None]]
"""Keeps an answer that is there whole."""
SentAway = Callable[["Passing", str], ASGIApp]
"""The answer to whom no place is left, by the code of why."""


class Passing:
    """A request.

    `name`: what it is called in its answer and in the log. `status`: of its answer, 0 before that has begun. `code`: of a
    refusal. `left`: what its account, or its address, may ask yet. `size`: bytes of its answer. `place`: among those who are
    within. `once`: keeps the answer, as it is to be given once for all.
    `traceparent`: of the trace it belongs to, if any.
    """

    __slots__ = (
        "_dropped",
        "_finish",
        "_held",
        "_late",
        "_limit",
        "_send",
        "_sent_away",
        "_timer",
        "account",
        "began",
        "body",
        "code",
        "left",
        "name",
        "once",
        "place",
        "retry",
        "scope",
        "size",
        "status",
        "traceparent",
    )

    def __init__(
        self, scope: Scope, body: Bounded, send: Send, place: Place, sent_away: SentAway, finish: Finish
    ) -> None:
        self.began = time.perf_counter()
        self.scope = scope
        self.body = scope[BODY] = body
        self.name = _name(scope)
        self.once: Keep | None = None
        self.account: Account | None = None
        self.code = ""
        self.left: Left | None = None
        self.retry = 1
        self.size = 0
        self.status = 0
        self.place = place
        self.traceparent = _traceparent(scope)
        self._dropped = False
        self._finish = finish
        self._held: Message | None = None
        self._late: asyncio.Task[None] | None = None
        self._limit: float | None = None
        self._send = send
        self._sent_away = sent_away
        self._timer: asyncio.TimerHandle | None = None
        scope[_KEY] = self

    @property
    def method(self) -> str:
        """The method, of those that there are."""
        method: str = self.scope["method"]
        return method if method in _METHODS else "other"

    @property
    def seconds(self) -> float:
        """How long it has taken up to now."""
        return time.perf_counter() - self.began

    @property
    def streams(self) -> bool:
        """Whether its answer is a stream of events."""
        return self.place.streams

    @property
    def route(self) -> str:
        """The path as the document has it, never as it was asked, which may name somebody; `none` where there is no such path."""
        route = self.scope.get("route")
        if route is None:
            return "none"
        path: str = route.path
        # a router that stands under /v1 knows its own part of the path only
        return f"/v1{path}" if self.scope["path"].startswith("/v1/") and not path.startswith("/v1") else path

    def left_to_ask(self) -> float | None:
        """Seconds within which the database must have answered, so that this can be; None once an answer has begun."""
        if self._dropped:
            return 0.0
        return None if self.status or not self._limit else max(0.0, EARLIER * self._limit - self.seconds)

    def within(self, seconds: float, late: Callable[[], ASGIApp]) -> None:
        """Answer `late` when no answer has begun by then.

        What is being done keeps its place until it ends, as a thread cannot be stopped; what it asks of the database ends
        before (`left_to_ask`), and what it answers goes nowhere.
        """
        self._limit = seconds
        loop = asyncio.get_running_loop()

        def out_of_time() -> None:
            if not self.status and not self._held:
                self._late = loop.create_task(self.instead(late()))

        self._timer = loop.call_later(seconds, out_of_time)

    async def instead(self, response: ASGIApp) -> None:
        """Answer this, and nothing that comes after."""
        self._dropped = True
        await response(self.scope, self.body, self._labelled)

    async def send(self, message: Message) -> None:
        """Send a part of the answer. The beginning waits for the first part of the body, by which it is known whether that is all."""
        if message["type"] == "http.response.start":
            if _streams(message) and not self._dropped:
                await self._stream(message)
            else:
                self._held = message
        elif held := self._held:
            self._held = None
            body = message.get("body", b"")
            whole = not message.get("more_body", False)
            if whole and self.once:
                await self.once(held, body)
            if self._dropped:
                return
            if whole:
                held, body = await self._finish(self, held, body)
                message = {"type": "http.response.body", "body": body}
            await self._labelled(held)
            await self._labelled(message)
        elif not self._dropped:
            await self._labelled(message)

    async def _stream(self, message: Message) -> None:
        """A stream begins at once, in a place of its own."""
        if why := self.place.stay():
            await self.instead(self._sent_away(self, why))
            return
        await self._labelled(message)

    def end(self) -> None:
        """Nothing more comes."""
        if self._timer:
            self._timer.cancel()

    async def _labelled(self, message: Message) -> None:
        """Send it, the beginning with the headers that every answer has.

        Raises `ClientDisconnect` when a part of it is not taken in time: whoever reads drop by drop keeps a place as well.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.end()
            headers: Headers = message.setdefault("headers", [])
            there = dict(headers)
            headers += [one for one in _SECURITY if one[0] not in there]
            headers.append((b"x-request-id", self.name.encode()))
            if left := self.left:
                headers += left.headers()
            if self.status in {429, 503} and b"retry-after" not in there:
                headers.append((b"retry-after", b"%d" % self.retry))
        else:
            self.size += len(message.get("body", b""))
        try:
            async with asyncio.timeout(self._limit):
                await self._send(message)
        except TimeoutError:
            raise ClientDisconnect from None


def passing_of(request: Request) -> Passing | None:
    """The passing of a request, where it came through the gate."""
    found: Passing | None = request.scope.get(_KEY)
    return found


def _traceparent(scope: Scope) -> str:
    return next((traceparent(value.decode("latin-1")) for key, value in scope["headers"] if key == b"traceparent"), "")


def _name(scope: Scope) -> str:
    """What whoever asks calls it, as long as that is a name and nobody's number; else a name of ours."""
    for key, value in scope["headers"]:
        if key == b"x-request-id" and _NAME(value) and not _A_NUMBER(value):
            given: str = value.decode()
            return given
    return token_hex(16)


def _streams(message: Message) -> bool:
    """Whether the beginning of an answer is that of a stream of events."""
    return any(key == b"content-type" and value.startswith(_STREAM) for key, value in message["headers"])
