"""What became of submissions that were not taken in: refusals, and how those that nobody else keeps came to an end."""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from domain.facts import Department


class SubmissionRefused(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="submission-refused.v1"
):
    """A submission was refused; the same refusal of the same submission is recorded once, however often it is sent.

    `place`: by which way it came and where it stood (`kafka:intake.police-0-5`, `http:` and the account, `file:` and the
    line). `digest`: keyed, of the original bytes, which are not here. `source`, `id`: None when they could not be read, or
    hold what is not to be kept in clear.
    """

    department: Department
    published_by: str
    place: str
    code: str
    path: str
    detail: str
    digest: bytes
    source: str | None = None
    id: str | None = None
    sequence: int | None = None


class DeadLetterClosed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="dead-letter-closed.v1"
):
    """A message that could not be taken in has come to an end: sent again as it was, mended, or given up, and by whom.

    `position`, `retiree`, `source`, `id`: of the fact that took its place; None when it was given up, for the `reason`.
    """

    place: str
    department: Department
    end: Literal["replayed", "mended", "given-up"]
    by: str
    reason: str = ""
    position: int | None = None
    retiree: UUID | None = None
    source: str | None = None
    id: str | None = None
