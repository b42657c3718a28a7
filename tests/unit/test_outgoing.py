"""What leaves the log: every alert event goes to the alerts' topic, every fact to the life events', and its publisher has a receipt."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest

from domain.decide import AlertEscalated, AlertWithdrawn
from domain.facts import LIFE_EVENTS as FACTS
from domain.facts import Department, GoneMissing
from domain.history import STORED_NAMES, Entry, Event, FactPublished, delivery
from infra.keys import KeyRing
from services.api.documents import asyncapi
from services.outgoing import ALERTS, LIFE_EVENTS, messages, receipts
from services.receipts import Notary
from tests.building import RETIREE

WITHDRAWN = AlertWithdrawn(alert="a-1", retiree=RETIREE, office="social-insurance/440300000000", evidence=())
ESCALATED = AlertEscalated(
    alert="a-1", retiree=RETIREE, office="social-insurance/440300000000", act_by=date(2024, 4, 30)
)
NOTARY = Notary(KeyRing(bytes(range(32))))


def entry(name: str, event: Event) -> Entry:
    return Entry(7, datetime(2024, 5, 1, tzinfo=UTC), UUID(str(RETIREE)), 3, name, event)


@pytest.mark.parametrize(
    ("name", "event"),
    [("pension-alert-withdrawn.v1", WITHDRAWN), ("pension-alert-escalated.v1", ESCALATED)],
    ids=["withdrawn", "escalated"],
)
def test_what_becomes_of_an_alert_goes_where_the_alert_went(name: str, event: AlertWithdrawn | AlertEscalated) -> None:
    one = entry(name, event)
    (message,) = messages(one)
    assert (message.topic, message.key) == (ALERTS, str(RETIREE).encode())
    sent = msgspec.json.decode(message.value)
    assert (sent["id"], sent["type"], sent["data"]["alert"]) == ("7", name, "a-1")
    recorded = delivery(Department.AGENCY, ALERTS, [one])
    assert recorded
    assert recorded.alerts == ("a-1",)


def test_a_fact_of_any_kind_is_told_without_its_members_and_has_a_receipt() -> None:
    fact = GoneMissing(effective=date(2024, 2, 10), document="公〔2024〕1号")
    published = FactPublished(
        source="/police/shenzhen",
        id="m-1",
        department=Department.POLICE,
        published_by="gateway",
        channel="http",
        learnt=date(2024, 3, 1),
        fact=fact,
        sealed=b"",
        digest=b"",
    )
    one = entry("gone-missing.v1", published)
    (told,), (receipt,) = messages(one), receipts(one, NOTARY.signed)
    assert (told.topic, receipt.topic) == (LIFE_EVENTS, "receipts.police")
    assert set(msgspec.json.decode(told.value)["data"]) == {"retiree", "source", "id", "department", "effective"}


def test_the_document_lists_every_alert_event_and_every_fact() -> None:
    channels = asyncapi()["channels"]
    alerts = {name for name in STORED_NAMES if name.startswith("pension-alert-")}
    assert set(channels["alerts-pension"]["messages"]) == {name.replace(".", "-") for name in alerts}
    told = {"told-records-joined-v1", "told-records-parted-v1", *(f"told-{name}".replace(".", "-") for name in FACTS)}
    assert set(channels["life-events"]["messages"]) == told
