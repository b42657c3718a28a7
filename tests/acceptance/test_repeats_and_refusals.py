"""What was sent before changes nothing; what cannot be accepted is refused with a code, and harms nobody."""

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from cloudevents.core.bindings import http
from Crypto.Signature import eddsa

from infra.keys import KeyRing
from tests.acceptance.running import (
    SHENZHEN_COMMUNITY,
    USED,
    Json,
    Record,
    Somebody,
    System,
    conforms,
    death,
    retirement,
    serial,
    somebody,
    structured,
    wait_until,
)

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}


class Standing(NamedTuple):
    """How much the log holds, once nothing moves any more, beside what it tells of attempts that were denied."""

    position: int
    facts: int

    def told(self, refusals: int) -> "Standing":
        """The same, and so many refusals told."""
        return self._replace(position=self.position + refusals)


def standing(system: System) -> Standing:
    system.settled()
    return Standing(system.position() - denied(system), system.facts())


def denied(system: System) -> int:
    """How many denied attempts the log tells of; many alike are one with their count."""
    return int(system.query("select count(*) from ledger.event where name = 'access-denied.v1'")[0][0])


# --- repeats


def again(receipt: Json) -> Json:
    """A receipt as a repeat has it, without its signature, which is another."""
    return {name: value for name, value in receipt.items() if name != "proof"} | {"known": True}


def known(receipt: Json) -> Json:
    """A receipt that must say that it is a repeat's, without its signature."""
    assert receipt["known"] is True
    return again(receipt)


def test_the_same_event_by_http_then_kafka_changes_nothing_and_gets_the_same_receipt(system: System) -> None:
    sent = retirement(somebody())
    receipt = system.accept(sent)
    told = system.receipts(sent)
    assert next(told) == receipt
    before = standing(system)
    system.publish(sent, mode="binary")
    assert known(next(told)) == again(receipt)
    assert standing(system) == before


def test_the_same_event_by_kafka_then_http_changes_nothing_and_gets_the_same_receipt(system: System) -> None:
    sent = retirement(somebody())
    system.publish(sent)
    receipt = next(system.receipts(sent))
    before = standing(system)
    assert known(system.accept(sent, mode="binary")) == again(receipt)
    assert known(system.accept(sent)) == again(receipt)
    assert standing(system) == before


def test_other_spaces_and_another_order_of_members_are_the_same_event(system: System) -> None:
    sent = structured(retirement(somebody()))
    first = system.post_raw("enterprise", json.dumps(sent).encode(), STRUCTURED).json()
    turned = dict(reversed(sent.items())) | {"data": dict(reversed(sent["data"].items()))}
    before = standing(system)
    repeat = system.post_raw("enterprise", json.dumps(turned, indent=3, ensure_ascii=False).encode(), STRUCTURED)
    assert known(repeat.json()) == again(first)
    assert standing(system) == before


def test_the_life_feed_tells_a_repeated_event_once(system: System) -> None:
    sent = death(somebody())
    for _ in range(3):
        system.accept(sent)
        system.publish(sent)
    told = system.receipts(sent)
    first, *repeats = sorted((next(told) for _ in range(4)), key=lambda one: bool(one["known"]))
    assert first["known"] is False, (
        "the worker tells of a repeat at once, the relay of what is new from the log: in any order"
    )
    assert all(known(one) == again(first) for one in repeats)
    standing(system)
    feed = {r.json["id"] for r in system.topic("life-events").all() if r.json["data"]["id"] == sent.get_id()}
    assert len(feed) == 1


def test_twins_in_one_batch_share_a_receipt(system: System) -> None:
    sent = structured(retirement(somebody()))
    other = sent | {"data": sent["data"] | {"monthly_pension": "1.00"}}
    first, twin, conflict = system.post_raw("enterprise", json.dumps([sent, sent, other]).encode(), BATCH).json()
    assert known(twin) == again(first)
    assert (conflict["status"], conflict["code"]) == ("refused", "id-conflict")


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stands(system: System) -> None:
    who = somebody()
    sent = retirement(who)
    receipt = system.accept(sent)
    told = system.receipts(sent)
    assert next(told) == receipt
    body = structured(sent)
    body["data"]["monthly_pension"] = "9999.99"
    other = json.dumps(body, ensure_ascii=False).encode()
    before = standing(system)

    by_http = system.post_raw("enterprise", other, STRUCTURED)
    assert (by_http.status_code, by_http.json()["code"]) == (409, "id-conflict")
    where = system.publish_raw("intake.enterprise", other, {"content-type": b"application/cloudevents+json"})
    assert next(told)["proof"] == by_http.json()["proof"], "the relay tells what was answered over HTTP"
    by_kafka = next(told)
    assert (by_kafka["status"], by_kafka["code"], by_kafka["known"]) == ("refused", "id-conflict", True)
    letter = dead_letter(system, "intake.enterprise", where)
    assert letter.json["refusal"] == by_kafka

    assert standing(system) == before.told(1)
    assert known(system.accept(sent)) == again(receipt)
    shown = system.query("select monthly_pension from views.roster where source_id = %(id)s", {"id": sent.get_id()})
    assert shown == [("3456.78",)]


