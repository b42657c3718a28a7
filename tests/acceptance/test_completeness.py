"""Numbers, heartbeats and batches over the real bus: both sides learn what did not come, and a source can ask."""

import json
import re
from html import unescape
from typing import Any

from cloudevents.core.v1.event import CloudEvent

from tests.acceptance.running import Json, System, conforms, death, event, retirement, serial, somebody, structured

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


def numbered(source: str, number: int, **more: Any) -> Json:
    return structured(death(somebody(), source=source)) | {"sequence": f"{number:06d}", **more}


def told(system: System, topic: str, type_: str, source: str) -> Json:
    """The finding of a type about a source on a topic, as the document says it must be."""
    found = system.topic(topic).wait_for(
        lambda record: (record.json["type"], record.json.get("subject")) == (type_, source), f"{type_} of {source}"
    )
    assert found.key == source.encode()
    conforms(system.asyncapi, f"event.{type_}", found.json)
    return found.json


def both_sides(system: System, type_: str, source: str) -> Json:
    """The same for the source and for the agency."""
    agency = told(system, "alerts.sources", type_, source)
    assert told(system, "receipts.civil-affairs", type_, source) == agency
    data: Json = agency["data"]
    return data


def pages_of(system: System, path: str) -> str:
    """Every page of a list, one after another."""
    pages, asked = "", path
    while asked:
        page = system.get(asked, "auditor").text
        pages += page
        later = re.search(r'href="(\?after=[^"]+)"', page)
        asked = path + unescape(later[1]) if later else ""
    return pages


def test_what_did_not_come_is_told_to_both_sides_and_can_be_asked_until_it_comes(system: System) -> None:
    source = f"/civil-affairs/{serial('city')}"
    together = [numbered(source, number) for number in (1, 4, 3)]
    assert system.post_raw("civil-affairs", json.dumps(together).encode(), BATCH).status_code == 200
    beat = event("source-heartbeat.v1", source, {"sequence": 5})
    system.publish(beat)
    receipt = next(system.receipts(beat))
    assert receipt["status"] == "accepted"
    assert "retiree" not in receipt
    found = [both_sides(system, "source-gap-found.v1", source)]
    asked = system.get("/v1/sources/missing", "civil-affairs", source=source).json()["missing"]
    runs = [(run["first"], run["last"]) for run in asked["missing"]]
    assert (found[0]["first"], found[0]["last"]) in runs == [(2, 2), (5, 5)]
    for number in (2, 5):
        system.publish_raw("intake.civil-affairs", json.dumps(numbered(source, number)).encode())
    both_sides(system, "source-gap-closed.v1", source)
    system.settled()
    assert system.get("/v1/sources/missing", "officer", source=source).json()["missing"]["count"] == 0
    assert system.get("/v1/sources/missing", "police", source=source).status_code == 403
    assert source in pages_of(system, "/pages/sources")


def test_a_refused_event_fills_its_number_and_one_given_twice_is_told(system: System) -> None:
    source = f"/civil-affairs/{serial('city')}"
    refused = numbered(source, 1, type="death-guessed.v1")
    assert system.post_raw("civil-affairs", json.dumps(refused).encode(), STRUCTURED).status_code == 422
    sent = [numbered(source, 2), numbered(source, 2)]
    answer = system.post_raw("civil-affairs", json.dumps(sent).encode(), BATCH)
    assert {one["status"] for one in answer.json()} <= {"accepted", "parked"}
    (fork,) = both_sides(system, "source-fork-found.v1", source)["forks"]
    assert (fork["sequence"], fork["id"], fork["other"]) == (2, sent[0]["id"], sent[1]["id"])
    assert system.get("/v1/sources/missing", "auditor", source=source).json()["missing"]["count"] == 0


def test_a_batch_is_told_to_be_whole(system: System) -> None:
    source, batch = f"/civil-affairs/{serial('city')}", serial("batch")
    for number in (1, 2):
        system.publish_raw("intake.civil-affairs", json.dumps(numbered(source, number, batch=batch)).encode())
    system.accept(event("batch-closed.v1", source, {"batch": batch, "count": 2, "first": 1, "last": 2}))
    assert both_sides(system, "batch-complete.v1", source)["batch"] == batch


def test_a_source_learns_that_the_agency_contests_what_its_fact_led_to(system: System) -> None:
    who = somebody()
    system.accept(retirement(who))
    died: CloudEvent = death(who)
    receipt = system.accept(died)
    alert = system.alert(
        lambda one: one["data"].get("retiree") == receipt["retiree"] and one["data"].get("action") == "stop", "a stop"
    )["data"]["alert"]
    data = {"person": who.data, "effective": "2026-11-20", "alert": alert, "reason": "邻居说他昨天还在"}
    system.accept(event("alert-contested.v1", "/social-insurance/shenzhen", data), account="officer")
    found = system.topic("receipts.civil-affairs").wait_for(
        lambda record: record.json["type"] == "alert-contested.v1" and record.json["data"]["alert"] == alert,
        "the contest",
    )
    conforms(system.asyncapi, "event.contest", found.json)
    assert found.json["data"]["ids"] == [died.get_id()]
    assert "邻居" not in found.value.decode()
