"""Disclosures as OCSF: every kind fits what the schema asks of its class, and none says whom it is about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import msgspec
import pytest

from domain.history import Entry
from infra import codec
from services.reading.disclosures import plain
from services.reading.ocsf import NAMES, ocsf
from tests.unit.test_codec import FIXTURES

AT = datetime(2024, 4, 10, 8, 30, tzinfo=UTC)
STORED = [path for path in FIXTURES if path.parent.name in NAMES]
NAME = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}}
ENDPOINT = {"type": "object", "anyOf": [{"required": ["name"]}, {"required": ["uid"]}, {"required": ["ip"]}]}
ACTOR = {"type": "object", "required": ["user"], "properties": {"user": NAME}}
BASE: dict[str, Any] = {
    "type": "object",
    "required": ["category_uid", "class_uid", "activity_id", "type_uid", "severity_id", "time", "metadata"],
    "properties": {
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "time": {"type": "integer", "minimum": 1_000_000_000_000},
        "status_id": {"enum": [0, 1, 2, 99]},
        "count": {"type": "integer", "minimum": 1},
        "unmapped": {"type": "object"},
        "metadata": {
            "type": "object",
            "required": ["version", "product"],
            "properties": {
                "version": {"const": "1.3.0"},
                "product": {"type": "object", "required": ["name", "vendor_name"]},
                "sequence": {"type": "integer"},
                "uid": {"type": "string"},
            },
        },
    },
}
CLASSES: dict[int, dict[str, Any]] = {
    6003: {
        "required": ["actor", "api", "src_endpoint"],
        "properties": {
            "category_uid": {"const": 6},
            "activity_id": {"enum": [0, 1, 2, 3, 4, 99]},
            "actor": ACTOR,
            "api": {
                "type": "object",
                "required": ["operation"],
                "properties": {"operation": {"type": "string", "minLength": 1}},
            },
            "src_endpoint": ENDPOINT,
        },
    },
    3002: {
        "required": ["user"],
        "anyOf": [{"required": ["service"]}, {"required": ["dst_endpoint"]}],
        "properties": {
            "category_uid": {"const": 3},
            "activity_id": {"enum": [0, 1, 2, 3, 4, 5, 99]},
            "user": NAME,
            "service": NAME,
        },
    },
    2004: {
        "required": ["finding_info"],
        "properties": {
            "category_uid": {"const": 2},
            "activity_id": {"enum": [0, 1, 2, 3, 99]},
            "status_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
            "finding_info": {"type": "object", "required": ["uid", "title"]},
        },
    },
}
"""What OCSF 1.3 requires of each class that is used, by its published definitions of events and objects."""


def entry(path: Path) -> Entry:
    return codec.decode(7, AT, UUID(int=1), 2, path.parent.name, path.read_bytes())


def test_every_kind_of_disclosure_that_was_ever_stored_is_emitted() -> None:
    assert {path.parent.name for path in STORED} == set(NAMES)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_fits_the_schema_of_its_class_and_names_nobody(path: Path) -> None:
    made = ocsf(entry(path))
    assert made
    told = msgspec.json.decode(msgspec.json.encode(made))
    jsonschema.validate(told, BASE)
    jsonschema.validate(told, CLASSES[told["class_uid"]])
    assert told["type_uid"] == told["class_uid"] * 100 + told["activity_id"]
    assert told["metadata"]["sequence"] == 7
    written = msgspec.json.encode([told, plain(entry(path))]).decode()
    for person in ("5e3c2f6e", "ffffffff", "calling back"):
        assert person not in written


def test_a_wrong_password_is_an_authentication_and_a_foreign_division_a_call_that_failed() -> None:
    by_case = {path.stem: ocsf(entry(path)) for path in STORED if path.parent.name == "access-denied.v1"}
    unknown, foreign = by_case["minimal"], by_case["full"]
    assert unknown
    assert foreign
    assert (unknown["class_uid"], unknown["status_id"]) == (3002, 2)
    assert (foreign["class_uid"], foreign["status_id"], foreign["count"]) == (6003, 2, 12)


def test_an_event_of_another_kind_is_none_of_them() -> None:
    path = next(one for one in FIXTURES if one.parent.name == "day-passed.v1")
    assert ocsf(entry(path)) is None
