"""What is shown of people: the lines and cards that answers hold, and how they are made of rows."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.facts import Person
from domain.handover import Keeper
from domain.law import Law
from domain.timeline import PAYS
from infra.sealed import person_of
from projections import handovers
from projections.on_a_day import OnADay, as_of
from services.reading.why import Why


class RosterLine(Struct, frozen=True, kw_only=True):
    """A retiree on a roster page, with the personal data that this look was recorded for. `community`: that serves.

    `status`: of today as the office was told, since `stopped_from`; of another day by all that is known. What follows is of the
    day asked for, as in `OnADay`.
    """

    retiree: UUID
    person: Person
    community: str
    retired_on: str
    monthly_pension: str
    party_member: bool
    special_groups: tuple[str, ...]
    status: str
    stopped_from: str | None
    verify_alert: str | None
    keeper: str = Keeper.COMMUNITY
    served_since: date | None = None
    pension: str = "0.00"
    document: str | None = None
    article: str | None = None
    verified_on: date | None = None
    verify_by: date | None = None
    contact_card_on: date | None = None
    health_file_on: date | None = None
    visited_on: date | None = None
    moving_to: str | None = None
    moved_on: date | None = None


OF_PERSON = tuple(field for field in Person.__struct_fields__ if field != "other_identity_number")
SHOWN = (
    *OF_PERSON,
    *(field for field in RosterLine.__struct_fields__ if field not in {"retiree", "person"}),
)
"""What a look shows of somebody, as the record of it says."""
_THEN = (
    "special_groups",
    "keeper",
    "served_since",
    "pension",
    "document",
    "article",
    "verified_on",
    "verify_by",
    "contact_card_on",
    "health_file_on",
    "visited_on",
    "moving_to",
    "moved_on",
)


class OpenStep(Struct, frozen=True, kw_only=True):
    """A step of a handover that is open, and who may tell that it is done."""

    step: str
    name_zh: str
    name_en: str
    by: tuple[str, ...]


class HandoverCard(Struct, frozen=True, kw_only=True):
    """How far the handover of a retiree is. `done`: steps with their days."""

    batch: str | None
    enterprise: str | None
    stage: str
    done: dict[str, str]
    missing: list[OpenStep]


class RetireeCard(Struct, frozen=True, kw_only=True):
    """A retiree and every alert about them, the newest first; `handover`: None where none was proposed."""

    line: RosterLine
    alerts: list[dict[str, Any]]
    handover: HandoverCard | None = None


class AlertCard(Struct, frozen=True, kw_only=True):
    """An alert with why it was raised, and others: of the same retiree, of the same kind in the same office, of the same sources."""

    alert: dict[str, Any]
    why: Why
    of_retiree: list[dict[str, Any]]
    of_kind: list[dict[str, Any]]
    of_sources: list[dict[str, Any]]


def handover_card(rows: list[dict[str, Any]], law: Law, day: date) -> HandoverCard | None:
    """Of the present proposal, the last one that a row tells of."""
    found = [line for row in rows for line in handovers.lines(row, law, day)]
    if not found:
        return None
    one = found[-1]
    return HandoverCard(
        batch=one.proposal.batch,
        enterprise=one.proposal.enterprise,
        stage=one.stage,
        done={it.step: it.on.isoformat() for it in one.done},
        missing=[
            OpenStep(step=it.step.key, name_zh=it.step.name_zh, name_en=it.step.name_en, by=it.by) for it in one.missing
        ],
    )


def line_of(row: dict[str, Any], person: bytes, day: date, law: Law) -> RosterLine:
    """The line of a row whose person is opened, as they were on a day."""
    then = row.get("then") or as_of(
        row, max(day, row["retired_on"]), law
    )  # whoever is registered before the day is shown as of it
    given = row | {
        "person": msgspec.json.decode(person_of(person), type=Person),
        "community": row["serving"],
        "retired_on": row["retired_on"].isoformat(),
    }
    if then:
        given |= {field: getattr(then, field) for field in _THEN}
    return RosterLine(**{field: given[field] for field in RosterLine.__struct_fields__ if field in given})


def of_another_day(line: OnADay) -> dict[str, Any]:
    """What a row of the roster says of today, of another day, and all of that day for `line_of`."""
    return {
        "then": line,
        "serving": line.serving,
        "status": line.status,
        "stopped_from": line.since if line.kind and line.status not in PAYS else None,
        "verify_alert": None,
    }
