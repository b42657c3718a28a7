"""Ids of rows without a number of their own: made of what a row says, under the ledger's key."""

from base64 import b32encode
from collections.abc import Callable
from typing import Any

import msgspec

_BEGIN = "row-"
_SUBJECT = len(_BEGIN) + 16
ID_LENGTH = _SUBJECT + 24


def content_id(tag: Callable[[str], bytes], about: list[str], data: dict[str, Any]) -> str:
    """The id of a row: the same for the same content, and with the same beginning for whatever is told of the same.

    `tag`: a keyed hash of a text, as an unkeyed one would give away identity numbers by trying them all.
    """
    return _BEGIN + _letters(tag(_text(about))[:10]) + _letters(tag(_text([*about, data]))[:15])


def subject_of(id_: str) -> str | None:
    """What all ids made of rows about the same begin with; None of an id that is the publisher's own."""
    return id_[:_SUBJECT] if id_.startswith(_BEGIN) and len(id_) == ID_LENGTH else None


def _text(what: list[Any]) -> str:
    return msgspec.json.encode(what, order="deterministic").decode()


def _letters(digest: bytes) -> str:
    """Mostly letters: many digits in a row could read as an identity number."""
    return b32encode(digest).decode().lower()
