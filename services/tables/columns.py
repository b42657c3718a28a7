"""What columns and their cells are called: `columns.toml`, by kind of event."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from msgspec import NODEFAULT
from msgspec.structs import fields

from domain.facts import LIFE_EVENTS, Person
from services.accepting.cloudevents import WIRE_TYPES
from services.web.words import FACTS

OWN = ("id", "type", "source")
"""Columns that are the CloudEvent's, not its data's."""
PERSON = tuple(Person.__struct_fields__)

_BRACKETS = re.compile(r"[(\[【〔].*?[)\]】〕]")
_NOISE = re.compile(r"[\s_\-*:()\[\]【】〔〕'\"“”]")


class Vocabulary(NamedTuple):
    """The file, each name in the form that is compared."""

    columns: dict[str, str]
    of_type: dict[str, dict[str, str]]
    shown: dict[str, str]
    types: dict[str, str]
    once: frozenset[str]
    results: dict[str, str]
    passed_over: frozenset[str]
    values: dict[str, dict[str, str]]


def plain(text: str) -> str:
    """A name for comparison: width and case folded, without spaces and marks; what stands in brackets stays."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text)).lower()


def forms(text: str) -> tuple[str, ...]:
    """The forms a column's name is looked for under: whole first, then without what stands in brackets."""
    wide = unicodedata.normalize("NFKC", text)
    return tuple(dict.fromkeys(form for form in (plain(wide), plain(_BRACKETS.sub("", wide))) if form))


@cache
def vocabulary() -> Vocabulary:
    """What is called how."""
    told = tomllib.loads(files("services.tables").joinpath("columns.toml").read_text("utf-8"))
    kinds: dict[str, dict[str, dict[str, list[str]]]] = told["types"]
    names = {kind: [kind, kind.rpartition(".")[0], *FACTS[kind]] for kind in LIFE_EVENTS}
    for kind, more in kinds.items():
        names[kind] += more.get("names", [])
    members = {name for wire in WIRE_TYPES.values() for name in wire.__struct_fields__} - {"person"}
    common = {name: [name] for name in sorted(members | set(PERSON) | set(OWN))}
    for member, called in told["columns"].items():
        common[member] = [*common[member], *called]
    return Vocabulary(
        columns=_by_name(common),
        of_type={kind: _by_name(more.get("columns", {})) for kind, more in kinds.items()},
        shown={member: called[0] for member, called in told["columns"].items()}
        | {m: c[0] for more in kinds.values() for m, c in more.get("columns", {}).items() if m not in told["columns"]},
        types={plain(name): kind for kind, called in names.items() for name in called},
        once=frozenset(kind for kind, more in kinds.items() if more.get("once")),
        results=_by_name(told["results"]),
        passed_over=frozenset(map(plain, told["passed_over"]["names"])),
        values={
            member: _by_name({code: [code, *called] for code, called in codes.items()})
            for member, codes in told["values"].items()
        },
    )


def member_of(header: str, kind: str | None) -> str | None:
    """The member a column is, of one kind of event, or of any when that is None; None when it is none of these."""
    words = vocabulary()
    of_types = [words.of_type.get(kind, {})] if kind else list(words.of_type.values())
    for form in forms(header):
        if form in words.results:
            return None
        for names in (*of_types, words.columns):
            if (member := names.get(form)) and (kind is None or member in members_of(kind)):
                return member
    return None


def result_of(header: str) -> str | None:
    """Which of our own columns a column is, in a file that came back."""
    return next((found for form in forms(header) if (found := vocabulary().results.get(form))), None)


def passed_over(header: str) -> bool:
    """Whether a column is known to say nothing of the event."""
    return bool(vocabulary().passed_over.intersection(forms(header))) or result_of(header) is not None


@cache
def members_of(kind: str) -> frozenset[str]:
    """What a row of this kind may have."""
    return frozenset(OWN) | frozenset(PERSON) | frozenset(WIRE_TYPES[kind].__struct_fields__) - {"person"}


@cache
def required_of(kind: str) -> tuple[str, ...]:
    """What a row of this kind must have."""
    needed = (f.name for f in fields(WIRE_TYPES[kind]) if f.default is NODEFAULT and f.default_factory is NODEFAULT)
    return ("identity_number", *(name for name in needed if name != "person"))


def shown(member: str) -> str:
    """A member for people: Chinese first."""
    name = vocabulary().shown.get(member)
    return f"{name} {member}" if name else member


def _by_name(called: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {plain(name): key for key, names in called.items() for name in names}
