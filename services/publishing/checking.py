"""`changqing publish --dry-run`: what a ledger would say, as far as that can be said without one, by its own decoder and rules."""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from domain.decide import check
from domain.facts import Known, Reference
from domain.identity import check_day, normal
from domain.refusals import Refused
from infra.submissions import check_other
from services.accepting.cloudevents import Publisher, department_of, structured, submission
from services.accepting.reports import REPORTS, report
from services.application import today
from services.client import Event
from services.client.events import digest_of
from services.publishing.reading import UnusableFileError, events_of
from services.publishing.telling import refused_line, say, sentence_of

_DONE, _USAGE, _REFUSED = 0, 2, 3
_MOST: Final = 20
_IN_THE_WAY: Final = frozenset({"unknown-field", "invalid-field"})
"""Refusals of a member that can be looked away from, to see what else is wrong."""


def check_file(file: Path, *, as_json: bool) -> int:
    """Say what is wrong with each event of a file; nothing is sent, and no server is asked. The exit code."""
    seen: dict[tuple[str, str], bytes] = {}
    events, wrong, day = 0, 0, today()
    try:
        for line, text in events_of(file):
            events += 1
            found = _defects(text, day, seen)
            wrong += bool(found)
            for refused in found:
                said = refused_line(line, refused)
                sys.stdout.write((msgspec.json.encode(said).decode() if as_json else sentence_of(said)) + "\n")
    except UnusableFileError as error:
        say(f"changqing: {error}")
        return _USAGE
    if not events:
        say(f"changqing: {file} 中没有事件 holds no events")
        return _USAGE
    say(f"{events:,} 条 events: 可受理 good {events - wrong:,}，有误 with defects {wrong:,}；未发送 nothing was sent")
    return _REFUSED if wrong else _DONE


def _defects(text: bytes, today: date, seen: dict[tuple[str, str], bytes]) -> list[Refused]:
    """What is wrong with an event by itself, or beside those `seen` before it in the file."""
    try:
        event = Event.read(text)
        if not event.id:
            event = replace(event, id="made-of-the-content")  # of which the outbox makes one that nobody has
        elif seen.setdefault((event.source, event.id), digest := digest_of(event)) != digest:
            return [Refused("id-conflict", "id", "an earlier event of this file has it with other content")]
    except Refused as refused:
        return [refused]
    return defects(event, today)


def defects(event: Event, today: date) -> list[Refused]:
    """What is wrong with an event, one defect a member, in the order in which they are found; nothing for a good one.

    What depends on what a ledger holds already (an id that was used, a step that was done, whether a report fits what
    came) only the ledger can say.
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
    publisher = Publisher("dry-run", department_of(envelope.source), "file")
    if envelope.type in REPORTS:  # of a source, about nobody
        report(envelope, publisher)
        return
    sent = submission(envelope, publisher)
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
