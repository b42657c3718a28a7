"""`changqing original`: an event as its publisher sent it, byte for byte, so that its signature can be checked years later.

It shows personal data, so the look is recorded in the log before anything is said.
"""

import base64
import sys
from contextlib import closing
from typing import Any

import msgspec

from domain.disclosures import DataDisclosed, Look, Way
from domain.history import FactPublished
from domain.identity import names_a_person
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import append_plain
from infra.sealed import Original, original_of
from infra.sources import Sources
from infra.sql import statements
from infra.terminal import operator
from services.accepting.envelopes import Envelope, Extended, structured
from services.accepting.verifying import Verifier
from services.opening import ledger_keys
from services.sentences import SENTENCES
from services.settings import Settings

DONE, REFUSED = 0, 3


def show(source: str, id_: str, actor: tuple[str, str], purpose: str, *, data_only: bool) -> int:
    """Write the event as structured JSON with its data in base64, or its data alone; the exit code.

    `actor`: department and name of who looks. Raises `SettingsError`, `DatabaseError`, `WrongKeyError`.
    """
    settings = Settings.read()
    with closing(Database(settings.database_url, archive=settings.changqing_archive)) as database:
        try:
            entry, original = _look(database, ledger_keys(settings), (source, id_), actor, purpose)
        except Refused as refused:
            say = SENTENCES[refused.code]
            sys.stderr.write(f"changqing: {refused.code}：{say.zh}；{say.remedy_zh}\n")
            sys.stderr.write(f"changqing: {refused.code}: {say.en}; {say.remedy_en}\n")
            return REFUSED
        if data_only:
            sys.stdout.flush()
            sys.stdout.buffer.write(original.data)
            return DONE
        event = _event(entry, original)
        sys.stdout.write(event.decode() + "\n")
        sys.stderr.write(f"changqing: {_signature(database, entry, structured(event))}\n")
    return DONE


def _look(
    database: Database, keys: KeyRing, key: tuple[str, str], actor: tuple[str, str], purpose: str
) -> tuple[Any, Original]:
    """The entry and what was sent, after the look was recorded. Raises `Refused`."""
    if names_a_person(purpose) or names_a_person(actor[1]):
        raise Refused("identity-number-in-id", "purpose")
    with database.transaction() as connection:
        row = connection.execute(statements("sources")["original_place"], {"source": key[0], "id": key[1]}).fetchone()
        if row is None:
            raise Refused("event-unknown", "id")
        entry = codec.decode(*log.read(connection, row[0] - 1, 1)[0])
        if not isinstance(entry.event, FactPublished):  # a report: it is about nobody, and the log has all of it
            raise Refused("event-unknown", "id")
        record = entry.event.under or entry.stream
        found = connection.execute(statements("ledger")["key_find"], {"retirees": [record]}).fetchone()
        if found is None:
            raise Refused("person-erased", "id")
        original = original_of(keys.open(record, found[1], entry.event.sealed))
        if original is None:
            raise Refused("original-never-kept", "id")
        disclosed = DataDisclosed(
            department=actor[0],
            actor=actor[1],
            purpose=purpose,
            legal_basis="个人信息保护法 第三十四条",
            fields=("original",),
            retirees=(entry.stream,),
            way=Way.TERMINAL,
            look=Look.OPENED,
            reason=operator(),
        )
        append_plain(connection, log.stream_of(f"reader:{actor[1]}"), disclosed)
    return entry, original


def _event(entry: Any, original: Original) -> bytes:
    """The event in structured mode; what stands in clear in the log comes from there."""
    fact = entry.event
    attributes = {"specversion": "1.0", "type": entry.name, "source": fact.source, "id": fact.id}
    if fact.time:
        attributes["time"] = msgspec.to_builtins(fact.time)
    attributes |= msgspec.json.decode(original.attributes)
    return msgspec.json.encode(attributes | {"data_base64": base64.b64encode(original.data).decode()})


def _signature(database: Database, entry: Any, envelope: Envelope) -> str:
    """What there is to say of its signature: checked anew, by the key as it was when the event came."""
    keyid = entry.event.signed_by
    if not keyid:
        return "无签名 it bears no signature that was checked"
    register = Sources(database).read()
    if (key := register.keys.get(keyid)) is not None:
        register.keys[keyid] = msgspec.structs.replace(key, revoked_since=None)
    if isinstance(envelope, Extended):  # by which mode it came is not kept: white space was looked at then
        envelope = msgspec.structs.replace(envelope, bytewise=False)
    try:
        Verifier(register).signed_by(envelope, entry.recorded_at)
    except Refused as refused:
        return f"签名不符 the signature does not fit: {refused.code}, {keyid}"
    revoked = f"，后于 revoked later, since {key.revoked_since}" if key and key.revoked_since else ""
    return f"签名相符 the signature fits: {keyid}{revoked}"
