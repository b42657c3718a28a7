"""Finding people by name, number or telephone: by keyed hashes, as who they are is sealed wherever it is stored.

A follower with the keys folds the registrations into tags; a tag alone says nothing without the key. Rows and position commit
together. An erased person's rows go with the key, and nobody can make them again.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from eventsourcing.persistence import Tracking
from msgspec import Struct

from domain.facts import Person, RetirementRegistered
from domain.history import Entry, FactMoved, FactPublished
from domain.identity import normal, normal_name
from domain.refusals import Refused
from infra.database import Database
from infra.histories import wrapped_keys
from infra.keys import KeyRing
from infra.recorder import LedgerRecorder
from infra.sealed import person_of
from infra.views import APPLICATION, KnownViews, Views

_decode = msgspec.json.Decoder(Person).decode
_NAME, _PHONE = "search name", "search phone"
_DIGITS = 5
"""A telephone number has so many at least."""

_SAVE = """
insert into views.search (tag, retiree, source, id, record)
select s.tag, s.retiree, s.source, s.id, s.record
from unnest(%(tags)s::bytea[], %(retirees)s::uuid[], %(sources)s::text[], %(ids)s::text[], %(records)s::uuid[])
    as s(tag, retiree, source, id, record)
join ledger.retiree_key k on k.retiree = s.record
on conflict do nothing
"""
"""Of whom the key is there: an erasure that came between leaves nothing to find."""

FOUND = """
select r.* from roster r
where r.registered and r.led_by is null and r.retiree > %(after)s
  and (%(registered)s and r.community = any(%(communities)s) or not %(registered)s and r.serving = any(%(communities)s))
  and (%(number)s::bytea is null or r.retiree = (
      select coalesce(l.leader, i.retiree) from ledger.identity i left join ledger.led l on l.record = i.retiree
      where i.tag = %(number)s))
  and (%(tags)s::bytea[] = '{}' or r.retiree in (
      select s.retiree from views.search s where s.tag = any(%(tags)s::bytea[])
      group by s.retiree, s.source, s.id having count(*) = cardinality(%(tags)s::bytea[])))
  and (%(tags)s::bytea[] = '{}' or exists (
      select from views.search s where s.retiree = r.retiree and s.source = r.source and s.id = r.source_id
      and s.tag = (%(tags)s::bytea[])[1]))
  and exists (select from ledger.retiree_key k where k.retiree = coalesce(r.under, r.retiree))
order by r.retiree limit %(limit)s
"""
"""Whoever is registered in, or served by, some communities, under a registration that gave all of it; by number under any."""


class Sought(Struct, frozen=True, kw_only=True):
    """Who is sought: all that is given must fit. A name and a telephone number as the registration gave them, whole."""

    name: str | None = None
    number: str | None = None
    phone: str | None = None


class Search:
    """The follower that makes people findable, and the tags to find them by."""

    def __init__(self, database: Database, keys: KeyRing, follower: str = "search") -> None:
        self.database = database
        self._keys = keys
        self._recorder = LedgerRecorder(database, follower)

    def position(self) -> int:
        """The position up to which everybody can be found."""
        return self._recorder.max_tracking_id(APPLICATION) or 0

    def apply(self, entries: Sequence[Entry]) -> None:
        """Fold entries, in one transaction with the position. `IntegrityError` when another one folded them; `WrongKeyError`."""
        told = [(entry.stream, fact) for entry in entries if (fact := _registration(entry))]
        with self.database.transaction() as connection:
            self._recorder.track(connection, Tracking(APPLICATION, entries[-1].position), after=entries[0].position - 1)
            records = [fact.under or stream for stream, fact in told]
            wrapped = wrapped_keys(connection, set(records)) if told else {}
            there = [(*one, record) for one, record in zip(told, records, strict=True) if record in wrapped]
            if not there:
                return
            opened = self._keys.open_all([(record, wrapped[record], fact.sealed) for _, fact, record in there])
            rows = [
                (tag, stream, fact.source, fact.id, record)
                for (stream, fact, record), plain in zip(there, opened, strict=True)
                for tag in self._tags(_decode(person_of(plain)))
            ]
            if rows:
                columns = ("tags", "retirees", "sources", "ids", "records")
                connection.execute(_SAVE, dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))

    def _tags(self, person: Person) -> Iterator[bytes]:
        if person.name:
            yield self._keys.tag(_NAME, normal_name(person.name))
        if person.phone and (phone := normal_phone(person.phone)):
            yield self._keys.tag(_PHONE, phone)

    def find(self, views: Views | KnownViews, sought: Sought, given: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of the roster that fit; `given`: `communities`, `registered`, `after` and `limit`.

        Raises `Refused`: `identity-number-invalid`; `missing-field` where nothing is sought, `invalid-field` where no telephone number is one.
        """
        tags = list(self._tags(Person(identity_number="0" * 18, name=sought.name, phone=sought.phone)))
        if sought.phone and not normal_phone(sought.phone):
            raise Refused("invalid-field", "phone")
        if not tags and not sought.number:
            raise Refused("missing-field", "name")
        number = self._keys.tag("identity-number", normal(sought.number, "number")) if sought.number else None
        return views.select(FOUND, {**given, "tags": tags, "number": number})


def normal_phone(phone: str) -> str:
    """The digits of a telephone number, without the country's code; empty where it is none."""
    digits = re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", phone))
    digits = digits.removeprefix("0086") if digits.startswith("0086") else digits
    digits = digits[2:] if len(digits) == 13 and digits.startswith("861") else digits
    return digits if len(digits) >= _DIGITS else ""


def _registration(entry: Entry) -> FactPublished | None:
    match entry.event:
        case FactPublished(fact=RetirementRegistered()) as fact:
            return fact
        case FactMoved(published=FactPublished(fact=RetirementRegistered()) as fact, of=of):
            return fact if fact.under else msgspec.structs.replace(fact, under=None if of == entry.stream else of)
        case _:
            return None
