"""The gate of the API: what is bounded, what every answer carries, and what is told of it, on the real application."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import psycopg
import pytest
from httpx import Response

from services.accounts import Role
from tests.asking import Asking, asking

ACCOUNTS = {"officer": (Role.OFFICER, "4403"), "other": (Role.OFFICER, "4403"), "auditor": (Role.AUDITOR, "")}
EVENTS = "/v1/events"


@contextmanager
def gate(dsn: str, folder: Path, **settings: str) -> Iterator[Asking]:
    with asking(dsn, folder, ACCOUNTS, **settings) as asked:
        yield asked


@pytest.fixture
def asked(dsn: str, tmp_path: Path) -> Iterator[Asking]:
    with gate(dsn, tmp_path) as one:
        yield one


class Slow:
    """A body that comes when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.comes = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.asked.set()
        yield b"{"
        await self.comes.wait()
        yield b"}"


def _unpacked(packed: bytes) -> bytes:
    return bytes(cramjam.zstd.decompress(packed))


def code(response: Response) -> str:
    return str(response.json()["code"])


# Bodies


@pytest.mark.parametrize(
    ("path", "length"),
    [("/v1/roster/search", 64 * 1024 + 1), ("/pages/roster/search", 2 * 1024 * 1024 + 1), (EVENTS, 64 * 1024 + 1)],
)
def test_no_body_may_be_longer_than_what_it_is_for(asked: Asking, path: str, length: int) -> None:
    answer = asked.ask("officer", path, "POST", content=b"x" * length, headers={"content-type": "application/json"})
    assert (answer.status_code, code(answer)) in {(413, "body-too-large"), (400, "not-cloudevents")}


def test_a_body_is_read_no_further_than_it_may_be_long(asked: Asking) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for n in range(10_000):
            read.append(n)
            yield b"x" * 1024

    headers = {"content-type": "application/json"}
    for path in ("/v1/roster/search", EVENTS):
        read.clear()
        asked.ask("officer", path, "POST", content=endless(), headers=headers)
        assert len(read) == 65


# Rates


