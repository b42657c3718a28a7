"""Answers that move money, in bulk: one account gives a few alone, and many only in a content that a second person approved.

Who is counted: officers and all other accounts of the agency, and whoever imports files at the terminal. The agency's own
systems are not, by `rights.toml`: they tell what they did.
"""

import hashlib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from domain.facts import MOVES_MONEY, Department
from domain.proposals import Act
from domain.refusals import Refused
from infra.answered import Answered, Few
from infra.database import Database
from infra.statutes import the_rights
from infra.submissions import Submission
from services.accounts import Account
from services.application import Changqing, today


class Bound(Struct, frozen=True):
    """Whose answers are counted, and of which content they are, by its digest. `count`: answers in it, where these are not all."""

    account: str
    content: str
    count: int = 0


def bound_of(account: Account, content: bytes) -> Bound | None:
    """The bound of what an account sends at once; None where nothing bounds it."""
    if account.department is not Department.AGENCY:
        return None
    if the_rights().is_unbounded(Act.BULK.right, account.role, account.department):
        return None
    return Bound(account.name, digest_of(content))


def digest_of(content: bytes) -> str:
    """A content as a proposal names it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def answered(database: Database) -> Answered:
    """The counts of a ledger, with the bounds of `rights.toml`."""
    rights = the_rights()
    return Answered(database, Few(rights.alone(Act.BULK.right), rights.alone_daily(Act.BULK.right)))


def out_of_bounds(application: Changqing, given: Iterable[tuple[int, Bound, Submission]]) -> dict[int, Refused]:
    """Which of these submissions, by their numbers, take a second person who has not approved them, and what says so.

    All that one content brings stands or falls together, but for what is in the ledger already, which is only told again.
    """
    contents: dict[Bound, list[tuple[int, Submission]]] = {}
    for number, bound, one in given:
        if isinstance(one.fact, MOVES_MONEY):
            contents.setdefault(bound, []).append((number, one))
    refused: dict[int, Refused] = {}
    for bound, answers in contents.items():
        known = application.ledger.knows([one for _, one in answers])
        fresh = [answer for answer, before in zip(answers, known, strict=True) if not before]
        count = max(bound.count, len(answers))
        if fresh and not _let_in(application, bound, count, [one for _, one in fresh]):
            refused |= dict.fromkeys((number for number, _ in fresh), _said(bound, count))
    return refused


def _let_in(application: Changqing, bound: Bound, count: int, answers: Sequence[Submission]) -> bool:
    keys = [hashlib.sha256(f"{one.source}\0{one.id}\0".encode() + one.digest).digest() for one in answers]
    return answered(application.database).lets_in(bound.account, bound.content, count, keys, today())


def _said(bound: Bound, count: int) -> Refused:
    few = the_rights()
    most = f"{few.alone(Act.BULK.right)} in an hour and {few.alone_daily(Act.BULK.right)} in a day"
    return Refused(
        "needs-approval",
        "",
        f"one account answers at most {most}; propose {Act.BULK} of {bound.content}, count {count}",
    )
