"""Erasing a person: all that is theirs alone is destroyed in one transaction with the event that says so.

What stays is the log as it was, so every hash, receipt and archive holds: who it was is in it as ciphertext under keys that are
no more, what happened is in clear, as nobody's. What a crash leaves: either nobody is erased, or all of it was done.
What PostgreSQL's files keep of deleted rows goes by `infra/purging.py`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg

from domain.dispositions import DeadLetterClosed
from domain.erasing import PersonErased
from domain.facts import Department
from domain.history import Event
from domain.identity import shortened
from domain.links import RecordsJoined, RecordsParted
from domain.proposals import Act, carry_out
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.histories import decode_person, published_of, wrapped_keys
from infra.holds import holds_of
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.log import lock_streams, stream_of
from infra.proposals import SQL, held, save
from infra.refused import SQL as LETTERS
from infra.refused import Original
from infra.sealed import person_of
from infra.session import Session

_PAGE = 200
"""Dead letters opened at a time, of 512 KiB each at most."""
_REASON = "person-erased"


class Erased(NamedTuple):
    """What an erasure did: the records of the person, and the places of the dead letters that went with them."""

    records: tuple[UUID, ...]
    letters: tuple[str, ...]


class Erasure:
    """Erases people of a ledger, as approved proposals say."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def carry_out(self, proposal: UUID, by: str, today: date) -> Erased:
        """Erase whom an approved proposal names; `today`: the last day that passed in the log.

        Raises `Refused`: as `domain.proposals.carry_out`; `legal-hold`; `person-erased` of whoever is. Raises `WrongKeyError`.
        """
        with self._database.transaction() as connection:
            found = held(connection, proposal)
            if found.made.act is not Act.ERASE or found.made.retiree is None:
                raise Refused("needs-approval", "proposal")
            done = carry_out(found, by, today)
            records = self._records(connection, found.made.retiree)
            if holds_of(connection, records):
                raise Refused("legal-hold", "retiree")
            wrapped = wrapped_keys(connection, records)
            if not wrapped:
                raise Refused("person-erased", "retiree")
            mentioned = self._mentioned(connection, self._numbers(connection, records, wrapped))
            _destroy(connection, proposal, records)  # it may refuse and wait: positions of the log are taken after it
            letters = tuple(place for place in mentioned if _close(connection, place, by))
            save(connection, found, done)
            erased = PersonErased(proposal=proposal, by=by, records=tuple(records), letters=len(letters))
            append_plain(connection, found.made.retiree, erased)
        for record, key in wrapped.items():
            self._keys.forget(record, key)
        return Erased(tuple(records), letters)

    def _records(self, connection: Session, retiree: UUID) -> list[UUID]:
        """The records that are one person's, locked; the one asked for first.

        Whoever joins or parts two of them holds both, so what is read of those that are locked stays as it is.
        """
        records, fresh = [retiree], [retiree]
        while fresh:
            lock_streams(connection, fresh)
            fresh = sorted(_joined(connection, fresh) - set(records))
            records += fresh
        return records

    def _numbers(self, connection: Session, records: Sequence[UUID], wrapped: dict[UUID, bytes]) -> set[str]:
        """The identity numbers that were given for a person, in every form in which they may stand in a letter."""
        numbers: set[str] = set()
        for record in records:
            events = [codec.decode(*row).event for row in log.read_stream(connection, record)]
            facts = [fact for event in events if (fact := published_of(event))]
            whose = [(fact.under or record, fact.sealed) for fact in facts]
            keys = wrapped | wrapped_keys(connection, {one for one, _ in whose} - wrapped.keys())
            opened = self._keys.open_all([(one, keys[one], sealed) for one, sealed in whose if one in records])
            for person in (decode_person(person_of(plain)) for plain in opened):
                numbers |= {number for number in (person.identity_number, person.other_identity_number) if number}
        return numbers | {short for number in numbers if (short := shortened(number))}

    def _mentioned(self, connection: Session, numbers: Iterable[str]) -> list[str]:
        """The places of the dead letters in which a person's number stands, whatever else is in them."""
        sought, found, after = tuple(numbers), list[str](), ""
        while rows := connection.execute(SQL["letters_kept"], {"after": after, "limit": _PAGE}).fetchall():
            found += [place for place, sealed in rows if _mentions(self._keys.open_letter(sealed), sought)]
            after = rows[-1][0]
        return found


def _joined(connection: Session, records: Iterable[UUID]) -> set[UUID]:
    """Those that are joined to one of these records, as their streams say."""
    found: set[UUID] = set()
    for record in records:
        joined: set[UUID] = set()
        for row in log.read_stream(connection, record):
            event: Event = codec.decode(*row).event
            if isinstance(event, RecordsJoined):
                joined |= {event.other}
            elif isinstance(event, RecordsParted):
                joined -= {event.other}
        found |= joined
    return found


def _mentions(packed: bytes, numbers: Sequence[str]) -> bool:
    """Whether one of the numbers stands in a message, however JSON or an input method wrote its digits."""
    message = msgspec.msgpack.decode(packed, type=Original)
    texts = [message.value, *(part for header in message.headers for part in header)]
    plain = [text.decode("utf-8", "replace") for text in texts]
    with suppress(msgspec.DecodeError):
        plain.append(msgspec.json.encode(msgspec.json.decode(message.value)).decode())  # without escapes
    for text in plain:
        folded = "".join(one for one in unicodedata.normalize("NFKC", text).upper() if one.isalnum())
        if any(number in folded for number in numbers):
            return True
    return False


def _close(connection: Session, place: str, by: str) -> bool:
    given: dict[str, Any] = {"place": place, "state": "given-up", "by": by, "reason": _REASON, "successor": None}
    row = connection.execute(LETTERS["letter_close"], given).fetchone()
    if row is None:
        return False  # it came to an end meanwhile
    event = DeadLetterClosed(place=place, department=Department(row[0]), end="given-up", by=by, reason=_REASON)
    append_plain(connection, stream_of(f"dead-letter:{place}"), event)
    return True


def _destroy(connection: Session, proposal: UUID, records: Sequence[UUID]) -> None:
    """What cannot be undone. The database looks once more: see migration 0024."""
    try:
        connection.execute(SQL["erase"], {"proposal": proposal, "records": list(records)})
    except psycopg.Error as error:
        if error.sqlstate == "CQ003":
            raise Refused("proposal-waits", "proposal", "the database's own day has not come as far") from None
        raise
