"""Failed attempts to get in, told to whoever keeps them: who was claimed, at which path, why. Never the secret."""

from collections.abc import Callable
from typing import NamedTuple

from fastapi import Request

from services.api.peers import peers_of
from services.reading.denials import Denials, Denied


class Attempt(NamedTuple):
    """An attempt in vain. `claimed`: the account, empty where none has the name; `why`: a word; `act`: method and path without ids."""

    claimed: str
    act: str
    why: str
    address: str


Told = Callable[[Attempt], None]


def denied(request: Request, claimed: str, why: str) -> None:
    """Tell of an attempt."""
    told: Told = request.app.state.denied
    told(Attempt(claimed, act_of(request), why, peers_of(request).address(request)))


def act_of(request: Request) -> str:
    """Method and path of a request as the application names it: nothing that somebody typed is in it."""
    route: str = getattr(request.scope.get("route"), "path", "")
    if request.url.path.startswith("/v1/") and route and not route.startswith("/v1/"):
        route = f"/v1{route}"  # a router knows its paths without what it stands under
    return f"{request.method} {route}"


def told_to(denials: Denials) -> Told:
    """What keeps attempts in the log, many alike as one with their count."""
    return lambda one: denials.denied(Denied("", one.claimed, one.act, "unauthenticated", one.why, one.address))
