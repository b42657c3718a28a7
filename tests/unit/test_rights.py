"""Who may do what, as the file of rights says it."""

import pytest

from domain import proposals
from domain.facts import Department
from domain.rights.acts import Act, Role
from domain.rights.rights import RightsFileError, parse_rights
from infra.statutes import the_rights

FILE = """
[[role]]
key = "{role}"
zh = "甲"
en = "one"
place = "none"

[[act]]
key = "{act}"
zh = "乙"
en = "two"
to = [{{ roles = ["{to}"]{more} }}]
"""
_TWO = 'second_person = true\napprove = [{ roles = ["auditor"] }]\n'
A, P = Department.AGENCY, Department.POLICE


def test_an_administrator_sees_nobody_and_a_guardian_keeps_no_accounts() -> None:
    administrator = the_rights().acts_of(Role.ADMINISTRATOR, A)
    of_people = {Act.ALERTS, Act.ROSTER, Act.RETIREE, Act.SEARCH, Act.UNMASK, Act.EXPORT, Act.AUDIT, Act.LOOKS}
    assert not administrator & of_people
    assert the_rights().place(Role.ADMINISTRATOR) == "none"
    guardian = the_rights().acts_of(Role.GUARDIAN, A)
    assert {Act.ERASE, Act.LOOKS, Act.FLAGS, Act.AUDIT} <= guardian
    assert not guardian & {Act.ACCOUNTS_MANAGE, Act.PUBLISH, Act.ROSTER}


def test_only_the_agency_sends_the_letters_of_others_again() -> None:
    assert Act.LETTERS_SEND_ALL in the_rights().acts_of(Role.OFFICER, A)
    assert Act.LETTERS_SEND_ALL not in the_rights().acts_of(Role.OFFICER, P)
    assert Act.LETTERS_SEND_ALL not in the_rights().acts_of(Role.PUBLISHER, A)


def test_what_can_be_proposed_is_what_needs_a_second_person() -> None:
    assert {one.right for one in proposals.Act} == {act for act in Act if the_rights().needs_second(act)}


def test_only_the_agencys_own_systems_answer_in_bulk_alone() -> None:
    rights = the_rights()
    free = {(role, one) for role in Role for one in Department if rights.is_unbounded(Act.ALERTS_BULK, role, one)}
    assert free == {(Role.PUBLISHER, A)}
    assert 0 < rights.alone(Act.ALERTS_BULK) <= rights.alone_daily(Act.ALERTS_BULK)


def test_whoever_approves_for_others_or_keeps_accounts_is_made_by_two() -> None:
    rights = the_rights()
    weighty = {(role, one) for role in Role for one in Department if rights.weighs(role, one)}
    of_any = {role for role in Role if all((role, one) in weighty for one in Department)}
    assert of_any == {Role.GUARDIAN, Role.ADMINISTRATOR, Role.AUDITOR}
    assert weighty - {(role, one) for role in of_any for one in Department} == {(Role.OFFICER, A), (Role.PUBLISHER, A)}
    keepers = {role for role in Role for one in Department if Act.ACCOUNTS_MANAGE in rights.acts_of(role, one)}
    assert keepers <= of_any


def test_the_agency_proposes_to_erase_and_only_a_guardian_approves() -> None:
    for role, department, proposes, approves in (
        (Role.GUARDIAN, A, True, True),
        (Role.OFFICER, A, True, False),
        (Role.OFFICER, P, False, False),
        (Role.AUDITOR, A, False, False),
    ):
        assert (Act.ERASE in the_rights().acts_of(role, department)) is proposes
        assert the_rights().may_approve(Act.ERASE, role, department) is approves


@pytest.mark.parametrize("act", [act for act in Act if the_rights().needs_second(act)])
def test_whoever_approves_may_see_what_waits_for_them(act: Act) -> None:
    may = [role for role in Role for place in Department if the_rights().may_approve(act, role, place)]
    assert may
    assert all(Act.PROPOSALS in the_rights().acts_of(role, A) for role in may)


def whole(said: str = "", more: str = "") -> str:
    """A file of every role and every act; `said`: what it says of each act beside, `more`: of each grant."""
    text = "".join(FILE.format(role=role, act="", to="", more="").split("[[act]]")[0] for role in Role)
    for act in Act:
        text += "[[act]]" + FILE.format(role="", act=act, to="officer", more=more).split("[[act]]")[1] + said + "\n"
    return text


def test_what_is_for_a_purpose_is_for_no_other() -> None:
    rights = parse_rights(whole(more=', purposes = ["checking"]'))
    assert rights.acts_of(Role.OFFICER, A, "checking") == rights.acts_of(Role.OFFICER, A) == frozenset(Act)
    assert rights.acts_of(Role.OFFICER, A, "auditing") == frozenset()
    assert rights.acts_of(Role.COMMUNITY, A) == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE.format(role="king", act="publish", to="officer", more=""), "king"),
        (FILE.format(role="officer", act="reign", to="officer", more=""), "reign"),
        (FILE.format(role="officer", act="publish", to="officer", more=', places = ["4403"]'), "places"),
        (FILE.format(role="officer", act="publish", to="officer", more=', departments = ["navy"]'), "navy"),
        (whole("second_person = true"), "act publish: what takes a second person says who"),
        (whole('approve = [{ roles = ["auditor"] }]'), "act publish: what takes a second person says who"),
        (whole("alone = 5"), "act publish: what takes a second person says who"),
        (whole("alone_daily = 5"), "act publish: what takes a second person says who"),
        (whole('unbounded = [{ roles = ["publisher"] }]'), "act publish: what takes a second person says who"),
        (whole(f"{_TWO}alone = 5\nalone_daily = 4"), "act publish: in a day no fewer than in an hour"),
        (FILE.format(role="officer", act="publish", to="officer", more=""), "role publisher must stand there once"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_entry(text: str, said: str) -> None:
    with pytest.raises(RightsFileError, match=f"rights.toml: .*{said}"):
        parse_rights(text)
