"""The story: a death is published, the pension stops, everybody who must know learns of it; taken back, it resumes."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from html import unescape
from threading import Thread
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from domain.facts import DeathReported, DeathRetracted, Person
from domain.rights import masks
from infra.submissions import Submission
from services import bootstrap
from services.settings import Settings
from tests import building
from tests.acceptance.running import (
    SHENZHEN_COMMUNITY,
    USED,
    Json,
    Somebody,
    System,
    conforms,
    death,
    event,
    retirement,
    retraction,
    somebody,
    structured,
    wait_until,
)

AGENCY = "social-insurance/440300000000"
PATIENCE = 20.0
"""Seconds within which an alert must come even on a machine busy with other things; the target is one."""

SHOWN = (
    "identity_number.masked, name.masked, phone.masked, address.masked, community, retired_on, monthly_pension.masked, "
    "party_member, special_groups, status, stopped_from, verify_alert, keeper, served_since, pension.masked, "
    "verified_on, verify_by, contact_card_on, health_file_on, visited_on, moving_to, moved_on"
)
"""What a community's look at its roster shows of somebody."""


class Stream:
    """Somebody who listens to `GET /v1/alerts/stream` from a position on."""

    def __init__(self, system: System, after: int) -> None:
        self.events: list[tuple[float, str, str, Json]] = []
        self._client = system.client("officer")
        self._opened = False
        self._thread = Thread(target=self._listen, args=[after], daemon=True)
        self._thread.start()
        wait_until(lambda: self._opened, "the event stream to open", 10)

    def _listen(self, after: int) -> None:
        try:
            with self._client.stream("GET", "/v1/alerts/stream", params={"since": after}) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                self._opened = True
                fields: dict[str, str] = {}
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if line:
                        fields[name] = value
                    elif "data" in fields:
                        told = time.monotonic(), fields["event"], fields["id"], json.loads(fields["data"])
                        self.events.append(told)
                        fields = {}
        except httpx.HTTPError:
            pass  # we hung up

    def wait_for(self, retiree: str, action: str) -> tuple[float, str, str, Json]:
        def found() -> Any:
            return [
                e for e in self.events if (e[3]["data"]["retiree"], e[3]["data"].get("action")) == (retiree, action)
            ]

        matching: list[tuple[float, str, str, Json]] = wait_until(found, f"{action} on the stream", PATIENCE, 0.005)
        return matching[0]

    def close(self) -> None:
        self._client.close()
        self._thread.join(5)


class Story(NamedTuple):
    """What was published, and what came of it."""

    who: Somebody
    retiree: str
    registered: Json
    before: int
    died: CloudEvent
    taken_back: CloudEvent
    stop: Json
    recover: Json
    resume: Json
    streamed: list[tuple[float, str, str, Json]]
    roster_when_stopped: Json


def alert_about(retiree: str, action: str) -> Callable[[Json], bool]:
    return lambda alert: alert["data"]["retiree"] == retiree and alert["data"].get("action") == action


def roster_line(system: System, retiree: str) -> Json:
    answer = system.get("/v1/roster", "community", division=SHENZHEN_COMMUNITY, limit=1_000)
    assert answer.status_code == 200, answer.text
    (line,) = (line for line in answer.json() if line["retiree"] == retiree)
    found: Json = line
    return found


def months_until_now(first: str) -> int:
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    return (now.year - int(first[:4])) * 12 + now.month - int(first[5:]) + 1


@pytest.fixture(scope="module")
def story(system: System) -> Iterator[Story]:
    """Registered over HTTP, dead by Kafka, alive again by Kafka; watched on every outlet."""
    who = somebody()
    registered = system.accept(retirement(who))
    retiree, before = registered["retiree"], system.position()
    system.topic("alerts.pension").all()
    stream = Stream(system, before)
    died = death(who)
    system.check(structured(died))
    system.producer.list_topics(timeout=20)  # a publisher that has been connected for long
    began = time.monotonic()
    system.publish(died)
    stop = system.alert(alert_about(retiree, "stop"), "the stop", PATIENCE)
    on_kafka = time.monotonic() - began
    streamed = stream.wait_for(retiree, "stop")
    recover = system.alert(alert_about(retiree, "recover"), "the recovery", PATIENCE)
    print(f"\nfrom publish to alert: {on_kafka * 1000:.0f} ms on Kafka, {(streamed[0] - began) * 1000:.0f} ms by SSE")  # noqa: T201
    system.settled()
    when_stopped = roster_line(system, retiree)
    taken_back = retraction(died, who)
    system.publish(taken_back, mode="binary")
    resume = system.alert(alert_about(retiree, "resume"), "the resumption", PATIENCE)
    stream.wait_for(retiree, "resume")
    system.settled()
    yield Story(who, retiree, registered, before, died, taken_back, stop, recover, resume, stream.events, when_stopped)
    stream.close()


