"""What says that records are one person's, and what is recorded when they are joined and parted.

A record is what came under one identity number. Of two that are joined one leads. A record without a pension rests: the one
that leads has its facts and goes on for both. Where both are registered, each goes on with a pension of its own, and has
what is told of the person under either number.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from msgspec import Struct

from domain.facts import Reference
from domain.handover import Handover
from domain.months import Month
from domain.payments import Payment
from domain.timeline import Run


class Link(Struct, frozen=True, omit_defaults=True):
    """A fact by which a record is one person's with another; `to` is None for the one whose state this is in."""

    record: UUID
    by: Reference
    to: UUID | None = None


class Twin(Struct, frozen=True):
    """The record of this person's other pension, since `day`; `leads`: whether this one is told what concerns both."""

    record: UUID
    day: date
    by: Reference
    leads: bool


class RecordsJoined(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="records-joined.v1"):
    """From `day` on this record and the `other` are one person's, by a fact; this one `leads`, or not.

    `both`: each has a pension and goes on. The facts that came from the other one stand before this. `to`: the joined
    record that the fact names, where it is not the one that leads. `handover`: how far it is with the facts of both.
    """

    other: UUID
    leads: bool
    by: Reference
    day: date
    both: bool = False
    to: UUID | None = None
    handover: Handover | None = None


class RecordsParted(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="records-parted.v1"):
    """From `day` on this record and the `other` are two people's again; `led` is whether this one did.

    In the stream of one that rested, the facts that came under its number meanwhile stand before it; where its registration
    is one of them and the pension was not the other's, `paid` says what was paid up to `settled`, and
    `payments` what the agency told of it. `handover`: how far it is now.
    """

    other: UUID
    led: bool
    by: Reference
    day: date
    paid: tuple[Run, ...] = ()
    settled: Month | None = None
    payments: tuple[Payment, ...] = ()
    handover: Handover | None = None


def loose(joined: Iterable[UUID], links: Iterable[Link]) -> list[UUID]:
    """The joined records that nothing ties any more, directly or through another one, to this one."""
    tied: set[UUID | None] = {None}
    ties = [{link.record, link.to} for link in links]
    while more := {record for tie in ties if tie & tied for record in tie} - tied:
        tied |= more
    return [record for record in joined if record not in tied]
