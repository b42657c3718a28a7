"""CloudEvents as they travel: the three modes, their attributes, and data kept as they came."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts import Department
from domain.refusals import Refused
from infra.sealed import original_of, person_of, to_seal
from services.accepting.cloudevents import Publisher, submission
from services.accepting.envelopes import EVENT_LIMIT, Envelope, attributes_of, binary, is_json, structured
from services.bus.worker import Arrived

DATA = b'{ "person": {"identity_number":\t"11010519491231002X"},\n "effective":"2026-08-12" }'
PLAIN = {"specversion": "1.0", "type": "death-reported.v1", "source": "/police/shenzhen", "id": "1"}
POLICE = Publisher("police-gateway", Department.POLICE, "http")


def whole(data: bytes = DATA, **more: Any) -> bytes:
    """A structured event with its data as they are."""
    return json.dumps(PLAIN | more).encode()[:-1] + b', "data" :  ' + data + b" }"


def refused(body: bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as why:
        structured(body)
    return why.value.code, why.value.path


def test_every_mode_gives_the_same_event_with_its_data_byte_for_byte() -> None:
    base64_ = json.dumps(PLAIN | {"data_base64": base64.b64encode(DATA).decode()}).encode()
    three = structured(whole()), structured(base64_), binary(PLAIN, DATA)
    for envelope in three:
        assert bytes(envelope.data) == DATA
        assert (envelope.type, envelope.source, envelope.id) == ("death-reported.v1", "/police/shenzhen", "1")
    one, *others = (submission(envelope, POLICE) for envelope in three)
    assert all((other.digest, other.fact, other.person) == (one.digest, one.fact, one.person) for other in others)


def test_extensions_of_every_type_are_kept_and_null_is_as_good_as_missing() -> None:
    given_: dict[str, Any] = {"sequence": "007", "urgent": True, "part": -3, "traceparent": "00-x", "nothing": None}
    envelope = structured(whole(subject="x", time="2026-08-12T08:00:00.123456789+08:00", dataschema=None, **given_))
    kept = {name: value for name, value in given_.items() if value is not None}
    assert envelope.extensions == kept
    assert json.loads(attributes_of(envelope)) == kept | {
        "specversion": "1.0",
        "subject": "x",
        "time": "2026-08-12T08:00:00.123456789+08:00",
    }
    assert binary(PLAIN | {"sequence": "007"}, DATA).extensions == {"sequence": "007"}
    assert structured(whole()).extensions == {}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"Sequence": "1"}, "Sequence"),
        ({"my-name": "1"}, ""),
        ({"my_name": "1"}, "my_name"),
        ({"名": "1"}, "名"),
        ({"": "1"}, ""),
        ({"part": 1.5}, "part"),
        ({"part": 2**31}, "part"),
        ({"part": [1]}, "part"),
        ({"part": {"a": 1}}, "part"),
        ({"part": "a\u0007"}, "part"),
        ({"part": "a\u0085"}, "part"),
        ({"data_base64": "AAAA"}, "data_base64"),
    ],
)
def test_an_attribute_of_a_wrong_name_or_type_is_refused_by_its_name(more: dict[str, Any], path: str) -> None:
    assert refused(whole(**more)) == ("not-cloudevents", path)


def test_what_was_refused_before_is_refused_with_extensions_too() -> None:
    with_and_without: tuple[dict[str, Any], ...] = ({}, {"sequence": "1"})
    for more in with_and_without:
        assert refused(b"{" + whole(**more)) == ("malformed-json", "")
        assert refused(whole(id=7, **more)) == ("invalid-field", "id")
        assert refused(whole(time="2026-08-12T08:00:00", **more)) == ("invalid-field", "time")
        assert refused(whole(source="", **more)) == ("invalid-field", "source")
        assert refused(json.dumps({"specversion": "1.0", **more}).encode()) == ("not-cloudevents", "type")
    assert refused(b"[]") == ("invalid-field", "")
    assert refused(whole(data_base64="?")[:-2] + b"}")[1] == "data_base64"


def test_headers_are_text_whatever_they_look_like() -> None:
    envelope = binary(PLAIN | {"subject": "null", "part": "3"}, DATA)
    assert (envelope.subject, envelope.extensions) == ("null", {"part": "3"})
    for name in ("data", "data_base64"):
        with pytest.raises(Refused):
            binary(PLAIN | {name: "x"}, DATA)


def test_no_data_are_missing_data() -> None:
    for envelope in (binary(PLAIN, b""), structured(json.dumps(PLAIN).encode())):
        with pytest.raises(Refused, match="missing-field") as why:
            submission(envelope, POLICE)
        assert why.value.path == "data"


@pytest.mark.parametrize(
    ("media", "json_"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON; Charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/vnd.police+json", True),
        ("application/json; charset=gb18030", False),
        ("application/jsonp", False),
        ("text/plain", False),
        ("+json", False),
        ("", False),
    ],
)
def test_data_are_json_in_any_of_its_media_types_and_in_utf_8(media: str | None, json_: bool) -> None:
    assert is_json(media) is json_


def test_an_event_in_binary_mode_is_measured_with_its_attributes() -> None:
    room = EVENT_LIMIT - sum(len(name) + len(value) for name, value in PLAIN.items()) - len("note")
    assert binary(PLAIN | {"note": "x" * (room - len(DATA))}, DATA).id == "1"
    for note in ("x" * (room - len(DATA) + 1), "长" * (room // 3)):
        with pytest.raises(Refused, match="body-too-large"):
            binary(PLAIN | {"note": note}, DATA)


# Over Kafka


def arrived(headers: dict[str, str], value: bytes) -> Arrived:
    named = [(name, text.encode("utf-8", "surrogateescape")) for name, text in headers.items()]
    return Arrived("intake.police", 0, 7, named, value)


CE = {f"ce_{name}": value for name, value in PLAIN.items()}


def test_over_kafka_the_content_type_decides_the_mode() -> None:
    assert isinstance(arrived({}, whole()).envelope(), Envelope)
    structured_mode = {"content-type": "Application/CloudEvents+JSON; charset=utf-8"}
    assert arrived(structured_mode | {"ce_specversion": "1.0", "ce_id": "another"}, whole()).envelope().id == "1"
    binary_mode = arrived(CE | {"content-type": "application/json"}, DATA).envelope()
    assert (binary_mode.datacontenttype, bytes(binary_mode.data)) == ("application/json", DATA)
    assert arrived(CE, DATA).envelope().datacontenttype is None
    for headers in (
        {"content-type": "application/json"},
        {"content-type": "application/cloudevents-batch+json"} | CE,
        {"content-type": "application/cloudevents+avro"} | CE,
    ):
        with pytest.raises(Refused, match="not-cloudevents"):
            arrived(headers, DATA).envelope()


def test_a_header_that_is_no_utf_8_is_refused_and_not_mended() -> None:
    broken = b"\xff".decode("utf-8", "surrogateescape")
    for name in ("subject", "part", "source", "datacontenttype"):
        with pytest.raises(Refused):
            submission(arrived(CE | {f"ce_{name}": broken}, DATA).envelope(), POLICE)


def test_a_header_that_matters_and_stands_there_twice_is_refused_as_over_http() -> None:
    headers = [(name, value.encode()) for name, value in CE.items()]
    for twice, path in ((("CE_ID", b"2"), "headers"), (("ce_id", b"1"), "headers")):
        with pytest.raises(Refused, match="not-cloudevents") as why:
            Arrived("intake.police", 0, 7, [*headers, twice], DATA).envelope()
        assert why.value.path == path
    types = [("content-type", b"application/json"), ("Content-Type", b"application/cloudevents+json")]
    with pytest.raises(Refused, match="not-cloudevents"):
        Arrived("intake.police", 0, 7, [*headers, *types], DATA).envelope()
    traced = [*headers, ("traceparent", b"a"), ("traceparent", b"b")]
    assert Arrived("intake.police", 0, 7, traced, DATA).envelope().id == "1"
    assert Arrived("intake.police", 0, 7, [*headers, ("ce_id", b"2"), types[1]], whole()).envelope().id == "1"


# What is sealed


@given(st.binary(), st.dictionaries(st.from_regex(r"\A[a-z0-9]{1,8}\Z"), st.text() | st.booleans()))
def test_what_is_sealed_gives_back_the_person_and_every_byte(data: bytes, attributes: dict[str, Any]) -> None:
    person, kept = b'{"identity_number":"x"}', msgspec.json.encode(attributes)
    plain = to_seal(person, kept + b"\n" + data)
    assert person_of(plain) == person
    assert original_of(plain) == (kept, data)


def test_what_was_sealed_before_originals_were_kept_is_the_person_alone() -> None:
    assert (person_of(b"{}"), original_of(to_seal(b"{}", b""))) == (b"{}", None)
