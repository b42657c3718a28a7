"""Four eyes as accounts and operators meet them: who may propose an act, who may approve it, and what is done then."""

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from domain.identity import names_a_person
from domain.proposals import Act, Proposal, ProposalMade, Wish, is_within, same_person
from domain.refusals import Refused
from domain.rights import acts as rights
from infra.days import last_day
from infra.erasing import Erased, Erasure
from infra.holds import Hold, Holds
from infra.keys import KeyRing
from infra.proposals import NONE, Proposals
from infra.reading import Reading, on_rosters
from infra.statutes import the_lineage
from services.accounts import Account
from services.application import Changqing, today
from services.reading.who import who

_TEXT: Final = 500
"""Characters of a reason or a basis at most."""
_CONTENT: Final = re.compile(r"sha256:[0-9a-f]{64}").fullmatch
_LAW: Final = re.compile("[0-9a-f]{32}").fullmatch


class ProposalCard(Struct, frozen=True, kw_only=True):
    """A proposal. `division`: of the account that proposed it. `until`: the last day of its state; `due`: the first day it may be done on; `second`: who approved or refused, `said`: why not."""

    proposal: UUID
    act: Act
    state: str
    by: str
    reason: str
    basis: str
    made: date
    until: date
    waits: int
    retiree: UUID | None
    subject: str
    count: int
    division: str | None
    due: date | None
    second: str
    said: str
    done_by: str


class HoldCard(Struct, frozen=True, kw_only=True):
    """A hold that lies."""

    hold: UUID
    retiree: UUID
    by: str
    reason: str
    basis: str
    placed_at: datetime


