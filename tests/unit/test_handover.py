"""The handover of one retiree: what each city's law asks, what is refused, what a fact taken back leaves, who serves."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from domain.decide import decide
from domain.facts import (
    ArchiveKind,
    ArchiveReceived,
    Aspect,
    Category,
    ContactCardIssued,
    DeathReported,
    Department,
    EnterpriseKind,
    EnterpriseState,
    FactRetracted,
    FeePaid,
    HandoverCompleted,
    HandoverProposed,
    HandoverRefused,
    HandoverReturned,
    HandoverStepDone,
    Known,
    LifeEvent,
    PartyRelationTransferred,
    ReceptionAccepted,
    Reference,
)
from domain.handover import (
    KEEP,
    Handover,
    Keeper,
    ServingOffice,
    Stage,
    decide_handover,
    evolve_handover,
    late,
    missing,
    moving_to,
    paying_division,
    places,
    serving_office,
)
from domain.law import COMPLETION
from domain.refusals import Refused
from domain.state import RetireeState, evolve
from domain.told import AlertRaised
from services.sentences import SENTENCES
from tests.building import RETIREE, registered
from tests.handing import (
    BEIJING,
    CITIES,
    DAY,
    DL,
    DL_OTHER,
    LAW,
    SZ,
    SZ_OTHER,
    XN,
    XN_OTHER,
    ZZ,
    ZZ_OTHER,
    City,
    D,
    archived,
    by,
    completed,
    dalian_steps,
    moved,
    open_steps,
    paid,
    proposed,
    received,
    refused,
    registration,
    retracted,
    shenzhen_steps,
    stage_of,
    step,
    told,
    zhengzhou_steps,
)

# Each city from beginning to end


each_city = pytest.mark.parametrize("city", CITIES.values(), ids=CITIES)


@each_city
def test_every_step_then_the_reception(city: City) -> None:
    who, facts = city.who, city.steps()
    done = told(who, *facts)
    assert open_steps(done, who) == [COMPLETION]
    assert stage_of(done, who) is Stage.IN_PROGRESS
    after = told(who, completed(who.residence_division), state=done)
    assert stage_of(after, who) is Stage.COMPLETED
    assert missing(after, who, LAW, DAY) == ()
    assert serving_office(after, who, LAW, DAY) == ServingOffice(Keeper.COMMUNITY, who.residence_division, DAY)


@each_city
def test_no_reception_with_any_one_step_open(city: City) -> None:
    who, facts = city.who, city.steps()
    for left_out in facts[1:]:
        state = Handover()
        for known in facts:
            if known is not left_out:
                state = evolve_handover(state, known)
        refusal = refused(who, state, completed(who.residence_division))
        (open_step,) = set(open_steps(state, who)) - {COMPLETION}
        assert refusal.code == "handover-open-steps"
        assert open_step in refusal.detail
        assert missing(state, who, LAW, DAY)[-1].waits_for == (open_step,)


@each_city
def test_a_party_member_s_relation_comes_too_and_nobody_else_s(city: City) -> None:
    member = replace(city.who, party_member=True)
    state = told(member, *city.steps())
    assert open_steps(state, member) == ["party-relation-transferred", COMPLETION]
    assert refused(member, state, completed(SZ)).code == "handover-open-steps"
    joined = by(D.PARTY, PartyRelationTransferred(effective=DAY, division=member.residence_division))
    assert stage_of(told(member, joined, completed(member.residence_division), state=state), member) is Stage.COMPLETED
    by_step = step(D.PARTY, "party-relation-transferred")
    assert refused(city.who, state, by_step).code == "handover-step-not-asked"


@each_city
def test_a_step_of_another_department_is_refused_and_says_whose_it_is(city: City) -> None:
    first = city.steps()[1]
    assert isinstance(first.fact, HandoverStepDone)
    refusal = refused(city.who, told(city.who, city.steps()[0]), step(D.ARCHIVES, first.fact.step))
    assert refusal.code == "handover-step-not-yours"
    assert str(first.department) in refusal.detail


# What is refused


def test_a_step_no_law_knows_is_refused_and_those_it_knows_are_named() -> None:
    who = registration(SZ)
    refusal = refused(who, told(who, proposed()), step(D.ENTERPRISE, "wedding"))
    assert (refusal.code, refusal.path) == ("handover-step-unknown", "data.step")
    assert "agreement, fee-paid, archive-received" in refusal.detail
    assert refused(who, told(who, proposed()), step(D.COMMUNITY, COMPLETION)).code == "handover-step-unknown"


def test_a_step_too_early_says_what_is_missing_and_who_owes_it() -> None:
    who = registration(DL)
    refusal = refused(who, told(who, *dalian_steps()[:2]), step(D.ENTERPRISE, "agreement"))
    assert (refusal.code, refusal.path) == ("handover-step-too-early", "data.step")
    assert refusal.detail == "before agreement: fee-assessed (social-insurance)"
    assert refused(who, told(who, proposed()), paid(D.AGENCY)).code == "handover-step-too-early"


def test_a_step_dated_before_one_it_comes_after_is_too_early() -> None:
    who = registration(ZZ)
    state = told(who, proposed(on=DAY - timedelta(9)), step(D.ENTERPRISE, "framework-agreement"))
    refusal = refused(who, state, step(D.AGENCY, "agreement", DAY - timedelta(1)))
    assert (refusal.code, refusal.path) == ("handover-step-too-early", "data.effective")
    done = told(who, *zhengzhou_steps())
    assert refused(who, done, completed(ZZ, DAY - timedelta(1))).code == "handover-step-too-early"


def test_a_step_done_stands_until_who_told_it_corrects_it() -> None:
    who = registration(SZ)
    first = step(D.ENTERPRISE, "agreement")
    state = told(who, proposed(), first)
    assert refused(who, state, step(D.ENTERPRISE, "agreement")).code == "handover-step-done"
    fact = HandoverStepDone(effective=DAY - timedelta(3), step="agreement", corrects=first.reference.id)
    after = told(who, by(D.ENTERPRISE, fact), state=state)
    assert [one.on for one in after.done if one.step == "agreement"] == [DAY - timedelta(3)]


@pytest.mark.parametrize(
    "fact",
    [
        HandoverStepDone(effective=DAY, step="agreement"),
        HandoverCompleted(effective=DAY, division=SZ),
        HandoverRefused(effective=DAY, reason="x"),
        HandoverReturned(effective=DAY, reason="x"),
        FeePaid(effective=DAY, amount="1.00"),
    ],
    ids=lambda fact: str(fact.__struct_config__.tag),
)
def test_nothing_comes_before_the_proposal_nor_after_a_refusal_nor_before_the_registration(fact: LifeEvent) -> None:
    who = registration(SZ)
    known = by(D.COMMUNITY, fact)
    assert refused(who, Handover(), known).code == "handover-not-begun"
    state = told(who, proposed(), by(D.COMMUNITY, HandoverRefused(effective=DAY, reason="x")))
    assert stage_of(state, who) is Stage.REFUSED
    assert refused(who, state, known).code == "handover-not-begun"
    assert refused(None, state, known).code == "handover-not-registered"


def test_a_proposal_may_wait_for_the_registration() -> None:
    assert stage_of(told(None, proposed()), registration(SZ)) is Stage.PROPOSED


def test_one_handover_at_a_time_and_none_after_the_last() -> None:
    who = registration(SZ)
    assert refused(who, told(who, proposed()), proposed()).code == "handover-already-begun"
    state = told(who, *shenzhen_steps(), completed(SZ))
    assert refused(who, state, proposed()).code == "handover-already-completed"
    assert refused(who, state, step(D.ENTERPRISE, "agreement")).code == "handover-already-completed"
    assert refused(who, state, completed(SZ)).code == "handover-already-completed"


def test_where_no_city_of_ours_governs_there_is_no_handover_but_registers_are_kept() -> None:
    who = registration(BEIJING)
    assert refused(who, Handover(), proposed()).code == "no-local-law"
    state = told(who, archived(D.ARCHIVES), by(D.COMMUNITY, ContactCardIssued(effective=DAY)))
    assert missing(state, who, LAW, DAY) == ()


@pytest.mark.parametrize("category", [Category.VETERAN, Category.PROVINCIAL_CADRE])
def test_people_kept_apart_are_not_handed_over_only_their_basic_information_is_kept(category: Category) -> None:
    who = registration(ZZ, category=category)
    for known in (proposed(), completed(ZZ), step(D.ENTERPRISE, "roster-compiled"), paid(D.AGENCY)):
        assert refused(who, Handover(), known).code in {"kept-apart", "handover-step-not-asked"}
    state = told(who, step(D.COMMUNITY, "basic-information"))
    assert missing(state, who, LAW, DAY) == ()
    assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE
    assert refused(who, state, by(D.COMMUNITY, ReceptionAccepted(effective=DAY, division=ZZ))).code == "kept-apart"


def test_basic_information_alone_is_asked_of_nobody_else() -> None:
    who = registration(ZZ)
    assert refused(who, told(who, proposed()), step(D.COMMUNITY, "basic-information")).code == "handover-step-not-asked"


def test_the_files_are_told_by_who_keeps_them() -> None:
    assert refused(registration(ZZ), Handover(), archived(D.COMMUNITY)).code == "archive-not-yours"
    assert refused(registration(XN), Handover(), archived(D.ARCHIVES)).code == "archive-not-yours"
    other = by(D.ARCHIVES, ArchiveReceived(effective=DAY, kind=ArchiveKind.OTHER))
    state = told(registration(XN), other)
    assert "archive-received" in open_steps(state, registration(XN)), "other files are not the personnel files"


def test_a_fee_that_was_assessed_is_paid_as_assessed_and_once() -> None:
    who = registration(DL)
    state = told(who, *dalian_steps()[:5])
    refusal = refused(who, state, paid(D.AGENCY, "4999.99"))
    assert (refusal.code, refusal.detail) == ("fee-amount-differs", "5000.00 yuan is due")
    state = told(who, paid(D.AGENCY), state=state)
    assert refused(who, state, paid(D.AGENCY)).code == "fee-already-paid"


def test_budgets_pay_in_instalments() -> None:
    who = registration(ZZ)
    told(who, *zhengzhou_steps(), completed(ZZ), paid(D.AGENCY, "500.00"), paid(D.AGENCY, "500.00"))


def test_every_refusal_of_a_handover_has_a_sentence_in_both_languages() -> None:
    sources = "".join(
        path.read_text("utf-8") for path in Path(__file__).parents[2].joinpath("domain", "handover").rglob("*.py")
    )
    codes = set(re.findall(r'Refused\(\s*"([a-z-]+)"', sources)) | {"handover-wrong-place", "reception-not-due"}
    assert codes <= SENTENCES.keys()
    for sentence in (SENTENCES[code] for code in codes):
        assert all(astuple(sentence))
        assert sentence.en.isascii()
        assert not sentence.zh.isascii()


def test_deciding_on_a_fact_decides_on_the_handover() -> None:
    state = RetireeState()
    first = registered(date(2020, 1, 31), date(2020, 2, 1))
    for known in (first, proposed()):
        for decision in decide(RETIREE, state, known, LAW, known.learnt):
            state = evolve(state, decision)
    assert state.handover.proposal is not None
    with pytest.raises(Refused, match="handover-open-steps"):
        decide(RETIREE, state, completed(SZ), LAW, DAY)


# Sent back, refused, taken back


def test_what_is_sent_back_is_done_again() -> None:
    who = registration(SZ)
    back = by(D.COMMUNITY, HandoverReturned(effective=DAY, reason="two files are missing", steps=("archive-received",)))
    state = told(who, *shenzhen_steps(), back)
    assert stage_of(state, who) is Stage.RETURNED
    assert open_steps(state, who) == ["archive-received", COMPLETION]
    assert stage_of(told(who, archived(D.COMMUNITY), state=state), who) is Stage.IN_PROGRESS
    assert open_steps(evolve_handover(state, retracted(back)), who) == [COMPLETION]


def test_sent_back_whole_every_step_is_open() -> None:
    who = registration(SZ)
    state = told(who, *shenzhen_steps(), by(D.COMMUNITY, HandoverReturned(effective=DAY, reason="x")))
    assert open_steps(state, who) == ["agreement", "fee-paid", "archive-received", COMPLETION]
    wrong = by(D.COMMUNITY, HandoverReturned(effective=DAY, reason="x", steps=("agreement",)))
    assert refused(who, state, wrong).path == "data.steps[0]"


def test_after_a_refusal_it_begins_anew_but_for_what_lies_in_registers() -> None:
    who = registration(SZ)
    no = by(D.ENTERPRISE, HandoverRefused(effective=DAY, reason="the retiree does not sign"))
    state = told(who, *shenzhen_steps(), no)
    assert stage_of(state, who) is Stage.REFUSED
    assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE
    again = told(who, proposed(), state=state)
    assert open_steps(again, who) == ["agreement", COMPLETION]
    assert stage_of(evolve_handover(state, retracted(no)), who) is Stage.IN_PROGRESS


@each_city
def test_a_step_taken_back_is_open_again_even_after_the_reception_which_stands_once_it_is_done_again(
    city: City,
) -> None:
    who, facts = city.who, city.steps()
    whole = told(who, *facts, completed(who.residence_division))
    for known in facts[1:]:
        state = evolve_handover(whole, retracted(known))
        assert stage_of(state, who) is Stage.IN_PROGRESS
        assert len(open_steps(state, who)) == 2
        assert serving_office(state, who, LAW, DAY).keeper is Keeper.COMMUNITY, "who has received goes on serving"
        assert (
            stage_of(evolve_handover(state, replace(known, reference=Reference("/x/y", "again"))), who)
            is Stage.COMPLETED
        )


def test_a_record_that_is_no_step_of_the_city_may_be_taken_back_without_opening_anything() -> None:
    who = registration(SZ)
    card = by(D.COMMUNITY, ContactCardIssued(effective=DAY))
    state = told(who, *shenzhen_steps(), card, completed(SZ))
    assert stage_of(evolve_handover(state, retracted(card)), who) is Stage.COMPLETED


def test_a_reception_taken_back_leaves_the_enterprise_serving() -> None:
    who = registration(SZ)
    done = completed(SZ)
    state = evolve_handover(told(who, *shenzhen_steps(), done), retracted(done))
    assert stage_of(state, who) is Stage.IN_PROGRESS
    assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE


def test_a_corrected_proposal_keeps_the_steps_and_a_retracted_one_ends_the_handover() -> None:
    who = registration(DL)
    first = proposed()
    state = told(who, first, *dalian_steps()[1:3])
    fact = HandoverProposed(
        effective=DAY,
        enterprise_kind=EnterpriseKind.MUNICIPAL,
        enterprise_state=EnterpriseState.BANKRUPT,
        corrects=first.reference.id,
    )
    after = told(who, by(D.ENTERPRISE, fact), state=state)
    assert after.proposal is not None
    assert after.proposal.state is EnterpriseState.BANKRUPT
    assert open_steps(after, who)[:2] == ["court-ruling", "fee-assessed"]
    assert stage_of(evolve_handover(state, retracted(first)), who) is Stage.NOT_BEGUN


def test_facts_of_no_handover_change_nothing_and_are_not_refused() -> None:
    state = told(registration(SZ), *shenzhen_steps())
    known = by(D.POLICE, DeathReported(effective=DAY))
    decide_handover(state, known, None, LAW, DAY)
    assert evolve_handover(state, known) == state
    assert evolve_handover(state, by(D.POLICE, FactRetracted(effective=DAY, retracts="nothing"))) is state


# Who serves


def test_the_old_office_serves_until_the_new_one_has_received() -> None:
    who = registration(DL)
    later = DAY + timedelta(20)
    state = told(who, *dalian_steps(), completed(DL), moved(Aspect.RESIDENCE, DL_OTHER, DAY + timedelta(5)))
    assert serving_office(state, who, LAW, later).division == DL
    assert moving_to(state, who, LAW, later) == DL_OTHER
    state = told(who, received(DL_OTHER, later), state=state)
    assert serving_office(state, who, LAW, later - timedelta(1)).division == DL
    assert serving_office(state, who, LAW, later) == ServingOffice(Keeper.COMMUNITY, DL_OTHER, later)
    assert moving_to(state, who, LAW, later) is None


def test_a_move_of_what_the_law_does_not_look_at_moves_nobody() -> None:
    assert moving_to(told(registration(SZ), moved(Aspect.RESIDENCE, SZ_OTHER)), registration(SZ), LAW, DAY) is None
    assert moving_to(told(registration(SZ), moved(Aspect.HUKOU, SZ_OTHER)), registration(SZ), LAW, DAY) == SZ_OTHER
    assert moving_to(told(registration(DL), moved(Aspect.HUKOU, DL_OTHER)), registration(DL), LAW, DAY) is None


def test_between_cities_the_law_of_both_must_place_somebody_there() -> None:
    who = registration(DL)
    to_shenzhen = moved(Aspect.RESIDENCE, SZ)
    state = told(who, to_shenzhen)
    assert moving_to(state, who, LAW, DAY) is None, "Shenzhen takes those whose household is there"
    assert refused(who, state, received(SZ)).code == "reception-not-due"
    state = told(who, moved(Aspect.HUKOU, SZ), state=state)
    assert moving_to(state, who, LAW, DAY) == SZ
    assert serving_office(told(who, received(SZ), state=state), who, LAW, DAY).division == SZ
    assert moving_to(told(who, moved(Aspect.RESIDENCE, XN)), who, LAW, DAY) == XN


def test_whoever_serves_the_agency_that_pays_stays() -> None:
    who = registration(DL)
    state = told(who, moved(Aspect.RESIDENCE, XN), received(XN))
    assert serving_office(state, who, LAW, DAY).division == XN
    assert paying_division(who) == "210200000000"


def test_a_move_taken_back_is_as_if_it_had_not_been() -> None:
    who = registration(DL)
    first, second = moved(Aspect.RESIDENCE, DL_OTHER), moved(Aspect.RESIDENCE, XN, DAY + timedelta(1))
    state = told(who, first, second)
    assert places(state, who, LAW, DAY + timedelta(1)) == (XN,)
    assert places(evolve_handover(state, retracted(second)), who, LAW, DAY + timedelta(1)) == (DL_OTHER,)
    assert places(state, who, LAW, DAY) == (DL_OTHER,), "on each day the place of that day"


def test_a_move_learned_late_does_not_undo_a_later_one() -> None:
    who = registration(DL)
    facts = [moved(Aspect.RESIDENCE, XN, DAY), moved(Aspect.RESIDENCE, DL_OTHER, DAY - timedelta(30))]
    assert moving_to(told(who, *facts), who, LAW, DAY) == moving_to(told(who, *reversed(facts)), who, LAW, DAY) == XN


def test_the_police_tell_where_the_household_is_the_community_where_somebody_lives() -> None:
    for aspect, wrong in ((Aspect.HUKOU, D.COMMUNITY), (Aspect.RESIDENCE, D.POLICE)):
        known = replace(moved(aspect, SZ), department=wrong)
        assert refused(registration(SZ), Handover(), known).code == "not-your-fact"


def test_an_office_receives_whom_the_law_places_with_it_and_once() -> None:
    who = registration(DL)
    state = told(who, moved(Aspect.RESIDENCE, DL_OTHER))
    assert refused(who, state, received(SZ)).code == "reception-not-due"
    assert refused(who, state, received(DL)).detail == "this office serves already"
    assert refused(who, state, received("210211000000")).code == "place-unclear"
    assert refused(who, told(who, proposed()), received(DL)).detail.startswith("the enterprise still serves")
    after = told(who, received(DL_OTHER, DAY), state=state)
    assert refused(who, after, received(DL, DAY - timedelta(1))).path == "data.effective"


def test_a_division_tells_the_street_and_the_community() -> None:
    office = ServingOffice(Keeper.COMMUNITY, SZ)
    assert (office.street, office.community) == ("440304001000", SZ)
    assert ServingOffice(Keeper.COMMUNITY, "440304001000").community is None
    assert ServingOffice(Keeper.COMMUNITY, "440304000000").street is None
    assert ServingOffice(Keeper.ENTERPRISE, None).street is None


def test_a_street_may_receive_for_its_community_and_a_district_says_too_little() -> None:
    who = registration(SZ)
    state = told(who, *shenzhen_steps())
    assert stage_of(told(who, completed("440304001000"), state=state), who) is Stage.COMPLETED
    assert refused(who, state, completed("440304000000")).code == "place-unclear"
    assert refused(who, state, completed(SZ_OTHER)).code == "handover-wrong-place"


# Under the law of the day


def test_a_target_that_has_passed_names_what_is_late() -> None:
    who = registration(ZZ)
    state = told(who, proposed(on=date(2017, 4, 1)), today=date(2017, 4, 1))
    assert [one.key for _, one in late(state, who, LAW, date(2017, 3, 31))] == []
    assert [one.key for _, one in late(state, who, LAW, date(2017, 4, 1))] == ["framework-agreement"]
    assert [one.key for _, one in late(state, who, LAW, date(2017, 7, 1))] == [
        "framework-agreement",
        "agreement",
        COMPLETION,
    ]


# Whatever comes


_DAYS = st.dates(DAY, DAY + timedelta(10))


@st.composite
def _anything(draw: st.DrawFn, city: City, number: int, before: Sequence[Known]) -> Known:
    template = draw(st.sampled_from([*city.steps(), completed(city.who.residence_division)]))
    kind = draw(st.sampled_from(["step", "step", "step", "step", "retract", "return", "refuse", "correct"]))
    on = draw(_DAYS)
    if kind in ("retract", "correct") and before:
        target = draw(st.sampled_from(before))
        fact: LifeEvent = FactRetracted(effective=on, retracts=target.reference.id)
        if kind == "correct":
            fact = replace(target.fact, effective=on, corrects=target.reference.id)
        return replace(target, reference=Reference(target.reference.source, f"h{number}"), fact=fact)
    if kind == "return":
        return by(D.COMMUNITY, HandoverReturned(effective=on, reason="x"), f"h{number}")
    if kind == "refuse":
        return by(D.COMMUNITY, HandoverRefused(effective=on, reason="x"), f"h{number}")
    return replace(
        template,
        reference=Reference(template.reference.source, f"h{number}"),
        fact=replace(template.fact, effective=on),
    )


@st.composite
def _lives(draw: st.DrawFn) -> tuple[City, list[Known]]:
    city = draw(st.sampled_from([*CITIES.values()]))
    facts: list[Known] = []
    if draw(st.booleans()):
        facts += city.steps()
        if draw(st.booleans()):
            facts.append(completed(city.who.residence_division))
    for number in range(draw(st.integers(0, 25))):
        facts.append(draw(_anything(city, number, facts)))
    return city, facts


@given(_lives())
def test_whatever_is_told_a_handover_is_complete_only_with_no_step_open(life: tuple[City, list[Known]]) -> None:
    city, facts = life
    state = Handover()
    for known in facts:
        before = state
        try:
            decide_handover(state, known, city.who, LAW, DAY + timedelta(10))
        except Refused:
            continue
        state = evolve_handover(state, known)
        if isinstance(known.fact, HandoverCompleted):
            assert {owed.step.key for owed in missing(before, city.who, LAW, DAY)} <= {
                COMPLETION
            } or known.fact.corrects
        if stage_of(state, city.who) is Stage.COMPLETED:
            assert missing(state, city.who, LAW, DAY) == ()
        served, serves = (serving_office(one, city.who, LAW, DAY + timedelta(10)) for one in (before, state))
        if not isinstance(known.fact, HandoverProposed | HandoverCompleted | FactRetracted) and not known.fact.corrects:
            assert serves == served, "only a reception moves a retiree"
        assert len(state.done) <= KEEP * (len(city.steps()) + 2)
    again = msgspec.json.decode(msgspec.json.encode(state), type=Handover)
    assert again == state


@given(_lives())
def test_the_state_goes_on_without_ever_refusing(life: tuple[City, list[Known]]) -> None:
    city, facts = life
    state = Handover()
    for known in reversed(facts):
        state = evolve_handover(state, known)
    assert stage_of(state, city.who) in Stage


_PLACES = [SZ, SZ_OTHER, ZZ, ZZ_OTHER, DL, DL_OTHER, XN, XN_OTHER, BEIJING, "440304000000"]


@given(
    st.sampled_from(_PLACES),
    st.sampled_from([None, *_PLACES]),
    st.lists(st.tuples(st.sampled_from(["home", "household", "received"]), st.sampled_from(_PLACES), _DAYS)),
)
def test_whatever_moves_are_told_exactly_one_office_serves_and_only_a_reception_changes_it(
    home: str, hukou: str | None, told_: list[tuple[str, str, date]]
) -> None:
    who = registration(home, hukou_division=hukou)
    state, last = Handover(), DAY + timedelta(10)
    for kind, place, on in told_:
        aspect = Aspect.HUKOU if kind == "household" else Aspect.RESIDENCE
        known = received(place, on) if kind == "received" else moved(aspect, place, on)
        before = serving_office(state, who, LAW, last)
        try:
            decide_handover(state, known, who, LAW, last)
        except Refused:
            continue
        state = evolve_handover(state, known)
        after = serving_office(state, who, LAW, last)
        if kind == "received":
            assert after == ServingOffice(Keeper.COMMUNITY, place, on)
        else:
            assert after == before
        due = moving_to(state, who, LAW, last)
        assert due is None or due != after.division
        assert paying_division(who) == home[:4] + "00000000"
    assert len(state.moves) <= 2 * KEEP
    assert len(state.receptions) <= KEEP


@pytest.mark.parametrize("first", ["fact", "retraction"])
def test_a_step_that_was_taken_back_is_open_whichever_came_first(first: str) -> None:
    state = RetireeState()
    done = archived(Department.COMMUNITY)
    both = [done, retracted(done)]
    for known in [registered(DAY, DAY), *(both if first == "fact" else reversed(both))]:
        for decision in decide(RETIREE, state, known, LAW, DAY):
            state = evolve(state, decision)
    assert state.handover == Handover()


def test_whoever_moved_is_assigned_to_the_new_office_until_it_has_received_them() -> None:
    """Exactly one office serves meanwhile: the old one."""
    state, said = RetireeState(), []
    person = by(Department.AGENCY, registration(SZ), "registration")
    there = SZ[:6] + "902002"
    for known in [person, *shenzhen_steps(), completed(SZ), moved(Aspect.HUKOU, there), received(there)]:
        decisions = decide(RETIREE, state, known, LAW, DAY)
        for decision in decisions:
            state = evolve(state, decision)
        said.append([(d.action, d.kind) for d in decisions if isinstance(d, AlertRaised)])
    assert said[-2:] == [[("assign", "relocation-without-office")], []]
    assert state.open_alerts == {}
