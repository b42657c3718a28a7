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
from infra.views import APPLICATION, Selects

_decode = msgspec.json.Decoder(Person).decode
_NAME, _PHONE = "search part of a name", "search phone"
_PARTS = 40
"""A name has so many parts at most by which it is found."""
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

_FOUND = """
select r.* from (select retiree, source, id from hit order by retiree) h
cross join lateral (select * from roster where retiree = h.retiree limit 1) r
where r.registered and r.led_by is null and (h.source is null or h.source = r.source and h.id = r.source_id)
  and (%(communities)s::text[] is null
       or %(registered)s and r.community = any(%(communities)s) or not %(registered)s and r.serving = any(%(communities)s))
  and (%(number)s::bytea is null or r.retiree = (
      select coalesce(l.leader, i.retiree) from ledger.identity i left join ledger.led l on l.record = i.retiree
      where i.tag = %(number)s))
  and exists (select from ledger.retiree_key k where k.retiree = case when r.under is null then r.retiree else r.under end)
order by h.retiree limit %(limit)s
"""
FOUND = f"""
with hit as materialized (
    select s.retiree, s.source, s.id from views.search s
    where s.tag = any(%(tags)s::bytea[]) and s.retiree > %(after)s
    group by s.retiree, s.source, s.id having count(*) = cardinality(%(tags)s::bytea[])
    union all
    select coalesce(l.leader, i.retiree), null, null from ledger.identity i left join ledger.led l on l.record = i.retiree
    where %(tags)s::bytea[] = '{{}}' and i.tag = %(number)s and coalesce(l.leader, i.retiree) > %(after)s
)
{_FOUND}"""  # noqa: S608 - our own texts
"""Whoever is registered in, or served by, some communities (null: any), under a registration that gave all of it; by number under any."""
FOUND_NOW = f"""
with hit as materialized (
    select retiree, source, id
    from views.found_in(%(tags)s::bytea[], %(communities)s::text[], %(after)s, %(limit)s, %(registered)s)
)
{_FOUND}"""  # noqa: S608 - likewise
"""The same of some communities today, where no number is sought."""


class Sought(Struct, frozen=True, kw_only=True):
    """Who is sought: all that is given must fit. `name`: whole, or two characters of it or more that stand beside each other; `phone`: whole."""

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
            yield from self._keys.tags(_NAME, parts_of(normal_name(person.name)))
        if person.phone and (phone := normal_phone(person.phone)):
            yield self._keys.tag(_PHONE, phone)

    def find(self, views: Selects, sought: Sought, given: dict[str, Any], *, now: bool = False) -> list[dict[str, Any]]:
        """The rows of the roster that fit; `given`: `communities` (None: any), `registered`, `after` and `limit`; `now`: as it is known now.

        Raises `Refused`: `identity-number-invalid`; `missing-field` where nothing is sought, `invalid-field` where no telephone number is one.
        """
        tags = list(self._tags(Person(identity_number="0" * 18, name=sought.name, phone=sought.phone)))
        if sought.phone and not normal_phone(sought.phone):
            raise Refused("invalid-field", "phone")
        if not tags and not sought.number:
            raise Refused("missing-field", "name")
        number = self._keys.tag("identity-number", normal(sought.number, "number")) if sought.number else None
        query = FOUND_NOW if now and tags and number is None and given["communities"] is not None else FOUND
        return views.select(query, {**given, "tags": tags, "number": number})


def parts_of(name: str) -> list[str]:
    """Each two characters of a name that stand beside each other; a name of one character is its own part.

    No single character of a longer name: half of all people have one of ten surnames, so a hash of one is soon guessed
    by how often it comes, and whoever guesses it knows the surname of everybody who has it.
    """
    pairs = [name[at : at + 2] for at in range(max(1, len(name) - 1))]
    return list(dict.fromkeys(pairs))[:_PARTS]


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
