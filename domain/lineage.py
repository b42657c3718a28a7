"""What became of divisions: since when a code is in force, until when, and which codes came before and after it.

Codes retire, split, merge, move and are renamed, and a fact keeps the code of its day. So a past roster is read with the
divisions of its day (`Lineage.on`), and a code of then is brought to another day by the changes between the two. Where a
division was split there are several answers, and none is chosen here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from domain.divisions import Area, Divisions, DivisionsError, ancestors, level, parse_spells, prefix

Kind = Literal["established", "split", "merged", "renamed", "moved", "abolished"]
Precision = Literal["day", "month", "year"]
_ONE = timedelta(days=1)
Code = Annotated[str, Meta(pattern=r"^[0-9]{12}$(?!\n)")]


class Spell(Struct, frozen=True, forbid_unknown_fields=True):
    """A code under one name, in force from `valid_from` to `valid_to`, both included; None: since ever, until further notice."""

    code: Code
    zh: str
    en: str
    valid_from: date | None = None
    valid_to: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the day lies in it."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to codes: from the day `on`, what was `before` is `after`.

    A code that goes on stands on both sides. An empty side: established out of codes that are not recorded, or abolished and
    divided among others in a way that is not. `on` is the day of approval; known to the month or the year only, its last day.
    """

    on: date
    kind: Kind
    before: tuple[Code, ...] = field(name="from", default=())
    after: tuple[Code, ...] = field(name="to", default=())
    known_to: Precision = "day"
    document: Annotated[str, Meta(min_length=1)] | None = None

    @property
    def when(self) -> str:
        """The date as far as it is known: `2015-10-13`, `1987-04` or `1994`."""
        return self.on.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.known_to]]


class _History(Struct, frozen=True, forbid_unknown_fields=True):
    codes: tuple[Spell, ...]
    changes: tuple[Change, ...]


class Lineage:
    """The divisions of every day, and the changes from one day to another. Codes nobody listed are never invented."""

    def __init__(self, spells: Iterable[Spell], changes: Iterable[Change]) -> None:
        self._spells: dict[str, list[Spell]] = defaultdict(list)
        for spell in sorted(spells, key=lambda spell: spell.valid_from or date.min):
            self._spells[spell.code].append(spell)
        self.changes = tuple(sorted(changes, key=lambda change: change.on))

    def spells(self, code: str) -> tuple[Spell, ...]:
        """The names and times of a code, the oldest first; empty when it is not listed."""
        return tuple(self._spells.get(code, ()))

    def find(self, code: str, day: date) -> Area | None:
        """The division of a code as it was named on a day; None when the code was not in force, or is not listed."""
        if not all(self._covered(upper, day) for upper in ancestors(code) if upper != code and _has_entry(upper)):
            return None
        return next((Area(it.code, it.zh, it.en) for it in self.spells(code) if it.covers(day)), None)

    def full_name(self, code: str, day: date, language: Literal["zh", "en"] = "zh") -> str:
        """`辽宁省大连市普兰店市`, with the names of a day, as far down as they are known."""
        path = (self.find(upper, day) for upper in ancestors(code))
        return Divisions(filter(None, path)).full_name(code, language)

    def in_force(self, code: str, day: date) -> bool:
        """Whether a listed code was in force on a day."""
        return self.find(code, day) is not None

    def dated(self, code: str, day: date) -> str:
        """The day on which a code changed, as far as it is known: `1994` for a change of which the year only is sure."""
        return next((it.when for it in self.changes if it.on == day and code in (*it.before, *it.after)), str(day))

    def on(self, day: date) -> Divisions:
        """The divisions as of a day, with the names of that day."""
        return Divisions(area for code in self._spells if (area := self.find(code, day)))

    def became(self, code: str, then: date, day: date) -> tuple[Area, ...]:
        """What a code of the day `then` had become by a later `day`: several where it was split; empty where nobody recorded it."""
        return self._after(code, then, [change for change in self.changes if then < change.on <= day], day)

    def was(self, code: str, day: date, then: date) -> tuple[Area, ...]:
        """What a code of a `day` had been on the earlier day `then`: several where it was merged; empty where nobody recorded it."""
        between = [change for change in reversed(self.changes) if then < change.on <= day]
        turned = [msgspec.structs.replace(change, before=change.after, after=change.before) for change in between]
        return self._after(code, day, turned, then)

    def nearest(self, code: str) -> str | None:
        """The listed code nearest above, or of, a division; None: nothing of its place is listed."""
        return next((upper for upper in reversed(ancestors(code)) if upper in self._spells), None)

    def placed(self, code: str, day: date) -> str:
        """Where a code of any time belongs on a day: itself, as long as what it lies in is in force or nobody recorded what became of it.

        What was split or merged belongs to the smallest division that holds all of it; which part of it, is not guessed.
        """
        for upper in reversed(ancestors(code)):
            if not self.spells(upper):
                continue
            if self.in_force(upper, day):
                return code
            if found := self._elsewhere(upper, day):
                same = set.intersection(*(set(ancestors(area.code)) for area in found))
                return max(same, key=level, default=code)
        return code

    def formerly(self, division: str, day: date) -> tuple[str, ...]:
        """The beginnings of codes out of force that belong, on a day, to a division whose beginning is given, and begin otherwise."""
        return tuple(
            prefix(code)
            for code in sorted(self._spells)
            if not code.startswith(division)
            and not self.in_force(code, day)
            and self.placed(code, day).startswith(division)
        )

    def _elsewhere(self, code: str, day: date) -> tuple[Area, ...]:
        """What a code that is not in force on a day was before its time, or became after it; whichever day of its time is meant."""
        first, last = self.spells(code)[0], self.spells(code)[-1]
        if last.valid_to and last.valid_to < day:
            uppers = (self.spells(upper)[0] for upper in ancestors(code) if self.spells(upper))
            return self.became(code, max(spell.valid_from or date.min for spell in uppers), day)
        if first.valid_from and day < first.valid_from:
            return self.was(code, last.valid_to or date.max, day)
        return ()

    def _after(self, code: str, begin: date, changes: Iterable[Change], end: date) -> tuple[Area, ...]:
        if not self.in_force(code, begin):
            return ()
        now = {code}
        for change in changes:
            if now & set(change.before):
                now = now - set(change.before) | set(change.after)
        return tuple(area for it in sorted(now) if (area := self.find(it, end)))

    def _covered(self, code: str, day: date) -> bool:
        return any(spell.covers(day) for spell in self._spells.get(code, ()))