def test_an_alert_is_there_within_moments(system: System, story: Story) -> None:
    """The target is a second from the publisher's hand to the agency's topic; asserted is only that it comes."""
    took = []
    for _ in range(10):
        who = somebody()
        retiree = system.accept(retirement(who))["retiree"]
        began = time.monotonic()
        system.publish(death(who))
        system.alert(alert_about(retiree, "stop"), "the stop", PATIENCE)
        took.append(round((time.monotonic() - began) * 1000))
    print(f"\nfrom publish to alert on Kafka, ms: {sorted(took)}")  # noqa: T201


def test_the_agency_is_told_to_stop_from_the_month_after(story: Story) -> None:
    told = story.stop["data"]
    assert (told["kind"], told["first_month"], told["last_month"]) == ("death", "2024-04", None)
    assert (told["strength"], told["office"]) == ("confirmed", AGENCY)
    assert told["rule"]["document"] == "劳社厅发〔2001〕8号"
    assert told["evidence"] == [{"source": "/civil-affairs/shenzhen", "id": story.died.get_id()}]
    assert story.stop["type"] == "pension-alert-raised.v1"
    assert story.stop["subject"] == story.retiree


def test_what_was_paid_since_is_to_be_recovered(story: Story) -> None:
    told = story.recover["data"]
    assert told["first_month"] == "2024-04"
    assert told["months"] == months_until_now("2024-04")
    assert told["amount"] == f"{345678 * told['months'] / 100:.2f}"


def test_taken_back_the_pension_resumes_and_the_old_alerts_are_replaced(story: Story) -> None:
    told = story.resume["data"]
    assert (told["kind"], told["amount"]) == ("death-retracted", "0.00")
    assert set(told["replaces"]) > {story.stop["data"]["alert"], story.recover["data"]["alert"]}  # and the grant
    assert {"source": "/civil-affairs/shenzhen", "id": story.taken_back.get_id()} in told["evidence"]


def test_the_inbox_shows_the_resumption_and_keeps_what_it_replaced(system: System, story: Story) -> None:
    rows = system.get("/v1/inbox", "officer", state="").json()
    mine = {row["action"]: row for row in rows if row["retiree"] == story.retiree}
    assert {action: row["state"] for action, row in mine.items()} == {
        "stop": "replaced",
        "recover": "replaced",
        "grant": "replaced",
        "resume": "open",
    }
    assert {row["stage"] for row in mine.values()} == {"raised"}
    assert mine["stop"]["replaced_by"] == story.resume["data"]["alert"]
    opened = system.get("/v1/inbox", "officer").json()
    assert [row["action"] for row in opened if row["retiree"] == story.retiree] == ["resume"]


def test_stream_cursor_and_topic_tell_the_very_same_alerts(system: System, story: Story) -> None:
    topic = [r.json for r in system.topic("alerts.pension").all() if r.key.decode() == story.retiree]
    unique = list({alert["id"]: alert for alert in topic}.values())
    streamed = [event for _, _, _, event in story.streamed if event["data"]["retiree"] == story.retiree]
    page = system.get("/v1/alerts", "officer", since=story.before, limit=1_000).json()
    behind_cursor = [alert for alert in page["alerts"] if alert["data"]["retiree"] == story.retiree]
    assert unique == streamed == behind_cursor
    assert [alert["data"]["action"] for alert in unique] == ["stop", "recover", "grant", "resume"]
    assert [(name, id_) for _, name, id_, event in story.streamed] == [
        (event["type"], event["id"]) for _, _, _, event in story.streamed
    ]


