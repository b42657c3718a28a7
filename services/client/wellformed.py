"""Whether an event can be sent: what a ledger could not read it could answer to nobody, and the event would wait for ever."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from domain.facts import Department
from domain.identity import names_a_person
from domain.refusals import Refused

Value = str | int | bool
"""The value of an attribute in JSON."""

_NAME: Final = re.compile(r"[a-z0-9]+")
_CLEAR: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_TEXTS: Final = frozenset({"datacontenttype", "dataschema", "subject"})

_Moment = Annotated[datetime, Meta(tz=True)]


def check_event(source: str, id_: str, type_: str, attributes: Mapping[str, Value]) -> None:
    """Raise `Refused` for what CloudEvents 1.0 does not allow, and for an identity number where it would stand in clear.

    An empty `id_` is one that is still to be made.
    """
    for name, text in (("source", source), ("id", id_ or "?"), ("type", type_)):
        if not 0 < len(text) <= 255 or not _CLEAR.fullmatch(text):
            raise Refused(
                "invalid-field", name, "it must be a text of 1 to 255 characters, none of them a control character"
            )
    if names_a_person(id_):
        raise Refused("identity-number-in-id", "id")
    for name, value in attributes.items():
        _check_attribute(name, value)
    department_of(source)


def department_of(source: str) -> Department:
    """The department a source belongs to: its first segment. Raises `Refused`."""
    try:
        return Department(source[1:].split("/", 1)[0] if source.startswith("/") else "")
    except ValueError:
        raise Refused("not-your-source", "source", "it does not begin with /department") from None


def _check_attribute(name: str, value: Value) -> None:
    if not _NAME.fullmatch(name):
        shown = name if re.fullmatch(r"\w{1,40}", name) else ""
        raise Refused("not-cloudevents", shown, "the name of an attribute has small letters a to z and digits only")
    if name == "time":
        _check_time(value)
    elif isinstance(value, str):
        if not _CLEAR.fullmatch(value):
            raise Refused("not-cloudevents", name, "a control character, or what is no UTF-8")
    elif name in _TEXTS:
        raise Refused("invalid-field", name, "it must be a text")
    elif not -(2**31) <= value < 2**31:
        raise Refused("not-cloudevents", name, "a whole number has 32 bits")


def _check_time(value: Value) -> None:
    try:
        if isinstance(value, str):
            msgspec.convert(value, _Moment)
            return
    except msgspec.ValidationError:
        pass
    raise Refused("invalid-field", "time", "it must be a time of RFC 3339 with its zone")
