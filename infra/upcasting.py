"""Upcasters: from what an older version stored to what this one reads, one version at a time.

When the shape of an event changes so that what is stored no longer reads, its type gets the next stored name, and the old
name an upcaster here. Stored events are never rewritten: their bytes are in the log's hashes and proofs.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import msgspec

Plain = dict[str, Any]
"""An event as its JSON says it: dicts, lists, texts, numbers; its tag, where it has one, included."""


class Upcaster(NamedTuple):
    """How an old version becomes the next: under which stored name, and by which pure function of its plain form.

    In a fact as published the life event lies in `fact`, with the stored name as its tag `name`.
    """

    becomes: str
    change: Callable[[Plain], Plain]


def _with_a_way(disclosed: Plain) -> Plain:
    """A look of before ways were told: what its purpose and its fields say of them."""
    _, _, use = str(disclosed.get("purpose")).partition("，")
    told = {name: value for name, value in disclosed.items() if name != "name"}
    told["way"] = "export" if use.startswith("导出") else "print" if use.startswith("打印") else "not-told"
    told["look"] = "opened" if "original" in (disclosed.get("fields") or ()) else "shown"
    return told | {"name": "personal-data-disclosed.v2"}


def _of_alerts_alone(delivered: Plain) -> Plain:
    """A delivery of before life events were recorded: it is of alerts, and says not for what."""
    return delivered | {"name": "personal-data-delivered.v1"}


UPCASTERS: dict[str, Upcaster] = {
    "personal-data-disclosed.v1": Upcaster("personal-data-disclosed.v2", _with_a_way),
    "alerts-delivered.v1": Upcaster("personal-data-delivered.v1", _of_alerts_alone),
}
"""By the old stored name, written by hand."""


class Older(dict[str, tuple[str, Callable[[bytes], Any]]]):
    """By the stored name of every older version: the name of the newest, and what reads the old bytes as that.

    Raises `ValueError` when an upcaster leads away from a newest version, to nothing, or round in a circle.
    """

    def __init__(self, names: Mapping[str, type[Any]], upcasters: Mapping[str, Upcaster]) -> None:
        super().__init__({old: _reading(old, names, upcasters) for old in upcasters})

    def __missing__(self, name: str) -> NoReturn:
        raise KeyError(f"this version of the program knows no event stored as {name}") from None


def _reading(
    old: str, names: Mapping[str, type[Any]], upcasters: Mapping[str, Upcaster]
) -> tuple[str, Callable[[bytes], Any]]:
    name = old
    changes: list[Callable[[Plain], Plain]] = []
    while name in upcasters and name not in names and len(changes) < len(upcasters):
        name, change = upcasters[name]
        changes.append(change)
    if name not in names or not changes:
        raise ValueError(f"the upcasters from {old} on must lead to a newest version, not end at {name}")
    newest = names[name]

    def read(stored: bytes) -> Any:
        plain = msgspec.json.decode(stored, type=Plain)
        for change in changes:
            plain = change(plain)
        return msgspec.convert(plain, newest)

    return name, read
