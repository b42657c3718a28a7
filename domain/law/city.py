"""The law of one city: what its file holds, what is checked when it is read, and what of it is in force on a day."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby, pairwise
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from domain.facts import LIFE_EVENTS, Category
from domain.law.provisions import (
    Archives,
    CommunityStaff,
    Duty,
    Fee,
    Indicator,
    KeptApart,
    LawError,
    Placement,
    Provision,
    Report,
    Rule,
    Sharing,
    Staff,
    Step,
    Target,
    Visits,
    in_force,
)

COMPLETION = "handover-completed"
"""The step that ends a handover; every city has it."""


class Jurisdiction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A city: which divisions are its own, which document governs it, which office acts on its pensions, and its law.

    Each table holds every version of its rules. `rule`: the city's own versions of national rules.
    """

    code: str
    zh: str
    en: str
    document: str
    agency_zh: str
    agency_en: str
    placement: tuple[Placement, ...] = ()
    step: tuple[Step, ...] = ()
    fee: tuple[Fee, ...] = ()
    archives: tuple[Archives, ...] = ()
    staff: tuple[Staff, ...] = ()
    community_staff: tuple[CommunityStaff, ...] = ()
    visits: tuple[Visits, ...] = ()
    report: tuple[Report, ...] = ()
    indicator: tuple[Indicator, ...] = ()
    kept_apart: tuple[KeptApart, ...] = ()
    target: tuple[Target, ...] = ()
    sharing: tuple[Sharing, ...] = ()
    duty: tuple[Duty, ...] = ()
    rule: tuple[Rule, ...] = ()

    @property
    def provisions(self) -> Iterator[tuple[str, Provision]]:
        """Every version of every rule, with the name of its table."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                for one in value:
                    yield field.name, one

    @property
    def turns(self) -> list[date]:
        """The days on which something of it begins, or no longer holds; in order."""
        begins = {one.valid_from for _, one in self.provisions}
        return sorted(begins | {one.valid_to + timedelta(days=1) for _, one in self.provisions if one.valid_to})

    def as_of(self, on: date) -> "CityLaw":
        """What is in force on a day."""
        return CityLaw(
            city=self,
            on=on,
            placement=next(iter(in_force(self.placement, on)), None),
            steps=in_order(in_force(self.step, on)),
            fees=in_force(self.fee, on),
            archives=in_force(self.archives, on),
            staff=in_force(self.staff, on),
            community_staff=in_force(self.community_staff, on),
            visits=in_force(self.visits, on),
            reports=in_force(self.report, on),
            indicators=in_force(self.indicator, on),
            kept_apart=in_force(self.kept_apart, on),
            targets=in_force(self.target, on),
            sharing=in_force(self.sharing, on),
            duties=in_force(self.duty, on),
        )


class CityLaw(Struct, frozen=True, kw_only=True):
    """The law of one city on one day. `steps` stand in the order of the law, each after those it needs."""

    city: Jurisdiction
    on: date
    placement: Placement | None
    steps: tuple[Step, ...]
    fees: tuple[Fee, ...]
    archives: tuple[Archives, ...]
    staff: tuple[Staff, ...]
    community_staff: tuple[CommunityStaff, ...]
    visits: tuple[Visits, ...]
    reports: tuple[Report, ...]
    indicators: tuple[Indicator, ...]
    kept_apart: tuple[KeptApart, ...]
    targets: tuple[Target, ...]
    sharing: tuple[Sharing, ...]
    duties: tuple[Duty, ...]

    def step(self, key: str) -> Step | None:
        """The step of this key; None: the law of the day knows none."""
        return next((step for step in self.steps if step.key == key), None)

    def apart(self, category: Category) -> KeptApart | None:
        """The rule that keeps people of a category apart; None: they are handed over as everybody."""
        return next((rule for rule in self.kept_apart if category in rule.categories), None)


def parse_city(file: str, text: str) -> Jurisdiction:
    """A city out of the text of its TOML file. Raises `LawError` naming the file and the key."""
    try:
        raw = msgspec.toml.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{file}: {error}") from error
    for table, type_ in _TABLES.items():
        rules = raw.get(table, [])
        if not isinstance(rules, list):
            raise LawError(f"{file}: {table}: write each of them as [[{table}]]")
        for number, rule in enumerate(rules, start=1):
            key = rule.get("key", f"number {number}") if isinstance(rule, dict) else f"number {number}"
            _converted(rule, type_, f"{file}: {table} {key}")
    city: Jurisdiction = _converted(raw, Jurisdiction, file)
    _check(file, city)
    return city


def in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps as written, but each after those it needs. Raises `LawError` naming the steps that need each other in a circle."""
    left, done = list(steps), dict[str, Step]()
    keys = {step.key for step in steps}
    while left:
        ready = next((step for step in left if done.keys() >= keys & set(step.needs)), None)
        if ready is None:
            raise LawError(f"step {left[0].key}: goes round in a circle with {', '.join(s.key for s in left[1:])}")
        left.remove(ready)
        done[ready.key] = ready
    return tuple(done.values())


