"""What may be told of a fault that was not foreseen: what it was and where, and no value.

The message of an exception and the variables of its frames may hold a name or a number of somebody; a log of a process is no
place for those (个人信息保护法 第五十一条).
"""

from collections.abc import Iterator
from pathlib import Path
from traceback import walk_tb

_OURS = Path(__file__).resolve().parent.parent
_ROOMS = frozenset({"domain", "infra", "projections", "services"})


def told(fault: BaseException) -> dict[str, object]:
    """`fault`: its type, and after it those that it came of; `frames`: ours that each went through, the outermost first."""
    return {"fault": " <- ".join(map(_type, _chain(fault))), "frames": [*_frames(fault)]}


def in_words(fault: BaseException) -> str:
    """The same in a line."""
    return f"{' <- '.join(map(_type, _chain(fault)))} at {', '.join(_frames(fault))}"


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """An exception, what it was raised from, and so on."""
    there: BaseException | None = fault
    seen: set[int] = set()
    while there is not None and id(there) not in seen:
        seen.add(id(there))
        yield there
        there = there.__cause__ or (None if there.__suppress_context__ else there.__context__)


def _type(fault: BaseException) -> str:
    return f"{type(fault).__module__}.{type(fault).__qualname__}".removeprefix("builtins.")


def _frames(fault: BaseException) -> Iterator[str]:
    for one in _chain(fault):
        for frame, line in walk_tb(one.__traceback__):
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(_OURS) and (within := path.relative_to(_OURS)).parts[0] in _ROOMS:
                yield f"{within.as_posix()}:{line} {frame.f_code.co_name}"