def parse_lineage(names: Mapping[str, str], history: tuple[str, str]) -> Lineage:
    """The lineage out of files of names (as `parse_divisions` reads) and one of history, each by its name and text.

    Raises `DivisionsError` naming file and code: overlapping times, a county without its city, an unknown code in a change,
    a time that begins or ends without a change that says why.
    """
    file, text = history
    try:
        read = msgspec.toml.decode(text, type=_History)
    except (msgspec.DecodeError, ValueError) as error:
        raise DivisionsError(f"{file}: {error}") from error
    home = {spell.code: file for spell in read.codes}
    spells = list(read.codes)
    for name, listed in names.items():
        for code, entry in parse_spells(listed, name).items():
            home.setdefault(code, name)
            spells.append(Spell(code, entry.zh, entry.en, entry.valid_from, entry.valid_to))
    found = Lineage(spells, read.changes)
    for code, where in home.items():
        _check_times(found, code, where)
        _check_ancestors(found, code, where)
    _check_changes(found, {spell.code for spell in read.codes} | _changed(read.changes), file)
    return found


def _has_entry(code: str) -> bool:
    """Whether a division stands in the lists: counties straight under their province have 90 for a city, which is none."""
    return not (code[2:4] == "90" and code.endswith("00000000"))


def _changed(changes: Iterable[Change]) -> set[str]:
    return {code for change in changes for code in (*change.before, *change.after)}


def _check_times(found: Lineage, code: str, file: str) -> None:
    spells = found.spells(code)
    for spell in spells:
        if (spell.valid_from or date.min) > (spell.valid_to or date.max):
            raise DivisionsError(f"{file}: {code} ends before it begins")
    for earlier, later in pairwise(spells):
        if earlier.valid_to is None or later.valid_from is None or earlier.valid_to >= later.valid_from:
            raise DivisionsError(f"{file}: {code} has two names at the same time, {earlier.zh} and {later.zh}")


def _check_ancestors(found: Lineage, code: str, file: str) -> None:
    """Every time of a code lies within times of what it lies in; one whose beginning is not given begins with that."""
    for upper in filter(_has_entry, ancestors(code)[:-1]):
        above = found.spells(upper)
        if not above:
            raise DivisionsError(f"{file}: {code} lies in {upper}, which is not listed")
        for spell in found.spells(code):
            day: date | None = spell.valid_from or above[0].valid_from or date.min
            for one in above:
                if day and one.covers(day):
                    day = one.valid_to + _ONE if one.valid_to else None
            if day and day <= (spell.valid_to or date.max):
                raise DivisionsError(f"{file}: {code} lies in {upper}, which is not in force on {day}")


def _check_changes(found: Lineage, codes: set[str], file: str) -> None:
    """Every beginning and every end in the history has its change, and every change its beginnings and ends."""
    for code in sorted(codes):
        spells = found.spells(code)
        if not spells:
            raise DivisionsError(f"{file}: a change names {code}, which is not listed")
        begins = {spell.valid_from for spell in spells if spell.valid_from}
        ends = {spell.valid_to + _ONE for spell in spells if spell.valid_to}
        come = {change.on for change in found.changes if code in change.after and code not in change.before}
        gone = {change.on for change in found.changes if code in change.before and code not in change.after}
        renamed = {change.on for change in found.changes if change.kind == "renamed" and code in change.after}
        explained = (come ^ gone) | renamed
        if odd := (come - begins) | (gone - ends) | (renamed ^ (begins & ends)) | ((begins | ends) - explained):
            raise DivisionsError(f"{file}: {code} and its changes do not agree about {min(odd)}")