# --- refusals


def dead_letter(system: System, topic: str, where: tuple[int, int]) -> Record:
    """The letter about a message; its key names the place and nobody."""
    key = f"{topic}-{where[0]}-{where[1]}".encode()
    return system.topic("dead-letters").wait_for(lambda record: record.key == key, f"the dead letter of {key!r}")


def changed(**changes: Any) -> Callable[[Json], bytes]:
    """The event with attributes changed, or left out where the value is `...`."""
    return lambda event: _bytes({k: v for k, v in (event | changes).items() if v is not ...})


def with_data(**changes: Any) -> Callable[[Json], bytes]:
    """The event with members of its data changed, or left out where the value is `...`."""

    def change(event: Json) -> bytes:
        data = {k: v for k, v in (event["data"] | changes).items() if v is not ...}
        return _bytes(event | {"data": data})

    return change


def with_number(change: Callable[[str], str]) -> Callable[[Json], bytes]:
    """The event about somebody whose identity number is written wrongly."""

    def written(event: Json) -> bytes:
        person = event["data"]["person"]
        person = person | {"identity_number": change(person["identity_number"])}
        return _bytes(event | {"data": event["data"] | {"person": person}})

    return written


def _bytes(event: Json) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def wrong_check_digit(number: str) -> str:
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def nested(event: Json) -> bytes:
    """Brackets as deep as the limit allows, in an extension that nobody reads."""
    return _bytes(event | {"deep": "?"}).replace(b'"?"', b"[" * 30_000 + b"]" * 30_000)


class Bad(NamedTuple):
    """A way to be wrong: what is made of a good death report, and how it is answered. `known`: its source and id are."""

    make: Callable[[Json], bytes]
    status: int
    code: str
    path: str
    known: bool = True


