"""The catalogue of fields: for which purpose which fields are shown, which masked, and which are not there at all.

What a purpose does not name is left out (个人信息保护法 第六条: no more than the purpose needs). Whoever shows anybody anything
asks `View.shown`, and tells the record of the look what `View.recorded` says.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from domain.refusals import Refused
from domain.rights.masks import MASKS
from domain.rights.purposes import CatalogueError, Delivery, Field, Group, How, Purpose, Reason

MASKED = ".masked"
"""How the record of a look marks a field that was shown in part."""


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    group: tuple[Group, ...]
    purpose: tuple[Purpose, ...]
    delivery: tuple[Delivery, ...]
    reason: tuple[Reason, ...]


class View:
    """What one purpose shows. `opened`: fields that are masked for it and were asked for plain, with a reason."""

    def __init__(self, purpose: Purpose, fields: Mapping[str, Field], opened: frozenset[str] = frozenset()) -> None:
        self.purpose = purpose
        self._fields = fields
        self._opened = opened
        self._how = {key: how for key in fields if (how := _how(purpose, key))}
        self._ways: dict[str, dict[str, Callable[[str], str] | None]] = {}

    def how(self, key: str) -> How | None:
        """How a field, `group.field`, is carried; None: not at all."""
        return How.PLAIN if key in self._opened else self._how.get(key)

    def masked(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The fields of some groups that are masked and can be asked for plain, in the order of the catalogue."""
        within = tuple(f"{group}." for group in groups)
        return tuple(key for key in self._how if key.startswith(within) and self.how(key) is How.MASKED)

    def opening(self, keys: Iterable[str]) -> "View":
        """The same, with some fields plain. Raises `Refused("not-of-purpose")` for one that the purpose has no use for."""
        wanted = frozenset(keys)
        for key in sorted(wanted):
            if key not in self._how:
                raise Refused("not-of-purpose", key.rpartition(".")[2])
        return View(self.purpose, self._fields, self._opened | wanted)

    def demand(self, group: str) -> None:
        """Raise `Refused("not-of-purpose")` where nothing of a group is carried."""
        if not any(key.startswith(f"{group}.") for key in self._how):
            raise Refused("not-of-purpose", group)

    def carries(self, group: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of some fields of a group that leave, plain or masked."""
        return tuple(name for name in names if self.how(f"{group}.{name}"))

    def recorded(self, group: str, names: Iterable[str]) -> tuple[str, ...]:
        """The same as the record of a look says them: what is shown in part as `phone.masked`."""
        carried = ((name, self.how(f"{group}.{name}")) for name in names)
        return tuple(f"{name}{MASKED}" if how is How.MASKED else name for name, how in carried if how)

    def shown(self, group: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a group as it is shown: what is carried plain, what is masked in part, and the rest not at all."""
        ways = self._ways.get(group)
        if ways is None:
            ways = self._ways[group] = self._ways_of(group)
        found = {}
        for name, value in row.items():
            if name in ways:
                hide = ways[name]
                found[name] = value if hide is None or value is None or value is UNSET else hide(str(value))
        return found

    def _ways_of(self, group: str) -> dict[str, Callable[[str], str] | None]:
        """The fields of a group that are carried, by their names; each with what hides it, None where it is plain."""
        fields = {key.partition(".")[2]: key for key in self._how if key.startswith(f"{group}.")}
        return {
            name: None if self.how(key) is How.PLAIN else MASKS[self._fields[key].mask or "whole"]
            for name, key in fields.items()
        }


class Catalogue:
    """All of it. Made by `parse_catalogue`."""

    def __init__(self, file: _File) -> None:
        self.groups = {one.key: one for one in file.group}
        self.purposes = {one.key: one for one in file.purpose}
        self.deliveries = {one.topic: one for one in file.delivery}
        self._reasons = file.reason
        self.fields = {f"{group.key}.{field.key}": field for group in file.group for field in group.fields}
        self._views = {key: View(one, self.fields) for key, one in self.purposes.items()}

    def claimable(self, role: str, department: str) -> list[Purpose]:
        """What an account of a role and department may look for; the default first."""
        found = [one for one in self.purposes.values() if one.is_for(role, department)]
        return sorted(found, key=lambda one: not one.default)

    def purpose(self, role: str, department: str, claimed: str = "") -> Purpose:
        """What an account looks for: what it says, or what its role is there for. Raises `Refused("purpose-not-allowed")`."""
        for one in self.claimable(role, department):
            if one.key == claimed or (not claimed and one.default):
                return one
        raise Refused("purpose-not-allowed", "purpose")

    def view(self, role: str, department: str, claimed: str = "") -> View:
        """What an account is shown. Raises `Refused("purpose-not-allowed")`."""
        return self.view_for(self.purpose(role, department, claimed))

    def view_for(self, purpose: Purpose) -> View:
        """What a purpose shows."""
        return self._views[purpose.key]

    def reasons(self, purpose: Purpose) -> list[Reason]:
        """The reasons to choose from."""
        return [one for one in self._reasons if not one.purposes or purpose.key in one.purposes]

    def members(self, topic: str, type_: str) -> tuple[str, ...]:
        """The members that the data of a type of message have on a topic; `receipts.police` is of `receipts`."""
        delivery = self.delivery(topic)
        return delivery.members(type_) if delivery else ()

    def carried(self, topic: str, type_: str) -> frozenset[str]:
        """The first part of each of them: the members of the data itself."""
        return frozenset(member.partition(".")[0] for member in self.members(topic, type_))

    def delivery(self, topic: str) -> Delivery | None:
        """What a topic is for; `receipts.police` is of `receipts`. None: it is not in the catalogue, and nothing leaves on it."""
        return self.deliveries.get(topic) or self.deliveries.get(topic.partition(".")[0])


def parse_catalogue(text: str) -> Catalogue:
    """A catalogue out of the text of its file. Raises `CatalogueError` naming the entry."""
    try:
        file = msgspec.toml.decode(text, type=_File)
    except msgspec.DecodeError as error:
        raise CatalogueError(f"fields.toml: {error}") from error
    found = Catalogue(file)
    if len(found.fields) != sum(len(group.fields) for group in file.group) or len(found.purposes) != len(file.purpose):
        raise CatalogueError("fields.toml: two entries have the same key")
    for purpose in file.purpose:
        for named in (*purpose.plain, *purpose.masked, *purpose.without):
            if named not in found.fields and named.removesuffix(".*") not in found.groups:
                raise CatalogueError(f"fields.toml: purpose {purpose.key}: there is no field {named}")
        for key, field in found.fields.items():
            if _how(purpose, key) is How.MASKED and field.mask is None:
                raise CatalogueError(f"fields.toml: purpose {purpose.key}: {key} has no mask")
    for reason in file.reason:
        if not set(reason.purposes) <= set(found.purposes):
            raise CatalogueError(f"fields.toml: reason {reason.key}: there is no such purpose")
    return found


def _how(purpose: Purpose, key: str) -> How | None:
    """How a purpose carries a field: by what names it, then by what names its group."""
    for named in (key, f"{key.partition('.')[0]}.*"):
        if named in purpose.without:
            return None
        if named in purpose.masked:
            return How.MASKED
        if named in purpose.plain:
            return How.PLAIN
    return None
