"""What the demonstrations are made of: names, cities, invented streets and communities, and the form of an event."""

from datetime import datetime
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from domain.divisions import Area
from domain.facts import Division, SpecialGroup
from domain.money import Yuan

Event = dict[str, Any]
"""A CloudEvents 1.0 event as plain JSON values, ready to publish."""

STREETS, COMMUNITIES = 2, 4
"""Streets a district and communities a street: 64 communities, so that 12,000 people make 100 to 300 in each."""
_NUMERALS = "一二三四"


class City(Struct, frozen=True, forbid_unknown_fields=True):
    """A city as its documents and pensions show it; the fields are explained in `names.toml`."""

    slug: str
    sign: str
    pension: Yuan
    districts: list[Division]


class Sample(Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `names.toml`."""

    surnames: str
    given_names: dict[str, list[str]]
    group_rates: dict[SpecialGroup, tuple[float, float, float]]
    cities: list[City]

    def city_of(self, division: str) -> City:
        """The city that a division lies in."""
        return next(city for city in self.cities if city.districts[0][:4] == division[:4])

    def communities(self) -> list[Area]:
        """The invented communities of all cities."""
        return [
            community for city in self.cities for district in city.districts for community in _communities(district)
        ]


def read_sample() -> Sample:
    """The sample that comes with this package."""
    return msgspec.toml.decode(files(__package__).joinpath("names.toml").read_text("utf-8"), type=Sample)


def sample_areas() -> list[Area]:
    """The invented streets and communities: for `Divisions.extended`, so that they are shown by name."""
    sample = read_sample()
    streets = [street for city in sample.cities for district in city.districts for street in _streets(district)]
    return [*streets, *sample.communities()]


def event(type_: str, source: str, id_: str, at: datetime, data: dict[str, Any]) -> Event:
    """A CloudEvents 1.0 event. `at` is in UTC."""
    return {
        "specversion": "1.0",
        "type": type_,
        "source": source,
        "id": id_,
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "datacontenttype": "application/json",
        "data": data,
    }


def _streets(district: str) -> list[Area]:
    return [
        Area(f"{district[:6]}{900 + n}000", f"示例街道{_NUMERALS[n - 1]}", f"Sample Street {n}")
        for n in range(1, STREETS + 1)
    ]


def _communities(district: str) -> list[Area]:
    return [
        Area(f"{street.code[:9]}{n:03d}", f"示例社区{_NUMERALS[n - 1]}", f"Sample Community {n}")
        for street in _streets(district)
        for n in range(1, COMMUNITIES + 1)
    ]
