"""A person is erased by destroying their keys; a legal hold forbids it for as long as it lies.

The personal data of whoever has died, or is no longer served, are deleted when the time for keeping them is over and nothing
forbids it (个人信息保护法 第四十七条、第四十九条).
"""

from uuid import UUID

from msgspec import Struct


class PersonErased(Struct, frozen=True, kw_only=True, tag_field="name", tag="person-erased.v1"):
    """The keys of a person's records are destroyed. `records`: all that were one person's; `letters`: how many dead letters went with it."""

    proposal: UUID
    by: str
    records: tuple[UUID, ...]
    letters: int


class LegalHoldPlaced(Struct, frozen=True, kw_only=True, tag_field="name", tag="legal-hold-placed.v1"):
    """Nobody may erase this person: an inquiry, a lawsuit or a recovery needs what is known. `reason` names nobody."""

    hold: UUID
    retiree: UUID
    by: str
    reason: str
    basis: str


class LegalHoldLifted(Struct, frozen=True, kw_only=True, tag_field="name", tag="legal-hold-lifted.v1"):
    """The hold lies no more, as two people said in a proposal."""

    hold: UUID
    retiree: UUID
    by: str
    proposal: UUID


Erasing = PersonErased | LegalHoldPlaced | LegalHoldLifted
