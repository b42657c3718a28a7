"""Four eyes: what one person proposes, another one must approve before it is done, and what became of it.

A proposal waits for the second person until a day; what is approved may have to wait for a day of its own. Days are those
that passed in the log (Beijing), so a machine whose clock is ahead hurries nothing.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal, assert_never
from uuid import UUID

from msgspec import Struct, structs
from msgspec.structs import replace

from domain.refusals import Refused
from domain.rights import acts


class Act(StrEnum):
    """What takes two people: it cannot be undone, moves money in bulk, or unlocks much. The acts of `rights.toml` with a second person."""

    ERASE = acts.Act.ERASE.value
    LIFT_HOLD = acts.Act.HOLD_LIFT.value
    EXPORT = acts.Act.EXPORT_UNMASKED.value
    REPLAY = acts.Act.CONSUMERS_REPLAY.value
    LAW = acts.Act.LAW_CHANGE.value
    BULK = acts.Act.ALERTS_BULK.value
    ACCOUNTS = acts.Act.ACCOUNTS_RAISE.value

    @property
    def right(self) -> acts.Act:
        """The same, as rights know it."""
        return acts.Act(self.value)


WAITING_DAYS: Final = 7
"""Days between the approval of an erasure and the erasure: time to notice that it is wrong. What else is approved waits for nothing."""
OPEN_DAYS: Final = 30
"""Days that a proposal, and likewise an approval, holds."""

State = Literal["proposed", "approved", "refused", "withdrawn", "expired", "done"]


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants done, and why: see `ProposalMade`."""

    act: Act
    reason: str
    basis: str
    retiree: UUID | None = None
    subject: str = ""
    count: int = 0


class ProposalMade(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="proposal-made.v1"):
    """Somebody proposes an act. `basis`: the article or rule it rests on; `reason`: why now, naming nobody.

    About a `retiree`, or a `subject` that tells what exactly, such as a consumer and a position. `count`: of how many people or
    events. It waits for a second person up to and including the day `until`; when approved, `waits` days more. `division`: that of
    the account that proposes it, which bounds who sees and approves what names no retiree; None: of nobody in particular, as an operator.
    """

    proposal: UUID
    act: Act
    by: str
    reason: str
    basis: str
    made: date
    until: date
    retiree: UUID | None = None
    subject: str = ""
    count: int = 0
    waits: int = 0
    division: str | None = None


class ProposalApproved(Struct, frozen=True, kw_only=True, tag_field="name", tag="proposal-approved.v1"):
    """A second person approves. It may be done from the day `due` up to and including `until`."""

    proposal: UUID
    by: str
    due: date
    until: date


class ProposalRefused(Struct, frozen=True, kw_only=True, tag_field="name", tag="proposal-refused.v1"):
    """A second person says no, before it was approved or while it waited."""

    proposal: UUID
    by: str
    reason: str


class ProposalWithdrawn(Struct, frozen=True, kw_only=True, tag_field="name", tag="proposal-withdrawn.v1"):
    """Whoever proposed it thinks otherwise."""

    proposal: UUID
    by: str


class ProposalExpired(Struct, frozen=True, kw_only=True, tag_field="name", tag="proposal-expired.v1"):
    """Nobody approved it in time, or nobody did it."""

    proposal: UUID
    day: date


class ProposalDone(Struct, frozen=True, kw_only=True, tag_field="name", tag="proposal-done.v1"):
    """It was done; in the same transaction, or right before what was approved begins."""

    proposal: UUID
    by: str


