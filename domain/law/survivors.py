"""What is paid once after a death: the dated rules, and the figures and settings of provinces."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domain.law.provisions import Citation
from domain.money import Yuan
from domain.refusals import Refused

Mark = Literal["P", "T", "S", "C"]
"""How sure a source is, as in `domain.law.Rule`."""
Count = Annotated[int, Meta(ge=0, le=100)]


class Source(Struct, frozen=True):
    """What a step follows from, and how sure that is."""

    rule: Citation
    mark: Mark


class Provision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One passage of the rules: where it stands, what it says, how sure its source is."""

    article: str
    zh: str
    en: str
    mark: Mark


class Grant(Provision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The funeral grant, in months of the base."""

    months: Count


class Tier(Struct, frozen=True, forbid_unknown_fields=True):
    """Months of benefit for contributions of less than so many years."""

    below_years: Count
    months: Count


class Contributed(Provision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Months of benefit by contribution time.

    The tiers; from the last of them through `full_years` (included) `full_months`; above, more for each year; from `cap_years` on
    `cap_months`.
    """

    tiers: tuple[Tier, ...]
    full_years: Count
    full_months: Count
    months_per_further_year: Count
    cap_years: Count
    cap_months: Count


class Received(Provision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a retiree's months of benefit lose for each year of pension received, and the least that stays."""

    months_per_year: Count
    floor_months: Count


class OwnContributions(Provision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With contributions of less than so many years nobody leaves more than was paid in by the person."""

    below_years: Count


class Scheme(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of all the rules, for deaths from `valid_from` to `valid_to` (both included; None: until further notice)."""

    valid_from: date
    valid_to: date | None = None
    document: str
    base: Provision
    grant: Grant
    contributed: Contributed
    received: Received
    own_contributions: OwnContributions
    total: Provision

    def source(self, key: str, passage: Provision) -> Source:
        """One of its passages as it is cited."""
        key = f"survivor-benefit.{key}"
        return Source(Citation(key, self.document, passage.article, passage.zh, passage.en), passage.mark)


class Rounding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a province rounds before the amount: the monthly base, and times in years (None: exact, a month is a twelfth)."""

    valid_from: date
    valid_to: date | None = None
    document: str
    article: str
    zh: str
    en: str
    mark: Mark
    month_base: Literal["yuan", "cent", "year-last"]
    duration_decimals: Annotated[int, Meta(ge=0, le=6)] | None = None

    @property
    def source(self) -> Source:
        """The setting as it is cited."""
        return Source(Citation("survivor-benefit.rounding", self.document, self.article, self.zh, self.en), self.mark)


class YearFigure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A province's urban disposable income a head of one year, in yuan a year."""

    year: int
    year_total: Yuan
    document: str
    mark: Mark


class Province(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A province, by the first two digits of its division codes; without roundings of its own the default holds."""

    code: Annotated[str, Meta(pattern=r"^[1-9][0-9]$(?!\n)")]
    zh: str
    en: str
    rounding: tuple[Rounding, ...] = ()
    base: tuple[YearFigure, ...] = ()

    def figure(self, year: int) -> YearFigure:
        """The income of a year. Raises `Refused` (`base-unknown`) when it is not recorded."""
        for figure in self.base:
            if figure.year == year:
                return figure
        raise Refused("base-unknown", "base", f"{self.en} {year}")

    def source(self, figure: YearFigure) -> Source:
        """Where one of its figures stands."""
        zh, en = (
            f"{self.zh}{figure.year}年城镇居民人均可支配收入",
            f"urban disposable income a head, {self.en} {figure.year}",
        )
        return Source(Citation("survivor-benefit.base", figure.document, f"{figure.year}年", zh, en), figure.mark)


class SurvivorLaw:
    """All versions of the rules, the default roundings, and the provinces by code."""

    def __init__(
        self, schemes: tuple[Scheme, ...], roundings: tuple[Rounding, ...], provinces: Mapping[str, Province]
    ) -> None:
        self._schemes = schemes
        self._roundings = roundings
        self.provinces = provinces

    def scheme(self, died: date) -> Scheme:
        """The rules for a death on a day. Raises `Refused` (`died-before-rules`): earlier rules were local, none is here."""
        for scheme in reversed(self._schemes):
            if scheme.valid_from <= died:
                return scheme
        raise Refused("died-before-rules", "died", str(self._schemes[0].valid_from))

    def rounding(self, province: Province | None, died: date) -> Rounding:
        """The province's rounding on a day, or the default."""
        own = province.rounding if province else ()
        for rounding in (*reversed(own), *reversed(self._roundings)):
            if rounding.valid_from <= died <= (rounding.valid_to or died):
                return rounding
        return self._roundings[0]

    def province(self, division: str) -> Province:
        """The province of a division code of two digits or more. Raises `Refused` (`province-unknown`)."""
        if division.isascii() and division.isdigit() and (found := self.provinces.get(division[:2])):
            return found
        known = ", ".join(f"{code} {province.zh} {province.en}" for code, province in sorted(self.provinces.items()))
        raise Refused("province-unknown", "province", known)