def follow_on(versions: Sequence[tuple[str, Provision]]) -> None:
    """Raise `LawError` unless the versions of one rule, each with the place it stands in, follow on each other day by day."""
    for place, rule in versions:
        if rule.valid_to is not None and rule.valid_to < rule.valid_from:
            raise LawError(f"{place}: {rule.key}: the version from {rule.valid_from} ends before it begins")
    for (_, earlier), (place, later) in pairwise(versions):
        if earlier.valid_to is None or earlier.valid_to + timedelta(days=1) != later.valid_from:
            raise LawError(
                f"{place}: {later.key}: the version from {later.valid_from} does not follow on the one before it"
            )


_TABLES: dict[str, Any] = {
    field.name: get_args(field.type)[0] for field in fields(Jurisdiction) if get_args(field.type)[1:] == (...,)
}

T = TypeVar("T")


def _converted(value: Any, type_: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise LawError(f"{where}: {error}") from error


def _check(file: str, city: Jurisdiction) -> None:
    """What no single rule can say of itself. Tried on every day on which a version begins or has ended."""
    ordered = sorted(city.provisions, key=lambda one: (one[0], one[1].key, one[1].valid_from))
    for _, versions in groupby(ordered, key=lambda one: (one[0], one[1].key)):
        follow_on([(f"{file}: {table}", one) for table, one in versions])
    for day in city.turns or [date.min]:
        try:
            _check_day(city, day)
        except LawError as error:
            raise LawError(f"{file}: {error} (on {day})") from error
    for table, one in city.provisions:
        for fact in one.facts if isinstance(one, Sharing | Duty) else ():
            if fact not in LIFE_EVENTS:
                raise LawError(f"{file}: {table} {one.key}: there is no fact {fact}")


def _check_day(city: Jurisdiction, day: date) -> None:
    if len(in_force(city.placement, day)) != 1:
        raise LawError("placement: there must be one rule, and one only")
    steps = in_force(city.step, day)
    _check_steps(steps)
    keys = {step.key for step in steps}
    fees = in_force(city.fee, day)
    named = [("fee", fee.key, fee.before) for fee in fees]
    named += [("target", target.key, target.step) for target in in_force(city.target, day)]
    for table, key, step in named:
        if step is not None and step not in keys:
            raise LawError(f"{table} {key}: {step} is no step")
    for number, fee in enumerate(fees):
        for other in fees[:number]:
            if _overlap(fee.kinds, other.kinds) and _overlap(fee.states, other.states):
                raise LawError(f"fee {fee.key}: concerns the same enterprises as {other.key}")


def _check_steps(steps: Sequence[Step]) -> None:
    keys = {step.key for step in steps}
    if COMPLETION not in keys:
        raise LawError(f"step {COMPLETION}: no step completes a handover")
    for step in steps:
        if COMPLETION in step.needs:
            raise LawError(f"step {step.key}: comes after the completion")
        for need in step.needs:
            if need not in keys:
                raise LawError(f"step {step.key}: needs {need}, which is no step")
    in_order(steps)


def _overlap(ours: tuple[object, ...], others: tuple[object, ...]) -> bool:
    """Whether two lists name the same; a list that names none means all."""
    return not ours or not others or bool({*ours} & {*others})
