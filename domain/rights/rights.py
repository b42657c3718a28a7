"""Rights as they are read from `rights.toml`: which account may do which act, and by what its division bounds it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from domain.facts import Department
from domain.rights.acts import Act, Role

_Words = Annotated[str, Meta(min_length=1)]
Place = Literal["community", "serving", "none"]
"""By what somebody is of an account's division: registered there, or served there; or the account sees nobody."""


class RightsFileError(ValueError):
    """A file of rights that cannot be used; the message names the entry."""


class RoleEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role. `place`: by what people are of the division of such an account."""

    key: Role
    zh: _Words
    en: _Words
    place: Place


class Grant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose accounts may: of these roles, of these departments (none named: any), for these purposes (none named: any)."""

    roles: Annotated[tuple[Role, ...], Meta(min_length=1)]
    departments: tuple[Department, ...] = ()
    purposes: tuple[_Words, ...] = ()

    def covers(self, role: Role, department: Department, purpose: str) -> bool:
        """Whether it is for such an account. What it is there for by its role (no `purpose`) is never a bound."""
        return (
            role in self.roles
            and (not self.departments or department in self.departments)
            and (not self.purposes or not purpose or purpose in self.purposes)
        )


class ActEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act, and to whom it is given. `second_person`: they propose it, and nothing is done until another one approves.

    `approve`: who, another person, may; `alone`: of so many people or events at most it is done without, one by one within an hour,
    and of `alone_daily` within 24 hours; `unbounded`: whose accounts do it without, of however many.
    """

    key: Act
    zh: _Words
    en: _Words
    to: Annotated[tuple[Grant, ...], Meta(min_length=1)]
    second_person: bool = False
    approve: tuple[Grant, ...] = ()
    alone: Annotated[int, Meta(ge=0)] = 0
    alone_daily: Annotated[int, Meta(ge=0)] = 0
    unbounded: tuple[Grant, ...] = ()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    role: tuple[RoleEntry, ...]
    act: tuple[ActEntry, ...]


class Rights:
    """All of it. Made by `parse_rights`; what nobody is given, nobody may."""

    def __init__(self, roles: Iterable[RoleEntry], acts: Iterable[ActEntry]) -> None:
        self.roles: Mapping[Role, RoleEntry] = {one.key: one for one in roles}
        self.acts: Mapping[Act, ActEntry] = {one.key: one for one in acts}
        self._of = cache(self._reckoned)

    def acts_of(self, role: Role, department: Department, purpose: str = "") -> frozenset[Act]:
        """What such an account may do for a purpose; empty: what its role is there for."""
        return self._of(role, department, purpose)

    def place(self, role: Role) -> Place:
        """By what people are of the division of such an account."""
        return self.roles[role].place

    def needs_second(self, act: Act) -> bool:
        """Whether another account must approve before anything is done."""
        return self.acts[act].second_person

    def may_approve(self, act: Act, role: Role, department: Department, purpose: str = "") -> bool:
        """Whether such an account may approve, as the second person, what somebody else proposed."""
        return any(one.covers(role, department, purpose) for one in self.acts[act].approve)

    def weighs(self, role: Role, department: Department) -> bool:
        """Whether such an account can make up for a second person somewhere: two who are one would approve what nobody else saw."""
        return any(
            grant.covers(role, department, "") for act in self.acts.values() for grant in (*act.approve, *act.unbounded)
        )

    def alone(self, act: Act) -> int:
        """Of how many people or events at most it is done without a second person."""
        return self.acts[act].alone

    def alone_daily(self, act: Act) -> int:
        """Of how many at most within 24 hours."""
        return self.acts[act].alone_daily

    def is_unbounded(self, act: Act, role: Role, department: Department) -> bool:
        """Whether such an account does it without a second person, of however many."""
        return any(one.covers(role, department, "") for one in self.acts[act].unbounded)

    def _reckoned(self, role: Role, department: Department, purpose: str) -> frozenset[Act]:
        return frozenset(
            act.key for act in self.acts.values() if any(one.covers(role, department, purpose) for one in act.to)
        )


def parse_rights(text: str) -> Rights:
    """Rights out of the text of their file. Raises `RightsFileError` naming the entry: every role and act stands there once."""
    try:
        file = msgspec.toml.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise RightsFileError(f"rights.toml: {error}") from error
    _once("role", [one.key for one in file.role], Role)
    _once("act", [one.key for one in file.act], Act)
    for act in file.act:
        bounds = act.alone or act.alone_daily or act.unbounded
        if act.second_person != bool(act.approve) or (bounds and not act.second_person):
            raise RightsFileError(f"rights.toml: act {act.key}: what takes a second person says who that may be")
        if act.alone_daily and act.alone_daily < act.alone:
            raise RightsFileError(f"rights.toml: act {act.key}: in a day no fewer than in an hour")
        own = Act(act.key.removesuffix("-all"))
        wider = {role for one in act.to for role in one.roles}
        named = {role for one in file.act if one.key is own for grant in one.to for role in grant.roles}
        if lacking := wider - named:
            raise RightsFileError(f"rights.toml: act {act.key}: {min(lacking)} may not {own} of its own department")
    return Rights(file.role, file.act)


def _once(what: str, found: Sequence[str], wanted: Iterable[str]) -> None:
    for key in wanted:
        if found.count(key) != 1:
            raise RightsFileError(f"rights.toml: {what} {key} must stand there once")