class FourEyes:
    """Proposals, holds and erasures, by accounts with the right to them. `waits`: days between approval and erasure."""

    def __init__(
        self, application: Changqing, proposals: Proposals, holds: Holds, erasure: Erasure, waits: int
    ) -> None:
        self._application = application
        self.proposals = proposals
        self.holds = holds
        self._erasure = erasure
        self._waits = waits

    # By accounts

    def propose(self, account: Account, wish: Wish) -> Proposal:
        """Propose an act. Raises `Refused`: `forbidden`, `invalid-request`, `already-proposed`, `not-found`."""
        account.allow(wish.act.right)
        self._known(account, wish.retiree)
        return self.propose_as(account.name, wish, account.division)

    def approve(self, account: Account, id_: UUID) -> Proposal:
        """Approve as the second person. Raises `Refused`: `forbidden`, `unknown-proposal`, `proposal-closed`, `second-person`."""
        self._seconds(account, id_)
        return self.approve_as(account.name, id_)

    def refuse(self, account: Account, id_: UUID, reason: str) -> Proposal:
        """Say no as the second person. Raises as `approve`, and `invalid-request` without a reason."""
        self._seconds(account, id_)
        return self.refuse_as(account.name, id_, reason)

    def withdraw(self, account: Account, id_: UUID) -> Proposal:
        """Take one's own back. Raises as `approve`."""
        account.allow(rights.Act.PROPOSALS)
        return self.withdraw_as(account.name, id_)

    def carry_out(self, account: Account, id_: UUID) -> Proposal:
        """Do what was approved: erase, or lift a hold; what else is proposed is done where it belongs, and uses its proposal up there.

        Raises `Refused`: `forbidden`, `unknown-proposal`, `proposal-closed`, `needs-approval`, `proposal-waits`, `legal-hold`.
        """
        self._seconds(account, id_)
        return self.carry_out_as(account.name, id_)

    def find(self, account: Account, id_: UUID) -> Proposal:
        """A proposal. Raises `Refused`: `forbidden`, `unknown-proposal`."""
        found = self.proposals.find(id_)
        if found.made.act not in _seen_by(account):
            raise Refused("forbidden")
        self._reached(account, found.made)
        return found

    def page(
        self,
        account: Account,
        state: str | None = None,
        retiree: UUID | None = None,
        after: UUID = NONE,
        limit: int = 100,
    ) -> list[Proposal]:
        """Proposals that an account may see, by id, after one; fewer than `limit` at the end alone."""
        account.allow(rights.Act.PROPOSALS)
        shown: list[Proposal] = []
        more = True
        while more and len(shown) < limit:
            found = self.proposals.page(state, retiree, after, limit, _seen_by(account), account.division)
            hidden = self._hidden(account, {one.made.retiree for one in found if one.made.retiree})
            shown += [one for one in found if one.made.retiree not in hidden]
            more = len(found) == limit
            after = found[-1].id if found else after
        return shown[:limit]

    def holds_for(self, account: Account, retiree: UUID | None = None) -> list[HoldCard]:
        """The holds that lie, on one retiree or on anybody. Raises `Refused("forbidden")`."""
        account.allow(rights.Act.HOLDS)
        found = self.holds.all(retiree)
        hidden = self._hidden(account, {one.retiree for one in found})
        return [HoldCard(**one._asdict()) for one in found if one.retiree not in hidden]

    def may_second(self, account: Account, proposal: Proposal) -> bool:
        """Whether an account may approve or refuse a proposal."""
        return account.may_approve(proposal.made.act.right) and not self.is_own(account, proposal)

    def is_own(self, account: Account, proposal: Proposal) -> bool:
        """Whether an account proposed it."""
        return same_person(account.name, proposal.made.by)

    def hold(self, account: Account, retiree: UUID, reason: str, basis: str) -> HoldCard:
        """Hold somebody. Raises `Refused`: `forbidden`, `not-found`, `invalid-request`."""
        account.allow(rights.Act.HOLD)
        self._known(account, retiree)
        return HoldCard(**self.hold_as(account.name, retiree, reason, basis)._asdict())

    # By anybody whose right was seen to: the account, or the operator at the terminal

    def propose_as(self, by: str, wish: Wish, division: str | None = None) -> Proposal:
        """Propose an act, from an account of a division. Raises `Refused`: `invalid-request`, `invalid-field`, `already-proposed`, `not-found`."""
        _said(wish.reason, "reason")
        _said(wish.basis, "basis")
        if wish.subject:
            _said(wish.subject, "subject")
        if (wish.act in (Act.ERASE, Act.LIFT_HOLD)) != (wish.retiree is not None):
            raise Refused(
                "invalid-request", "retiree", "an erasure and the lifting of a hold name a retiree, nothing else does"
            )
        if wish.act is Act.BULK and not (_CONTENT(wish.subject) and wish.count):
            raise Refused("invalid-field", "subject", "sha256:, the digest in hex digits, and how many answers it has")
        if wish.act is Act.LAW and not _LAW(wish.subject):
            raise Refused("invalid-field", "subject", "the digest of the law, as `/v1/law` and the clock say it")
        if wish.act is Act.LIFT_HOLD and wish.subject not in {str(one.hold) for one in self.holds.all(wish.retiree)}:
            raise Refused("not-found", "subject", "it is to be the id of a hold that lies on the retiree")
        return self.proposals.make(wish, by, today(), self._waits, division)

    def approve_as(self, by: str, id_: UUID) -> Proposal:
        """Approve as the second person. Raises `Refused`: `unknown-proposal`, `proposal-closed`, `second-person`."""
        return self.proposals.approve(id_, by, today())

    def refuse_as(self, by: str, id_: UUID, reason: str) -> Proposal:
        """Say no as the second person. Raises `Refused` as `approve_as`, and `invalid-request` without a reason."""
        return self.proposals.refuse(id_, by, _said(reason, "reason"), today())

    def withdraw_as(self, by: str, id_: UUID) -> Proposal:
        """Take one's own back. Raises `Refused` as `approve_as`."""
        return self.proposals.withdraw(id_, by, today())

    def carry_out_as(self, by: str, id_: UUID) -> Proposal:
        """Do what was approved. Raises `Refused` as `carry_out`."""
        if self.proposals.find(id_).made.act is Act.LIFT_HOLD:
            return self.holds.lift(id_, by, today())
        self.erase(by, id_)
        return self.proposals.find(id_)

    def erase(self, by: str, id_: UUID) -> Erased:
        """Erase whom an approved proposal names, on the last day that passed in the log. Raises `Refused` as `carry_out`."""
        self._application.ledger.check_key()
        return self._erasure.carry_out(id_, by, self.day())

    def due(self) -> list[UUID]:
        """The approved erasures whose day has come; what is over by that day is ended first."""
        self.proposals.expire(today())
        return self.proposals.due(self.day())

    def hold_as(self, by: str, retiree: UUID, reason: str, basis: str) -> Hold:
        """Hold somebody. Raises `Refused`: `not-found`, `invalid-request`."""
        return self.holds.place(retiree, by, _said(reason, "reason"), _said(basis, "basis"))

    def day(self) -> date:
        """The last day that passed in the log. Raises `Refused("proposal-waits")` before the first one."""
        with self._application.database.transaction() as connection:
            passed = last_day(connection)
        if passed is None:
            raise Refused("proposal-waits", "", "no day has passed yet: `changqing clock` is to run")
        return passed.day

    def _seconds(self, account: Account, id_: UUID) -> None:
        made = self.proposals.find(id_).made
        if not account.may_approve(made.act.right):
            raise Refused("forbidden")
        self._reached(account, made)

    def _reached(self, account: Account, made: ProposalMade) -> None:
        """Raise `Refused("forbidden")` of a proposal about somebody whom the account may not know of, or of another division."""
        self._known(account, made.retiree)
        if made.retiree is None and not is_within(made, account.division):
            raise Refused("forbidden", "proposal")

    def _known(self, account: Account, retiree: UUID | None) -> None:
        """Raise `Refused("forbidden")` of somebody whom the account may not know of."""
        if retiree and self._hidden(account, {retiree}):
            raise Refused("forbidden", "retiree")

    def _hidden(self, account: Account, retirees: Collection[UUID]) -> frozenset[UUID]:
        """Those on somebody's roster, and on none that the account may see; whom no roster has yet, nobody hides."""
        database = self._application.database
        reading = Reading(database, who(account, the_lineage()))
        return on_rosters(database, retirees) - on_rosters(reading, retirees)


def card(proposal: Proposal) -> ProposalCard:
    """A proposal as it is shown."""
    members = {name: getattr(proposal, name) for name in ("state", "due", "second", "said", "done_by")}
    return ProposalCard(**structs.asdict(proposal.made) | members | {"until": proposal.until})


def may_propose(account: Account, act: Act) -> bool:
    """Whether an account may propose an act."""
    return account.may(act.right)


def four_eyes(application: Changqing, keys: KeyRing, waits: int) -> FourEyes:
    """The proposals, holds and erasures of an application's ledger."""
    database = application.database
    return FourEyes(application, Proposals(database), Holds(database), Erasure(database, keys), waits)


def _seen_by(account: Account) -> frozenset[Act]:
    """The acts whose proposals an account may see: those that it may propose or approve, or all."""
    everything = account.may(rights.Act.PROPOSALS_ALL)
    return frozenset(act for act in Act if everything or account.may(act.right) or account.may_approve(act.right))


def _said(text: str, path: str) -> str:
    if not text.strip() or len(text) > _TEXT:
        raise Refused("invalid-request", path, f"give 1 to {_TEXT} characters")
    if not all(one.isprintable() or one in "\n\t" for one in text):
        raise Refused("invalid-field", path, "control characters")
    if names_a_person(text):
        raise Refused("identity-number-in-id", path)
    return text
