"""Verifications of survival (待遇领取资格认证): the last one of each retiree, and by when the next is due."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from domain.facts import Channel, Known, Reference, SurvivalVerified
from domain.law import Law
from domain.survival import verification
from projections.kept import Kept, register, standing

VERIFICATIONS = register("verifications", SurvivalVerified)


class Standing(Struct, frozen=True, kw_only=True):
    """How the verification of somebody stands on a day. `state`: never (told of none), valid, warned (due soon), overdue.

    `due` is the last day on which the next one is in time.
    """

    state: str
    last: date | None = None
    channel: Channel | None = None
    by: str | None = None
    due: date | None = None


def as_of(told: Iterable[str] | None, division: str, day: date, law: Law) -> Standing:
    """As it stood on a day, by the cycle of the place that pays."""
    found = verification(tuple(map(_known, standing(told, day)[-1:])), law, division)
    if found is None:
        return Standing(state="never")
    fact = found.last.fact
    assert isinstance(fact, SurvivalVerified)
    state = "overdue" if found.due < day else "warned" if found.warned <= day else "valid"
    return Standing(state=state, last=fact.effective, channel=fact.channel, by=found.last.department, due=found.due)


def _known(one: Kept) -> Known:
    return Known(reference=Reference(one.source, one.id), department=one.department, learnt=one.learnt, fact=one.fact)