ProposalEvent = ProposalMade | ProposalApproved | ProposalRefused | ProposalWithdrawn | ProposalExpired | ProposalDone


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proposal as it stands. `until`: the last day of the state it is in; `second`: who approved or refused it, `said`: why not."""

    made: ProposalMade
    state: State
    until: date
    due: date | None = None
    second: str = ""
    said: str = ""
    done_by: str = ""

    @property
    def id(self) -> UUID:
        """Its id."""
        return self.made.proposal

    @property
    def is_open(self) -> bool:
        """Whether anything may yet become of it."""
        return self.state in ("proposed", "approved")


def evolve(proposal: Proposal, event: ProposalEvent) -> Proposal:
    """The proposal after an event. Never refuses."""
    match event:
        case ProposalMade():
            return begun(event)
        case ProposalApproved(by=by, due=due, until=until):
            return replace(proposal, state="approved", second=by, due=due, until=until)
        case ProposalRefused(by=by, reason=reason):
            return replace(proposal, state="refused", second=by, said=reason)
        case ProposalWithdrawn():
            return replace(proposal, state="withdrawn")
        case ProposalExpired():
            return replace(proposal, state="expired")
        case ProposalDone(by=by):
            return replace(proposal, state="done", done_by=by)
        case _:
            assert_never(event)


def propose(id_: UUID, wish: Wish, by: str, today: date, waits: int, division: str | None = None) -> ProposalMade:
    """Propose it, from an account of a division; an erasure `waits` so many days when it is approved."""
    return ProposalMade(
        proposal=id_,
        by=by,
        made=today,
        until=today + timedelta(days=OPEN_DAYS),
        waits=waits if wish.act is Act.ERASE else 0,
        division=division,
        **structs.asdict(wish),
    )


def is_within(made: ProposalMade, division: str) -> bool:
    """Whether a proposal that names no retiree is of a division, or of one within it."""
    return made.division is None or made.division.startswith(division)


def begun(made: ProposalMade) -> Proposal:
    """A proposal nobody has looked at."""
    return Proposal(made=made, state="proposed", until=made.until)


def approve(proposal: Proposal, by: str, today: date) -> ProposalApproved:
    """Approve as the second person. Raises `Refused`: `proposal-closed`, `second-person`."""
    _open(proposal, today)
    if proposal.state != "proposed":
        raise Refused("proposal-closed", "proposal", proposal.state)
    if same_person(by, proposal.made.by):
        raise Refused("second-person", "by")
    due = today + timedelta(days=proposal.made.waits)
    return ProposalApproved(proposal=proposal.id, by=by, due=due, until=due + timedelta(days=OPEN_DAYS))


def refuse(proposal: Proposal, by: str, reason: str, today: date) -> ProposalRefused:
    """Say no as the second person. Raises `Refused`: `proposal-closed`, `second-person`."""
    _open(proposal, today)
    if same_person(by, proposal.made.by):
        raise Refused("second-person", "by", "whoever proposed it withdraws it")
    return ProposalRefused(proposal=proposal.id, by=by, reason=reason)


def withdraw(proposal: Proposal, by: str, today: date) -> ProposalWithdrawn:
    """Take one's own proposal back, approved or not. Raises `Refused`: `proposal-closed`, `second-person`."""
    _open(proposal, today)
    if not same_person(by, proposal.made.by):
        raise Refused("second-person", "by", "only whoever proposed it withdraws it")
    return ProposalWithdrawn(proposal=proposal.id, by=by)


def carry_out(proposal: Proposal, by: str, today: date) -> ProposalDone:
    """Do what was approved. Raises `Refused`: `proposal-closed`, `needs-approval`, `proposal-waits`."""
    _open(proposal, today)
    if proposal.state != "approved" or proposal.due is None:
        raise Refused("needs-approval", "proposal")
    if today < proposal.due:
        raise Refused("proposal-waits", "proposal", f"until {proposal.due}")
    return ProposalDone(proposal=proposal.id, by=by)


def expire(proposal: Proposal, today: date) -> ProposalExpired | None:
    """That its time is over; None while it is not, or where it ended otherwise."""
    over = proposal.is_open and today > proposal.until
    return ProposalExpired(proposal=proposal.id, day=today) if over else None


def same_person(one: str, other: str) -> bool:
    """Whether two accounts count as one person: an account and the login at the terminal of the same name do."""
    return one.removeprefix("operator:").casefold() == other.removeprefix("operator:").casefold()


def _open(proposal: Proposal, today: date) -> None:
    if not proposal.is_open or today > proposal.until:
        raise Refused("proposal-closed", "proposal", proposal.state if not proposal.is_open else "expired")
