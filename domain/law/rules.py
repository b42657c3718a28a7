"""Dated rules and how to ask them. Parsing is pure: whoever has the files passes their texts in."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from domain.months import Month, first_day, month_of, plus

T = TypeVar("T")


class LawError(ValueError):
    """A law file that cannot be used; the message names the file and the key."""


class Citation(Struct, frozen=True):
    """Where a rule stands, and what it says, for people."""

    key: str
    document: str
    article: str
    zh: str
    en: str


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of one rule, in force from `valid_from` to `valid_to` (both included; None: until further notice).

    `mark`: how sure the source is. P: in a policy document of a city; T: the text was read; S: a secondary source;
    C: unsettled, a setting with a stated default. The numbers a rule needs stand in its own fields.
    """

    key: str
    valid_from: date
    valid_to: date | None = None
    document: str
    article: str
    zh: str
    en: str
    mark: Literal["P", "T", "S", "C"]
    months_after: int = 0
    day_of_month: int = 1
    act_within_days: int = 0
    warn_days: int = 0
    pays_back: bool = False

    @property
    def citation(self) -> Citation:
        """The rule as it is cited."""
        return Citation(self.key, self.document, self.article, self.zh, self.en)


class Jurisdiction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A city: which divisions are its own, which document governs it, which office acts on its pensions."""

    code: str
    zh: str
    en: str
    document: str
    agency_zh: str
    agency_en: str


class _NationalFile(Struct, forbid_unknown_fields=True):
    rule: list[Rule]


class Law:
    """All versions of all rules. `pinned_to` answers every question under the law of that one day (`--law-at`)."""

    def __init__(
        self, rules: Mapping[str, tuple[Rule, ...]], cities: tuple[Jurisdiction, ...], pinned_to: date | None = None
    ) -> None:
        self._rules = rules
        self.cities = cities
        self._pinned_to = pinned_to

    def pinned(self, day: date) -> "Law":
        """The same law, frozen as it stood on `day`."""
        return Law(self._rules, self.cities, day)

    def rule(self, key: str, on: date) -> Rule:
        """The version of a rule in force on a day; the oldest one before there was any. `KeyError`: no such rule."""
        day = self._pinned_to or on
        versions = self._rules[key]
        for rule in reversed(versions):
            if rule.valid_from <= day:
                return rule
        return versions[0]

    def local(self, key: str, on: date, division: str) -> Rule:
        """The version in force of a rule that a city may have its own of, the nation's where it has none."""
        return self.rule(key, on)

    def versions(self, key: str, first: Month) -> Iterator[tuple[Month, Rule]]:
        """The versions of a rule that hold from month `first` on, each with the month from which it does.

        The version in force on a month's first day holds for all of it.
        """
        rule = self.rule(key, first_day(first))
        begins = {first: rule}
        if self._pinned_to is None:
            for later in self._rules[key]:
                if later.valid_from > max(rule.valid_from, first_day(first)):
                    month = month_of(later.valid_from)
                    begins[month if later.valid_from.day == 1 else plus(month, 1)] = later
        yield from begins.items()

    def city_of(self, division: str) -> Jurisdiction | None:
        """The city of a division code, by its first four digits; None outside the four."""
        return next((city for city in self.cities if city.code[:4] == division[:4]), None)


def parse_law(national: Mapping[str, str], cities: Mapping[str, str]) -> Law:
    """The law out of the texts of its TOML files, by file name. Raises `LawError` naming the file and the key."""
    by_key: dict[str, list[tuple[str, Rule]]] = {}
    for name, text in national.items():
        for rule in _decode(name, text, _NationalFile).rule:
            by_key.setdefault(rule.key, []).append((name, rule))
    return Law(
        {key: _in_order(versions) for key, versions in by_key.items()},
        tuple(_decode(name, text, Jurisdiction) for name, text in cities.items()),
    )


def _decode(name: str, text: str, type_: type[T]) -> T:
    try:
        return msgspec.toml.decode(text, type=type_)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{name}: {error}") from error


def _in_order(versions: list[tuple[str, Rule]]) -> tuple[Rule, ...]:
    """The versions of one rule, each with its file, by date: each must follow on the one before without a day between."""
    ordered = sorted(versions, key=lambda version: version[1].valid_from)
    for file, rule in ordered:
        if rule.valid_to is not None and rule.valid_to < rule.valid_from:
            raise LawError(f"{file}: {rule.key}: the version from {rule.valid_from} ends before it begins")
    for (_, earlier), (file, later) in pairwise(ordered):
        if earlier.valid_to is None or earlier.valid_to + timedelta(days=1) != later.valid_from:
            raise LawError(
                f"{file}: {later.key}: the version from {later.valid_from} does not follow on the one before it"
            )
    return tuple(rule for _, rule in ordered)