def test_the_cursor_goes_on_where_it_was_left(system: System, story: Story) -> None:
    first = system.get("/v1/alerts", "officer", since=story.before, limit=1).json()
    second = system.get("/v1/alerts", "officer", after=first["after"], limit=1).json()
    assert [first["alerts"][0]["data"]["action"], second["alerts"][0]["data"]["action"]] == ["stop", "recover"]
    end = system.get("/v1/alerts", "officer", since=system.position()).json()
    assert (end["alerts"], end["position"]) == ([], system.position())


def test_the_stream_goes_on_after_the_last_event_seen(system: System, story: Story) -> None:
    with (
        system.client("officer") as client,
        client.stream("GET", "/v1/alerts/stream", headers={"Last-Event-ID": story.stop["id"]}) as answer,
    ):
        first = next(line for line in answer.iter_lines() if line.startswith("id: "))
    assert first == f"id: {story.recover['id']}"


def test_the_roster_showed_the_stop_and_now_shows_the_resumption(system: System, story: Story) -> None:
    then, now = story.roster_when_stopped, roster_line(system, story.retiree)
    assert (then["status"], then["stopped_from"]) == ("stopped", "2024-04")
    assert (now["status"], now["stopped_from"]) == ("payable", None)
    number, name = story.who.identity_number, story.who.name
    assert now["person"] == {"identity_number": masks.identity_number(number), "name": masks.name(name)}
    assert now["monthly_pension"] == "****"


def test_the_audit_trail_says_who_published_received_and_read(system: System, story: Story) -> None:
    roster_line(system, story.retiree)
    system.get("/v1/inbox", "officer", state="", limit=1000)
    system.get("/v1/alerts", "officer", limit=1000)
    system.settled()
    rows = system.get("/v1/audit", "auditor", retiree=story.retiree).json()
    deeds = {(row["deed"], row["department"], row["actor"], row["what"]) for row in rows}
    assert deeds >= {
        ("published", "enterprise", "enterprise", "retirement-registered.v1"),
        ("published", "civil-affairs", "kafka:intake.civil-affairs", "death-reported.v1"),
        ("published", "civil-affairs", "kafka:intake.civil-affairs", "death-retracted.v1"),
        ("received", "social-insurance", "alerts.pension", "alerts"),
        ("read", "community", "community", SHOWN),
        ("received", "social-insurance", "http:officer", "alerts"),
        ("read", "social-insurance", "officer", "alerts"),
    }
    read = next(row for row in rows if row["deed"] == "read")
    assert read["purpose"]
    assert read["legal_basis"].startswith("个人信息保护法 第三十四条、")
    assert {row["retiree"] for row in rows} == {story.retiree}


def test_page_by_page_the_audit_trail_loses_nobody(system: System, story: Story) -> None:
    """One look at a roster is one record about many people: a page may end among them."""
    shown = {line["retiree"] for line in system.get("/v1/roster", "officer", limit=25).json()}
    assert len(shown) == 25
    system.settled()
    whole = system.get("/v1/audit", "auditor", limit=30).json()
    looked = whole[0]["position"]
    rows: list[Json] = []
    asked = "/v1/audit?limit=10"
    while asked and not (rows and rows[-1]["position"] < looked):
        answer = system.get(asked, "auditor")
        rows += answer.json()
        asked = answer.links.get("next", {}).get("url", "")
    assert {row["retiree"] for row in rows if row["position"] == looked} == shown


def test_civil_affairs_finds_its_receipts(system: System, story: Story) -> None:
    for published in (story.died, story.taken_back):
        receipt = next(system.receipts(published))
        assert (receipt["status"], receipt["retiree"]) == ("accepted", story.retiree)
        assert receipt["position"] > story.registered["position"]
    assert next(system.receipts(retirement_of(story))) == story.registered


def retirement_of(story: Story) -> CloudEvent:
    """An event by the identification of the story's registration."""
    source, id_ = story.registered["source"], story.registered["id"]
    return CloudEvent({"specversion": "1.0", "type": "retirement-registered.v1", "source": source, "id": id_}, {})


def test_the_life_feed_tells_the_events_without_the_person(system: System, story: Story) -> None:
    told = {r.json["id"]: r for r in system.topic("life-events").all() if r.key.decode() == story.retiree}
    assert [r.json["type"] for r in told.values()] == [
        "retirement-registered.v1",
        "death-reported.v1",
        "death-retracted.v1",
    ]
    died = list(told.values())[1].json["data"]
    assert died == {
        "retiree": story.retiree,
        "source": "/civil-affairs/shenzhen",
        "id": story.died.get_id(),
        "department": "civil-affairs",
        "effective": "2024-03-12",
    }


