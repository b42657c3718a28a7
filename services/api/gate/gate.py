"""The gate: every request passes it, in and out. What is bounded is bounded here, before anything is done for whoever asks."""

from typing import NamedTuple

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.refusals import Refused
from infra.database import DatabaseError, TooSlowError
from infra.reading import LEFT
from services.accepting.intake import refusal
from services.api.gate.access import AccessLog
from services.api.gate.answers import Answers
from services.api.gate.bodies import Bounded
from services.api.gate.crowd import Crowd, Place, Share
from services.api.gate.metrics import Metrics
from services.api.gate.passing import Passing
from services.api.gate.rates import Rates, network
from services.api.peers import Peers
from services.api.problems import page_problem, unforeseen
from services.settings import Settings
from services.tracing import Tracing, handed_on

_ALWAYS = frozenset({"/healthz", "/readyz"})
"""What is answered however many ask: a balancer that hears nothing takes the process away."""

_NUL = b"%00"
"""What no text of ours holds, and PostgreSQL takes nowhere."""


class BrokenOffError(Exception):
    """An answer ended in its middle; why was told by us."""


class Rules(NamedTuple):
    """What a gate holds requests to, and tells of them. `seconds`: by when an answer must have begun; `body`: by when a body must be there."""

    crowd: Crowd
    rates: Rates
    seconds: float
    body: float
    answers: Answers
    metrics: Metrics
    log: AccessLog | None
    tracing: Tracing

    @classmethod
    def of(cls, settings: Settings, answers: Answers, metrics: Metrics, tracing: Tracing) -> "Rules":
        """The rules of the settings."""
        return cls(
            Crowd(
                settings.changqing_requests_at_once,
                settings.changqing_streams_at_once,
                Share(settings.changqing_requests_of_address),
                Share(settings.changqing_requests_of_account),
                Share(settings.changqing_streams_of_account),
            ),
            Rates(settings.changqing_rate_address, settings.changqing_rate_account, settings.changqing_rate_publishing),
            settings.changqing_request_seconds,
            settings.changqing_body_seconds,
            answers,
            metrics,
            AccessLog() if settings.changqing_access_log else None,
            tracing,
        )


class Gate:
    """Plain ASGI: what streams goes through as it comes."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        rules.metrics.watch(rules.crowd)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not; tell of it when it has gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rules = self._rules
        peers: Peers = scope["app"].state.peers
        address = network(peers.address(Request(scope)))
        place = Place(rules.crowd, address)
        passing = Passing(scope, Bounded(receive, rules.body), send, place, _sent_away, rules.answers.finish)
        if scope["path"] in _ALWAYS:
            await self._pass(passing)
            return
        if why := place.enter():
            await passing.instead(_sent_away(passing, why))
            self._tell(passing)
            return
        try:
            passing.left = rules.rates.of_address(address)
            if passing.left and passing.left.refused:
                passing.retry = passing.left.seconds
                await passing.instead(_problem(passing, Refused("too-many-requests")))
                self._tell(passing)
            elif _NUL in scope.get("raw_path", b"") or _NUL in scope["query_string"]:
                await passing.instead(_problem(passing, Refused("invalid-request", "", "NUL")))
                self._tell(passing)
            else:
                passing.within(rules.seconds, lambda: _problem(passing, Refused("too-slow")))
                asked = LEFT.set(passing.left_to_ask)
                try:
                    await self._pass(passing)
                finally:
                    LEFT.reset(asked)
        finally:
            place.leave()

    async def _pass(self, passing: Passing) -> None:
        span = self._rules.tracing.begin(passing.method, passing.traceparent)
        passing.traceparent = handed_on(span) or passing.traceparent
        try:
            await self._app(passing.scope, passing.body, passing.send)
        except ClientDisconnect:
            passing.code = "gone"  # nobody waits for an answer
        except Exception as error:  # noqa: BLE001 - told without its values, which may be somebody's
            foreseen = None if passing.status else _foreseen(error)
            answer = _problem(passing, foreseen) if foreseen else unforeseen(Request(passing.scope), error)
            if passing.status:  # too late to say so: the connection breaks off, and the server's log has no value of it
                raise BrokenOffError from None
            await passing.instead(answer)
        finally:
            passing.end()
            self._tell(passing)
            if span:
                span.update_name(f"{passing.method} {passing.route}")
                span.set_attributes({"http.route": passing.route, "http.response.status_code": passing.status})
                span.end()

    def _tell(self, passing: Passing) -> None:
        self._rules.metrics.answered(passing)
        if self._rules.log:
            self._rules.log.answered(passing)


def _foreseen(error: Exception) -> Refused | None:
    """What a file met before its first piece, whose beginning is still held here: the framework takes it for begun, and answers no more."""
    cause = error.__cause__
    if isinstance(cause, TooSlowError):
        return Refused("too-slow")
    if isinstance(cause, DatabaseError):
        return Refused("unavailable")
    return cause if isinstance(cause, Refused) else None


def _sent_away(passing: Passing, code: str) -> ASGIApp:
    return _problem(passing, Refused(code, "", "at once"))


def _problem(passing: Passing, refused: Refused) -> ASGIApp:
    return page_problem(Request(passing.scope), refusal(refused))
