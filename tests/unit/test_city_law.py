"""The law of the four cities, article by article, and what a wrong file is told. `docs/articles.md` lists every article."""

from collections.abc import Sequence
from datetime import date, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from domain.decide import decide, standing_of
from domain.divisions import Level
from domain.facts import (
    LIFE_EVENTS,
    MAY_PUBLISH,
    ActivityAttended,
    ArchiveLent,
    Aspect,
    CareFlagged,
    Category,
    ContactCardIssued,
    Department,
    EnterpriseKind,
    EnterpriseState,
    FeeAssessed,
    FeePaid,
    HandoverProposed,
    HealthFileKept,
    Known,
    PartyRelationTransferred,
    RetirementRegistered,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.handover import Handover, Keeper, Stage, late, missing, moving_to, places, serving_office, stage
from domain.law import COMPLETION, CityLaw, Law, LawError, parse_law
from domain.refusals import Refused
from domain.settlement import (
    FeeAccount,
    archive_area_needed,
    community_staff_needed,
    fee_accounts,
    fee_owed,
    keepers_needed,
    staff_needed,
)
from domain.state import RetireeState, evolve
from projections import handovers
from projections.handovers import HandoverLine
from services.handover.batches import counted
from tests.building import RETIREE, compiled, registered
from tests.handing import (
    CITIES,
    DAY,
    DL,
    DL_OTHER,
    LAW,
    SZ,
    SZ_OTHER,
    XN,
    ZZ,
    ZZ_OTHER,
    D,
    archived,
    by,
    completed,
    dalian_steps,
    moved,
    open_steps,
    paid,
    proposed,
    refused,
    registration,
    shenzhen_steps,
    stage_of,
    step,
    told,
    xianning_steps,
    zhengzhou_steps,
)
from tests.tellings import entries

NATIONAL = files("domain.law").joinpath("national.toml").read_text("utf-8")
K, S, G = EnterpriseKind, EnterpriseState, SpecialGroup


def law_of(division: str, on: date = DAY) -> CityLaw:
    law = LAW.city_law(division, on)
    assert law is not None
    return law


def steps_of(division: str) -> list[str]:
    return [one.key for one in law_of(division).steps]


def share(division: str, key: str) -> tuple[set[Department], set[str]]:
    """Who tells the agency what, by one rule; every teller may publish at least one of the facts, and all are published."""
    (rule,) = (one for one in law_of(division).sharing if one.key == key)
    assert rule.told == (D.AGENCY,)
    facts = [LIFE_EVENTS[name] for name in rule.facts]
    assert all(any(teller in MAY_PUBLISH[fact] for fact in facts) for teller in rule.tellers)
    assert all(any(teller in MAY_PUBLISH[fact] for teller in rule.tellers) for fact in facts)
    return set(rule.tellers), set(rule.facts)


def duty(division: str, key: str) -> set[str]:
    """As which facts a duty is told; whoever has the duty may publish one of them."""
    (rule,) = (one for one in law_of(division).duties if one.key == key)
    assert all(any(who in MAY_PUBLISH[LIFE_EVENTS[name]] for name in rule.facts) for who in rule.by)
    return set(rule.facts)


# 深圳市 深府办〔2006〕72号


def test_shenzhen_1_retirees_are_served_where_their_household_is_registered() -> None:
    who = registration(SZ, hukou_division=SZ_OTHER)
    assert places(told(who, proposed()), who, LAW, DAY) == (SZ_OTHER,)
    done = told(who, *shenzhen_steps())
    assert refused(who, done, completed(SZ)).code == "handover-wrong-place"
    assert stage_of(told(who, completed(SZ_OTHER), state=done), who) is Stage.COMPLETED


def test_shenzhen_2_3_the_street_takes_in_fee_files_and_party_relation_and_helps_to_verify_survival() -> None:
    by_step = {one.key: one.by for one in law_of(SZ).steps}
    assert by_step["fee-paid"] == by_step["archive-received"] == (D.COMMUNITY,)
    assert D.COMMUNITY in by_step["party-relation-transferred"]
    assert share(SZ, "survival-verification") == ({D.COMMUNITY}, {"survival-verified.v1"})


def test_shenzhen_2_3_the_community_gathers_information_holds_activities_and_visits() -> None:
    assert duty(SZ, "information") == {"relocated.v1", "care-flagged.v1"}
    assert duty(SZ, "activities") == {"activity-attended.v1"}
    assert duty(SZ, "visits") == {"visit-made.v1"}
    told(
        registration(SZ),
        by(D.COMMUNITY, VisitMade(effective=DAY)),
        by(D.COMMUNITY, CareFlagged(effective=DAY, group=G.ALONE)),
    )


def test_shenzhen_3_the_street_labour_office_keeps_the_files() -> None:
    refusal = refused(registration(SZ), Handover(), archived(D.AGENCY))
    assert refusal.code == "archive-not-yours"
    assert "street labour office" in refusal.detail


def test_shenzhen_4_the_fee_is_paid_once_before_the_handover() -> None:
    who = registration(SZ)
    fee = fee_owed(law_of(SZ), 100, K.PROVINCIAL)
    assert fee is not None
    assert (fee.payer, fee.once, fee.before, fee.account) == ("enterprise", True, COMPLETION, "district")
    assert fee.amount is None, "the document names none"
    without = told(who, *(one for one in shenzhen_steps() if one.department is not D.COMMUNITY), archived(D.COMMUNITY))
    assert "fee-paid" in refused(who, without, completed(SZ)).detail
    assert refused(who, told(who, *shenzhen_steps()), paid(D.COMMUNITY)).code == "fee-already-paid"
    late_ = told(who, *shenzhen_steps()[:2], archived(D.COMMUNITY), paid(D.COMMUNITY, on=DAY + timedelta(2)))
    assert refused(who, late_, completed(SZ)).code == "handover-step-too-early"


def test_shenzhen_5_an_agreement_is_signed_before_the_handover() -> None:
    who = registration(SZ)
    without = told(who, proposed(), paid(D.COMMUNITY), archived(D.COMMUNITY))
    assert refused(who, without, completed(SZ)).detail == "open: agreement (enterprise)"


def test_shenzhen_5_being_handed_over_takes_nothing_from_a_pension() -> None:
    nothing_of_a_pension_moves(SZ)


def test_shenzhen_6_progress_is_published_every_quarter_and_assessed_every_year_by_district() -> None:
    assert {(one.key, one.every_months, one.counts_by) for one in law_of(SZ).reports} == {
        ("quarterly-bulletin", 3, "district"),
        ("annual-assessment", 12, "district"),
    }


@pytest.mark.parametrize(
    ("on", "quarter", "year"),
    [
        (date(2024, 1, 1), ("2023-10", "2023-12"), ("2023-01", "2023-12")),
        (date(2024, 3, 31), ("2023-10", "2023-12"), ("2023-01", "2023-12")),
        (date(2024, 4, 1), ("2024-01", "2024-03"), ("2023-01", "2023-12")),
    ],
)
def test_shenzhen_6_a_bulletin_is_of_the_quarter_that_is_over(
    on: date, quarter: tuple[str, str], year: tuple[str, str]
) -> None:
    assert [one.period(on) for one in law_of(SZ).reports] == [quarter, year]


def test_shenzhen_4_each_district_has_an_account_of_its_own() -> None:
    told_: list[tuple[str, FeeAssessed | FeePaid]] = [
        (SZ, FeeAssessed(effective=DAY, amount="100.00")),
        (SZ, FeePaid(effective=DAY, amount="60.05")),
        (SZ_OTHER, FeePaid(effective=DAY, amount="7.00")),
        ("440300000000", FeePaid(effective=DAY, amount="1.00")),
    ]
    accounts = fee_accounts(told_, Level.COUNTY)
    assert accounts == {"440304000000": FeeAccount(10_000, 6_005), "440305000000": FeeAccount(0, 700)}
    assert [one.owing for one in accounts.values()] == [3_995, 0]


# 郑州市转发通知（2017年5月9日）和豫政办〔2017〕44号


def test_zhengzhou_notice_3_offices_have_the_people_they_need() -> None:
    (rule,) = (one for one in law_of(ZZ).staff if one.key == "offices")
    assert (rule.county_least, rule.county_most, rule.community_least, rule.community_most) == (3, 5, 1, 2)


def test_zhengzhou_notice_4_the_cost_of_other_enterprises_is_in_the_local_budget() -> None:
    fee = fee_owed(law_of(ZZ), 10, K.MUNICIPAL)
    assert fee is not None
    assert (fee.payer, fee.amount) == ("local-budget", None)


def test_zhengzhou_notice_5_civil_affairs_supply_deaths_and_the_police_verify_identity() -> None:
    assert share(ZZ, "deaths") == ({D.CIVIL_AFFAIRS}, {"death-reported.v1"})
    assert share(ZZ, "identity")[0] == {D.POLICE}
    assert share(ZZ, "survival-verification") == ({D.COMMUNITY}, {"survival-verified.v1"})


def test_zhengzhou_2_1_who_is_handed_over_is_served_by_street_and_community() -> None:
    who = registration(ZZ)
    office = serving_office(told(who, *zhengzhou_steps(), completed(ZZ)), who, LAW, DAY)
    assert (office.keeper, office.street, office.community) == (Keeper.COMMUNITY, "410105001000", ZZ)


def test_zhengzhou_2_2_1_the_agreements_come_before_the_handover() -> None:
    who = registration(ZZ)
    facts = zhengzhou_steps()
    assert "framework-agreement" in refused(who, told(who, facts[0]), step(D.AGENCY, "agreement")).detail
    without = told(who, facts[0], *facts[3:])
    assert "agreement" in refused(who, without, completed(ZZ)).detail


@pytest.mark.parametrize("place", [ZZ, ZZ_OTHER])
def test_zhengzhou_2_2_2_household_or_residence_places_somebody(place: str) -> None:
    who = registration(ZZ, hukou_division=ZZ_OTHER)
    assert places(told(who, proposed()), who, LAW, DAY) == (ZZ, ZZ_OTHER), (
        "the residence first, the household may follow"
    )
    assert stage_of(told(who, *zhengzhou_steps(), completed(place)), who) is Stage.COMPLETED


def test_zhengzhou_2_2_2_who_is_registered_outside_the_province_goes_where_the_enterprise_stands() -> None:
    who = registration(ZZ, hukou_division=SZ)
    first = proposed(enterprise_division=ZZ_OTHER)
    done = told(who, first, *zhengzhou_steps()[1:])
    assert places(done, who, LAW, DAY) == (ZZ_OTHER,)
    assert refused(who, done, completed(ZZ)).code == "handover-wrong-place"
    assert stage_of(told(who, completed(ZZ_OTHER), state=done), who) is Stage.COMPLETED
    untold = told(who, *zhengzhou_steps())
    assert stage_of(told(who, completed(ZZ), state=untold), who) is Stage.COMPLETED, "where it stands was not told"
    assert refused(who, untold, completed(SZ)).code == "handover-wrong-place"


def test_zhengzhou_2_2_3_nobody_is_without_an_office_while_being_handed_over() -> None:
    who = registration(ZZ)
    state = Handover()
    for known in zhengzhou_steps():
        state = told(who, known, state=state)
        assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE
    assert serving_office(told(who, completed(ZZ), state=state), who, LAW, DAY).keeper is Keeper.COMMUNITY


def test_zhengzhou_4_1_contact_cards_are_issued_and_information_is_kept_up_to_date() -> None:
    assert duty(ZZ, "contact-card") == {"contact-card-issued.v1", "relocated.v1", "care-flagged.v1"}
    told(registration(ZZ), by(D.COMMUNITY, ContactCardIssued(effective=DAY)), moved(Aspect.RESIDENCE, ZZ_OTHER))


def test_zhengzhou_4_3_street_and_community_help_to_verify_survival() -> None:
    assert duty(ZZ, "qualification") == {"survival-verified.v1"}
    assert D.COMMUNITY in MAY_PUBLISH[SurvivalVerified]


def test_zhengzhou_4_4_special_groups_are_known_and_visited() -> None:
    (rule,) = law_of(ZZ).visits
    assert set(rule.groups) == {G.DESTITUTE, G.ADVANCED_AGE, G.ALONE, G.GRAVELY_ILL, G.DISABLED}
    assert duty(ZZ, "visits") == {"visit-made.v1"}


def test_zhengzhou_4_5_activities_are_held() -> None:
    assert duty(ZZ, "activities") == {"activity-attended.v1"}


def test_zhengzhou_4_6_health_files_are_kept_and_the_gravely_ill_followed_up() -> None:
    assert duty(ZZ, "health") == {"health-file-kept.v1"}
    assert {D.COMMUNITY, D.HEALTH} <= MAY_PUBLISH[HealthFileKept]


def test_zhengzhou_4_7_street_and_family_report_a_death_to_the_agency() -> None:
    assert share(ZZ, "deaths-of-retirees") == ({D.COMMUNITY, D.FAMILY}, {"death-reported.v1"})


def test_zhengzhou_5_1_the_roster_is_compiled_then_verified() -> None:
    who = registration(ZZ)
    refusal = refused(who, told(who, proposed()), step(D.COMMUNITY, "information-verified"))
    assert refusal.detail == "before information-verified: roster-compiled (enterprise)"


@pytest.mark.parametrize("category", [Category.VETERAN, Category.PROVINCIAL_CADRE])
def test_zhengzhou_5_1_veteran_and_provincial_cadres_stay_as_managed(category: Category) -> None:
    who = registration(ZZ, category=category)
    assert refused(who, Handover(), proposed()).code == "kept-apart"
    state = told(who, step(D.COMMUNITY, "basic-information"))
    assert serving_office(state, who, LAW, DAY).keeper is Keeper.ENTERPRISE


def test_zhengzhou_5_1_the_party_relation_is_transferred() -> None:
    who = registration(ZZ, party_member=True)
    assert "party-relation-transferred" in refused(who, told(who, *zhengzhou_steps()), completed(ZZ)).detail


def test_zhengzhou_5_2_the_files_go_to_an_archive_of_the_county_or_above_and_may_be_consulted() -> None:
    assert refused(registration(ZZ), Handover(), archived(D.COMMUNITY)).code == "archive-not-yours"
    told(
        registration(ZZ), archived(D.ARCHIVES), by(D.ARCHIVES, ArchiveLent(effective=DAY, borrower="social-insurance"))
    )


@pytest.mark.parametrize(
    ("households", "people"),
    [(1, 5), (1000, 5), (1001, 7), (2000, 7), (2001, 9), (3000, 9), (3299, 9), (3300, 10), (3600, 11)],
)
def test_zhengzhou_5_4_1_a_community_takes_over_staff_by_its_households(households: int, people: int) -> None:
    assert community_staff_needed(law_of(ZZ), households) == people


@pytest.mark.parametrize(("retirees", "people"), [(0, 0), (1, 1), (300, 1), (301, 2), (4500, 15)])
def test_zhengzhou_5_4_2_one_of_the_staff_serves_300_retirees(retirees: int, people: int) -> None:
    assert staff_needed(law_of(ZZ), retirees) == people


@pytest.mark.parametrize(
    ("kind", "payer"), [(K.CENTRAL_DEVOLVED, "central-budget"), (K.PROVINCIAL, "provincial-budget")]
)
def test_zhengzhou_6_2_2_1000_yuan_a_person_from_the_budget_of_the_enterprise_s_level(
    kind: EnterpriseKind, payer: str
) -> None:
    fee = fee_owed(law_of(ZZ), 37, kind, S.BANKRUPT)
    assert fee is not None
    assert (fee.amount, fee.payer, fee.once) == ("37000.00", payer, False)


def test_zhengzhou_7_the_enterprise_serves_until_the_street_has_received() -> None:
    who = registration(ZZ)
    assert serving_office(told(who, *zhengzhou_steps()), who, LAW, DAY).keeper is Keeper.ENTERPRISE


def test_zhengzhou_8_3_each_target_has_its_day_and_what_is_late_is_named() -> None:
    days = [(one.due, one.step) for one in law_of(ZZ).targets]
    assert days == [
        (date(2017, 3, 31), "framework-agreement"),
        (date(2017, 4, 30), "agreement"),
        (date(2017, 5, 31), None),
        (date(2017, 6, 30), COMPLETION),
    ]
    who = registration(ZZ)
    state = told(who, *zhengzhou_steps())
    assert [(rule.article, one.key) for rule, one in late(state, who, LAW, DAY)] == [("八（三）", COMPLETION)]
    assert late(told(who, completed(ZZ), state=state), who, LAW, DAY) == ()


# 大连市 大政办发〔2017〕49号


def test_dalian_2_retirees_are_handed_to_the_street_and_community_of_residence() -> None:
    who = registration(DL, hukou_division=DL_OTHER)
    assert places(told(who, proposed()), who, LAW, DAY) == (DL,)
    assert refused(who, told(who, *dalian_steps()), completed(DL_OTHER)).code == "handover-wrong-place"


def test_dalian_3_retirees_of_every_kind_of_enterprise_are_handed_over() -> None:
    who = registration(DL)
    state = told(who, proposed(K.OTHER))
    assert open_steps(state, who) == ["archive-received", COMPLETION], "the five steps are asked of state enterprises"
    assert stage_of(told(who, archived(D.AGENCY), completed(DL), state=state), who) is Stage.COMPLETED


def test_dalian_8_the_street_verifies_and_has_health_files_kept() -> None:
    assert duty(DL, "qualification") == {"survival-verified.v1"}
    assert duty(DL, "health") == {"health-file-kept.v1"}


def test_dalian_9_the_community_verifies_and_holds_activities() -> None:
    (rule,) = (one for one in law_of(DL).duties if one.key == "activities")
    assert D.COMMUNITY in rule.by
    assert D.COMMUNITY in MAY_PUBLISH[ActivityAttended]


@pytest.mark.parametrize("kind", [K.CENTRAL, K.CENTRAL_DEVOLVED, K.PROVINCIAL, K.MUNICIPAL])
def test_dalian_11_state_enterprises_pay_a_fee_and_others_the_activity_fee(kind: EnterpriseKind) -> None:
    fee, other = fee_owed(law_of(DL), 10, kind), fee_owed(law_of(DL), 10, K.OTHER)
    assert fee is not None
    assert other is not None
    assert (fee.payer, fee.once, fee.before, fee.rule.key) == ("enterprise", True, COMPLETION, "management-fee")
    assert other.rule.key == "activity-fee"


def test_dalian_12_the_steps_are_taken_in_their_order() -> None:
    who = registration(DL)
    facts = dalian_steps()[:6]
    for number in range(1, len(facts)):
        for later in facts[number + 1 :]:
            assert refused(who, told(who, *facts[:number]), later).code == "handover-step-too-early"
        told(who, *facts[: number + 1])


def test_dalian_12_1_the_enterprise_applies() -> None:
    fact = HandoverProposed(effective=DAY, enterprise_kind=K.MUNICIPAL)
    assert refused(registration(DL), Handover(), by(D.COMMUNITY, fact)).code == "handover-step-not-yours"


@pytest.mark.parametrize(
    ("state", "asked"),
    [
        (S.OPERATING, None),
        (S.RESTRUCTURED, "reform-documents"),
        (S.CLOSED, "reform-documents"),
        (S.BANKRUPT, "court-ruling"),
    ],
)
def test_dalian_12_1_who_is_wound_up_proves_it_the_bankrupt_by_the_ruling_of_the_court(
    state: EnterpriseState, asked: str | None
) -> None:
    who = registration(DL)
    begun = told(who, proposed(K.MUNICIPAL, state))
    proofs = [one for one in open_steps(begun, who) if one in ("reform-documents", "court-ruling")]
    assert proofs == ([asked] if asked else [])
    settled = step(D.ENTERPRISE, "out-of-pool-settled")
    if asked:
        assert asked in refused(who, begun, settled).detail
        told(who, step(D.ENTERPRISE, asked), settled, state=begun)
    else:
        told(who, settled, state=begun)
        assert refused(who, begun, step(D.ENTERPRISE, "court-ruling")).code == "handover-step-not-asked"


def test_dalian_12_2_out_of_pool_benefits_are_settled_before_the_list_is_verified() -> None:
    who = registration(DL)
    assert "out-of-pool-settled" in refused(who, told(who, proposed()), step(D.AGENCY, "headcount-verified")).detail


def test_dalian_12_3_the_list_is_verified_then_the_fee_computed() -> None:
    who = registration(DL)
    assessed = by(D.AGENCY, FeeAssessed(effective=DAY, amount="1.00"))
    assert "headcount-verified" in refused(who, told(who, *dalian_steps()[:2]), assessed).detail


def test_dalian_12_4_the_agreement_follows_on_the_computed_fee() -> None:
    who = registration(DL)
    assert "fee-assessed" in refused(who, told(who, *dalian_steps()[:3]), step(D.ENTERPRISE, "agreement")).detail


def test_dalian_12_5_the_fee_is_paid_last_and_as_computed() -> None:
    who = registration(DL)
    assert "agreement" in refused(who, told(who, *dalian_steps()[:4]), paid(D.AGENCY)).detail
    assert refused(who, told(who, *dalian_steps()[:5]), paid(D.AGENCY, "1.00")).code == "fee-amount-differs"


def nothing_of_a_pension_moves(division: str) -> None:
    """The facts of a handover leave what is paid as it is."""
    city = next(city for city in CITIES.values() if city.who.residence_division == division)
    first = registered(date(2020, 1, 31), date(2020, 2, 1))
    facts = [*city.steps(), completed(division)]
    before = standing_of(compiled([first], LAW), LAW, DAY)
    assert standing_of(compiled([first, *facts], LAW), LAW, DAY) == before


def test_dalian_13_being_handed_over_takes_nothing_from_a_pension() -> None:
    nothing_of_a_pension_moves(DL)


def test_dalian_16_the_district_s_service_office_keeps_the_files_or_whom_it_entrusts() -> None:
    for keeper in (D.AGENCY, D.ARCHIVES):
        told(registration(DL), archived(keeper))
    assert refused(registration(DL), Handover(), archived(D.COMMUNITY)).code == "archive-not-yours"


@pytest.mark.parametrize(("filed", "keepers"), [(0, 0), (1, 1), (30_000, 1), (30_001, 2), (400_000, 14)])
def test_dalian_17_one_keeper_for_30000_files(filed: int, keepers: int) -> None:
    assert keepers_needed(law_of(DL), filed) == keepers


@pytest.mark.parametrize(("filed", "metres"), [(0, 0), (10_000, 15), (25_000, 38), (30_000, 45)])
def test_dalian_18_15_square_metres_for_10000_files(filed: int, metres: int) -> None:
    assert archive_area_needed(law_of(DL), filed) == metres


def test_dalian_19_police_civil_affairs_justice_and_health_share_who_lives_and_who_serves_a_sentence() -> None:
    tellers, facts = share(DL, "life-and-custody")
    assert tellers == {D.POLICE, D.CIVIL_AFFAIRS, D.JUSTICE, D.HEALTH}
    assert {"death-reported.v1", "sentenced.v1", "released.v1"} <= facts


def test_dalian_20_activities_school_and_lectures() -> None:
    assert duty(DL, "activities") == {"activity-attended.v1"}


def test_dalian_21_special_groups_and_party_members_are_visited() -> None:
    (rule,) = law_of(DL).visits
    assert set(rule.groups) == {G.ADVANCED_AGE, G.GRAVELY_ILL, G.ALONE, G.DISABLED, G.DESTITUTE}
    assert rule.party_members
    assert duty(DL, "visits") == {"visit-made.v1"}


def test_dalian_23_the_party_relation_is_transferred_and_the_branch_has_a_life() -> None:
    who = registration(DL, party_member=True)
    assert "party-relation-transferred" in refused(who, told(who, *dalian_steps()), completed(DL)).detail
    assert duty(DL, "party-life") == {"party-relation-transferred.v1", "activity-attended.v1"}


def test_dalian_25_in_force_from_the_day_it_was_issued() -> None:
    assert {one.valid_from for _, one in law_of(DL).city.provisions} == {date(2017, 4, 14)}


# 咸宁市暂行办法（2021）


def test_xianning_1_the_handover_is_to_street_and_community_after_the_retirement() -> None:
    who = registration(XN)
    assert refused(None, Handover(), completed(XN)).code == "handover-not-registered"
    assert serving_office(told(who, *xianning_steps(), completed(XN)), who, LAW, DAY).community == XN


def test_xianning_2_veteran_cadres_stay_as_managed_and_nobody_else() -> None:
    assert refused(registration(XN, category=Category.VETERAN), Handover(), proposed()).code == "kept-apart"
    told(registration(XN, category=Category.PROVINCIAL_CADRE), proposed())


def test_xianning_3_the_local_budget_pays_for_the_work() -> None:
    fee = fee_owed(law_of(XN), 10, K.MUNICIPAL)
    assert fee is not None
    assert fee.payer == "local-budget"
    assert not {"fee-assessed", "fee-paid"} & {*steps_of(XN)}, "no step waits for money"


def test_xianning_4_the_enterprise_hands_over_or_who_winds_it_up() -> None:
    for state in EnterpriseState:
        told(registration(XN), proposed(K.MUNICIPAL, state))


def test_xianning_5_personnel_files_go_to_the_agency_and_other_files_to_the_archive() -> None:
    assert {one.key: one.custodians for one in law_of(XN).archives} == {
        "personnel-files": (D.AGENCY,),
        "other-files": (D.ARCHIVES,),
    }
    assert refused(registration(XN), Handover(), archived(D.ARCHIVES)).code == "archive-not-yours"


def test_xianning_6_1_the_enterprise_is_confirmed_first() -> None:
    who = registration(XN)
    assert (
        "enterprise-confirmed" in refused(who, told(who, proposed()), step(D.ENTERPRISE, "retirement-declared")).detail
    )


def test_xianning_6_2_the_retirement_is_declared_by_the_enterprise() -> None:
    who = registration(XN)
    begun = told(who, *xianning_steps()[:2])
    assert refused(who, begun, step(D.COMMUNITY, "retirement-declared")).code == "handover-step-not-yours"


def test_xianning_6_3_the_form_is_confirmed_after_it_was_filled_in() -> None:
    who = registration(XN)
    begun = told(who, *xianning_steps()[:2])
    assert "retirement-declared" in refused(who, begun, step(D.ENTERPRISE, "information-confirmed")).detail


def test_xianning_6_4_the_files_are_handed_over_before_the_reception() -> None:
    who = registration(XN)
    facts = xianning_steps()
    assert "archive-received" in refused(who, told(who, *facts[:4], *facts[5:]), completed(XN)).detail


def test_xianning_6_5_the_retiree_reports_with_the_form_and_gets_the_contact_card() -> None:
    who = registration(XN)
    facts = xianning_steps()
    early = told(who, *facts[:3])
    assert "information-confirmed" in refused(who, early, step(D.COMMUNITY, "reported-in")).detail
    assert "contact-card-issued" in refused(who, told(who, *facts[:6]), completed(XN)).detail


def test_xianning_6_6_the_party_relation_goes_to_the_long_term_residence() -> None:
    who = registration(XN, party_member=True)
    done = told(who, *xianning_steps())
    assert "party-relation-transferred" in refused(who, done, completed(XN)).detail
    joined = by(D.PARTY, PartyRelationTransferred(effective=DAY, division=XN, register="7", dues_paid_to="2024-04"))
    assert stage_of(told(who, joined, completed(XN), state=done), who) is Stage.COMPLETED


def test_xianning_8_special_groups_are_known_and_visited_regularly() -> None:
    (rule,) = law_of(XN).visits
    assert set(rule.groups) == {G.ALONE, G.GRAVELY_ILL, G.ADVANCED_AGE, G.DESTITUTE, G.LIVING_ALONE, G.DISABLED}
    assert duty(XN, "visits") == {"visit-made.v1", "care-flagged.v1"}
    assert duty(XN, "party-life") == {"party-relation-transferred.v1", "activity-attended.v1"}


def test_xianning_9_what_the_enterprise_still_owes_is_named() -> None:
    who = registration(XN)
    owed = missing(told(who, *xianning_steps()[:2]), who, LAW, DAY)
    assert [one.step.key for one in owed if D.ENTERPRISE in one.by] == ["retirement-declared", "information-confirmed"]


def test_xianning_10_the_community_reports_moves_deaths_absence_verification_and_duplicate_benefits() -> None:
    assert share(XN, "changes-of-status") == (
        {D.COMMUNITY},
        {
            "relocated.v1",
            "death-reported.v1",
            "gone-missing.v1",
            "survival-verified.v1",
            "duplicate-benefit-found.v1",
        },
    )
    assert moving_to(told(registration(XN), moved(Aspect.RESIDENCE, "421221001001")), registration(XN), LAW, DAY)


def test_xianning_12_in_force_from_the_day_it_was_issued() -> None:
    assert {one.valid_from for _, one in law_of(XN).city.provisions} == {date(2021, 11, 3)}
    before = law_of(XN, date(2019, 1, 1))
    assert before.on == date(2021, 11, 3), "before there was any, the oldest answers"


# Every city


@pytest.mark.parametrize("city", LAW.cities, ids=lambda city: city.en)
def test_every_rule_is_cited_in_both_languages_and_stands_in_the_documents(city: object) -> None:
    law = next(one for one in LAW.cities if one is city)
    for _, rule in law.provisions:
        assert not rule.zh.isascii()
        assert rule.en.isascii()
        assert rule.mark == "P"
    assert all(one.name_zh and one.name_en.isascii() for one in law.step)


@pytest.mark.parametrize("city", LAW.cities, ids=lambda city: city.en)
def test_whoever_does_a_step_may_publish_what_tells_it(city: object) -> None:
    law = next(one for one in LAW.cities if one is city)
    for one in law.step:
        fact = LIFE_EVENTS.get(f"{one.key}.v1", LIFE_EVENTS["handover-step-done.v1"])
        assert set(one.by) <= MAY_PUBLISH[fact]


def test_what_a_law_does_not_say_is_not_made_up() -> None:
    law = law_of(SZ)
    assert staff_needed(law, 100) is keepers_needed(law, 100) is archive_area_needed(law, 100) is None
    assert community_staff_needed(law, 100) is None
    assert fee_owed(replace(law, fees=()), 100, K.OTHER) is None
    assert LAW.city_law("110105001001", DAY) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_people_never_take_less(some: int, more: int) -> None:
    dalian, zhengzhou = law_of(DL), law_of(ZZ)
    for needed, law in (
        (staff_needed, zhengzhou),
        (community_staff_needed, zhengzhou),
        (keepers_needed, dalian),
        (archive_area_needed, dalian),
    ):
        few, many = needed(law, some), needed(law, some + more)
        assert few is not None
        assert many is not None
        assert few <= many


# A city's own versions, and wrong files


_SMALL = """
code = "999900000000"
zh = "某市"
en = "Somewhere"
document = "文"
agency_zh = "某市社保"
agency_en = "agency"
"""


def rule(table: str, key: str, *more: str, valid_from: str = "2020-01-01") -> str:
    return "\n".join(
        [
            f"[[{table}]]",
            f'key = "{key}"',
            f"valid_from = {valid_from}",
            'document = "文"\narticle = "一"\nzh = "中"\nen = "e"\nmark = "P"',
            *more,
            "",
        ]
    )


PLACED = rule("placement", "placement", 'by = ["residence"]')
ENDS = rule("step", COMPLETION, 'name_zh = "收"\nname_en = "in"\nby = ["community"]')


def one_step(key: str, *needs: str) -> str:
    return rule("step", key, 'name_zh = "步"\nname_en = "step"\nby = ["enterprise"]', f"needs = {list(needs)}")


def somewhere(*rules: str) -> CityLaw:
    law = parse_law({"national.toml": NATIONAL}, {"somewhere.toml": _SMALL + "\n".join(rules)})
    found = law.city_law("999900001001", DAY)
    assert found is not None
    return found


def test_a_new_city_is_a_new_file() -> None:
    law = somewhere(PLACED, one_step("second", "first"), one_step("first"), ENDS)
    assert [one.key for one in law.steps] == ["first", "second", COMPLETION], "each after those it needs"


def test_a_step_added_later_is_not_asked_of_what_was_proposed_before() -> None:
    later = one_step("extra").replace("2020-01-01", "2024-01-01")
    law = parse_law({"national.toml": NATIONAL}, {"somewhere.toml": _SMALL + PLACED + ENDS + later})
    for day, keys in ((date(2023, 12, 31), [COMPLETION]), (date(2024, 1, 1), [COMPLETION, "extra"])):
        found = law.city_law("999900001001", day)
        assert found is not None
        assert [one.key for one in found.steps] == keys
    pinned = law.pinned(date(2023, 1, 1)).city_law("999900001001", DAY)
    assert pinned is not None
    assert [one.key for one in pinned.steps] == [COMPLETION]


def test_a_city_may_have_its_own_version_of_a_national_rule() -> None:
    own = rule("rule", "verification-cycle", "months_after = 6\nwarn_days = 30")
    law = parse_law({"national.toml": NATIONAL}, {"somewhere.toml": _SMALL + PLACED + ENDS + own})
    assert law.local("verification-cycle", DAY, "999900001001").months_after == 6
    assert law.local("verification-cycle", date(2019, 1, 1), "999900001001").months_after == 12, (
        "before it, the nation's"
    )
    assert law.local("verification-cycle", DAY, SZ).months_after == 12


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ([PLACED], "step handover-completed: no step completes a handover"),
        ([ENDS], "placement: there must be one rule"),
        ([PLACED, PLACED.replace('"placement"', '"other"'), ENDS], "placement: there must be one rule"),
        ([PLACED, ENDS, one_step("a", "b")], "step a: needs b, which is no step"),
        (
            [PLACED, ENDS, one_step("a", "b"), one_step("b", "c"), one_step("c", "a")],
            "step a: goes round in a circle with b, c",
        ),
        ([PLACED, ENDS, one_step("a", "a")], "step a: goes round in a circle"),
        ([PLACED, ENDS, one_step("a", COMPLETION)], "step a: comes after the completion"),
        ([PLACED, ENDS.replace('en = "e"', "")], "step handover-completed: Object missing required field `en`"),
        ([PLACED, ENDS.replace('zh = "中"', 'zh = ""')], "step handover-completed: .*zh"),
        ([PLACED, ENDS.replace('name_zh = "收"', "")], "step handover-completed: .*name_zh"),
        ([PLACED, ENDS.replace("community", "comunity")], "step handover-completed: Invalid enum value 'comunity'"),
        ([PLACED, ENDS, ENDS], "step: handover-completed: the version from 2020-01-01 does not follow"),
        ([PLACED, ENDS.replace("2020-01-01", "2020-01-01\nvalid_to = 2019-01-01")], "ends before it begins"),
        ([PLACED, ENDS.replace("2020-01-01", "2020-01-01\nvalid_to = 2024-01-01")], r"no step completes .*2024-01-02"),
        ([PLACED, ENDS, rule("target", "t", 'due = 2024-01-01\nstep = "x"')], "target t: x is no step"),
        ([PLACED, ENDS, rule("fee", "f", 'payer = "enterprise"\nbefore = "x"')], "fee f: x is no step"),
        ([PLACED, ENDS, rule("fee", "f", 'payer = "enterprise"\namount = "1000"')], "fee f: .*amount"),
        (
            [
                PLACED,
                ENDS,
                rule("fee", "f", 'payer = "enterprise"'),
                rule("fee", "g", 'payer = "enterprise"\nkinds = ["other"]'),
            ],
            "fee g: concerns the same enterprises as f",
        ),
        (
            [PLACED, ENDS, rule("duty", "d", 'by = ["community"]\nfacts = ["wedding.v1"]')],
            "duty d: there is no fact wedding.v1",
        ),
        ([PLACED, ENDS, rule("rule", "no-such-rule")], "rule no-such-rule: there is no national rule"),
        ([PLACED, ENDS, rule("visit", "v", "groups = []")], "unknown field `visit`"),
        ([PLACED, ENDS, '[fee]\nkey = "f"'], r"fee: write each of them as \[\[fee\]\]"),
    ],
)
def test_a_wrong_city_is_refused_by_file_and_key(rules: Sequence[str], named: str) -> None:
    with pytest.raises(LawError, match=rf"^somewhere\.toml: .*{named}|^somewhere\.toml: {named}"):
        somewhere(*rules)