def test_what_the_agency_answers_comes_back_over_the_bus(system: System) -> None:
    """Acknowledged, then applied in a month: with a receipt each, to be seen in the inbox and on the life feed."""
    who = somebody()
    retiree = system.accept(retirement(who))["retiree"]
    system.publish(death(who))
    alert = system.alert(alert_about(retiree, "stop"), "the stop", PATIENCE)["data"]
    about = {"person": {"identity_number": who.identity_number}, "alert": alert["alert"]}
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    source = "/social-insurance/shenzhen"
    acknowledged = event("alert-acknowledged.v1", source, about | {"effective": today})
    applied = event("alert-applied.v1", source, about | {"effective": today, "month": alert["first_month"]})
    for answer, mode, stage in ((acknowledged, "structured", "acknowledged"), (applied, "binary", "applied")):
        system.check(structured(answer))
        system.publish(answer, mode=mode)
        receipt = next(system.receipts(answer))
        assert (receipt["status"], receipt["retiree"]) == ("accepted", retiree)
        system.settled()
        shown = system.get("/v1/inbox", "officer", state="").json()
        assert [row["stage"] for row in shown if row["alert"] == alert["alert"]] == [stage]
    told = [r.json["type"] for r in system.topic("life-events").all() if r.key.decode() == retiree]
    assert told[-2:] == ["alert-acknowledged.v1", "alert-applied.v1"]


def test_once_time_has_passed_the_months_are_owed(system: System) -> None:
    """The same ledger on other days: registered in 2015, dead to us from 20 May to 2 August 2024."""
    who = somebody()
    values = {
        "database_url": system.dsn,
        "changqing_key_file": system.data / "key",
    }
    parts = bootstrap.parts(Settings.model_validate(values))

    def learn(sent: Submission, on: date) -> None:
        (receipt,) = parts.application.ledger.accept([sent], on)
        assert not isinstance(receipt, Exception), receipt

    try:
        person = Person(identity_number=who.identity_number, name=who.name)
        id_ = who.identity_number[6:17]
        died = DeathReported(effective=date(2024, 3, 12))
        alive = DeathRetracted(effective=date(2024, 8, 1), retracts=f"d-{id_}")
        learn(building.submission(building.retirement(date(2015, 6, 30)), f"r-{id_}", person=person), date(2015, 7, 1))
        learn(building.submission(died, f"d-{id_}", person=person), date(2024, 5, 20))
        learn(building.submission(alive, f"x-{id_}", person=person), date(2024, 8, 2))
    finally:
        parts.application.close()

    def owed(alert: Json) -> bool:
        named = [fact["id"] for fact in alert["data"]["evidence"]]
        return alert["data"].get("action") == "pay-back" and f"x-{id_}" in named

    told = system.alert(owed, "the pay-back")["data"]
    assert (told["first_month"], told["last_month"], told["months"]) == ("2024-06", "2024-08", 3)
    assert told["amount"] == "10370.34"
    recovered = [
        r.json["data"] for r in system.topic("alerts.pension").all() if alert_about(told["retiree"], "recover")(r.json)
    ]
    assert [(a["first_month"], a["last_month"], a["amount"]) for a in recovered] == [("2024-04", "2024-05", "6913.56")]


def test_a_death_known_before_its_retiree_is_parked_and_stops_at_registration(system: System) -> None:
    who = somebody()
    parked = system.accept(death(who))
    assert parked["status"] == "parked"
    system.accept(retirement(who))
    stop = system.alert(alert_about(parked["retiree"], "stop"), "the stop")
    assert stop["data"]["first_month"] == "2024-04"


@pytest.mark.parametrize("way", ["HTTP", "Kafka"])
def test_what_a_community_reports_never_stops_a_pension(system: System, way: str) -> None:
    who = somebody()
    retiree = system.accept(retirement(who))["retiree"]
    rumour = death(who, source=f"/community/{SHENZHEN_COMMUNITY}")
    if way == "HTTP":
        system.accept(rumour)
    else:
        system.publish(rumour)
    verify = system.alert(alert_about(retiree, "verify"), "the request to verify")["data"]
    assert (verify["kind"], verify["strength"]) == ("suspected-death", "suspected")
    system.settled()
    topic = [r.json["data"]["action"] for r in system.topic("alerts.pension").all() if r.key.decode() == retiree]
    assert topic == ["verify"]
    line = roster_line(system, retiree)
    assert (line["status"], line["verify_alert"]) == ("payable", verify["alert"])


