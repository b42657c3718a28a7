"""What says that records are one person's, and what is recorded when they are joined and parted.

A record is what came under one identity number. Of records that are joined one leads: it goes on for all.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from msgspec import Struct

from domain.facts import Reference
from domain.months import Month
from domain.timeline import Run


class Link(Struct, frozen=True, omit_defaults=True):
    """A fact by which a record is one person's with another; `to` is None for the one that leads."""

    record: UUID
    by: Reference
    to: UUID | None = None


class RecordsJoined(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="records-joined.v1"):
    """From `day` on this record and the `other` are one person's, by a fact; this one `leads`, or rests.

    In the stream that leads, the facts of the other one stand before it. `to`: the joined record that the fact names,
    where it is not the one that leads.
    """

    other: UUID
    leads: bool
    by: Reference
    day: date
    to: UUID | None = None


class RecordsParted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="records-parted.v1"):
    """From `day` on this record and the `other` are two people's again; `led` is whether this one went on for both.

    In the stream that rested, the facts that came under its number meanwhile stand before it; where its registration is
    one of them, `paid` says what was paid up to `settled`.
    """

    other: UUID
    led: bool
    by: Reference
    day: date
    paid: tuple[Run, ...] = ()
    settled: Month | None = None


def loose(joined: Iterable[UUID], links: Iterable[Link]) -> list[UUID]:
    """The joined records that nothing ties any more, directly or through another one, to the one that leads."""
    tied: set[UUID | None] = {None}
    ties = [{link.record, link.to} for link in links]
    while more := {record for tie in ties if tie & tied for record in tie} - tied:
        tied |= more
    return [record for record in joined if record not in tied]
