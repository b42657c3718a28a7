"""Dated rules and how to ask them. Parsing is pure: whoever has the files passes their texts in."""

from bisect import bisect
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cached_property
from hashlib import blake2b

import msgspec
from msgspec import Struct

from domain.law.calendar import Calendar
from domain.law.city import CityLaw, Jurisdiction, follow_on, parse_city
from domain.law.provisions import Adjustment, LawError, Rule, Sharing, in_force
from domain.law.survivors import SurvivorLaw
from domain.months import Month, first_day, month_of, plus


class _NationalFile(Struct, forbid_unknown_fields=True):
    rule: list[Rule]
    adjustment: list[Adjustment] = []
    sharing: list[Sharing] = []


class Law:
    """All versions of all rules. `pinned_to` answers every question under the law of that one day (`--law-at`)."""

    def __init__(
        self,
        rules: Mapping[str, tuple[Rule, ...]],
        cities: tuple[Jurisdiction, ...],
        adjustments: tuple[Adjustment, ...] = (),
        survivors: SurvivorLaw | None = None,
        pinned_to: date | None = None,
        calendar: Calendar | None = None,
        sharing: tuple[Sharing, ...] = (),
    ) -> None:
        self._rules = rules
        self.cities = cities
        self._adjustments = adjustments
        self.survivors = survivors
        self._pinned_to = pinned_to
        self._sharing = sharing
        self.calendar = calendar or Calendar()
        self._by_city = {city.code[:4]: (city, city.turns) for city in cities}
        self._city_laws: dict[tuple[str, date], CityLaw] = {}

    def pinned(self, day: date) -> "Law":
        """The same law, frozen as it stood on `day`."""
        return Law(self._rules, self.cities, self._adjustments, self.survivors, day, self.calendar, self._sharing)

    @cached_property
    def digest(self) -> str:
        """What one law is told from another by: the same in every process that has the same one."""
        survivors = vars(self.survivors) if self.survivors else None
        whole = [self._rules, self.cities, self._adjustments, survivors, self._pinned_to]
        return blake2b(msgspec.json.encode(whole, enc_hook=str, order="deterministic"), digest_size=16).hexdigest()

    @cached_property
    def turns(self) -> list[date]:
        """The days on which any rule begins, or no longer holds; in order. A pinned law has none."""
        if self._pinned_to:
            return []
        national = [rule for versions in self._rules.values() for rule in versions]
        begins = {one.valid_from for one in (*national, *self._adjustments)}
        ends = {rule.valid_to + timedelta(days=1) for rule in national if rule.valid_to}
        return sorted(begins.union(ends, *(turns for _, turns in self._by_city.values())))

    def next_turn(self, after: date) -> date | None:
        """The first day after another on which the law is no longer the same; None: none is known."""
        at = bisect(self.turns, after)
        return self.turns[at] if at < len(self.turns) else None

    def adjustments(self, division: str) -> tuple[Adjustment, ...]:
        """The general adjustments of pensions in a division, the earliest first."""
        return tuple([one for one in self._adjustments if division.startswith(one.place)])

    def rule(self, key: str, on: date) -> Rule:
        """The version of a rule in force on a day; the oldest one before there was any. `KeyError`: no such rule."""
        day = self._pinned_to or on
        versions = self._rules[key]
        for rule in reversed(versions):
            if rule.valid_from <= day:
                return rule
        return versions[0]

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """Every national rule that holds on a day, by its key."""
        day = self._pinned_to or on
        return tuple(rule for _, versions in sorted(self._rules.items()) for rule in in_force(versions, day))

    def of_key(self, key: str) -> tuple[Rule, ...]:
        """All versions of a national rule, the oldest first; none: there is no such rule."""
        return self._rules.get(key, ())

    def anywhere(self, key: str) -> tuple[Rule, ...]:
        """All versions of a rule, the nation's and every city's own."""
        cities = {city.code: city for city, _ in self._by_city.values()}
        return (*self.of_key(key), *(rule for city in cities.values() for rule in city.rule if rule.key == key))

    def local(self, key: str, on: date, division: str) -> Rule:
        """The version in force of a rule that a city may have its own of, the nation's where it has none."""
        city = self.city_of(division)
        own = in_force(city.rule, self._pinned_to or on) if city else ()
        return next((rule for rule in own if rule.key == key), None) or self.rule(key, on)

    def sharing(self, division: str, on: date) -> tuple[Sharing, ...]:
        """Who must tell the agency of what, for a division, as in force on a day: by its city's file, then by the nation's law."""
        local = self.city_law(division, on)
        return (*(local.sharing if local else ()), *in_force(self._sharing, self._pinned_to or on))

    @property
    def national_sharing(self) -> tuple[Sharing, ...]:
        """Who must tell the agency of what by the nation's law, in all versions; what cities ask for stands with them."""
        return self._sharing

    def city_law(self, division: str, on: date) -> CityLaw | None:
        """The law of the city a division lies in, as in force on a day, before there was any its oldest; None outside those with a file."""
        if (known := self._by_city.get(division[:4])) is None:
            return None
        city, turns = known
        day = turns[max(bisect(turns, self._pinned_to or on) - 1, 0)]
        if (found := self._city_laws.get((city.code, day))) is None:
            found = self._city_laws[city.code, day] = city.as_of(day)
        return found

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
        known = self._by_city.get(division[:4])
        return known[0] if known else None


def parse_law(
    national: Mapping[str, str],
    cities: Mapping[str, str],
    survivors: SurvivorLaw | None = None,
    calendar: Calendar | None = None,
) -> Law:
    """The law out of the texts of its TOML files, by file name. Raises `LawError` naming the file and the key."""
    by_key: dict[str, list[tuple[str, Rule]]] = {}
    adjustments: list[Adjustment] = []
    sharing: list[Sharing] = []
    for name, text in national.items():
        file = _decode(name, text)
        adjustments += file.adjustment
        sharing += file.sharing
        for rule in file.rule:
            by_key.setdefault(rule.key, []).append((name, rule))
    parsed = {name: parse_city(name, text) for name, text in cities.items()}
    if len({city.code[:4] for city in parsed.values()}) < len(parsed):
        raise LawError(f"{', '.join(parsed)}: code: two files are of the same city")
    for name, city in parsed.items():
        for own in city.rule:
            if own.key not in by_key:
                raise LawError(f"{name}: rule {own.key}: there is no national rule of this key")
    return Law(
        {key: _in_order(versions) for key, versions in by_key.items()},
        tuple(parsed.values()),
        tuple(sorted(adjustments, key=lambda one: one.valid_from)),
        survivors,
        calendar=calendar,
        sharing=tuple(sharing),
    )


def _decode(name: str, text: str) -> _NationalFile:
    try:
        return msgspec.toml.decode(text, type=_NationalFile)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{name}: {error}") from error


def _in_order(versions: list[tuple[str, Rule]]) -> tuple[Rule, ...]:
    """The versions of one rule, each with the file it stands in, by date."""
    ordered = sorted(versions, key=lambda version: version[1].valid_from)
    follow_on(ordered)
    return tuple(rule for _, rule in ordered)
