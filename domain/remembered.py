"""What was reckoned of a dossier, kept beside it for who asks again while the same fact is decided on.

Dossiers never change, so the very same one always answers the same under the same law, on the same day.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, TypeVarTuple

from domain.dossier import Dossier

_Given = TypeVarTuple("_Given")
_Found = TypeVar("_Found")


def once(reckon: Callable[[Dossier, *_Given], _Found]) -> Callable[[Dossier, *_Given], _Found]:
    """Reckon it once of a dossier, as long as what is `given` beside it is the same; the last answer alone is kept."""
    name = f"{reckon.__module__}.{reckon.__qualname__}"

    def answer(dossier: Dossier, *given: *_Given) -> _Found:
        kept: dict[str, tuple[tuple[Any, ...], _Found]] = dossier.__dict__
        before = kept.get(name)
        if before is not None and before[0] == given:
            return before[1]
        found = reckon(dossier, *given)
        kept[name] = given, found
        return found

    return update_wrapper(answer, reckon)
