"""What a ledger would say to an event, as far as that can be said without one: with its own decoder, its own sentences."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec

from domain.decide import check
from domain.facts import Known, Reference
from domain.identity import check_day, normal
from domain.refusals import Refused
from infra.submissions import check_other
from services.client import Event
from services.cloudevents import Publisher, department_of, structured, submission

_MOST: Final = 20
_IN_THE_WAY: Final = frozenset({"unknown-field", "invalid-field"})
"""Refusals of a member that can be looked away from, to see what else is wrong."""


def defects(event: Event, today: date) -> list[Refused]:
    """What is wrong with an event, one defect a member, in the order in which they are found; nothing for a good one.

    What depends on what a ledger holds already (an id that was used, a step that was done) only the ledger can say.
    """
    try:
        members: dict[str, Any] = msgspec.json.decode(event.json())
    except Refused as refused:
        return [refused]
    found: list[Refused] = []
    for one in _refusals(members, today):
        if one.path in {before.path for before in found}:
            break  # what was looked away from is missed
        found.append(one)
    return found


def _refusals(members: dict[str, Any], today: date) -> Iterator[Refused]:
    for _ in range(_MOST):
        try:
            _check(msgspec.json.encode(members), today)
        except Refused as refused:
            yield refused
            if refused.code not in _IN_THE_WAY or not _look_away(members, refused.path):
                return
        else:
            return


def _check(body: bytes, today: date) -> None:
    """Raise `Refused` as the ledger would."""
    envelope = structured(body)
    sent = submission(envelope, Publisher("dry-run", department_of(envelope.source), "file"))
    number = normal(sent.person.identity_number)
    check_day(number, sent.fact.effective)
    check_other(sent, number)
    known = Known(
        reference=Reference(sent.source, sent.id),
        department=sent.department,
        learnt=today,
        fact=sent.fact,
        name_tag=None,
    )
    check(known, today)


def _look_away(members: dict[str, Any], path: str) -> bool:
    """Take the member at a path out; whether it was there."""
    *parents, name = path.split(".")
    inside: Any = members
    for parent in parents:
        inside = inside.get(parent) if isinstance(inside, dict) else None
    return isinstance(inside, dict) and inside.pop(name, None) is not None