def test_a_death_under_another_name_is_verified_by_a_person_first(system: System) -> None:
    who = somebody()
    retiree = system.accept(retirement(who))["retiree"]
    system.accept(death(Somebody(who.identity_number, "司马他人")))
    verify = system.alert(alert_about(retiree, "verify"), "the request to verify")["data"]
    assert verify["kind"] == "identity-mismatch"
    system.settled()
    assert roster_line(system, retiree)["status"] == "payable"


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("way", ["HTTP", "Kafka"])
def test_each_way_and_mode_brings_the_same(system: System, way: str, mode: str) -> None:
    who = somebody()
    registered, died = retirement(who), death(who)
    for sent in (registered, died):
        if way == "HTTP":
            system.accept(sent, mode=mode)
        else:
            system.publish(sent, mode=mode)
            assert next(system.receipts(sent))["status"] == "accepted"
    receipt = next(system.receipts(died))
    stop = system.alert(alert_about(receipt["retiree"], "stop"), "the stop")
    assert stop["data"]["first_month"] == "2024-04"


def test_a_batch_over_http_gets_a_receipt_for_each_in_its_order(system: System) -> None:
    people = [somebody() for _ in range(3)]
    sent = [structured(retirement(who)) for who in people]
    for one in sent:
        system.check(one)
    sent[1]["data"]["monthly_pension"] = "much"
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = system.post_raw("enterprise", json.dumps(sent).encode(), headers)
    assert answer.status_code == 200
    first, refused, third = answer.json()
    assert [r["id"] for r in answer.json()] == [one["id"] for one in sent]
    assert (first["status"], refused["status"], third["status"]) == ("accepted", "refused", "accepted")
    assert (refused["code"], refused["path"]) == ("invalid-field", "data.monthly_pension")


PAGES = {
    "/pages/inbox": {"officer", "auditor"},
    "/pages/roster": {"community", "officer"},
    f"/pages/roster?division={SHENZHEN_COMMUNITY}": {"community", "officer"},
    "/pages/audit": {"auditor"},
}