BAD = {
    "cut off": Bad(lambda event: _bytes(event)[:-40], 400, "malformed-json", "", known=False),
    "no text": Bad(lambda event: b"\xff\xfe" + _bytes(event), 400, "malformed-json", "", known=False),
    "half a character": Bad(
        lambda event: _bytes(event).replace(b'"name": "', b'"name": "\\ud800'), 400, "malformed-json", "", known=False
    ),
    "nested deep": Bad(nested, 400, "malformed-json", "", known=False),
    "a list": Bad(lambda event: b"[]", 422, "invalid-field", "", known=False),
    "over the limit": Bad(changed(padding="x" * 65_536), 413, "body-too-large", "", known=False),
    "no specversion": Bad(changed(specversion=...), 400, "not-cloudevents", "specversion", known=False),
    "an old specversion": Bad(changed(specversion="0.3"), 400, "not-cloudevents", "specversion"),
    "no id": Bad(changed(id=...), 400, "not-cloudevents", "id", known=False),
    "not JSON data": Bad(changed(datacontenttype="text/xml"), 400, "not-cloudevents", "datacontenttype"),
    "unknown type": Bad(changed(type="wedding-held.v1"), 422, "unknown-type", "type"),
    "no data": Bad(changed(data=...), 422, "missing-field", "data"),
    "no date": Bad(with_data(effective=...), 422, "missing-field", "data.effective"),
    "nobody": Bad(with_data(person=...), 422, "missing-field", "data.person"),
    "unknown member": Bad(with_data(colour="red"), 422, "unknown-field", "data.colour"),
    "no date at all": Bad(with_data(effective="soon"), 422, "invalid-field", "data.effective"),
    "an impossible date": Bad(with_data(effective="2024-02-30"), 422, "invalid-field", "data.effective"),
    "a number for a text": Bad(with_data(document=7), 422, "invalid-field", "data.document"),
    "time without its zone": Bad(changed(time="2024-03-12T08:00:00"), 422, "invalid-field", "time", known=False),
    "a control character": Bad(changed(id="a\0b"), 422, "invalid-field", "id", known=False),
    "wrong check digit": Bad(
        with_number(wrong_check_digit), 422, "identity-number-invalid", "data.person.identity_number"
    ),
    "ruined by Excel": Bad(
        with_number(lambda number: f"{float(number[:17]):.9E}"),
        422,
        "identity-number-invalid",
        "data.person.identity_number",
    ),
    "in the future": Bad(with_data(effective="2999-01-01"), 422, "date-in-future", "data.effective"),
    "before birth": Bad(with_data(effective="1900-01-01"), 422, "date-before-birth", "data.effective"),
    "another's source": Bad(changed(source="/police/shenzhen"), 403, "not-your-source", "source"),
    "no department": Bad(changed(source="https://example.org/"), 403, "not-your-source", "source"),
    "not their fact": Bad(
        lambda event: _bytes(structured(retirement(somebody())) | {"source": event["source"], "id": event["id"]}),
        403,
        "not-your-fact",
        "type",
    ),
    "an identity number for an id": Bad(
        lambda event: _bytes(event | {"id": f"death-{event['data']['person']['identity_number']}"}),
        422,
        "identity-number-in-id",
        "id",
        known=False,
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_over_http_a_bad_event_gets_a_coded_answer_and_leaves_its_refusal_alone(system: System, case: str) -> None:
    who, bad = somebody(), BAD[case]
    before = standing(system)
    answer = system.post_raw("civil-affairs", bad.make(structured(death(who))), STRUCTURED)
    is_problem(answer, bad.status, bad.code)
    assert answer.json()["path"] == bad.path
    assert_nobody_named(answer.text)
    assert standing(system) == before.told(1)
    assert system.accept(death(who))["status"] == "parked"


@pytest.mark.parametrize("case", BAD)
def test_over_kafka_a_bad_event_gets_a_receipt_and_a_dead_letter_and_leaves_nothing_else(
    system: System, case: str
) -> None:
    who, bad = somebody(), BAD[case]
    event = structured(death(who))
    sent = bad.make(event)
    before = standing(system)
    where = system.publish_raw("intake.civil-affairs", sent, {"content-type": b"application/cloudevents+json"})

    letter = dead_letter(system, "intake.civil-affairs", where)
    refusal = letter.json["refusal"]
    assert (refusal["status"], refusal["code"], refusal["path"]) == ("refused", bad.code, bad.path)
    assert refusal["reason"]["zh"]
    assert refusal["reason"]["en"]
    assert_nobody_named(letter.value.decode())
    sealed = base64.b64decode(letter.json["sealed"])
    assert KeyRing.from_file(system.data / "key").open_letter(sealed) == sent
    if bad.known:
        assert refusal["id"] == event["id"]
        receipt = system.topic("receipts.civil-affairs").wait_for(
            lambda record: record.json["data"].get("id") == event["id"], "the receipt of the refusal"
        )
        assert receipt.json["data"] == refusal
    assert standing(system) == before.told(1)

    good = death(who)
    system.publish(good)  # to the same partition, behind the bad one
    assert next(system.receipts(good))["status"] == "parked"


def is_problem(answer: httpx.Response, status: int, code: str) -> None:
    """Problem details (RFC 9457) with our code and both languages."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"/pages/errors/{code}"
    assert problem["title"]
    for words in (problem["reason"], problem["remedy"]):
        assert any("\u4e00" <= character <= "\u9fff" for character in words["zh"])
        assert words["en"].isascii()


def assert_nobody_named(text: str) -> None:
    found = [person for person in USED if person.identity_number in text or person.name in text]
    assert not found


def test_an_empty_message_is_a_dead_letter(system: System) -> None:
    where = system.publish_raw("intake.civil-affairs", None)
    assert dead_letter(system, "intake.civil-affairs", where).json["refusal"]["code"] == "malformed-json"


def test_binary_mode_without_its_id_is_no_cloudevent(system: System) -> None:
    message = http.to_binary_event(death(somebody()))
    headers = {name: value for name, value in message.headers.items() if name != "ce-id"}
    is_problem(system.post_raw("civil-affairs", message.body, headers), 400, "not-cloudevents")
    kafka_headers = {name.replace("ce-", "ce_"): value.encode() for name, value in headers.items()}
    where = system.publish_raw("intake.civil-affairs", message.body, kafka_headers)
    assert dead_letter(system, "intake.civil-affairs", where).json["refusal"]["code"] == "not-cloudevents"


def test_what_became_of_an_event_can_be_asked_for_and_its_signature_verified_by_another_library(system: System) -> None:
    sent = death(somebody())
    asked = {"source": sent.get_source(), "id": sent.get_id()}
    unknown = system.get("/v1/receipts", "civil-affairs", **asked)
    is_problem(unknown, 404, "receipt-unknown")
    early = _bytes(structured(sent) | {"data": structured(sent)["data"] | {"effective": "2999-01-01"}})
    refused = system.post_raw("civil-affairs", early, STRUCTURED).json()
    found = system.get("/v1/receipts", "civil-affairs", **asked).json()
    assert (found["disposition"], found["receipt"]["proof"]) == ("refused", refused["proof"])
    receipt = system.accept(sent)
    found = system.get("/v1/receipts", "auditor", **asked).json()
    assert (found["disposition"], found["receipt"]) == ("parked", receipt)
    assert [one["proof"] for one in found["refusals"]] == [refused["proof"]]
    conforms(system.openapi, "Disposition", found)
    is_problem(system.get("/v1/receipts", "police", **asked), 404, "receipt-unknown")

    (key,) = system.get("/v1/keys").json()["keys"]
    public = eddsa.import_public_key(base64.urlsafe_b64decode(key["x"] + "="))
    for proof in (receipt["proof"], refused["proof"]):
        kind, payload = proof["payloadType"].encode(), base64.b64decode(proof["payload"])
        (signature,) = proof["signatures"]
        assert signature["keyid"] == key["kid"]
        whole = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
        eddsa.new(public, "rfc8032").verify(whole, base64.b64decode(signature["sig"]))
        with pytest.raises(ValueError, match="not authentic"):
            eddsa.new(public, "rfc8032").verify(whole + b" ", base64.b64decode(signature["sig"]))
    assert json.loads(base64.b64decode(receipt["proof"]["payload"])) | {"proof": receipt["proof"]} == receipt


def test_what_could_not_be_taken_in_is_mended_by_its_department_on_its_page(system: System) -> None:
    sent = death(somebody())
    topic, early = "intake.civil-affairs", _bytes(structured(sent) | {"type": "wedding-held.v1"})
    partition, offset = system.publish_raw(topic, early, {"content-type": b"application/cloudevents+json"})
    place = f"{topic}-{partition}-{offset}"
    assert dead_letter(system, topic, (partition, offset)).json["refusal"]["code"] == "unknown-type"
    with system.client("civil-affairs") as client:
        page = client.get(f"/pages/dead-letters/{place}").text
        token = page.split('name="token" value="')[1].split('"')[0]
        assert_nobody_named(page)
        mended = client.post(
            f"/pages/dead-letters/{place}/mend", data={"token": token, "text": _bytes(structured(sent)).decode()}
        )
    assert mended.status_code == 200
    assert "改正后已受理" in mended.text
    assert system.get("/v1/receipts", "civil-affairs", source=sent.get_source(), id=sent.get_id()).json()["refusals"]


def test_a_body_that_is_announced_as_something_else_is_refused(system: System) -> None:
    body = _bytes(structured(death(somebody())))
    for media in ("application/json", "text/plain", "application/cloudevents+avro"):
        is_problem(system.post_raw("civil-affairs", body, {"content-type": media}), 400, "not-cloudevents")


@pytest.mark.parametrize("account", [None, "guessed"])
def test_nobody_publishes_without_credentials(system: System, account: str | None) -> None:
    message = http.to_structured_event(death(somebody()))
    given = {"authorization": "Bearer guessed"} if account else {}
    before = standing(system)
    answer = httpx.post(
        f"{system.address}/v1/events", content=message.body, headers=message.headers | given, trust_env=False
    )
    is_problem(answer, 401, "unauthenticated")
    assert standing(system) == before


def test_an_auditor_publishes_nothing(system: System) -> None:
    """Though an auditor's account belongs to the agency, whose source it names."""
    sent = structured(retirement(somebody())) | {"source": "/social-insurance/shenzhen"}
    before = standing(system)
    is_problem(system.post_raw("auditor", _bytes(sent), STRUCTURED), 403, "forbidden")
    assert standing(system) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"{}", 422, "invalid-field", id="no list"),
        pytest.param(b"[{]", 400, "malformed-json", id="malformed"),
        pytest.param(b"[" + b"1," * 1_000 + b"1]", 413, "body-too-large", id="more than a thousand"),
        pytest.param(b"[" + b" " * 8_388_608 + b"]", 413, "body-too-large", id="more than 8 MiB"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(system: System, body: bytes, status: int, code: str) -> None:
    is_problem(system.post_raw("civil-affairs", body, BATCH), status, code)


def test_a_batch_with_every_kind_of_bad_event_still_takes_in_the_good_ones(system: System) -> None:
    bodies: list[bytes] = []
    codes: list[str | None] = []
    for bad in BAD.values():
        if bad.code == "malformed-json" and bad.path == "":
            continue  # it would end the batch's own JSON
        bodies += [bad.make(structured(death(somebody()))), _bytes(structured(death(somebody())))]
        codes += [bad.code, None]
    before = standing(system)
    answer = system.post_raw("civil-affairs", b"[" + b",".join(bodies) + b"]", BATCH)
    assert answer.status_code == 200, answer.text
    assert [receipt.get("code") for receipt in answer.json()] == codes
    assert_nobody_named(answer.text)
    assert standing(system).facts == before.facts + codes.count(None)


# --- personal data


def _lines(file: httpx.Response) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"), newline=""))]


def _plain(client: httpx.Client, home: str) -> Iterator[str]:
    """What is known of the people of a community: as a file, or one by one where they are so many that two must say so."""
    asked = client.post(f"/v1/registers/roster/unmasked?division={home}", json={"reason": "identity-check"})
    if asked.status_code != 409:
        for line in _lines(asked.raise_for_status()):
            yield from (line[field] for field in ("身份证号 identity number", "电话 phone", "住址 address"))
        return
    after: str | None = ""
    while after is not None:
        page = client.get("/v1/registers/roster", params={"division": home, "limit": "500", "after": after}).json()
        for row in page["rows"]:
            wanted = {"fields": ["identity_number", "phone", "address"], "reason": "identity-check"}
            found = client.post(f"/v1/retirees/{row['retiree']}/unmask", json=wanted).raise_for_status()
            yield from filter(None, found.json()["fields"].values())
        after = page["after"]


def test_nobody_is_named_in_a_log_a_key_or_on_a_topic_that_goes_out(system: System) -> None:
    """Those of these tests by number and name, the demo's people by number, phone and address."""
    leaky = _bytes(structured(death(Somebody(USED[0].identity_number, "欧阳泄密")))) + b" trailing"
    system.post_raw("civil-affairs", leaky, STRUCTURED)
    system.publish_raw("intake.civil-affairs", leaky)
    system.settled()
    with system.client("officer") as client:
        shown = client.get("/v1/registers/roster", params={"as": "csv"}).raise_for_status()
        homes = {line["社区代码 community"] for line in _lines(shown)}
        secrets = {secret for home in homes for secret in _plain(client, home)}
    secrets |= {person.identity_number for person in USED} | {person.name for person in USED} | {"欧阳泄密"}
    wanted = [secret.encode() for secret in secrets if secret]
    assert len(wanted) > 900

    def named_in(data: bytes) -> list[bytes]:
        return [secret for secret in wanted if secret in data]

    assert named_in((system.data / "death.json").read_bytes()), "the search finds what is there"
    logs = [*system.data.glob("*/*.log"), *system.data.glob("*/*.log.1"), system.told]
    assert {"api.log", "intake.log", "relay.log", "project.log", "postgresql.log", "kafka.log"} <= {
        log.name for log in logs
    }
    for log in logs:
        assert not named_in(log.read_bytes()), log
    departments = ("civil-affairs", "enterprise", "community")
    for name in ("alerts.pension", "life-events", "dead-letters", *(f"receipts.{d}" for d in departments)):
        records = system.topic(name).all()
        assert records, name
        whole = b"\n".join(part for r in records for part in (r.key, r.value, *r.headers.values()))
        whole += b"\n".join(
            base64.b64decode(r.json["data"]["proof"]["payload"]) for r in records if r.json.get("type") == "receipt.v1"
        )
        assert not named_in(whole), name


def test_no_link_on_a_page_names_a_person(system: System) -> None:
    with system.client("officer") as client:
        pages = [client.get("/pages/roster", params={"division": SHENZHEN_COMMUNITY}), client.get("/pages/inbox")]
    links = [part.split('"')[0] for page in pages for part in page.text.split('href="')[1:]]
    assert links
    assert_nobody_named(" ".join(links))


def test_after_all_this_the_intake_still_runs_as_it_began(system: System) -> None:
    """No bad event ever ended the process: a crash and a restart would hide behind the next receipt."""
    log = (system.data / "logs" / "intake.log").read_text("utf-8")
    assert "was not foreseen" not in log
    assert "a process ended" not in system.output
    sent = death(somebody(), source="/civil-affairs/" + serial("office"))
    system.publish(sent)
    wait_until(lambda: next(system.receipts(sent)), "its receipt")