def test_two_files_of_one_city_are_refused() -> None:
    text = _SMALL + PLACED + ENDS
    with pytest.raises(LawError, match=r"one\.toml, two\.toml: code"):
        parse_law({"national.toml": NATIONAL}, {"one.toml": text, "two.toml": text})


FIFTH = """
code = "320500000000"
zh = "苏州市"
en = "Suzhou"
document = "某办发〔2022〕1号"
agency_zh = "苏州市社会保险经办机构"
agency_en = "Suzhou social insurance agency"

[[placement]]
key = "placement"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第二条"
zh = "按常年居住地"
en = "by residence"
mark = "P"
by = ["residence"]

[[step]]
key = "health-checked"
name_zh = "健康体检"
name_en = "health check"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第三条（一）"
zh = "移交前体检"
en = "a check before the handover"
mark = "P"
by = ["enterprise"]

[[step]]
key = "fee-paid"
name_zh = "缴费"
name_en = "fee paid"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第三条（二）"
zh = "企业缴费"
en = "the enterprise pays"
mark = "P"
by = ["community"]
needs = ["health-checked"]
where = { kinds = ["municipal"] }

[[step]]
key = "handover-completed"
name_zh = "社区接收"
name_en = "received"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第四条"
zh = "社区接收"
en = "the community receives"
mark = "P"
by = ["community"]
needs = ["health-checked", "fee-paid"]

[[fee]]
key = "fee"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第五条"
zh = "每人600元"
en = "600 yuan a person"
mark = "P"
payer = "enterprise"
amount = "600.00"
kinds = ["municipal"]

[[staff]]
key = "staff"
valid_from = 2022-01-01
document = "某办发〔2022〕1号"
article = "第六条"
zh = "每100人配1人"
en = "one for 100"
mark = "P"
retirees_per_person = 100
"""


