"""What leaves the log: every alert event goes to the alerts' topic, every fact to the life events', and its publisher has a receipt."""

from datetime import UTC, date, datetime
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from domain.completeness import Finding
from domain.facts import LIFE_EVENTS as FACTS
from domain.facts import Department, GoneMissing, Reference
from domain.history import STORED_NAMES, Entry, Event, FactPublished, delivery
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra import codec
from infra.keys import KeyRing
from services.accepting.receipts import Notary
from services.api.documents import asyncapi
from services.bus.outgoing import ALERTS, LIFE_EVENTS, SOURCE_ALERTS, contests, messages, receipts
from tests.building import RETIREE
from tests.unit.test_codec import AT, STORED

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


# Sources


@pytest.mark.parametrize("name", sorted(str(kind.__struct_config__.tag) for kind in get_args(Finding)))
def test_what_is_found_out_about_a_source_goes_to_it_and_to_the_agency_alike(name: str) -> None:
    for path in (STORED / "events" / name).glob("*.json"):
        one = codec.decode(7, AT, UUID(int=1), 1, name, path.read_bytes())
        agency, source = messages(one)
        assert (agency.topic, source.topic) == (SOURCE_ALERTS, "receipts.civil-affairs")
        assert agency.key == source.key == b"/civil-affairs/shenzhen"
        assert agency.value == source.value
        sent = msgspec.json.decode(agency.value)
        assert (sent["id"], sent["type"], sent["subject"]) == ("7", name, "/civil-affairs/shenzhen")


@pytest.mark.parametrize("name", ["source-heartbeat.v1", "batch-closed.v1", "sequences-unused.v1"])
def test_a_report_of_a_source_leaves_as_a_receipt_alone_which_names_nobody(name: str) -> None:
    for path in (STORED / "events" / name).glob("*.json"):
        one = codec.decode(7, AT, UUID(int=1), 1, name, path.read_bytes())
        assert list(messages(one)) == []
        (receipt,) = receipts(one, NOTARY.signed)
        data = msgspec.json.decode(receipt.value)["data"]
        assert (data["status"], data["position"]) == ("accepted", 7)
        assert "retiree" not in data


def test_a_contested_alert_is_told_to_each_source_with_its_own_events_and_without_the_reason() -> None:
    evidence = (
        Reference("/civil-affairs/shenzhen", "1"),
        Reference("/police/shenzhen", "2"),
        Reference("/civil-affairs/shenzhen", "3"),
    )
    path = STORED / "events" / "pension-alert-raised.v1" / "recover-death.json"
    raised = codec.decode(1, AT, UUID(int=1), 1, path.parent.name, path.read_bytes()).event
    assert isinstance(raised, AlertRaised)
    alert = msgspec.structs.replace(raised, evidence=evidence)
    stored = (STORED / "events" / "alert-contested.v1" / "full.json").read_bytes()
    one = codec.decode(7, AT, RETIREE, 1, "alert-contested.v1", stored)
    told = list(contests(one, lambda _: alert))
    assert [message.topic for message in told] == ["receipts.civil-affairs", "receipts.police"]
    sent = [msgspec.json.decode(message.value) for message in told]
    assert [one["data"]["ids"] for one in sent] == [["1", "3"], ["2"]]
    assert [one["id"] for one in sent] == ["7-1", "7-2"]
    assert all(set(one["data"]) == {"alert", "retiree", "source", "ids"} for one in sent)
    assert list(contests(one, lambda _: None)) == []
