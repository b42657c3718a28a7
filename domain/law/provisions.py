"""What a law file may provide: one struct for each kind of rule, each version with its dates, its document and article.

Which day asks which version is `domain.law.rules`; what a city's file must hold together is `domain.law.city`.
"""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from domain.facts import (
    Aspect,
    Category,
    Department,
    EnterpriseKind,
    EnterpriseState,
    RetirementRegistered,
    SpecialGroup,
)
from domain.money import YUAN, Yuan, fen
from domain.months import Month, month_of, plus

_Words = Annotated[str, Meta(min_length=1)]
_Positive = Annotated[int, Meta(ge=1)]


class LawError(ValueError):
    """A law file that cannot be used; the message names the file and the key."""


class Citation(Struct, frozen=True):
    """Where a rule stands, and what it says, for people."""

    key: str
    document: str
    article: str
    zh: str
    en: str


class Provision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One version of one rule, in force from `valid_from` to `valid_to` (both included; None: until further notice).

    `mark`: how sure the source is. P: in a policy document of a city; T: the text was read; S: a secondary source;
    C: unsettled, a setting with a stated default. The numbers a rule needs stand in its own fields.
    """

    key: _Words
    valid_from: date
    valid_to: date | None = None
    document: _Words
    article: _Words
    zh: _Words
    en: _Words
    mark: Literal["P", "T", "S", "C"]

    @cached_property
    def citation(self) -> Citation:
        """The rule as it is cited."""
        return Citation(self.key, self.document, self.article, self.zh, self.en)


class Rule(Provision, frozen=True):
    """A rule on the pension itself. `months_after` months, `*_days` days, `pays_back`: whether suspended months are paid after.

    `report_within_days`: by when a fact is to be reported, in days, or `working_days`. `minimum`: yuan a month that an offset
    leaves. `recovers_months`: how many of the months that were paid all the same are recovered, the first ones; None: all.
    """

    months_after: int = 0
    day_of_month: int = 1
    act_within_days: int = 0
    warn_days: int = 0
    pays_back: bool = False
    report_within_days: int = 0
    working_days: bool = False
    minimum: Annotated[str, YUAN] = "0.00"
    recovers_months: Annotated[int, Meta(ge=0)] | None = None


class Placement(Provision, frozen=True):
    """Which place decides which street and community serve: the first of `by` that lies in the city is the default, any is allowed.

    `outside_province`: a household registered in another province is placed where its enterprise stands.
    """

    by: Annotated[tuple[Aspect, ...], Meta(min_length=1)]
    outside_province: Literal["enterprise"] | None = None


class Where(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of whom a step is asked; what is left out does not matter."""

    party_member: bool | None = None
    kinds: tuple[EnterpriseKind, ...] = ()
    states: tuple[EnterpriseState, ...] = ()

    def holds(self, registration: RetirementRegistered, kind: EnterpriseKind | None, state: EnterpriseState) -> bool:
        """Whether the step is asked; `kind` is None before a proposal has told it, and then it may be any."""
        if self.party_member is not None and registration.party_member != self.party_member:
            return False
        return (kind is None or not self.kinds or kind in self.kinds) and (not self.states or state in self.states)


