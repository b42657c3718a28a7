"""Files to import: lines about invented people, the same ones for a seed, made faster than they can be taken in."""

from collections import deque
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from services.demo.sample import read_sample

SEED = 20_210_901
_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))
_FIRST_BIRTH, _BIRTHS, _SEQUENCES = date(1935, 1, 1), 27 * 365, 999
_STEP = 7_919 * 104_729
"""Coprime to the number of people there could be: steps through all of them before it meets one again."""
_KEPT = 5_000
"""How many people and reports things are told of later, so that a file of any length costs no memory."""
_BAD = (
    "malformed-json",
    "unknown-type",
    "identity-number-invalid",
    "date-in-future",
    "not-your-source",
    "missing-field",
)


class Written(NamedTuple):
    """What is in a file: how many lines, and those that must be refused, with their codes."""

    lines: int
    refused: dict[int, str]


def write_lines(path: Path, count: int, *, seed: int = SEED, bad: float = 0.0, people: int | None = None) -> Written:
    """Write `count` lines: 85% new people, 10% deaths, 2% retractions, 3% corrections; a share `bad` must be refused.

    Of so many `people` the first lines register all, and the others tell of the same ones.
    """
    story, refused = Story(seed, people), dict[int, str]()
    with path.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
        for number in range(1, count + 1):
            line = story.line(number)
            if bad and story.rng.random() < bad:
                refused[number] = _BAD[number % len(_BAD)]
                line = spoilt(line, refused[number])
            file.write(f"{line}\n")
    return Written(count, refused)


def spoilt(line: str, code: str) -> str:
    """The line as it must be refused, with this code."""
    if code == "identity-number-invalid":
        stem, number, rest = line.partition('"identity_number":"')
        check = "1" if rest[17] != "1" else "2"
        return f"{stem}{number}{rest[:17]}{check}{rest[18:]}"
    if code == "date-in-future":
        stem, effective, rest = line.partition('"effective":"')
        return f"{stem}{effective}2999{rest[4:]}"
    old, new = {
        "malformed-json": ('"specversion":', '"specversion"'),
        "unknown-type": (".v1", ".v0"),
        "not-your-source": ('"source":"/', '"source":"'),
        "missing-field": ('"effective"', '"document"'),
    }[code]
    return line.replace(old, new, 1)


class _Who(NamedTuple):
    """Somebody who was registered: how later lines name them, and their registration for a correction."""

    person: str
    registration: str
    city: str
    community: str


class Story:
    """Told line by line: each line fits what went before."""

    def __init__(self, seed: int, people: int | None = None) -> None:
        self.rng = Random(seed)  # noqa: S311 - an invented city needs a seed, not secrecy
        self._people = people
        sample = read_sample()
        self._homes = [(area.code, sample.city_of(area.code)) for area in sample.communities()]
        self._counties = sorted({home[:6] for home, _ in self._homes})
        given_names = [name for names in sample.given_names.values() for name in names]
        self._names = [surname + name for surname in sample.surnames[:40] for name in given_names]
        self._everybody = len(self._counties) * _BIRTHS * _SEQUENCES
        self._next = self.rng.randrange(self._everybody)
        self._seed = seed
        self._known: deque[_Who] = deque(maxlen=_KEPT)
        self._standing: deque[tuple[_Who, str, str]] = deque(maxlen=_KEPT)

    def line(self, number: int) -> str:
        chance = self.rng.random()
        if self._people is not None:
            chance = 0.0 if number <= self._people else 0.85 + 0.15 * chance
        if chance < 0.85 or not self._known:
            return self.registration(number)
        if chance < 0.87 and self._standing:
            who, source, id_ = self._standing.popleft()
            data = f'{who.person},"effective":"2024-09-01","retracts":"{id_}"'
            return self._event("death-retracted", source, number, data)
        who = self._known[int(self.rng.random() * len(self._known))]
        if chance < 0.9:
            return self._event("retirement-registered", f"/enterprise/{who.city}", number, who.registration)
        source = f"/civil-affairs/{who.city}" if chance < 0.96 else f"/community/{who.community}"
        self._standing.append((who, source, f"{self._seed}-{number}"))
        data = f'{who.person},"effective":"2024-0{number % 8 + 1}-12","document":"示例〔2024〕{number}号"'
        return self._event("death-reported", source, number, data)

    def registration(self, number: int) -> str:
        """A line that registers somebody new."""
        home, city = self._homes[number % len(self._homes)]
        index = self._next
        self._next = (index + _STEP) % self._everybody
        place, sequence = divmod(index, _SEQUENCES)
        day, county = divmod(place, len(self._counties))
        stem, total = _stem(self._counties[county], day)
        tail = f"{sequence + 1:03d}"
        total += int(tail[0]) * _WEIGHTS[14] + int(tail[1]) * _WEIGHTS[15] + int(tail[2]) * _WEIGHTS[16]
        name = self._names[int(self.rng.random() * len(self._names))]
        person = f'"person":{{"identity_number":"{stem}{tail}{"10X98765432"[total % 11]}","name":"{name}"'
        facts = (
            f'"effective":"{2015 + number % 9}-0{number % 9 + 1}-01","monthly_pension":"{2000 + number % 6000}.{number % 90 + 10}",'
            f'"residence_division":"{home}","hukou_division":"{home}","contribution_months":{180 + number % 300},'
            f'"party_member":{"true" if number % 5 == 0 else "false"},"special_groups":[]'
        )
        self._known.append(_Who(f"{person}}}", f'{person}}},"document":"更正示例{number}号",{facts}', city.slug, home))
        data = (
            f'{person},"phone":"154{number % 10**8:08d}","address":"示例路{number % 300}号{number % 32}02室"}},'
            f'"document":"{city.sign}人社退示例〔2020〕{number}号",{facts}'
        )
        return self._event("retirement-registered", f"/enterprise/{city.slug}", number, data)

    def _event(self, kind: str, source: str, number: int, data: str) -> str:
        return (
            f'{{"specversion":"1.0","type":"{kind}.v1","source":"{source}","id":"{self._seed}-{number}",'
            f'"time":"2024-10-01T08:00:00Z","datacontenttype":"application/json","data":{{{data}}}}}'
        )


@cache
def _stem(county: str, day: int) -> tuple[str, int]:
    """The first 14 digits of a number, and their share of its check digit."""
    stem = f"{county}{_FIRST_BIRTH + timedelta(days=day):%Y%m%d}"
    return stem, sum(int(digit) * weight for digit, weight in zip(stem, _WEIGHTS, strict=False))
