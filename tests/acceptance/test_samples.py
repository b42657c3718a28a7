"""The samples, each in its language with that language's own CloudEvents and Kafka libraries, against a running system."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from infra.dsse import SigningKey, VerifyingKey, decode, verify
from tests.acceptance.running import Json, System, death, retirement, serial, somebody, structured
from tests.samples import LANGUAGES, run

WAYS = ("http", "kafka")
TOKEN = {"access_token": "x", "token_type": "Bearer", "expires_in": 600}
"""What a server of a test's own answers to whoever asks it for a token."""

each_language = pytest.mark.parametrize("language", LANGUAGES)
each_way = pytest.mark.parametrize("way", WAYS)


def reaching(system: System, account: str) -> dict[str, str]:
    """What the samples want in their environment."""
    return {
        "CHANGQING_URL": system.address,
        "CHANGQING_ACCOUNT": f"{account}:{system.secret(account)}",
        "KAFKA_BOOTSTRAP": system.bootstrap,
    }


def written(home: Path, event: Json) -> Path:
    file = home / "event.json"
    file.write_text(json.dumps(event, ensure_ascii=False, indent=2), "utf-8")
    return file


@each_language
@each_way
def test_a_foreign_publisher_is_accepted_and_holds_a_signed_receipt(
    system: System, tmp_path: Path, language: str, way: str
) -> None:
    who = somebody()
    system.accept(retirement(who))
    sent = structured(death(who)) | {"partitionkey": serial("file")}
    (receipt,) = run(language, "publish", [way, written(tmp_path, sent)], reaching(system, "civil-affairs"))
    assert (receipt["source"], receipt["id"], receipt["status"]) == (sent["source"], sent["id"], "accepted")
    ((name,),) = system.query("select name from ledger.event where position = %(at)s", {"at": receipt["position"]})
    assert name == "death-reported.v1"


@each_language
@each_way
def test_a_foreign_publisher_is_told_why_it_was_refused(
    system: System, tmp_path: Path, language: str, way: str
) -> None:
    sent = structured(death(somebody(), on="2999-01-01"))
    (receipt,) = run(language, "publish", [way, written(tmp_path, sent)], reaching(system, "civil-affairs"), code=3)
    assert (receipt["status"], receipt["code"], receipt["path"]) == ("refused", "date-in-future", "data.effective")


@each_language
def test_a_publisher_with_a_wrong_secret_gets_an_answer_and_no_receipt(
    system: System, tmp_path: Path, language: str
) -> None:
    wrong = reaching(system, "civil-affairs") | {"CHANGQING_ACCOUNT": "civil-affairs:guessed"}
    (answer,) = run(language, "publish", ["http", written(tmp_path, structured(death(somebody())))], wrong, code=1)
    assert answer["error"] == "invalid_client"


@pytest.fixture(scope="module")
def alerts(system: System) -> dict[str, str]:
    """All alerts that are on the topic, by id: their types."""
    for who in (somebody() for _ in range(4)):
        system.accept(retirement(who))
        system.accept(death(who))
    system.settled()
    return {record.json["id"]: record.json["type"] for record in system.topic("alerts.pension").all()}


@each_language
@each_way
def test_a_foreign_consumer_that_stops_and_goes_on_takes_every_alert_once(
    system: System, alerts: dict[str, str], tmp_path: Path, language: str, way: str
) -> None:
    assert len(alerts) > 10
    environment, place = reaching(system, "officer"), tmp_path / "place.json"
    first = run(language, "consume", [way, place, "5"], environment)
    rest = run(language, "consume", [way, place, str(len(alerts) - 5)], environment)
    taken = [(event["id"], event["type"]) for event in (*first, *rest)]
    assert len(first) == 5
    assert sorted(taken) == sorted(alerts.items())


@each_language
def test_a_foreign_consumer_whose_connection_breaks_goes_on_behind_the_last_alert_it_took(
    tmp_path: Path, language: str
) -> None:
    """The first connection breaks before it is answered, each other one within the stream behind one alert."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(int(self.headers["last-event-id"]))
            self.close_connection = True
            if len(asked) > 1:
                alert = json.dumps(EVENT | {"id": str(asked[-1] + 1)}).encode()
                body = b": ping\r\n\r\ndata: " + alert + b"\r\n\r\n"
                head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                self.wfile.write(head + b"%x\r\n%s\r\n" % (len(body), body))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps(TOKEN).encode()
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

        def log_message(self, *_: Any) -> None:
            """Nothing: the test says what happened."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        environment = {"CHANGQING_URL": f"http://127.0.0.1:{server.server_port}", "CHANGQING_ACCOUNT": "officer:x"}
        taken = run(language, "consume", ["http", tmp_path / "place.json", "3"], environment)
        server.shutdown()
    assert [event["id"] for event in taken] == ["1", "2", "3"]
    assert asked == [0, 0, 1, 2]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_whatever_a_client_compresses_with_is_read(system: System, codec: str) -> None:
    """What the intake could not unpack would hold up all that stands behind it in its partition."""
    sent = death(somebody())
    producer = Producer({"bootstrap.servers": system.bootstrap, "compression.type": codec})
    body = structured(sent) | {"padding": "x" * 2_000}  # librdkafka leaves alone what does not get smaller
    producer.produce("intake.civil-affairs", json.dumps(body).encode(), b"one")
    assert producer.flush(30) == 0
    assert next(system.receipts(sent))["status"] == "parked"


