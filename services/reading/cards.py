"""What is shown of people: the lines and cards that answers hold, and how they are made of rows."""

from collections.abc import Iterable, Mapping
from datetime import date
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.facts import Person
from domain.handover import Keeper
from domain.law import Law
from domain.rights.fields import View
from domain.timeline import PAYS
from infra.sealed import person_of
from projections import handovers
from projections.on_a_day import OnADay, as_of


class PersonShown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who somebody is, as far as the purpose shows it: whole, in part, or not at all."""

    identity_number: str | UnsetType = UNSET
    name: str | None = None
    phone: str | None = None
    address: str | None = None


class RosterLine(Struct, frozen=True, kw_only=True):
    """A retiree on a roster page, with what the purpose shows of them and this look was recorded for. `community`: that serves.

    `status`: of today as the office was told, since `stopped_from`; of another day by all that is known. What follows is of the
    day asked for, as in `OnADay`. What the purpose leaves out is not there; an amount that it masks is asterisks.
    """

    retiree: UUID
    person: PersonShown
    community: str | UnsetType = UNSET
    retired_on: str | UnsetType = UNSET
    monthly_pension: str | UnsetType = UNSET
    party_member: bool | UnsetType = UNSET
    special_groups: tuple[str, ...] | UnsetType = UNSET
    status: str | UnsetType = UNSET
    stopped_from: str | UnsetType | None = UNSET
    verify_alert: str | UnsetType | None = UNSET
    keeper: str | UnsetType = UNSET
    served_since: date | UnsetType | None = UNSET
    pension: str | UnsetType = UNSET
    document: str | UnsetType | None = UNSET
    article: str | UnsetType | None = UNSET
    verified_on: date | UnsetType | None = UNSET
    verify_by: date | UnsetType | None = UNSET
    contact_card_on: date | UnsetType | None = UNSET
    health_file_on: date | UnsetType | None = UNSET
    visited_on: date | UnsetType | None = UNSET
    moving_to: str | UnsetType | None = UNSET
    moved_on: date | UnsetType | None = UNSET


OF_PERSON = PersonShown.__struct_fields__
OF_LINE = tuple(field for field in RosterLine.__struct_fields__ if field not in {"retiree", "person"})
SHOWN = (*OF_PERSON, *OF_LINE)
"""What an answer may have of somebody."""
ON_PAGE = (
    *OF_PERSON,
    *(name for name in OF_LINE if name not in {"document", "article", "verified_on", "moved_on"}),
)
"""What the pages have of somebody."""
MASKABLE = ("person", "line")
"""The groups of the catalogue in which something may be masked."""
_NEVER: dict[str, Any] = {
    **dict.fromkeys(OF_LINE),
    "special_groups": (),
    "keeper": Keeper.COMMUNITY,
    "pension": "0.00",
}
"""What a line says where nothing is known of the day."""
_THEN = (  # of `OnADay`
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
_of_then = attrgetter(*_THEN)
_person = msgspec.json.Decoder(Person).decode


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
    """A retiree and every alert about them, the newest first; None: the purpose has no use for alerts, or who is shown on a past day has left since.

    `handover`: None where none was proposed by the day, or likewise.
    """

    line: RosterLine
    alerts: list[dict[str, Any]] | None
    handover: HandoverCard | None = None


class AlertCard(Struct, frozen=True, kw_only=True):
    """An alert with why it was raised, and others: of the same retiree, of the same kind in the same office, of the same sources."""

    alert: dict[str, Any]
    why: dict[str, Any]
    of_retiree: list[dict[str, Any]]
    of_kind: list[dict[str, Any]]
    of_sources: list[dict[str, Any]]


def handover_card(rows: Iterable[Mapping[str, Any]], law: Law, day: date) -> HandoverCard | None:
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


def person_shown(view: View, person: bytes) -> PersonShown:
    """What is shown of who somebody is, out of what was sealed."""
    known = _person(person_of(person))
    return PersonShown(
        **view.shown(
            "person",
            {
                "identity_number": known.identity_number,
                "name": known.name,
                "phone": known.phone,
                "address": known.address,
            },
        )
    )


def line_of(row: dict[str, Any], person: bytes, day: date, law: Law, view: View) -> RosterLine:
    """The line of a row whose person is opened, as they were on a day, and as the purpose shows it."""
    # whoever is registered before the day is shown as of it
    then = row.get("then") or as_of(row, max(day, row["retired_on"]), law)
    given = {
        **_NEVER,
        "community": row["serving"],
        "retired_on": row["retired_on"].isoformat(),
        "monthly_pension": row["monthly_pension"],
        "party_member": row["party_member"],
        "special_groups": row["special_groups"],
        "status": row["status"],
        "stopped_from": row["stopped_from"],
        "verify_alert": row["verify_alert"],
    }
    if then:
        given.update(zip(_THEN, _of_then(then), strict=True))
    return RosterLine(retiree=row["retiree"], person=person_shown(view, person), **view.shown("line", given))


def of_another_day(line: OnADay) -> dict[str, Any]:
    """What a row of the roster says of today, of another day, and all of that day for `line_of`."""
    return {
        "then": line,
        "serving": line.serving,
        "status": line.status,
        "stopped_from": line.since if line.kind and line.status not in PAYS else None,
        "verify_alert": None,
    }
