"""Administrative divisions: 12-digit codes (GB/T 2260 with GB/T 10114), their names, and what lies in what.

The code alone tells the level: two digits say the province, four the city, six the county, nine the street and all
twelve the community; the rest is zeros. Names are data: parsing is pure, whoever has the file passes its text in.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import IntEnum
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct

from domain.checked import arriving
from domain.facts import Division


class DivisionsError(ValueError):
    """A divisions file that cannot be used; the message names the code."""


class Level(IntEnum):
    """What a division is. The value is the number of leading digits that tell it apart."""

    PROVINCE = 2
    CITY = 4
    COUNTY = 6
    STREET = 9
    COMMUNITY = 12


class Area(Struct, frozen=True):
    """A division with its name in both languages."""

    code: Division
    zh: str
    en: str


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says of a code: its names, and the first and the last day on which it is in force where those are known."""

    zh: str
    en: str
    valid_from: date | None = None
    valid_to: date | None = None


@lru_cache(maxsize=4096)
def level(code: str) -> Level:
    """The level of a division, by its trailing zeros: `440304000000` is a county."""
    return next(known for known in Level if not code[known:].strip("0"))


@lru_cache(maxsize=4096)
def prefix(code: str) -> str:
    """The digits that every code within a division begins with: `440304000000` has `440304`."""
    return code[: level(code)]


def within(code: str, area: str) -> bool:
    """Whether a division is another one or lies in it."""
    return code.startswith(prefix(area))


@lru_cache(maxsize=4096)
def ancestors(code: str) -> tuple[str, ...]:
    """The codes from the province down to the division itself; a city without counties stands there once."""
    own = level(code)
    return tuple(dict.fromkeys(code[:upper].ljust(12, "0") for upper in Level if upper <= own))


_NAMES: Any = dict.__class_getitem__((arriving(Division), Names))


class Divisions:
    """The divisions we have names for, in the order of their codes."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self._areas = {area.code: area for area in sorted(areas, key=lambda area: area.code)}

    def __iter__(self) -> Iterator[Area]:
        return iter(self._areas.values())

    def __len__(self) -> int:
        return len(self._areas)

    def find(self, code: str) -> Area | None:
        """The division of exactly this code; None when it has no name here."""
        return self._areas.get(code)

    def path(self, code: str) -> tuple[Area, ...]:
        """The named divisions from the province down to this one; those without a name are left out."""
        return tuple(area for upper in ancestors(code) if (area := self._areas.get(upper)))

    def full_name(self, code: str, language: Literal["zh", "en"] = "zh") -> str:
        """`广东省深圳市福田区` or `Futian District, Shenzhen, Guangdong`, as far down as names are known."""
        path = self.path(code)
        if language == "zh":
            return "".join(area.zh for area in path)
        return ", ".join(area.en for area in reversed(path))

    def extended(self, areas: Iterable[Area]) -> "Divisions":
        """These divisions and more, as for the streets and communities of one city."""
        return Divisions([*self, *areas])


def parse_divisions(text: str) -> Divisions:
    """The divisions of a TOML file: `440304000000 = { zh = "福田区", en = "Futian District" }`.

    `valid_from` and `valid_to` may stand beside the names; they are for `domain.lineage`, and all have their names here.
    Raises `DivisionsError` naming what does not fit, such as a county whose city is missing.
    """
    names = parse_spells(text)
    for code in names:
        if missing := set(ancestors(code)) - names.keys():
            raise DivisionsError(f"{code} lies in {min(missing)}, which is not listed")
    return Divisions(Area(code, name.zh, name.en) for code, name in names.items())


def parse_spells(text: str, file: str = "") -> dict[str, Names]:
    """The entries of such a file by their codes, with their dates. Raises `DivisionsError` naming the file."""
    try:
        return cast("dict[str, Names]", msgspec.toml.decode(text, type=_NAMES))
    except (msgspec.DecodeError, ValueError) as error:
        raise DivisionsError(f"{file}: {error}" if file else str(error)) from error
