"""Invented retirees. Everything follows from a seed and the day given; nothing reads a clock.

Provinces, cities and districts are real. Streets, communities, enterprises, people and documents are not, and say so
where they could be taken for real: `示例` in their names, street codes from 901, organisation codes in `YY` and mobile
numbers in 154, which are not given out. Dates of retirement are plausible, and no more: no law is applied to them.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from stdnum.cn import ric, uscc

from domain.divisions import Divisions, Level, level
from domain.money import fen, yuan
from services.demo.sample import City, Event, Sample, event, read_sample, sample_areas

_FIRST_BIRTH, _LAST_BIRTH = date(1935, 1, 1), date(1975, 12, 31)
_CAREERS = {("male", 60): 45, ("female", 50): 38, ("female", 55): 17}
"""Sex and age at retirement, with their shares in percent."""
_MINIMUM_MONTHS = 180
_EMPLOYERS = 25
"""Enterprises a city."""
_BORN_WHERE_THEY_LIVE, _REGISTERED_WHERE_THEY_LIVE, _PARTY_MEMBERS = 0.6, 0.85, 0.2
_OLD, _VERY_OLD = 70, 80


def invented_retirees(count: int, seed: int, divisions: Divisions, today: date) -> Iterator[Event]:
    """`count` retirement registrations, published on `today` by invented enterprises of the four cities.

    The first hundred are the same people whether one asks for a hundred or a million. No identity number comes twice.
    """
    invention = _Invention(seed, divisions, today)
    return (invention.registration(n) for n in range(1, count + 1))


class _Life(NamedTuple):
    """What a person's registration turns on. `months`: contributions paid."""

    sex: str
    birth: date
    retired: date
    months: int


class _Invention:
    """One seed's world: where people live and worked, and which identity numbers are taken."""

    def __init__(self, seed: int, divisions: Divisions, today: date) -> None:
        rng = Random(seed)
        self._rng, self._seed, self._today = rng, seed, today
        self._sample = read_sample()
        named = divisions.extended(sample_areas())
        self._homes = {area.code: named.full_name(area.code) for area in self._sample.communities()}
        self._communities = list(self._homes)
        self._crowds = list(accumulate(rng.uniform(0.78, 1.25) for _ in self._communities))
        self._surnames = list(accumulate(1 / (rank + 8) for rank in range(len(self._sample.surnames))))
        self._counties = [area.code for area in divisions if level(area.code) is Level.COUNTY]
        self._employers = {city.slug: [_employer(rng, city) for _ in range(_EMPLOYERS)] for city in self._sample.cities}
        self._numbers: set[str] = set()

    def registration(self, n: int) -> Event:
        rng = self._rng
        life = _life(rng, self._today)
        home = rng.choices(self._communities, cum_weights=self._crowds)[0]
        city = self._sample.city_of(home)
        employer = rng.choice(self._employers[city.slug])
        data = {
            "person": self._person(life, home),
            "effective": life.retired.isoformat(),
            "document": f"{city.sign}人社退示例〔{life.retired.year}〕{n}号",
            "monthly_pension": _pension(rng, city, life.months),
            "residence_division": home,
            "hukou_division": home if rng.random() < _REGISTERED_WHERE_THEY_LIVE else rng.choice(self._communities),
            "contribution_months": life.months,
            "employer": employer,
            "party_member": rng.random() < _PARTY_MEMBERS,
            "special_groups": _special_groups(rng, self._sample, _years(life.birth, self._today)),
        }
        published = datetime.combine(self._today, time(0), UTC)
        id_ = f"retirement-{self._today:%Y%m%d}-{self._seed}-{n}"
        return event("retirement-registered.v1", f"/enterprise/{employer}", id_, published, data)

    def _person(self, life: _Life, home: str) -> dict[str, str]:
        rng = self._rng
        surname = rng.choices(self._sample.surnames, cum_weights=self._surnames)[0]
        return {
            "identity_number": self._identity_number(life, home),
            "name": surname + rng.choice(self._sample.given_names[life.sex]),
            "phone": f"15400{rng.randrange(10**6):06d}",
            "address": f"{self._homes[home]}示例路{rng.randint(1, 300)}号{rng.randint(1, 32)}0{rng.randint(1, 4)}室",
        }

    def _identity_number(self, life: _Life, home: str) -> str:
        """A number that nobody has yet, given where most people were born: the county they live in."""
        rng = self._rng
        while True:
            county = home if rng.random() < _BORN_WHERE_THEY_LIVE else rng.choice(self._counties)
            sequence = rng.randrange(1 if life.sex == "male" else 2, 1000, 2)
            stem = f"{county[:6]}{life.birth:%Y%m%d}{sequence:03d}"
            number = stem + ric.calc_check_digit(stem + "0")
            if number not in self._numbers:
                self._numbers.add(number)
                return number


def _life(rng: Random, today: date) -> _Life:
    """Somebody born from 1935 to 1975 who retired last month at the latest; the young old are the most."""
    ((sex, age),) = rng.choices(list(_CAREERS), list(_CAREERS.values()))
    latest = min(_LAST_BIRTH, date(today.year - age, today.month, 1) - timedelta(days=1))
    birth = latest - timedelta(days=int(rng.betavariate(1.2, 2.4) * ((latest - _FIRST_BIRTH).days + 1)))
    year = birth.year + age
    retired = date(year, birth.month, monthrange(year, birth.month)[1])
    most = (age - 18) * 12
    return _Life(sex, birth, retired, int(rng.triangular(_MINIMUM_MONTHS, most, 0.8 * most)))


def _years(since: date, today: date) -> int:
    return today.year - since.year - ((today.month, today.day) < (since.month, since.day))


def _pension(rng: Random, city: City, months: int) -> str:
    return yuan(round(fen(city.pension) * (0.4 + 0.6 * months / 340) * rng.lognormvariate(0, 0.18)))


def _special_groups(rng: Random, sample: Sample, age: int) -> list[str]:
    band = (age >= _OLD) + (age >= _VERY_OLD)
    return [group.value for group, rates in sample.group_rates.items() if rng.random() < rates[band]]


def _employer(rng: Random, city: City) -> str:
    stem = f"91{rng.choice(city.districts)[:6]}YY{rng.randrange(10**7):07d}"
    return stem + uscc.calc_check_digit(stem + "0")