def test_somebody_is_handed_over_by_a_city_that_is_a_file_and_no_code() -> None:
    """Its own step in its own order, its own fee and staff: decided, viewed and counted."""
    law = parse_law({"national.toml": NATIONAL}, {"suzhou.toml": FIFTH})
    home = "320508001001"
    who = registration(home)
    first = proposed(K.MUNICIPAL, batch="五")
    checked, payment = step(D.ENTERPRISE, "health-checked"), paid(D.COMMUNITY, "600.00")
    facts = [by(D.AGENCY, who), first, checked, payment, completed(home)]

    def decided(*known: Known) -> RetireeState:
        state = RetireeState()
        for one in known:
            for decision in decide(RETIREE, state, one, law, DAY):
                state = evolve(state, decision)
        return state

    for wrong, code in (
        (payment, "handover-step-too-early"),
        (completed(home), "handover-open-steps"),
        (step(D.COMMUNITY, "health-checked"), "handover-step-not-yours"),
        (step(D.ENTERPRISE, "agreement"), "handover-step-unknown"),
    ):
        with pytest.raises(Refused, match=code):
            decided(*facts[:2], wrong)
    with pytest.raises(Refused, match="fee-amount-differs"):
        decided(*facts[:3], paid(D.COMMUNITY, "599.00"))
    state = decided(*facts)
    assert stage(state.handover, who, law, DAY) is Stage.COMPLETED
    assert serving_office(state.handover, who, law, DAY).division == home

    batches = counted([_viewed(facts, law), _viewed(facts[:3], law)], law, DAY)
    (batch,) = batches
    assert (batch.city_zh, batch.people, batch.completed, batch.staff) == ("苏州市", 2, 1, 1)
    assert [(one.step, one.name_zh) for one in batch.steps] == [("fee-paid", "缴费"), (COMPLETION, "社区接收")]
    assert [(fee.amount, fee.rule.article) for fee in batch.fees] == [("1200.00", "第五条")]


def _viewed(facts: Sequence[Known], law: Law) -> HandoverLine:
    row = None
    for entry in entries(facts[1:]):
        row = handovers.fold(RETIREE, row, entry)
    assert row
    who = facts[0].fact
    assert isinstance(who, RetirementRegistered)
    found = asdict(row) | asdict(who) | {"registered": True, "community": who.residence_division}
    (line,) = handovers.lines(found | {"retired_on": who.effective}, law, DAY)
    return line
