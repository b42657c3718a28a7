"""What was ever stored is read for ever: by the newest version as it stands, by upcasters what is older.

`tests/stored/events/<stored name>/<case>.json` are bytes as a ledger holds them; the `.txt` beside each is what they must
decode to today. When a type changes, the latter may change with it, the former never: a new version gets new ones, by
`cd tests/stored && sha256sum keys.json events/*/*.json > SHA256SUMS`.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from domain.alerts import Action, Strength
from domain.disclosures import Look, Unusual, Way
from domain.facts import LIFE_EVENTS, Department
from domain.history import STORED_NAMES, Entry, FactPublished
from domain.kinds import Kind
from domain.proposals import Act
from infra import codec, follower
from infra.codec import Codec
from infra.row import Row
from infra.upcasting import UPCASTERS, Plain, Upcaster

STORED = Path(__file__).parents[1] / "stored"
FIXTURES = sorted(STORED.glob("events/*/*.json"))
EVERYTHING = {*STORED_NAMES, *UPCASTERS}
AT = datetime(2024, 4, 10, 8, 30, tzinfo=UTC)
STREAM = UUID(int=1)

each_fixture = pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def read(name: str, state: bytes, by: Any = codec) -> Entry:
    entry: Entry = by.decode(7, AT, STREAM, 2, name, state)
    return entry


def shown(value: object, depth: int = 0) -> str:
    """A value in full, with its types and the fields left to their defaults; a field a line."""
    inner, end = "\n" + "    " * (depth + 1), ",\n" + "    " * depth
    if isinstance(value, Struct):
        fields = (f"{name}={shown(getattr(value, name), depth + 1)}" for name in value.__struct_fields__)
        return f"{type(value).__name__}({inner}{f',{inner}'.join(fields)}{end})"
    if isinstance(value, tuple) and value:
        return f"({inner}{f',{inner}'.join(shown(one, depth + 1) for one in value)}{end})"
    return repr(value)


# What was stored


def test_every_stored_name_has_fixtures_of_its_least_and_its_most() -> None:
    cases = {name: {path.stem for path in FIXTURES if path.parent.name == name} for name in EVERYTHING}
    assert all(len(cases[name]) >= 2 for name in EVERYTHING), cases
    assert {path.parent.name for path in FIXTURES} == EVERYTHING


@each_fixture
def test_what_was_stored_decodes_to_what_stands_beside_it(path: Path) -> None:
    entry = read(path.parent.name, path.read_bytes())
    assert shown(entry.event) == path.with_suffix(".txt").read_text("utf-8").rstrip("\n")


@each_fixture
def test_what_is_stored_today_of_the_same_event_decodes_to_the_same(path: Path) -> None:
    entry = read(path.parent.name, path.read_bytes())
    assert entry.name == codec.stored_name(entry.event)
    again = read(entry.name, codec.encode(entry.event))
    assert again == entry
    assert shown(again.event) == shown(entry.event)


def test_no_fixture_is_changed_added_or_removed_unnoticed() -> None:
    lines = (STORED / "SHA256SUMS").read_text("ascii").splitlines()
    noted = {name: digest for digest, name in (line.split("  ") for line in lines)}
    there = [STORED / "keys.json", *FIXTURES]
    assert noted == {str(path.relative_to(STORED)): sha256(path.read_bytes()).hexdigest() for path in there}


def test_what_must_be_decoded_stands_beside_every_fixture_and_nowhere_else() -> None:
    assert sorted(STORED.glob("events/*/*.txt")) == [path.with_suffix(".txt") for path in FIXTURES]


def _words_of(fact: type[Struct]) -> Iterator[Enum]:
    """The words that the members of a fact may have."""
    for annotation in get_type_hints(fact).values():
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type) and issubclass(part, Enum):
                yield from part


def test_every_word_that_events_are_stored_with_stands_in_a_fixture() -> None:
    """A word renamed or dropped would leave events that no longer read."""

    def words(value: object) -> Iterator[Enum]:
        if isinstance(value, Enum):
            yield value
        elif isinstance(value, Struct | tuple):
            parts = msgspec.structs.astuple(value) if isinstance(value, Struct) else value
            for part in parts:
                yield from words(part)

    found = {word for path in FIXTURES for word in words(read(path.parent.name, path.read_bytes()).event)}
    in_facts = {word for fact in LIFE_EVENTS.values() for word in _words_of(fact)}
    assert found == {*Department, *Kind, *Action, *Strength, *Way, *Look, *Unusual, *Act, *in_facts}


# Names


def test_tags_and_stored_names_agree() -> None:
    tags = {name: LIFE_EVENTS.get(name, type_) for name, type_ in STORED_NAMES.items()}
    assert all(type_.__struct_config__.tag == name for name, type_ in tags.items())
    assert all(type_ is FactPublished for name, type_ in STORED_NAMES.items() if name in LIFE_EVENTS)


def test_an_entry_keeps_its_place() -> None:
    entry = read(FIXTURES[0].parent.name, FIXTURES[0].read_bytes())
    assert (entry.position, entry.recorded_at, entry.stream, entry.version) == (7, AT, STREAM, 2)


@pytest.mark.parametrize("name", ["death-reported.v99", "", "Death-Reported.v1", "domain.facts:DeathReported"])
def test_an_unknown_name_is_named_and_stops_the_reader_at_its_place(name: str) -> None:
    with pytest.raises(KeyError, match=f"no event stored as {name}"):
        read(name, b"{}")
    known = Row(1, AT, STREAM, 1, FIXTURES[0].parent.name, FIXTURES[0].read_bytes())
    batches = follower._decoded([known, Row(2, AT, STREAM, 2, name, b"{}"), known])
    assert [entry.position for entry in next(batches)] == [1]
    with pytest.raises(KeyError) as caught:
        next(batches)
    assert caught.value.__notes__ == [f"at position 2, {name}"]


def test_many_rows_decode_to_what_each_of_them_does() -> None:
    first = {"name": "moved.v1", "who": STREAM, "on": "2024-04-10", "address": "Town Street"}
    rows = [Row(n, AT, STREAM, n, "moved.v1", msgspec.json.encode(first)) for n in (1, 2)]
    assert THREE.entries(rows) == [THREE.decode(*row) for row in rows], "an older version among them"
    rows = [Row(n, AT, STREAM, n, path.parent.name, path.read_bytes()) for n, path in enumerate(FIXTURES, 1)]
    assert codec.entries(rows) == [codec.decode(*row) for row in rows]
    with pytest.raises(KeyError, match=r"no event stored as gone\.v1"):
        codec.entries([*rows, Row(99, AT, STREAM, 1, "gone.v1", b"{}")])


@each_fixture
def test_what_was_damaged_stops_the_reader(path: Path) -> None:
    for damaged in (b"", b"{}", path.read_bytes()[:-1], path.read_bytes().replace(b"{", b"[", 1)):
        with pytest.raises(msgspec.DecodeError):
            read(path.parent.name, damaged)


# Upcasters, on an event of three versions that no product ever had


class Moved(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="moved.v3"):
    """v1 had `who` and `on` and one line of address; v2 told town from street; v3 calls them what they are, and says why."""

    retiree: UUID
    effective: date
    city: str
    street: str
    reason: str


class Greeted(Struct, frozen=True, tag_field="name", tag="greeted.v1"):
    words: str


def _told_apart(old: Plain) -> Plain:
    town, _, street = old["address"].partition(" ")
    return {"name": "moved.v2", "who": old["who"], "on": old["on"], "town": town, "street": street}


def _called_what_they_are(old: Plain) -> Plain:
    return {
        "name": "moved.v3",
        "retiree": old["who"],
        "effective": old["on"],
        "city": old["town"],
        "street": old["street"],
        "reason": "unknown",
    }


NAMES = {"moved.v3": Moved, "greeted.v1": Greeted}
STEPS = {
    "moved.v1": Upcaster("moved.v2", _told_apart),
    "moved.v2": Upcaster("moved.v3", _called_what_they_are),
}
THREE = Codec(NAMES, STEPS)
words = st.text(st.characters(exclude_characters=" ", codec="utf-8"))


@given(st.uuids(), st.dates(), words, st.text())
def test_any_first_version_reads_as_the_third(who: UUID, on: date, town: str, street: str) -> None:
    first = {"name": "moved.v1", "who": who, "on": on, "address": f"{town} {street}"}
    second = {"name": "moved.v2", "who": who, "on": on, "town": town, "street": street}
    third: Any = Moved(retiree=who, effective=on, city=town, street=street, reason="unknown")
    for name, stored in (("moved.v1", first), ("moved.v2", second), ("moved.v3", third)):
        entry = read(name, msgspec.json.encode(stored), THREE)
        assert entry == Entry(7, AT, STREAM, 2, "moved.v3", third), "under the name that its shape has"
    assert THREE.stored_name(third) == "moved.v3"
    assert read("moved.v3", codec.encode(third), THREE).event == third


def test_what_needs_no_upcaster_is_left_alone() -> None:
    greeted: Any = Greeted("hello")
    assert read("greeted.v1", codec.encode(greeted), THREE).event == greeted


@pytest.mark.parametrize("name", ["moved.v1", "moved.v2", "moved.v3"])
def test_a_shape_that_no_upcaster_foresaw_stops_the_reader(name: str) -> None:
    with pytest.raises((msgspec.DecodeError, KeyError)):
        read(name, msgspec.json.encode({"name": name, "who": 1, "on": "2024-04-10", "address": "", "town": ""}), THREE)


def test_a_type_changed_under_its_old_name_no_longer_reads_what_was_stored() -> None:
    """The mistake that the fixtures are there to catch."""
    greeted: Any = Greeted("hello")

    class Changed(Struct, frozen=True, tag_field="name", tag="greeted.v1"):
        words: str
        language: str

    with pytest.raises(msgspec.ValidationError, match="language"):
        read("greeted.v1", codec.encode(greeted), Codec({"greeted.v1": Changed}, {}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"moved.v1": STEPS["moved.v1"]},
        {"moved.v3": Upcaster("greeted.v1", dict)},
        {"moved.v1": Upcaster("moved.v2", dict), "moved.v2": Upcaster("moved.v1", dict)},
        {"moved.v1": Upcaster("moved.v1", dict)},
    ],
    ids=["leads to nothing", "leads away from a newest version", "goes round", "stays"],
)
def test_upcasters_that_lead_nowhere_are_refused_before_anything_is_read(wrong: dict[str, Upcaster]) -> None:
    with pytest.raises(ValueError, match="must lead to a newest version"):
        Codec(NAMES, wrong)
