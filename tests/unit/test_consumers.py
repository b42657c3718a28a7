"""What a consumer gets: by type, by office, and the members of data that it needs; and what nobody may ask for."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from domain.alerts import Action, Strength
from domain.consumers import Terms
from domain.facts import DeathReported, Department, LifeEvent, Sentence, Sentenced
from domain.history import Entry, FactPublished
from domain.kinds import Kind
from domain.law import Citation
from domain.money import Yuan
from domain.months import Month
from domain.refusals import Refused
from domain.told import AlertRaised
from infra import codec
from infra.keys import KeyRing
from infra.webhooks import Reach
from services.accepting.receipts import Notary
from services.consumers import catalogue
from services.consumers.selecting import Leaves, selected
from services.sentences import SENTENCES

LEAVES = Leaves(Notary(KeyRing(bytes(range(32)))).signed, lambda _: None)
LEARNT = LEAVES._replace(learners={Department.CIVIL_AFFAIRS})
RETIREE = UUID("5e3c2f6e-0000-4000-8000-000000000001")
AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AGENCY = Terms(department=Department.AGENCY, kind="webhook", url="https://hooks.agency.example/in")
ALERT = AlertRaised(
    alert=f"{RETIREE}-1",
    retiree=RETIREE,
    kind=Kind.DEATH,
    action=Action.STOP,
    first_month=Month("2026-12"),
    last_month=None,
    months=0,
    amount=Yuan("0.00"),
    strength=Strength.CONFIRMED,
    rule=Citation("death-stops", "劳社厅发〔2001〕8号", "一", "死亡次月起停发", "stops from the next month"),
    evidence=(),
    office="social-insurance/440300000000",
    act_by=date(2026, 12, 1),
)


def entry(event: Any, position: int = 7) -> Entry:
    return Entry(position, AT, RETIREE, 1, codec.stored_name(event), event)


def fact(told: LifeEvent, department: Department = Department.CIVIL_AFFAIRS) -> Entry:
    return entry(
        FactPublished(
            source=f"/{department}/shenzhen",
            id="1",
            department=department,
            published_by="gateway",
            channel="http",
            learnt=date(2026, 11, 23),
            fact=told,
            sealed=b"sealed",
            digest=b"digest",
        )
    )


DEATH = fact(DeathReported(effective=date(2026, 11, 20)))


def types(one: Entry, terms: Terms, leaves: Leaves = LEAVES) -> list[str]:
    return [item.type for item in selected(one, terms, leaves)]


def test_the_agency_gets_alerts_life_events_and_its_own_receipts_and_nobody_else_gets_alerts() -> None:
    civil = replace(AGENCY, department=Department.CIVIL_AFFAIRS)
    assert types(entry(ALERT), AGENCY) == ["pension-alert-raised.v1"]
    assert types(entry(ALERT), civil) == []
    assert types(DEATH, AGENCY) == ["death-reported.v1"]
    assert types(DEATH, civil) == ["receipt.v1"]


def test_life_events_go_to_the_declared_readers_of_their_topic_and_to_nobody_else() -> None:
    civil, health = replace(AGENCY, department=Department.CIVIL_AFFAIRS), replace(AGENCY, department=Department.HEALTH)
    assert types(DEATH, civil, LEARNT) == ["death-reported.v1", "receipt.v1"]
    assert types(DEATH, health, LEARNT) == types(entry(ALERT), civil, LEARNT) == []
    assert types(DEATH, AGENCY, LEARNT) == ["death-reported.v1"]
    wanted = replace(civil, types=("death-*",))
    catalogue.check(wanted, Reach(), LEARNT.learners)
    with pytest.raises(Refused, match="consumer-type-unknown"):
        catalogue.check(wanted, Reach(), ())


def test_a_consumer_gets_what_the_topic_carries_byte_for_byte_unless_it_wants_less() -> None:
    (item,) = selected(entry(ALERT), AGENCY, LEAVES)
    event = msgspec.json.decode(item.body)
    assert (item.event, event["id"], event["subject"]) == ("7", "7", str(RETIREE))
    assert set(event["data"]) >= {"alert", "retiree", "action", "office", "rule"}


@pytest.mark.parametrize(
    ("wanted", "gets"),
    [
        (("pension-alert-raised.v1",), True),
        (("pension-alert-*",), True),
        (("death-*", "pension-*"), True),
        (("*",), True),
        (("pension-alert-withdrawn.v1",), False),
        (("pension-alert-raised",), False),
        (("death-*",), False),
    ],
)
def test_types_are_named_whole_or_by_their_beginning(wanted: tuple[str, ...], gets: bool) -> None:
    assert bool(types(entry(ALERT), replace(AGENCY, types=wanted))) is gets


@pytest.mark.parametrize(
    ("offices", "gets"),
    [
        (("social-insurance/4403",), True),
        (("social-insurance",), True),
        (("4403",), True),
        (("2102", "440300000000"), True),
        (("social-insurance/2102",), False),
        (("2102",), False),
    ],
)
def test_offices_are_named_by_their_beginning_or_by_their_division(offices: tuple[str, ...], gets: bool) -> None:
    assert bool(types(entry(ALERT), replace(AGENCY, offices=offices))) is gets


def test_what_belongs_to_no_office_is_not_for_a_consumer_of_one() -> None:
    assert types(DEATH, replace(AGENCY, offices=("4403",))) == []


def test_only_the_members_wanted_leave_and_whom_it_is_about_is_one_of_them() -> None:
    (item,) = selected(entry(ALERT), replace(AGENCY, fields=("alert", "action")), LEAVES)
    event = msgspec.json.decode(item.body)
    assert event["data"] == {"alert": f"{RETIREE}-1", "action": "stop"}
    assert str(RETIREE) not in str(event | {"data": None})
    (item,) = selected(entry(ALERT), replace(AGENCY, fields=("retiree",)), LEAVES)
    event = msgspec.json.decode(item.body)
    assert (event["subject"], event["data"]) == (str(RETIREE), {"retiree": str(RETIREE)})


def test_a_sentence_is_told_to_nobody_but_by_its_receipt_to_the_court() -> None:
    sentenced = fact(Sentenced(effective=date(2026, 11, 20), sentence=Sentence.FIXED_TERM), Department.COURT)
    court = replace(AGENCY, department=Department.COURT)
    assert types(sentenced, AGENCY) == []
    (item,) = selected(sentenced, court, LEAVES)
    assert (item.type, item.place, item.last, item.cursor(7)) == ("receipt.v1", 1, True, "7")


def test_a_place_in_the_middle_of_an_entry_has_a_cursor_of_its_own() -> None:
    told, receipt = selected(DEATH, replace(AGENCY, department=Department.CIVIL_AFFAIRS), LEARNT)
    assert (told.cursor(7), receipt.cursor(7)) == ("7.1", "7")
    assert (told.event, receipt.event) == ("7", "receipt-7")


@pytest.mark.parametrize(
    "terms",
    [
        AGENCY,
        replace(AGENCY, types=("pension-alert-*", "death-reported.v1", "receipt.v1"), offices=("4403",)),
        replace(AGENCY, fields=("alert", "source", "position", "code", "goes_on")),
        Terms(department=Department.CIVIL_AFFAIRS, kind="feed", account="civil-1", types=("relocated.v1",)),
        Terms(department=Department.COMMUNITY, kind="feed", account="community-1", types=("receipt.v1",)),
    ],
)
def test_terms_that_can_be_had(terms: Terms) -> None:
    catalogue.check(terms, Reach(), LEARNT.learners)


@pytest.mark.parametrize(
    ("terms", "code", "path"),
    [
        (replace(AGENCY, url="http://hooks.agency.example/"), "consumer-url-refused", "url"),
        (replace(AGENCY, url="https://10.0.0.1/"), "consumer-url-refused", "url"),
        (replace(AGENCY, url=""), "consumer-url-refused", "url"),
        (replace(AGENCY, url="https://hooks.agency.example/in?token=secret"), "consumer-url-refused", "url"),
        (replace(AGENCY, url="https://a.example/11010519491231002X"), "identity-number-in-id", "url"),
        (replace(AGENCY, account="agency"), "consumer-invalid", "account"),
        (Terms(department=Department.AGENCY, kind="feed"), "consumer-invalid", "account"),
        (replace(AGENCY, kind="feed", account="agency"), "consumer-invalid", "account"),
        (replace(AGENCY, offices=("深圳",)), "consumer-invalid", "offices"),
        (replace(AGENCY, types=("pension-alert-riased.v1",)), "consumer-type-unknown", "types"),
        (replace(AGENCY, types=("alerts.*",)), "consumer-type-unknown", "types"),
        (
            replace(AGENCY, department=Department.POLICE, types=("pension-alert-raised.v1",)),
            "consumer-type-unknown",
            "types",
        ),
        (replace(AGENCY, fields=("identity_number",)), "consumer-field-unknown", "fields"),
        (replace(AGENCY, types=("death-*",), fields=("alert",)), "consumer-field-unknown", "fields"),
    ],
)
def test_terms_that_nobody_can_have(terms: Terms, code: str, path: str) -> None:
    with pytest.raises(Refused) as caught:
        catalogue.check(terms, Reach(), ())
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.code in SENTENCES


@pytest.mark.parametrize("name", ["", "Agency", "1st", "agency hook", "钩", "a" * 64, "agency.hook"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(Refused, match="consumer-invalid"):
        catalogue.check_name(name)


@pytest.mark.parametrize("words", ["", " ", "x" * 201, "由 11010519491231002X 申请"])
def test_words_that_are_kept_in_clear_are_short_and_name_nobody(words: str) -> None:
    with pytest.raises(Refused):
        catalogue.check_words(reason=words)
