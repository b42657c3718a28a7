"""Four eyes: nobody approves what they proposed, and nothing is done before its day or after its time."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest

from domain import proposals
from domain.proposals import Act, Proposal, ProposalEvent, ProposalMade, begun, evolve
from domain.refusals import Refused

MONDAY = date(2024, 4, 8)
MADE = ProposalMade(
    proposal=UUID(int=1),
    act=Act.ERASE,
    by="wang",
    reason="kept long enough",
    basis="个人信息保护法 第四十七条",
    made=MONDAY,
    until=date(2024, 5, 8),
    retiree=UUID(int=2),
    waits=7,
)
PROPOSED = begun(MADE)
APPROVED = evolve(PROPOSED, proposals.approve(PROPOSED, "li", MONDAY))


def code(attempt: object, *given: object) -> str:
    with pytest.raises(Refused) as caught:
        attempt(*given)  # type: ignore[operator] # one of the functions that decide
    return caught.value.code


def test_what_another_person_approves_may_be_done_when_its_days_of_waiting_are_over() -> None:
    assert (APPROVED.state, APPROVED.second, APPROVED.due) == ("approved", "li", date(2024, 4, 15))
    assert code(proposals.carry_out, APPROVED, "li", date(2024, 4, 14)) == "proposal-waits"
    done = evolve(APPROVED, proposals.carry_out(APPROVED, "operator:cron", date(2024, 4, 15)))
    assert (done.state, done.done_by) == ("done", "operator:cron")


@pytest.mark.parametrize("by", ["wang", "operator:wang", "Wang", "operator:WANG"])
def test_nobody_approves_or_refuses_what_they_proposed_by_whichever_way_they_come(by: str) -> None:
    assert code(proposals.approve, PROPOSED, by, MONDAY) == "second-person"
    assert code(proposals.refuse, PROPOSED, by, "no", MONDAY) == "second-person"


def test_only_the_proposer_withdraws_also_while_what_was_approved_waits() -> None:
    assert code(proposals.withdraw, APPROVED, "li", MONDAY) == "second-person"
    assert evolve(APPROVED, proposals.withdraw(APPROVED, "wang", MONDAY)).state == "withdrawn"


def test_a_second_person_may_say_no_as_long_as_it_waits() -> None:
    refused = evolve(APPROVED, proposals.refuse(APPROVED, "zhao", "still recovered", date(2024, 4, 14)))
    assert (refused.state, refused.said) == ("refused", "still recovered")


def test_nothing_is_done_that_nobody_approved() -> None:
    assert code(proposals.carry_out, PROPOSED, "li", date(2024, 4, 20)) == "needs-approval"


def ended(state: str) -> Proposal:
    ends: dict[str, Callable[[], ProposalEvent | None]] = {
        "refused": lambda: proposals.refuse(PROPOSED, "li", "no", MONDAY),
        "withdrawn": lambda: proposals.withdraw(PROPOSED, "wang", MONDAY),
        "done": lambda: proposals.carry_out(APPROVED, "li", date(2024, 4, 15)),
        "expired": lambda: proposals.expire(PROPOSED, date(2024, 5, 9)),
    }
    last = ends[state]()
    assert last
    return evolve(APPROVED if state == "done" else PROPOSED, last)


@pytest.mark.parametrize("state", ["refused", "withdrawn", "done", "expired"])
def test_what_has_ended_stays_ended(state: str) -> None:
    one = ended(state)
    assert one.state == state
    for attempt in (proposals.approve, proposals.withdraw, proposals.carry_out):
        assert code(attempt, one, "li", date(2024, 4, 16)) == "proposal-closed"
    assert proposals.expire(one, date(2030, 1, 1)) is None


def test_a_proposal_and_an_approval_hold_for_thirty_days_and_no_longer() -> None:
    assert code(proposals.approve, PROPOSED, "li", date(2024, 5, 9)) == "proposal-closed"
    assert code(proposals.carry_out, APPROVED, "li", date(2024, 5, 16)) == "proposal-closed"
    assert proposals.carry_out(APPROVED, "li", date(2024, 5, 15)).by == "li"