def test_an_account_that_asks_too_often_is_told_when_to_come_back_and_no_other(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_RATE_ACCOUNT="3/hour") as asked:
        answers = [asked.ask("officer", "/v1/registers") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert code(answers[3]) == "too-many-requests"
        assert 1_000 < int(answers[3].headers["retry-after"]) <= 1_200
        assert answers[0].headers["ratelimit-policy"] == '"account";q=3;w=3600'
        assert [re.findall(r"r=(\d+)", answer.headers["ratelimit"]) for answer in answers] == [
            ["2"],
            ["1"],
            ["0"],
            ["0"],
        ]
        assert asked.status("other", "/v1/registers") == 200


def test_what_an_account_sends_to_be_taken_in_is_counted_apart(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_RATE_ACCOUNT="1/hour", CHANGQING_RATE_PUBLISHING="2/hour") as asked:
        assert asked.status("officer", "/v1/registers") == 200
        sent = [asked.post("officer", EVENTS, {}).status_code for _ in range(3)]
        assert sent == [400, 400, 429]


def test_an_address_is_bounded_whoever_it_says_it_is_and_a_balancer_never(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_RATE_ADDRESS="3/hour") as asked:
        asked.headers("officer")  # the token is asked for from there too
        assert [asked.ask("", "/v1/registers").status_code for _ in range(3)] == [401, 401, 429]
        assert asked.status("officer", "/v1/registers") == 429
        assert asked.ask("", "/healthz").status_code == 200


def test_nothing_is_bounded_by_none(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_RATE_ACCOUNT="none", CHANGQING_RATE_ADDRESS="none") as asked:
        answer = asked.ask("officer", "/v1/registers")
        assert "ratelimit" not in answer.headers
        assert answer.status_code == 200


# Overload, and time


def test_who_comes_when_every_place_is_taken_is_sent_away_at_once_and_let_in_after(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_REQUESTS_AT_ONCE="1") as asked:
        officer = asked.headers("officer")

        async def crowd() -> tuple[Response, Response, Response]:
            slow = Slow()
            first = asyncio.ensure_future(asked.client.post(EVENTS, content=slow, headers=officer))
            await slow.asked.wait()
            assert asked.inside() == 1
            second = await asked.client.get("/v1/registers", headers=officer)
            healthy = await asked.client.get("/healthz")
            slow.comes.set()
            return await first, second, healthy

        first, second, healthy = asked.run(crowd())
        assert (second.status_code, code(second), second.headers["retry-after"]) == (503, "overloaded", "1")
        assert (first.status_code, healthy.status_code) == (400, 200)
        assert asked.status("officer", "/v1/registers") == 200


def test_an_answer_that_does_not_begin_in_time_is_one_that_says_so(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path) as patient:
        officer = patient.headers("officer")
    with asking(dsn, tmp_path, {}, CHANGQING_REQUEST_SECONDS="0.05") as asked:

        async def late() -> Response:
            slow = Slow()
            asyncio.get_running_loop().call_later(0.5, slow.comes.set)
            return await asked.client.post(EVENTS, content=slow, headers=officer)

        answer = asked.run(late())
        assert (answer.status_code, code(answer)) == (503, "too-slow")
        assert asked.inside() == 0


# What every answer carries


def test_a_request_has_the_name_that_it_was_given_or_one_of_ours(asked: Asking) -> None:
    named = asked.ask("officer", "/v1/nothing", headers={"X-Request-ID": "desk-7.a1b2c3d4"})
    assert named.headers["x-request-id"] == "desk-7.a1b2c3d4"
    assert named.json()["instance"] == "urn:changqing:request:desk-7.a1b2c3d4"
    for refused in ("11010519491231002X", "13812345678", "x\ty", "short", "a" * 65):
        assert re.fullmatch(
            "[0-9a-f]{32}", asked.ask("", "/healthz", headers={"X-Request-ID": refused}).headers["x-request-id"]
        )


def test_every_answer_is_bound_to_our_own_pages(asked: Asking) -> None:
    for path in ("/healthz", "/", "/v1/registers", "/nothing"):
        headers = asked.ask("officer", path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_what_has_not_changed_is_not_sent_again_to_the_same_account_for_the_same_question(asked: Asking) -> None:
    first = asked.ask("officer", "/v1/registers")
    tag = first.headers["etag"]
    again = asked.ask("officer", "/v1/registers", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in again.headers
    assert asked.ask("other", "/v1/registers", headers={"If-None-Match": tag}).status_code == 200
    assert asked.ask("officer", "/v1/registers?x=1", headers={"If-None-Match": tag}).status_code == 200
    assert asked.ask("officer", "/v1/nothing", headers={"If-None-Match": "*"}).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("zstd;q=0, gzip;q=0", None),
        ("br", None),
        ("", None),
    ],
)
def test_an_answer_is_packed_as_it_was_asked_for(asked: Asking, accepted: str, coding: str | None) -> None:
    plain = asked.ask("", "/openapi.json", headers={"Accept-Encoding": "identity"}).content

    async def raw() -> tuple[dict[str, str], bytes]:
        async with asked.client.stream("GET", "/openapi.json", headers={"Accept-Encoding": accepted}) as answer:
            return dict(answer.headers), b"".join([chunk async for chunk in answer.aiter_raw()])

    headers, body = asked.run(raw())
    assert headers.get("content-encoding") == coding
    assert headers["vary"] == "Accept-Encoding"
    assert int(headers["content-length"]) == len(body)
    opened = {"gzip": gzip.decompress, "zstd": _unpacked, None: bytes}[coding]
    assert opened(body) == plain
    assert len(body) < len(plain) / 4 or not coding


def test_a_page_is_never_packed_as_its_forms_hold_tokens(asked: Asking) -> None:
    page = asked.ask("officer", "/pages/roster", headers={"Accept-Encoding": "gzip, zstd"})
    assert (page.status_code, page.headers.get("content-encoding")) == (200, None)


# What is told


def test_the_log_says_of_each_answer_what_was_asked_and_of_nobody(
    asked: Asking, capsys: pytest.CaptureFixture[str]
) -> None:
    retiree = "5e3c2f6e-0000-4000-8000-000000000001"
    asked.headers("officer")
    capsys.readouterr()  # what was said of the token
    asked.ask("officer", f"/v1/retirees/{retiree}?secret=11010519491231002X", headers={"X-Request-ID": "desk-7.1"})
    (line,) = [json.loads(one) for one in capsys.readouterr().err.splitlines()]
    assert {
        key: line[key] for key in ("event", "request", "method", "route", "status", "code", "role", "department")
    } == {
        "event": "answered",
        "request": "desk-7.1",
        "method": "GET",
        "route": "/v1/retirees/{retiree}",
        "status": 404,
        "code": "not-found",
        "role": "officer",
        "department": "social-insurance",
    }
    assert not {retiree, "11010519491231002X", "secret"} & set(re.split(r'[?=/"]', json.dumps(line)))
    assert not {"officer", "127.0.0.1"} & {value for key, value in line.items() if key != "role"}


def test_metrics_are_on_a_port_of_their_own_with_labels_of_closed_sets(dsn: str, tmp_path: Path) -> None:
    with gate(dsn, tmp_path, CHANGQING_METRICS_PORT="39170") as asked:
        for n in range(3):
            asked.ask("officer", f"/v1/nothing/{n}")
            asked.ask("officer", f"/v1/alerts/5e3c2f6e-0000-4000-8000-00000000000{n}-1")
        text = asked.metrics()
        with psycopg.connect(dsn) as owner:
            recorded = owner.execute("select position from ledger.head").fetchone()
        assert asked.ask("officer", "/metrics").status_code == 404
    told: dict[str, Any] = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert told['changqing_requests_total{method="GET",route="none",status="404"}'] == "3.0"
    assert told['changqing_requests_total{method="GET",route="/v1/alerts/{alert}",status="404"}'] == "3.0"
    assert told['changqing_refusals_total{code="not-found"}'] == "6.0"
    assert told['changqing_request_seconds_count{route="/v1/alerts/{alert}"}'] == "3.0"
    assert recorded is not None
    assert told['changqing_follower_events{follower="views"}'] == f"{recorded[0]}.0", "nobody followed"
    assert told["changqing_database_up"] == "1.0"
    assert told["changqing_requests_inside"] == "0.0"
    assert "officer" not in text
