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
    """Method and path of a request, with the names of what stands in the path in place of what does: no id is in it."""
    names = {str(value): f"{{{name}}}" for name, value in request.path_params.items()}
    path = "/".join(names.get(part, part) for part in request.url.path.split("/"))
    return f"{request.method} {path}"


def told_to(denials: Denials) -> Told:
    """What keeps attempts in the log, many alike as one with their count."""
    return lambda one: denials.denied(Denied("", one.claimed, one.act, "unauthenticated", one.why, one.address))
