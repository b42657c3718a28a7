"""Failed attempts to get in, told to whoever keeps them: who was claimed, at which path, why. Never the secret."""

from collections.abc import Callable
from typing import NamedTuple

import structlog
from fastapi import Request

from services.api.peers import peers_of

_logger = structlog.get_logger()


class Attempt(NamedTuple):
    """An attempt in vain. `claimed`: the account, empty where none has the name; `why`: a word; `act`: method and path without ids."""

    claimed: str
    act: str
    why: str
    address: str


Told = Callable[[Attempt], None]


def denied(request: Request, claimed: str, why: str) -> None:
    """Tell of an attempt."""
    route = request.scope.get("route")
    act = f"{request.method} {getattr(route, 'path', '')}".strip()
    told: Told = request.app.state.denied
    told(Attempt(claimed, act, why, peers_of(request).address(request)))


def logged(attempt: Attempt) -> None:
    """What becomes of an attempt where nobody keeps them: a line in the process's log, without the address."""
    _logger.warning("somebody was not let in", account=attempt.claimed, act=attempt.act, why=attempt.why)