@pytest.mark.parametrize("account", ["officer", "community", "auditor", "police"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_for_its_roles_only(system: System, story: Story, page: str, account: str) -> None:
    with system.client(account) as client:
        answer = client.get(page, headers={"accept": "text/html"})
    assert answer.status_code == (200 if account in PAGES[page] else 403)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "长青" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_a_page_without_credentials(system: System, page: str) -> None:
    for given in ({}, {"authorization": "Bearer guessed"}, {"cookie": "changqing=guessed"}):
        with httpx.Client(base_url=system.address, trust_env=False) as client:
            answer = client.get(page, headers=given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["code"] == "unauthenticated"


def test_the_front_page_is_open_to_everybody_and_says_ready(system: System) -> None:
    answer = system.get("/")
    assert answer.status_code == 200
    assert "系统已就绪" in answer.text


def test_pages_show_the_alert_and_the_person_to_those_who_may(system: System, story: Story) -> None:
    inbox, asked = "", "?state="
    while asked and story.retiree not in inbox:
        inbox = system.get(f"/pages/inbox{asked}", "officer").text
        earlier = re.search(r'href="(\?[^"]*before=[^"]+)"', inbox)
        asked = unescape(earlier[1]) if earlier else ""
    assert story.retiree in inbox
    assert "恢复发放" in inbox
    assert "已被替代" in inbox
    assert story.who.identity_number not in inbox
    roster = system.get("/pages/roster", "community", division=SHENZHEN_COMMUNITY).text
    assert any(masks.identity_number(person.identity_number) in roster for person in USED)
    assert not any(person.identity_number in roster for person in USED)
    assert "本次查看已记入审计轨迹" in roster
    audit = system.get("/pages/audit", "auditor", retiree=story.retiree).text
    assert "kafka:intake.civil-affairs" in audit


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("/pages/audit?retiree=nobody", "auditor"),
        ("/v1/audit?department=%00", "auditor"),
        ("/v1/roster?after=no.body", "officer"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_code(system: System, path: str, account: str) -> None:
    answer = system.get(path, account)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-request"


def test_a_community_does_not_see_beyond_its_division(system: System) -> None:
    answer = system.get("/v1/roster", "community", division="4101")
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


def references(document: Any) -> Iterator[str]:
    match document:
        case dict():
            for name, value in document.items():
                if name == "$ref":
                    yield value
                else:
                    yield from references(value)
        case list():
            for value in document:
                yield from references(value)
        case _:
            pass


def resolve(document: Json, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_a_document_is_whole(system: System, name: str) -> None:
    document: Json = getattr(system, name)
    found = set(references(document))
    assert found
    for reference in found:
        resolve(document, reference)
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_openapi_names_every_answer_of_every_operation(system: System) -> None:
    document = system.openapi
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= {
        "/v1/events",
        "/v1/alerts",
        "/v1/alerts/stream",
        "/v1/inbox",
        "/v1/roster",
        "/v1/audit",
        "/readyz",
    }
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            assert {"200", "201"} & set(operation["responses"])
            assert {"429", "500", "503"} <= set(operation["responses"])
    parameters = {
        p["name"] for path in document["paths"].values() for op in path.values() for p in op.get("parameters", ())
    }
    assert not parameters & {"identity_number", "name", "phone", "address"}


def test_asyncapi_names_the_topics_that_are_there(system: System) -> None:
    there = set(system.producer.list_topics(timeout=20).topics)
    addresses = {channel["address"] for channel in system.asyncapi["channels"].values()}
    assert addresses == {topic for topic in there if not topic.startswith("__")}


@pytest.mark.parametrize(
    "name", ["alerts.pension", "life-events", "receipts.civil-affairs", "receipts.enterprise", "dead-letters"]
)
def test_what_comes_out_fits_the_asyncapi_document(system: System, story: Story, name: str) -> None:
    if name == "dead-letters":
        system.publish_raw("intake.civil-affairs", b"{")
        system.topic(name).wait_for(lambda _: True, "a dead letter")
    (channel,) = (c for c in system.asyncapi["channels"].values() if c["address"] == name)
    messages = [resolve(system.asyncapi, message["$ref"]) for message in channel["messages"].values()]
    records = system.topic(name).all()
    assert records
    for record in records:
        type_ = "dead-letter" if name == "dead-letters" else record.json["type"]
        (message,) = (message for message in messages if message["name"] == type_)
        conforms(system.asyncapi, message["payload"]["$ref"].rpartition("/")[2], record.json)


@pytest.mark.parametrize("name", ["alerts.pension", "life-events", "receipts.civil-affairs"])
def test_what_comes_out_is_read_by_the_official_sdk(system: System, story: Story, name: str) -> None:
    """Structured mode says so in its content type, as the Kafka binding demands: else a consumer cannot tell."""
    record = next(r for r in system.topic(name).all() if r.json["type"] != "retirement-registered.v1")
    message = kafka.KafkaMessage(record.headers, record.key, record.value)
    assert kafka.from_structured_event(message).get_source() == "/changqing"
    assert record.headers.get("content-type", b"").startswith(b"application/cloudevents+json")
    assert kafka.from_kafka_event(message).get_id() == record.json["id"]


def test_answers_over_http_fit_the_openapi_document(system: System, story: Story) -> None:
    conforms(system.openapi, "SignedReceipt", story.registered)
    conforms(system.openapi, "AlertPage", system.get("/v1/alerts", "officer").json())
    conforms(system.openapi, "RosterLine", roster_line(system, story.retiree))
    message = http.to_structured_event(death(somebody(), on="2999-01-01"))
    refused = system.post_raw("civil-affairs", message.body, message.headers)
    assert refused.status_code == 422
    problem = system.openapi["paths"]["/v1/events"]["post"]["responses"]["422"]["content"]["application/problem+json"]
    conforms(system.openapi, problem["schema"]["allOf"][0]["$ref"].rpartition("/")[2], refused.json())


def test_retirees_are_ids_on_every_topic(system: System, story: Story) -> None:
    for name in ("alerts.pension", "life-events"):
        assert {UUID(r.key.decode()) for r in system.topic(name).all()}
