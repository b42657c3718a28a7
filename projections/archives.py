"""The archive transfer register (档案移交名册): whose files are where, since when, under which number, and who has borrowed them."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import ArchiveKind, ArchiveLent, ArchiveMoved, ArchiveReceived, Department
from projections.kept import register, standing

ARCHIVES = register("archives", ArchiveReceived, ArchiveLent, ArchiveMoved)


class Holding(Struct, frozen=True, kw_only=True):
    """The files of one kind on a day. `state`: received, lent, moved (to the keeper of `division`); `since`: when it came to be so.

    `received`: when they were first taken in, by `keeper`; None: nobody told of that. `register`: the number of the transfer.
    """

    kind: ArchiveKind
    state: str
    since: date
    received: date | None = None
    keeper: Department | None = None
    files: int = 0
    register: str | None = None
    borrower: str | None = None
    due_back: date | None = None
    division: str | None = None

    def late(self, day: date) -> bool:
        """Whether what was lent should be back."""
        return self.state == "lent" and self.due_back is not None and self.due_back < day


def as_of(told: Iterable[str] | None, day: date) -> tuple[Holding, ...]:
    """The files of a retiree as they stood on a day, personnel files first; none: none were received."""
    found: dict[ArchiveKind, Holding] = {}
    for one in standing(told, day):
        match one.fact:
            case ArchiveReceived() as fact:
                had = found.get(fact.kind)
                back = had is not None and had.state == "lent"
                found[fact.kind] = Holding(
                    kind=fact.kind,
                    state="received",
                    since=fact.effective,
                    received=had.received if had and back else fact.effective,
                    keeper=one.department,
                    files=fact.files,
                    register=fact.register or (had.register if had and back else None),
                )
            case ArchiveLent() as fact:
                had = found.get(fact.kind) or Holding(kind=fact.kind, state="lent", since=fact.effective)
                found[fact.kind] = replace(
                    had, state="lent", since=fact.effective, borrower=fact.borrower, due_back=fact.due_back
                )
            case ArchiveMoved() as fact:
                had = found.get(fact.kind) or Holding(kind=fact.kind, state="moved", since=fact.effective)
                found[fact.kind] = replace(
                    had,
                    state="moved",
                    since=fact.effective,
                    division=fact.division,
                    register=fact.register or had.register,
                    borrower=None,
                    due_back=None,
                )
            case _:
                pass
    return tuple(found[kind] for kind in ArchiveKind if kind in found)
