"""The register of proposals: each change of it with its event in the log, in one transaction."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from domain import proposals
from domain.proposals import (
    WAITING_DAYS,
    Act,
    Proposal,
    ProposalDone,
    ProposalEvent,
    Wish,
    begun,
    evolve,
    expire,
    propose,
)
from domain.refusals import Refused
from infra import codec
from infra.database import Database
from infra.log import append_all, stream_of
from infra.session import Session
from infra.sql import statements

SQL = statements("proposals")
NONE = UUID(int=0)
"""Before every id."""


class Proposals:
    """All proposals of a ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def make(
        self, wish: Wish, by: str, today: date, waits: int = WAITING_DAYS, division: str | None = None
    ) -> Proposal:
        """Propose an act, from an account of a division. Raises `Refused`: `already-proposed` while the same one is open; `not-found` of a retiree whom nobody knows."""
        made = propose(uuid4(), wish, by, today, waits, division)
        proposal = begun(made)
        self.expire(today)
        try:
            with self.database.transaction() as connection:
                if wish.retiree and not is_known(connection, wish.retiree):
                    raise Refused("not-found", "retiree")
                connection.execute(SQL["proposal_save"], _row(proposal))
                tell(connection, made)
        except psycopg.errors.UniqueViolation:
            raise Refused("already-proposed", "act") from None
        return proposal

    def approve(self, id_: UUID, by: str, today: date) -> Proposal:
        """As the second person. Raises `Refused`: `unknown-proposal`, `proposal-closed`, `second-person`."""
        return self._change(id_, lambda one: proposals.approve(one, by, today))

    def refuse(self, id_: UUID, by: str, reason: str, today: date) -> Proposal:
        """As the second person. Raises as `approve`."""
        return self._change(id_, lambda one: proposals.refuse(one, by, reason, today))

    def withdraw(self, id_: UUID, by: str, today: date) -> Proposal:
        """By whoever proposed it. Raises as `approve`."""
        return self._change(id_, lambda one: proposals.withdraw(one, by, today))

    def expire(self, today: date) -> list[UUID]:
        """End those whose time is over; which they were."""
        ended: list[UUID] = []
        with self.database.transaction() as connection:
            for (terms,) in connection.execute(SQL["proposal_over"], {"day": today}).fetchall():
                proposal = msgspec.convert(terms, Proposal)
                if event := expire(proposal, today):
                    save(connection, proposal, event)
                    ended.append(proposal.id)
        return ended

    def find(self, id_: UUID) -> Proposal:
        """One proposal. Raises `Refused("unknown-proposal")`."""
        with self.database.transaction() as connection:
            row = connection.execute(SQL["proposal_find"], {"proposal": id_}).fetchone()
        if row is None:
            raise Refused("unknown-proposal", "proposal")
        return msgspec.convert(row[0], Proposal)

    def page(
        self,
        state: str | None = None,
        retiree: UUID | None = None,
        after: UUID = NONE,
        limit: int = 100,
        acts: Iterable[Act] = Act,
        division: str = "",
    ) -> list[Proposal]:
        """Proposals of some acts by id, after one: about retirees, and of a division and those within it."""
        given = {"state": state, "retiree": retiree, "after": after, "limit": limit, "acts": sorted(acts)}
        given["division"] = division
        with self.database.transaction() as connection:
            rows = connection.execute(SQL["proposal_page"], given).fetchall()
        return [msgspec.convert(terms, Proposal) for (terms,) in rows]

    def due(self, today: date) -> list[UUID]:
        """The approved erasures whose day has come."""
        with self.database.transaction() as connection:
            return [one for (one,) in connection.execute(SQL["proposal_due"], {"day": today}).fetchall()]

    def _change(self, id_: UUID, decide: Callable[[Proposal], ProposalEvent]) -> Proposal:
        with self.database.transaction() as connection:
            found = held(connection, id_)
            return save(connection, found, decide(found))


def held(connection: Session, id_: UUID) -> Proposal:
    """A proposal, held until the end of the transaction. Raises `Refused("unknown-proposal")`."""
    row = connection.execute(SQL["proposal_lock"], {"proposal": id_}).fetchone()
    if row is None:
        raise Refused("unknown-proposal", "proposal")
    return msgspec.convert(row[0], Proposal)


def save(connection: Session, proposal: Proposal, event: ProposalEvent) -> Proposal:
    """The proposal after an event, both written."""
    after = evolve(proposal, event)
    connection.execute(SQL["proposal_change"], _row(after))
    tell(connection, event)
    return after


def spend(connection: Session, act: Act, subject: str, by: str, today: date) -> UUID:
    """Use up an approved proposal for just this, within the transaction that does it; its id. Raises `Refused("needs-approval")`."""
    proposal = approved(connection, act, subject, today)
    if proposal is None:
        raise Refused("needs-approval", "", f"propose {act} of {subject}")
    save(connection, proposal, ProposalDone(proposal=proposal.id, by=by))
    return proposal.id


def approved(connection: Session, act: Act, subject: str, today: date) -> Proposal | None:
    """What is approved for just this and may be done today, held until the end of the transaction; None where nothing is."""
    row = connection.execute(SQL["proposal_approved"], {"act": act, "subject": subject, "day": today}).fetchone()
    return msgspec.convert(row[0], Proposal) if row else None


def is_known(connection: Session, retiree: UUID) -> bool:
    """Whether somebody is a retiree of this ledger, and not erased."""
    return connection.execute(SQL["retiree_known"], {"retiree": retiree}).fetchone() is not None


def tell(connection: Session, event: ProposalEvent) -> None:
    """Append to the proposal's own stream, within the caller's transaction."""
    append_all(connection, [(stream_of(f"proposal:{event.proposal}"), codec.stored_name(event), codec.encode(event))])


def _row(proposal: Proposal) -> dict[str, Any]:
    return {
        "proposal": proposal.id,
        "act": proposal.made.act,
        "state": proposal.state,
        "retiree": proposal.made.retiree,
        "subject": proposal.made.subject,
        "due": proposal.due,
        "until": proposal.until,
        "terms": msgspec.json.encode(proposal).decode(),
    }