# --- signatures

KEY_PEM = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
"""
KEY = SigningKey.from_seed(bytes(range(32)))
EVENT: Json = {
    "specversion": "1.0",
    "type": "death-reported.v1",
    "source": "/civil-affairs/shenzhen",
    "id": "2026-004711",
    "time": "2026-11-20T10:05:00.5+08:00",
    "datacontenttype": "application/json",
    "data": {
        "person": {"identity_number": "11010519491231002X"},
        "effective": "2026-08-12",
        "document": "示例民殡〔2026〕4711号",
    },
}


def core(attributes: Mapping[str, str], data: bytes) -> bytes:
    """The digest of an event's core, by the text of the verifiability extension."""
    names = ("id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time")
    parts = [*(attributes.get(name, "").encode() for name in names), data]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def test_the_digest_that_is_compared_with_is_the_published_one() -> None:
    """Case 3 of the extension's test vectors, whose data begins with a space and is indented by more than is shown."""
    event = {"specversion": "1.0", "id": "1", "source": "example/uri", "type": "example.type"}
    event |= {"datacontenttype": "application/json", "time": "2020-06-18T17:24:53Z"}
    published = base64.b64decode("wKCa8sq3dyg/00ZiDQy/aXAY1tepQnrKLa6xP0Y3D/Q=")
    assert core(event, b' {\n    "hello" : "world"\n  }') == published


@each_language
def test_a_publisher_signs_the_very_bytes_that_it_sends(tmp_path: Path, language: str) -> None:
    (tmp_path / "key.pem").write_bytes(KEY_PEM)
    environment = {"SIGNING_KEY": str(tmp_path / "key.pem")}
    (sent,) = run(language, "publish", ["http", written(tmp_path, EVENT), "--dry-run"], environment)
    headers, body = sent["headers"], base64.b64decode(sent["body"])
    assert json.loads(body) == EVENT["data"]
    envelope = decode(base64.b64decode(headers["ce-dssematerial"]))
    assert verify(envelope, {KEY.keyid: VerifyingKey(KEY.public)}) == KEY.keyid
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items()}
    attributes |= {"datacontenttype": headers["content-type"], "time": "2026-11-20T02:05:00Z"}
    assert base64.b64decode(json.loads(envelope.body)["core"]) == core(attributes, body)


def forged(envelope: Json, way: str) -> Json:
    """An envelope of the ledger's that somebody has changed."""
    match way:
        case "not at all":
            return envelope
        case "its content":
            return envelope | {"payload": base64.b64encode(json.dumps(RECEIPT | {"position": 2}).encode()).decode()}
        case "its type":
            return envelope | {"payloadType": "application/json"}
        case _:
            return envelope | {"signatures": [envelope["signatures"][0] | {"keyid": "0" * 16}]}


RECEIPT: Json = {"source": EVENT["source"], "id": EVENT["id"], "status": "accepted", "position": 1}
PAYLOAD_TYPE = "application/vnd.changqing.receipt+json"


@each_language
@pytest.mark.parametrize(("way", "code"), [("not at all", 0), ("its content", 1), ("its type", 1), ("whose it is", 1)])
def test_a_receipt_that_the_ledger_did_not_sign_is_not_believed(
    tmp_path: Path, language: str, way: str, code: int
) -> None:
    """Somebody who knows the ledger's public key answers in its place."""
    envelope = msgspec.to_builtins(KEY.envelope(PAYLOAD_TYPE, json.dumps(RECEIPT).encode()))
    x = base64.urlsafe_b64encode(KEY.public).rstrip(b"=").decode()
    keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KEY.keyid, "x": x}]}
    with stranger({"GET": keys, "POST": RECEIPT | {"proof": forged(envelope, way)}}) as address:
        environment = {"CHANGQING_URL": address, "CHANGQING_ACCOUNT": "civil-affairs:x"}
        printed = run(language, "publish", ["http", written(tmp_path, EVENT)], environment, code)
    assert printed == ([RECEIPT] if code == 0 else [])


@contextmanager
def stranger(answers: Mapping[str, Json]) -> Iterator[str]:
    """The address of a server that gives everybody a token, and else always answers the same, by method."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.dumps(TOKEN if self.path == "/oauth/token" else answers[self.command]).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 # the names that the base class calls

        def log_message(self, *_: Any) -> None:
            """Nothing: the test says what happened."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
