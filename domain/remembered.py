"""What was just reckoned of a dossier, for who asks again while the same fact is decided on.

Dossiers never change, so the very same one always answers the same; told apart by being the same object, as to compare them
would take longer than to reckon.
"""

from typing import Any


class Same:
    """Some immutable things, equal to others only if they are the same objects."""

    __slots__ = ("_hash", "things")

    def __init__(self, *things: Any) -> None:
        self.things = things
        self._hash = hash(tuple(map(id, things)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and all(a is b for a, b in zip(self.things, other.things, strict=True))


AT_ONCE = 16
"""How many are remembered: the few that threads are at."""
