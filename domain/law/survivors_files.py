"""What is paid once after a death, out of its TOML files. Pure: whoever has the files passes their texts in."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from domain.law.provisions import LawError
from domain.law.survivors import Province, Rounding, Scheme, SurvivorLaw
from domain.money import fen

T = TypeVar("T")


class _Dated(Protocol):
    @property
    def valid_from(self) -> date: ...
    @property
    def valid_to(self) -> date | None: ...


V = TypeVar("V", bound=_Dated)


class _NationalFile(Struct, frozen=True, forbid_unknown_fields=True):
    scheme: tuple[Scheme, ...]
    rounding: tuple[Rounding, ...]


def parse_survivor_law(national: tuple[str, str], provinces: Mapping[str, str]) -> SurvivorLaw:
    """The law out of its TOML files, each a name and a text. Raises `LawError` naming the file and the key."""
    name, national_text = national
    file = _decode(name, national_text, _NationalFile)
    for scheme in file.scheme:
        _check_months(name, scheme)
    schemes = _in_order(name, "scheme", file.scheme)
    roundings = _in_order(name, "rounding", file.rounding)
    if roundings[0].valid_from > schemes[0].valid_from:
        raise LawError(f"{name}: rounding: there is no default from {schemes[0].valid_from} on")
    found: dict[str, Province] = {}
    for file_name, text in provinces.items():
        province = _decode(file_name, text, Province)
        if province.code in found:
            raise LawError(f"{file_name}: code: {province.code} is another province's, {found[province.code].en}")
        years = [figure.year for figure in province.base]
        if len(set(years)) < len(years):
            raise LawError(f"{file_name}: base: a year stands there twice")
        if any(fen(figure.year_total) == 0 for figure in province.base):
            raise LawError(f"{file_name}: base: a year_total is 0.00")
        own = _in_order(file_name, "rounding", province.rounding) if province.rounding else ()
        found[province.code] = msgspec.structs.replace(province, rounding=own)
    return SurvivorLaw(schemes, roundings, found)


def _decode(name: str, text: str, type_: type[T]) -> T:
    try:
        return msgspec.toml.decode(text, type=type_)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{name}: {error}") from error


def _in_order(name: str, key: str, versions: Sequence[V]) -> tuple[V, ...]:
    """Versions by date, the newest last: each must follow on the one before without a day between."""
    if not versions:
        raise LawError(f"{name}: {key}: there is none")
    ordered = tuple(sorted(versions, key=lambda version: version.valid_from))
    for earlier, later in pairwise(ordered):
        if earlier.valid_to is None or earlier.valid_to + timedelta(days=1) != later.valid_from:
            raise LawError(f"{name}: {key}: the version from {later.valid_from} does not follow on the one before it")
    if ordered[-1].valid_to is not None:
        raise LawError(f"{name}: {key}: the last version ends; leave its valid_to out")
    return ordered


def _check_months(name: str, scheme: Scheme) -> None:
    """More contributions never give fewer months, and what is said twice is said alike."""
    rule = scheme.contributed
    steps = [(tier.below_years, tier.months) for tier in rule.tiers]
    steps += [(rule.full_years, rule.full_months), (rule.cap_years, rule.cap_months)]
    if any(years >= later or months > more for (years, months), (later, more) in pairwise(steps)):
        raise LawError(f"{name}: scheme.contributed: years must rise and months must not fall from tier to tier")
    reached = rule.full_months + (rule.cap_years - rule.full_years) * rule.months_per_further_year
    if reached != rule.cap_months:
        raise LawError(
            f"{name}: scheme.contributed.cap_months: {rule.cap_years} years give {reached} months, not {rule.cap_months}"
        )
    if scheme.received.floor_months > rule.cap_months:
        raise LawError(f"{name}: scheme.received.floor_months: it is above the cap of {rule.cap_months} months")
