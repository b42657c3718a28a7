"""Two identity numbers of one person, on a real PostgreSQL: joined as if they had always been one, parted as if they never were."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import count
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.alerts import Action
from domain.entitlement import review
from domain.facts import (
    AlertApplied,
    DeathReported,
    DeathRetracted,
    Department,
    DuplicateBenefitSettled,
    FactRetracted,
    IdentityLinked,
    LifeEvent,
    Person,
    Sentence,
    Sentenced,
    SurvivalVerified,
    VisitMade,
)
from domain.history import Entry, Outcome, Receipt
from domain.kinds import Kind
from domain.law import Law
from domain.refusals import Refused
from domain.replaying import Told, facts_of, replayed
from domain.state import RetireeState
from domain.told import AlertRaised
from infra import codec, log
from infra.database import Database
from infra.histories import Histories, stored_history
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.session import Session
from infra.submissions import Submission
from infra.views import Views
from projections import roster
from tests.building import SHENZHEN, number_of, retirement, submission

TODAY = date(2024, 6, 10)
DIED = DeathReported(effective=date(2024, 3, 10), document="民政〔2024〕1号")
_people = count(1)


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def linked(one: int, other: int, id_: str = "link", department: Department = Department.POLICE) -> Submission:
    person = Person(identity_number=number_of(one), other_identity_number=number_of(other))
    return submission(IdentityLinked(effective=date(2024, 6, 1)), id_, person=person, department=department)


def unlinked(one: int, of: str = "link", department: Department = Department.POLICE) -> Submission:
    fact = FactRetracted(effective=date(2024, 6, 1), retracts=of)
    return submission(fact, f"{of}-back", number=number_of(one), department=department)


def told(n: int, fact: LifeEvent, id_: str, department: Department | None = None) -> Submission:
    return submission(fact, id_, number=number_of(n), department=department)


def accepted(ledger: Ledger, *submissions: Submission, today: date = TODAY) -> list[Receipt]:
    answers = ledger.accept(submissions, today)
    assert all(isinstance(answer, Receipt) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Receipt)]


def refused(ledger: Ledger, one: Submission) -> tuple[str, str]:
    (answer,) = ledger.accept([one], TODAY)
    assert isinstance(answer, Refused)
    return answer.code, answer.path


def entries(database: Database) -> list[Entry]:
    with database.transaction() as connection:
        return [codec.decode(*row) for row in log.read(connection, 0, 100_000)]


def state_of(database: Database, retiree: UUID) -> RetireeState:
    with database.transaction() as connection:
        state = codec.decode_state(log.lock_streams(connection, [retiree])[retiree].state)
    assert state
    return state


def made_anew(ledger: Ledger, keys: KeyRing, law: Law, retiree: UUID) -> RetireeState:
    with ledger.database.transaction() as connection:
        return replayed(history(connection, keys, retiree), law)


def history(connection: Session, keys: KeyRing, retiree: UUID) -> list[Told]:
    return stored_history(connection, keys, retiree)[1]


def answers_alike(one: RetireeState, other: RetireeState, law: Law, day: date) -> None:
    assert review(one.dossier, law, day) == review(other.dossier, law, day)
    assert (one.handover, one.told, one.joined, one.links, one.led_by) == (
        (other.handover, other.told, other.joined, other.links, other.led_by)
    )


def kinds(ledger: Ledger, receipt: Receipt) -> set[tuple[Action, Kind]]:
    told = state_of(ledger.database, receipt.retiree).told.values()
    return {(one.terms.action, one.terms.kind) for one in told if one.is_open}


def recovered(ledger: Ledger, receipt: Receipt) -> str:
    told = state_of(ledger.database, receipt.retiree).told.values()
    return next(one.terms.amount for one in told if one.terms.action is Action.RECOVER)


def test_a_death_under_a_former_number_stops_the_pension_once_the_numbers_are_linked(ours: Ledger) -> None:
    (mine, died) = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    assert (mine.status, died.status) == (Outcome.ACCEPTED, Outcome.PARKED)
    (link,) = accepted(ours, linked(1, 2))
    assert link.retiree == mine.retiree != died.retiree
    raised = [e.event for e in entries(ours.database) if isinstance(e.event, AlertRaised)]
    assert {(one.action, one.kind, one.first_month) for one in raised if one.action is not Action.GRANT} == {
        (Action.STOP, Kind.DEATH, "2024-04"),
        (Action.RECOVER, Kind.DEATH, "2024-04"),
    }
    assert {one.retiree for one in raised} == {mine.retiree}
    assert state_of(ours.database, died.retiree).led_by == mine.retiree


def test_whichever_number_is_named_first_the_registered_record_goes_on(ours: Ledger) -> None:
    (mine, _) = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    (link,) = accepted(ours, linked(2, 1))
    assert link.retiree == mine.retiree


def test_a_number_never_heard_of_becomes_a_second_name_of_the_same_person(ours: Ledger) -> None:
    (mine,) = accepted(ours, told(1, retirement(), "1"))
    accepted(ours, linked(1, 2))
    (died,) = accepted(ours, told(2, DIED, "2"))
    assert (died.retiree, died.status) == (mine.retiree, Outcome.ACCEPTED)


def test_within_one_batch_the_link_counts_for_what_comes_after_it(ours: Ledger) -> None:
    mine, parked, link, died = accepted(
        ours,
        told(1, retirement(), "1"),
        told(2, SurvivalVerified(effective=date(2024, 1, 5)), "2", Department.COMMUNITY),
        linked(1, 2),
        told(2, DIED, "3"),
    )
    assert parked.retiree != mine.retiree == link.retiree == died.retiree
    assert died.position > link.position > parked.position


def test_taking_the_link_back_restores_every_cent_and_leaves_each_with_its_own_facts(
    ours: Ledger, keys: KeyRing, law: Law
) -> None:
    mine, died = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2))
    accepted(ours, told(2, SurvivalVerified(effective=date(2024, 2, 1)), "3", Department.COMMUNITY))
    later = date(2024, 9, 10)
    accepted(ours, unlinked(1), today=later)
    state = state_of(ours.database, mine.retiree)
    found = review(state.dossier, law, later)
    assert [(span.first, span.last, span.status) for span in found.timeline] == [("2020-02", None, "payable")]
    assert found.owed
    assert (found.owed.first, found.owed.last, found.owed.months) == ("2024-07", "2024-09", 3)
    assert not found.overpaid
    assert not state.dossier.deaths
    assert [told.terms.action for told in state.told.values() if told.is_open] == [Action.RESUME, Action.PAY_BACK]
    other = state_of(ours.database, died.retiree)
    assert [fact.reference.id for fact in other.dossier.deaths] == ["2"]
    assert [fact.reference.id for fact in other.dossier.verified] == ["3"]
    for retiree in (mine.retiree, died.retiree):
        answers_alike(state_of(ours.database, retiree), made_anew(ours, keys, law, retiree), law, later)
    (again,) = accepted(ours, told(2, DeathRetracted(effective=later, retracts="2"), "4"), today=later)
    assert again.retiree == died.retiree


def test_a_link_that_was_taken_back_before_it_came_does_nothing(ours: Ledger) -> None:
    for n, first in ((1, 1), (11, 12)):  # whichever number the retraction gave
        mine, died = accepted(ours, told(n, retirement(), f"{n}"), told(n + 1, DIED, f"{n}-died"))
        accepted(ours, unlinked(first, f"{n}-link"))
        accepted(ours, linked(n, n + 1, f"{n}-link"))
        assert state_of(ours.database, died.retiree).led_by is None
        assert not state_of(ours.database, mine.retiree).told


def test_what_two_sources_say_holds_until_both_have_taken_it_back(ours: Ledger) -> None:
    mine, died = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2), linked(2, 1, "too", Department.AGENCY))
    accepted(ours, unlinked(2))
    assert state_of(ours.database, died.retiree).led_by == mine.retiree
    accepted(ours, unlinked(1, "too", Department.AGENCY))
    assert state_of(ours.database, died.retiree).led_by is None
    assert state_of(ours.database, mine.retiree).links == ()


def test_a_third_number_linked_through_a_second_goes_only_with_its_own_link(ours: Ledger) -> None:
    mine, died = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2), linked(1, 3, "third"), linked(2, 3, "through"))
    accepted(ours, unlinked(1, "third"))
    assert refused(ours, unlinked(1)) == ("others-follow", "data.retracts")
    accepted(ours, unlinked(3, "through"), unlinked(1))
    assert state_of(ours.database, mine.retiree).joined == ()
    assert state_of(ours.database, died.retiree).led_by is None


def test_what_cannot_be_linked_is_refused_and_leaves_nothing(ours: Ledger) -> None:
    accepted(ours, told(1, retirement(), "1"), told(3, retirement(), "3"), linked(1, 2), linked(3, 4, "b"))
    before = len(entries(ours.database))
    assert refused(ours, linked(1, 3, "c")) == ("already-linked", "data.person.other_identity_number")
    assert refused(ours, linked(1, 1, "d")) == ("same-number", "data.person.other_identity_number")
    alone = submission(IdentityLinked(effective=TODAY), "e", number=number_of(1), department=Department.POLICE)
    assert refused(ours, alone) == ("missing-field", "data.person.other_identity_number")
    other = told(1, DIED, "f", Department.CIVIL_AFFAIRS)
    person = Person(identity_number=number_of(1), other_identity_number=number_of(2))
    assert refused(ours, msgspec.structs.replace(other, person=person))[0] == "unknown-field"
    bad = msgspec.structs.replace(person, other_identity_number="440304195001010019")
    wrong = submission(IdentityLinked(effective=TODAY), "g", person=bad, department=Department.POLICE)
    assert refused(ours, wrong) == ("identity-number-invalid", "data.person.other_identity_number")
    assert len(entries(ours.database)) == before


def test_two_registered_records_are_two_pensions_that_both_learn_of_a_death_and_one_is_settled(ours: Ledger) -> None:
    first, second = told(1, retirement(), "1"), told(2, retirement(date(2021, 3, 31), "900.00"), "2")
    mine, also = accepted(ours, first, second)
    accepted(ours, linked(1, 2))
    assert kinds(ours, mine) == {(Action.SETTLE, Kind.DUPLICATE_BENEFIT)}
    assert not kinds(ours, also)
    (died,) = accepted(ours, told(2, DIED, "3"))
    assert died.retiree == also.retiree
    stopped = {(Action.STOP, Kind.DEATH), (Action.RECOVER, Kind.DEATH)}
    assert kinds(ours, mine) == {(Action.SETTLE, Kind.DUPLICATE_BENEFIT), *stopped, (Action.GRANT, Kind.DEATH)}
    assert kinds(ours, also) == stopped, "of two pensions one brings a grant"
    assert recovered(ours, mine) == "10370.34"
    assert recovered(ours, also) == "2700.00"
    settled = DuplicateBenefitSettled(effective=date(2024, 6, 5), keeps_ours=True)
    accepted(ours, told(1, settled, "4", Department.AGENCY))
    assert (Action.SETTLE, Kind.DUPLICATE_BENEFIT) not in kinds(ours, mine)
    accepted(ours, unlinked(1))
    assert not {fact.fact for fact in state_of(ours.database, mine.retiree).dossier.deaths}
    assert kinds(ours, mine) == {(Action.RESUME, Kind.CORRECTION)}, "nothing was withheld yet"
    assert kinds(ours, also) == {*stopped, (Action.GRANT, Kind.DEATH)}


def test_what_was_granted_and_recovered_of_one_of_two_pensions_is_undone_there(ours: Ledger) -> None:
    mine, also = accepted(ours, told(1, retirement(), "1"), told(2, retirement(), "2"))
    accepted(ours, told(2, DIED, "3"))
    for slot, told_ in state_of(ours.database, also.retiree).told.items():
        amount = "20000.00" if told_.terms.action is Action.GRANT else None
        applied = AlertApplied(effective=TODAY, alert=told_.alert, month="2024-07", amount=amount)
        accepted(ours, told(2, applied, f"applied-{slot}", Department.AGENCY))
    accepted(ours, linked(1, 2))
    accepted(ours, told(1, DeathRetracted(effective=TODAY, retracts="3"), "5"))
    assert {action for action, _ in kinds(ours, also)} == {Action.RESUME, Action.PAY_BACK, Action.RECOVER}
    assert {action for action, _ in kinds(ours, mine)} == {Action.SETTLE, Action.RESUME}


def test_what_was_taken_back_before_it_came_does_nothing_to_either_of_two_pensions(ours: Ledger) -> None:
    mine, also = accepted(ours, told(1, retirement(), "1"), told(2, retirement(), "2"), linked(1, 2))[:2]
    accepted(ours, told(1, DeathRetracted(effective=TODAY, retracts="3"), "4"), told(2, DIED, "3"))
    assert not state_of(ours.database, mine.retiree).dossier.deaths
    assert not state_of(ours.database, also.retiree).dossier.deaths


def test_what_fell_due_for_the_other_pension_is_dealt_with_before_the_clock_comes(ours: Ledger) -> None:
    _, also = accepted(ours, told(1, retirement(), "1"), told(2, retirement(), "2"), linked(1, 2))[:2]
    verified = SurvivalVerified(effective=TODAY)
    accepted(ours, told(2, verified, "3", Department.AGENCY))
    due = state_of(ours.database, also.retiree).due
    assert due is not None
    accepted(ours, told(1, VisitMade(effective=TODAY), "4", Department.COMMUNITY), today=due)
    assert (Action.CONTACT, Kind.VERIFICATION_DUE) in kinds(ours, also)


def test_a_second_pension_settled_long_ago_hides_no_new_one(ours: Ledger) -> None:
    accepted(ours, told(1, retirement(), "1"), told(2, retirement(date(2021, 3, 31)), "2"))
    old = DuplicateBenefitSettled(effective=date(2022, 6, 5), keeps_ours=True)
    (mine,) = accepted(ours, told(1, old, "3", Department.AGENCY), today=date(2022, 6, 6))
    accepted(ours, linked(1, 2))
    assert kinds(ours, mine) == {(Action.SETTLE, Kind.DUPLICATE_BENEFIT)}


def test_a_registration_under_the_other_number_is_a_second_pension_of_the_one_record(ours: Ledger) -> None:
    mine, _ = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2))
    accepted(ours, told(2, retirement(date(2021, 3, 31), "900.00"), "3"))
    assert (Action.SETTLE, Kind.DUPLICATE_BENEFIT) in kinds(ours, mine)


def test_nobody_is_owed_what_the_other_one_was_not_paid(ours: Ledger) -> None:
    sentenced = Sentenced(effective=date(2023, 1, 5), sentence=Sentence.FIXED_TERM)
    accepted(ours, told(1, retirement(), "1"), told(1, sentenced, "2", Department.COURT))
    mine, other = accepted(
        ours, told(1, DIED, "3"), told(2, VisitMade(effective=date(2024, 1, 5)), "4", Department.COMMUNITY)
    )
    accepted(ours, linked(1, 2))
    accepted(ours, told(2, retirement(date(2021, 3, 31)), "5"))
    accepted(ours, unlinked(1), today=date(2024, 9, 10))
    assert not kinds(ours, other)
    assert state_of(ours.database, mine.retiree).registered


def test_a_pension_that_was_registered_under_the_number_that_parts_takes_along_what_was_paid(
    ours: Ledger, law: Law
) -> None:
    accepted(ours, told(1, VisitMade(effective=date(2024, 1, 5)), "1", Department.COMMUNITY))
    (link,) = accepted(ours, linked(1, 2))
    accepted(ours, told(2, retirement(), "3"), told(1, DIED, "4"))
    later = date(2024, 9, 10)
    accepted(ours, unlinked(1), today=later)
    (visit,) = accepted(ours, told(2, VisitMade(effective=date(2024, 1, 6)), "5", Department.COMMUNITY), today=later)
    assert visit.retiree != link.retiree
    found = review(state_of(ours.database, visit.retiree).dossier, law, later)
    assert found.owed
    assert (found.owed.first, found.owed.last) == ("2024-07", "2024-09")
    assert not state_of(ours.database, link.retiree).told


def test_a_third_number_that_a_link_ties_through_the_second_leaves_with_it_alone(ours: Ledger) -> None:
    mine, *_ = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2), told(3, SurvivalVerified(effective=date(2024, 1, 5)), "3", Department.COMMUNITY))
    accepted(ours, linked(2, 3, "chain"))
    assert refused(ours, unlinked(1)) == ("others-follow", "data.retracts")
    accepted(ours, unlinked(3, "chain"), unlinked(1))
    assert state_of(ours.database, mine.retiree).joined == ()


def test_a_link_is_taken_back_and_never_corrected(ours: Ledger) -> None:
    accepted(ours, told(1, retirement(), "1"), linked(1, 2))
    again = linked(1, 2, "again")
    again = msgspec.structs.replace(again, fact=msgspec.structs.replace(again.fact, corrects="link"))
    assert refused(ours, again) == ("invalid-field", "data.corrects")
    death = DeathReported(effective=date(2024, 3, 10), corrects="link")
    assert refused(ours, told(2, death, "died", Department.POLICE)) == ("invalid-field", "data.corrects")


def test_a_state_of_an_older_form_is_made_anew_before_its_record_is_linked(ours: Ledger, dsn: str) -> None:
    (died,) = accepted(ours, told(2, DIED, "2"))
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("update ledger.stream set state = null where stream = %s", [died.retiree])
    (link,) = accepted(ours, linked(1, 2))
    assert link.retiree == died.retiree


def test_a_number_goes_to_the_record_that_leads_whatever_form_the_state_of_the_led_one_has(
    ours: Ledger, dsn: str
) -> None:
    mine, died = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2))
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("update ledger.stream set state = null where stream = %s", [died.retiree])
    (fact,) = accepted(ours, told(2, SurvivalVerified(effective=date(2024, 2, 1)), "3", Department.COMMUNITY))
    assert fact.retiree == mine.retiree


def test_five_hundred_links_in_one_call_are_taken_one_after_the_other(ours: Ledger) -> None:
    links = [linked(n, n + 500, f"link-{n}") for n in range(1, 401)]
    assert len(accepted(ours, *links)) == 400
    assert len(accepted(ours, *(unlinked(n, f"link-{n}") for n in range(1, 31)))) == 30


def test_who_destroys_the_key_of_a_number_erases_what_was_told_under_it_and_can_still_part_the_two(
    ours: Ledger, keys: KeyRing
) -> None:
    mine, died = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2))
    accepted(ours, told(2, SurvivalVerified(effective=date(2024, 2, 1)), "3", Department.COMMUNITY))

    def names() -> list[bool]:
        with ours.database.transaction() as connection:
            return [bool(known.name_tag) for known in facts_of(history(connection, keys, mine.retiree))]

    assert names() == [True, False, True, True]
    with psycopg.connect(ours.database.dsn) as connection:  # as erasing does it, with its owner's rights
        connection.execute("delete from ledger.retiree_key where retiree = %s", [died.retiree])
    assert names() == [True, False, False, False]
    (answer,) = ours.accept([told(2, DIED, "4")], TODAY)
    assert isinstance(answer, Refused)
    assert answer.code == "person-erased"
    accepted(ours, unlinked(1))
    assert state_of(ours.database, mine.retiree).joined == ()


def test_the_roster_and_the_whole_log_count_joined_people_once(ours: Ledger, keys: KeyRing) -> None:
    mine, also = accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    views = Views(ours.database)

    def served() -> set[UUID]:
        views.apply([entry for entry in entries(ours.database) if entry.position > views.position()])
        given = {"communities": [SHENZHEN], "after": UUID(int=0), "limit": 10}
        return {row["retiree"] for row in views.select(roster.PAGE, given) if row["stands"]}

    accepted(ours, linked(1, 2), told(2, retirement(), "3"))
    assert served() == {mine.retiree}
    accepted(ours, unlinked(1))
    assert served() == {mine.retiree, also.retiree}
    assert sum(len(page) for _, page in Histories(ours.database, keys).pages()) == 2


def test_a_registration_corrected_under_the_other_number_stands_again_on_the_roster_when_they_part(
    ours: Ledger,
) -> None:
    (mine,) = accepted(ours, told(1, retirement(), "1"))
    accepted(ours, linked(1, 2))
    mended = msgspec.structs.replace(retirement(pension="3500.00"), corrects="1")
    accepted(ours, told(2, mended, "2"))
    views = Views(ours.database)

    def served() -> dict[UUID, str]:
        views.apply([entry for entry in entries(ours.database) if entry.position > views.position()])
        given = {"communities": [SHENZHEN], "after": UUID(int=0), "limit": 10}
        return {row["retiree"]: row["monthly_pension"] for row in views.select(roster.PAGE, given) if row["stands"]}

    assert served() == {mine.retiree: "3500.00"}
    accepted(ours, unlinked(1))
    (other,) = accepted(ours, told(2, VisitMade(effective=date(2024, 1, 5)), "3", Department.COMMUNITY))
    assert served() == {mine.retiree: "3456.78", other.retiree: "3500.00"}


def test_nobody_reads_the_other_number_without_the_key(ours: Ledger) -> None:
    accepted(ours, told(1, retirement(), "1"), told(2, DIED, "2"))
    accepted(ours, linked(1, 2))
    with ours.database.transaction() as connection:
        stored = connection.execute("select string_agg(state, '') from ledger.event").fetchone()
    assert stored
    assert number_of(2).encode() not in stored[0]


def test_facts_that_come_while_their_numbers_are_linked_and_parted_all_find_their_person(
    ours: Ledger, keys: KeyRing, law: Law
) -> None:
    mine, other = accepted(ours, told(1, retirement(), "1"), told(2, retirement(), "2"))

    def verify(n: int, id_: str) -> None:
        fact = SurvivalVerified(effective=date(2024, 1, 5))
        accepted(ours, told(n, fact, id_, Department.COMMUNITY))

    with ThreadPoolExecutor(4) as pool:
        for round_ in range(2):
            work = [pool.submit(verify, 1 + n % 2, f"{round_}-{n}") for n in range(6)]
            for regrouping in (linked(1, 2, f"link-{round_}"), unlinked(1, f"link-{round_}")):
                accepted(ours, regrouping)
            for one in work:
                one.result()
    for n, retiree in ((0, mine.retiree), (1, other.retiree)):
        state = state_of(ours.database, retiree)
        assert (state.joined, state.links, state.led_by) == ((), (), None)
        answers_alike(state, made_anew(ours, keys, law, retiree), law, TODAY)
        with ours.database.transaction() as connection:
            ids = [fact.reference.id for fact in facts_of(history(connection, keys, retiree))]
        mine_only = {f"{round_}-{n2}" for round_ in range(2) for n2 in range(6) if n2 % 2 == n}
        assert {id_ for id_ in ids if id_[0].isdigit() and "-" in id_} == mine_only
        assert len(ids) == len(set(ids))


FACTS: list[LifeEvent] = [
    retirement(date(2020, 1, 31)),
    DIED,
    DeathRetracted(effective=date(2024, 4, 2), retracts="1"),
    DeathReported(effective=date(2024, 5, 20), document="民政〔2024〕2号"),
    SurvivalVerified(effective=date(2023, 5, 20)),
]


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[int, list[tuple[str, int]]]]:
    """Facts under one number or the other, with the link somewhere among them and its retraction, in batches of so many days after."""
    whose = draw(st.lists(st.booleans(), min_size=len(FACTS), max_size=len(FACTS)))
    events = [("b" if under else "a", index) for index, under in enumerate(whose)]
    order: list[tuple[str, int]] = draw(st.permutations([*events, ("link", 0), ("back", 0)]))
    batches: list[tuple[int, list[tuple[str, int]]]] = []
    while order:
        size = draw(st.integers(1, len(order)))
        batches.append((draw(st.integers(0, 70)), order[:size]))
        order = order[size:]
    return batches


@given(arrivals())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whenever_they_are_linked_and_parted_each_ends_with_what_its_own_facts_say(
    ours: Ledger, keys: KeyRing, law: Law, batches: Sequence[tuple[int, list[tuple[str, int]]]]
) -> None:
    n = next(_people)
    one, other, alone = 3 * n + 100, 3 * n + 101, 3 * n + 102
    day = date(2024, 6, 3)
    numbers = {"a": one, "b": other}
    for days, batch in batches:
        day += timedelta(days=days)
        given_ = [_event(n, kind, index, numbers, one, other) for kind, index in batch]
        accepted(ours, *given_, today=day)
    for kind, number in numbers.items():
        own = [index for _, batch in batches for k, index in batch if k == kind]
        (receipt,) = accepted(
            ours,
            told(number, VisitMade(effective=date(2024, 1, 5)), f"{n}-{kind}-last", Department.COMMUNITY),
            today=day,
        )
        state = state_of(ours.database, receipt.retiree)
        answers_alike(state, made_anew(ours, keys, law, receipt.retiree), law, day)
        assert {fact.reference.id for fact in state.dossier.registrations} == {f"{n}-0" for i in own if i == 0}
        standing = {1, 3} & (set(own) - ({1} if 2 in own else set()))
        assert {fact.reference.id for fact in state.dossier.deaths} == {f"{n}-{i}" for i in standing}
        if 0 in own:
            fresh = [msgspec.structs.replace(_event(n, kind, i, numbers, one, other), id=f"{n}-{i}") for i in own]
            spans = review(state.dossier, law, day).timeline
            by_itself = _alone(ours, alone, fresh, n, day)
            assert [(s.first, s.last, s.status) for s in spans] == by_itself


def _event(n: int, kind: str, index: int, numbers: dict[str, int], one: int, other: int) -> Submission:
    if kind == "link":
        return linked(one, other, f"{n}-link")
    if kind == "back":
        return unlinked(one, f"{n}-link")
    fact = FACTS[index]
    if isinstance(fact, DeathRetracted):
        fact = msgspec.structs.replace(fact, retracts=f"{n}-1")
    department = Department.COMMUNITY if isinstance(fact, SurvivalVerified) else None
    return told(numbers[kind], fact, f"{n}-{index}", department)


def _alone(
    ledger: Ledger, number: int, submissions: list[Submission], n: int, day: date
) -> list[tuple[str, str | None, str]]:
    """What the same facts say of somebody of whom there is nothing else."""
    again = []
    for one in submissions:
        fact = one.fact
        if isinstance(fact, DeathRetracted):
            fact = msgspec.structs.replace(fact, retracts=f"{n}-1-alone")
        again.append(told(number, fact, f"{one.id}-alone", one.department))
    receipt = accepted(ledger, *again, today=day)[-1]
    state = state_of(ledger.database, receipt.retiree)
    spans = review(state.dossier, ledger._law, day).timeline
    return [(s.first, s.last, s.status) for s in spans]
