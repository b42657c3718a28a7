"""Legal holds: whoever is held is not erased. To place one takes one person, to lift it two."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from domain.erasing import LegalHoldLifted, LegalHoldPlaced
from domain.proposals import Act, Proposal, carry_out
from domain.refusals import Refused
from infra.database import Database
from infra.ledger import append_plain
from infra.log import lock_streams
from infra.proposals import SQL, held, is_known, save
from infra.session import Session


class Hold(NamedTuple):
    """A hold that lies."""

    hold: UUID
    retiree: UUID
    by: str
    reason: str
    basis: str
    placed_at: datetime


class Holds:
    """All that lie."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def place(self, retiree: UUID, by: str, reason: str, basis: str) -> Hold:
        """Hold somebody from now on. Raises `Refused("not-found")` of whom nobody knows, or who is erased."""
        event = LegalHoldPlaced(hold=uuid4(), retiree=retiree, by=by, reason=reason, basis=basis)
        with self._database.transaction() as connection:
            lock_streams(connection, [retiree])  # as an erasure does: the two come one after the other
            if not is_known(connection, retiree):
                raise Refused("not-found", "retiree")
            given = {"hold": event.hold, "retiree": retiree, "by": by, "reason": reason, "basis": basis}
            connection.execute(SQL["hold_save"], given)
            append_plain(connection, retiree, event)
        return self.find(event.hold)

    def lift(self, proposal: UUID, by: str, today: date) -> Proposal:
        """Lift the hold that an approved proposal names. Raises `Refused`: as `carry_out`; `not-found` where it lies no more."""
        with self._database.transaction() as connection:
            found = held(connection, proposal)
            if found.made.act is not Act.LIFT_HOLD:
                raise Refused("needs-approval", "proposal")
            done = carry_out(found, by, today)
            hold = _found(connection, UUID(found.made.subject))
            connection.execute(SQL["hold_lift"], {"hold": hold.hold, "by": by})
            event = LegalHoldLifted(hold=hold.hold, retiree=hold.retiree, by=by, proposal=proposal)
            append_plain(connection, hold.retiree, event)
            return save(connection, found, done)

    def find(self, hold: UUID) -> Hold:
        """One that lies. Raises `Refused("not-found")`."""
        with self._database.transaction() as connection:
            return _found(connection, hold)

    def all(self, retiree: UUID | None = None) -> list[Hold]:
        """Those that lie, on one retiree or on anybody, the oldest first."""
        with self._database.transaction() as connection:
            return holds_of(connection, [retiree] if retiree else None)


def holds_of(connection: Session, records: list[UUID] | None) -> list[Hold]:
    """The holds that lie on some records; None: on any."""
    return [Hold._make(row) for row in connection.execute(SQL["holds_of"], {"retirees": records}).fetchall()]


def _found(connection: Session, hold: UUID) -> Hold:
    row = connection.execute(SQL["hold_find"], {"hold": hold}).fetchone()
    if row is None:
        raise Refused("not-found", "hold")
    return Hold._make(row)
