"""What an operation answers, said where it is: the very type that the answer is encoded from, and the codes that it refuses with.

    @router.get("/alerts")
    @answers(AlertPage, refuses=("not-found",))
    def alerts(…) -> Response: …

Whoever says nothing is documented all the same, with any JSON and with every status that there is.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from fastapi.routing import RouteContext

Operation = TypeVar("Operation", bound=Callable[..., Any])

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class Also(NamedTuple):
    """What else is answered as JSON, where a standard has words of its own for it: what that is, and its type."""

    said: str
    type: Any


class Answers(NamedTuple):
    """What an operation answers when it does what was asked. `type`: of the JSON, None: there is none; `files`: media types beside it.

    `refuses`: codes beside those that every operation of its kind has; None: nobody has said, so all. `also`: by status.
    """

    type: Any = None
    files: tuple[str, ...] = ()
    refuses: tuple[str, ...] | None = None
    also: Mapping[int, Also] = MappingProxyType({})


def answers(
    type_: Any = None,
    *,
    files: tuple[str, ...] = (),
    refuses: tuple[str, ...] | None = (),
    also: Mapping[int, Also] = MappingProxyType({}),
) -> Callable[[Operation], Operation]:
    """Say of an operation what it answers. `refuses`: None, with whatever there is."""

    def said(operation: Operation) -> Operation:
        vars(operation)[_KEPT] = Answers(type_, files, refuses, also)
        return operation

    return said


def answers_of(route: RouteContext) -> Answers:
    """What was said of a route."""
    found: Answers = vars(route.endpoint).get(_KEPT, Answers())
    return found


_KEPT = "_answers"