class Adjustment(Provision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A general adjustment of pensions from the month of `valid_from` on, in the divisions whose codes begin with `place`.

    `fixed` and `per_year` (of contributions) in yuan, `percent` of the pension before it; rounded up to `round_up` fen.
    """

    place: Annotated[str, Meta(pattern=r"^([0-9]{2}){1,6}$(?!\n)")]
    fixed: Annotated[str, YUAN] = "0.00"
    per_year: Annotated[str, YUAN] = "0.00"
    percent: Annotated[str, Meta(pattern=r"^[0-9]{1,2}(\.[0-9]{1,4})?$(?!\n)")] = "0"
    round_up: _Positive = 1

    @property
    def month(self) -> Month:
        """From when on it is paid."""
        return month_of(self.valid_from)

    def of(self, amount: int, years: int) -> int:
        """What it adds to a pension of so many fen after so many whole years of contributions."""
        added = fen(self.fixed) + years * fen(self.per_year) + Fraction(self.percent) * amount / 100
        return ceil(Fraction(added) / self.round_up) * self.round_up


class Step(Provision, frozen=True):
    """A step of the handover: what it is called, who may tell that it is done, which steps it comes after.

    A step whose key is the name of a fact (`handover-proposed`, `archive-received`, `party-relation-transferred`,
    `contact-card-issued`, `fee-assessed`, `fee-paid`, `handover-completed`) is told by that fact. `kept_apart`: asked only of people who stay as managed.
    """

    name_zh: _Words
    name_en: _Words
    by: Annotated[tuple[Department, ...], Meta(min_length=1)]
    needs: tuple[str, ...] = ()
    where: Where = Where()
    kept_apart: bool = False


class Fee(Provision, frozen=True):
    """What is paid for a handover, yuan a person; without `amount` it is settled case by case and told as assessed.

    `kinds`, `states`: of which enterprises; none named: all. `once`: paid in one sum. `before`: the step that waits for it.
    `account`: at which level the money is kept.
    """

    payer: Literal["enterprise", "central-budget", "provincial-budget", "local-budget"]
    amount: Yuan | None = None
    kinds: tuple[EnterpriseKind, ...] = ()
    states: tuple[EnterpriseState, ...] = ()
    once: bool = True
    before: str | None = None
    account: Literal["district", "county", "city"] | None = None

    def concerns(self, kind: EnterpriseKind, state: EnterpriseState) -> bool:
        """Whether it is due of such an enterprise."""
        return (not self.kinds or kind in self.kinds) and (not self.states or state in self.states)


class Archives(Provision, frozen=True):
    """Who keeps the files (`custodians` may tell of them), and what keeping them takes; 0: the law says nothing."""

    custodians: Annotated[tuple[Department, ...], Meta(min_length=1)]
    office_zh: _Words
    office_en: _Words
    files_per_keeper: int = 0
    square_metres_per_10000_files: int = 0


class Staff(Provision, frozen=True):
    """How many people serve: one for `retirees_per_person`; `county_least` at least in a county's office."""

    retirees_per_person: int = 0
    county_least: int = 0
    county_most: int = 0
    community_least: int = 0
    community_most: int = 0


class CommunityStaff(Provision, frozen=True):
    """Who is handed over with an enterprise's own community: people by households, `brackets` of (up to, people), then one for `more_per`."""

    brackets: Annotated[tuple[tuple[_Positive, _Positive], ...], Meta(min_length=1)]
    more_per: _Positive


class Visits(Provision, frozen=True):
    """Whom the community knows and visits regularly.

    `every_months`: how often that is at least. The documents say 定期 and no more (C): once a year unless a file says otherwise.
    """

    groups: tuple[SpecialGroup, ...]
    party_members: bool = False
    every_months: _Positive = 12


class Report(Provision, frozen=True):
    """A bulletin or assessment: every so many months, by whom; each counts by `counts_by`."""

    every_months: _Positive
    by_zh: _Words
    by_en: _Words
    counts_by: Literal["district", "enterprise", "city"] = "district"

    def period(self, on: date) -> tuple[Month, Month]:
        """The first and the last month of the last period that was over on a day; periods begin with the year."""
        begun = (on.month - 1) // self.every_months * self.every_months
        first = plus(month_of(on.replace(month=1, day=1)), begun - self.every_months)
        return first, plus(first, self.every_months - 1)


Measure = Literal[
    "handed-over",
    "archives-received",
    "party-transferred",
    "fees-paid",
    "verified-in-time",
    "visited-in-time",
    "visited",
    "contact-card",
    "health-file",
    "activities",
    "alerts-in-time",
    "shared-in-time",
]
"""What a bulletin can count; how is in `projections/bulletin.py`."""


class Indicator(Provision, frozen=True):
    """A line of the city's bulletin: how many of whom the article asks it for. Its key says which `measure` it is."""

    measure: Measure


class KeptApart(Provision, frozen=True):
    """Who stays as managed; `basic_information`: what little is kept of them where they ask for services."""

    categories: Annotated[tuple[Category, ...], Meta(min_length=1)]
    basic_information: bool = False


class Target(Provision, frozen=True):
    """A day by which `step` is to be done."""

    due: date
    step: str | None = None


class Sharing(Provision, frozen=True):
    """A duty to tell: which departments tell which facts (stored names) to which.

    `within_days`: how long after they are true they are told at the latest. The documents say 及时 and no more (C): 30 days
    unless a file says otherwise.
    """

    tellers: Annotated[tuple[Department, ...], Meta(min_length=1)]
    told: Annotated[tuple[Department, ...], Meta(min_length=1)]
    facts: Annotated[tuple[str, ...], Meta(min_length=1)]
    within_days: _Positive = 30


class Duty(Provision, frozen=True):
    """Something to be done for a retiree: by whom, and as which facts (stored names) it is told."""

    by: Annotated[tuple[Department, ...], Meta(min_length=1)]
    facts: Annotated[tuple[str, ...], Meta(min_length=1)]


P = TypeVar("P", bound=Provision)


def in_force(versions: Iterable[P], on: date) -> tuple[P, ...]:
    """Those in force on a day, in the order they are written in."""
    return tuple(one for one in versions if one.valid_from <= on and (one.valid_to is None or on <= one.valid_to))
