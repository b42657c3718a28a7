"""How many answers that move money an account gives: a few alone, many only as a second person approved them.

What lets answers in is committed before they are. A crash in between loses nothing: the same answers are not counted again,
and the same content needs no second approval.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from domain.proposals import Proposal, ProposalDone
from infra.database import Database
from infra.proposals import save
from infra.session import Session
from infra.sql import statements

SQL = statements("answered")


class Few(NamedTuple):
    """How many an account may give alone: within an hour, and within 24."""

    hour: int
    day: int


class Answered:
    """What was answered in a ledger."""

    def __init__(self, database: Database, few: Few) -> None:
        self._database = database
        self._few = few

    def lets_in(self, account: str, content: str, count: int, answers: Sequence[bytes], today: date) -> bool:
        """Whether an account may give these answers, which are then counted; none of them otherwise.

        `content`: the digest of the request or file that they are of, with `count` such answers in all; `answers`: a hash of each. A
        proposal approved of just that content lets in as many as it says, is done with the first of them, and goes on letting in
        the same content as long as the approval would have held.
        """
        given = {"account": account, "content": content, "day": today}
        with self._database.transaction() as connection:
            connection.execute(SQL["alone"], given)
            connection.execute(SQL["forget"], given)
            asked = given | {"answers": sorted(set(answers))}
            fresh = [answer for (answer,) in connection.execute(SQL["fresh"], asked).fetchall()]
            if not fresh:
                return True
            alone = self._alone(connection, account, max(count, len(fresh)), len(fresh))
            if not alone and not _approved(connection, account, content, len(fresh), today):
                return False
            connection.execute(SQL["save"], given | {"answers": fresh, "approved": not alone})
        return True

    def _alone(self, connection: Session, account: str, count: int, fresh: int) -> bool:
        row = connection.execute(SQL["counted"], {"account": account}).fetchone()
        hour, day = row or (0, 0)
        return count <= self._few.hour and hour + fresh <= self._few.hour and day + fresh <= self._few.day


def _approved(connection: Session, account: str, content: str, fresh: int, today: date) -> bool:
    """Whether an approval lets so many more of a content in, which is then used up."""
    given = {"content": content, "day": today}
    found = [msgspec.convert(terms, Proposal) for (terms,) in connection.execute(SQL["approvals"], given).fetchall()]
    row = connection.execute(SQL["let_in"], given).fetchone()
    before = row[0] if row else 0
    fitting = next((one for one in found if before + fresh <= one.made.count), None)
    if fitting is None:
        return False
    if fitting.state == "approved":
        save(connection, fitting, ProposalDone(proposal=fitting.id, by=account))
    return True
