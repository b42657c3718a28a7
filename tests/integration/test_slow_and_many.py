"""Whoever sends drop by drop, or keeps many places, keeps nobody else out: over real sockets, and balancers that ask without end."""

import socket
from asyncio import Event, ensure_future, gather, wait_for
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from select import select
from time import monotonic, sleep

import httpx
import psycopg
import pytest

from services.accounts import Role
from services.api import health
from services.api.app import create_app
from services.settings import Settings
from tests.asking import asking, prepared
from tests.integration.test_gate import Slow
from tests.serving import UNBOUNDED, Bearers, Served, listening

ACCOUNTS = {"officer": (Role.OFFICER, "4403"), "other": (Role.OFFICER, "4403")}
STRANGER, OFFICE = "203.0.113.7", "203.0.113.8"
SEARCH = "/v1/roster/search"
PATIENCE = 60


@contextmanager
def served(dsn: str, **settings: str) -> Iterator[Served]:
    """The application behind a proxy of ours, which says where each request comes from."""
    given, secrets = prepared(dsn, ACCOUNTS)
    given |= UNBOUNDED | {"CHANGQING_TRUSTED_PROXIES": "127.0.0.0/8"} | settings
    with listening(create_app(Settings.of(given))) as url:
        yield Served(url, Bearers(url, secrets))


class Dripping:
    """A request whose body never comes whole."""

    def __init__(self, url: str, path: str, address: str = STRANGER, kind: str = "application/json") -> None:
        found = httpx.URL(url)
        self._socket = socket.create_connection((found.host, found.port or 0), PATIENCE)
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\nContent-Length: 99\r\nX-Forwarded-For: {address}\r\n\r\n"
        self._socket.sendall(head.encode() + b"{")

    def drip(self) -> str:
        """A drop each moment until there is an answer; the answer until its end, empty where a drop crossed it on its way."""
        self._socket.settimeout(0.02)
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                first = self._socket.recv(65_536)
            except TimeoutError:
                with suppress(ConnectionError):
                    self._socket.sendall(b" ")
            except ConnectionError:
                return ""
            else:
                return first.decode() + self.rest()
        raise AssertionError("nothing was answered")

    def fileno(self) -> int:
        return self._socket.fileno()

    def status(self) -> int:
        """The status of the answer."""
        return int(self._socket.recv(65_536).split(b" ")[1])

    def rest(self) -> str:
        self._socket.settimeout(PATIENCE)
        said = b""
        with suppress(ConnectionError):
            while more := self._socket.recv(65_536):
                said += more
        return said.decode()

    def __enter__(self) -> "Dripping":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def answered(dripping: list[Dripping], how_many: int) -> list[int]:
    """The statuses of those who are answered, when so many are: the others wait for what is missing."""
    deadline, found = monotonic() + PATIENCE, list[Dripping]()
    while len(found) < how_many:
        assert monotonic() < deadline, "nothing was answered"
        found, _, _ = select(dripping, [], [], 1)
    return [one.status() for one in found]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (SEARCH, "application/json"),
        ("/oauth/token", "application/x-www-form-urlencoded"),
        ("/login", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_sent_drop_by_drop_is_not_waited_for_to_its_end(dsn: str, path: str, kind: str) -> None:
    with served(dsn, CHANGQING_BODY_SECONDS="0.3") as there:
        said = ""
        while not said:
            with Dripping(there.url, path, kind=kind) as stranger:
                said = stranger.drip()
        head, _, body = said.partition("\r\n\r\n")
        assert " 408 " in head.partition("\r\n")[0]
        assert '"code":"body-too-slow"' in body
        assert "connection: close" in head.lower(), "and nothing more of it is read"
        assert httpx.get(f"{there.url}/v1/registers").status_code == 401, "the others are answered"


def test_one_address_that_drips_does_not_take_the_places_of_others(dsn: str) -> None:
    places = {"CHANGQING_REQUESTS_AT_ONCE": "4", "CHANGQING_REQUESTS_OF_ADDRESS": "2", "CHANGQING_BODY_SECONDS": "600"}
    with served(dsn, **places) as there, ExitStack() as open_:
        office = there.headers("officer") | {"X-Forwarded-For": OFFICE}
        dripping = [open_.enter_context(Dripping(there.url, SEARCH)) for _ in range(6)]
        assert answered(dripping, 4) == [429] * 4
        refused = httpx.get(f"{there.url}/v1/registers", headers={"X-Forwarded-For": STRANGER})
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert refused.headers["retry-after"] == "1"
        assert httpx.get(f"{there.url}/v1/registers", headers=office).status_code == 200


def test_one_network_of_ipv6_is_one_address(dsn: str) -> None:
    places = {"CHANGQING_REQUESTS_OF_ADDRESS": "1", "CHANGQING_BODY_SECONDS": "600"}
    with served(dsn, **places) as there, ExitStack() as open_:
        one = [open_.enter_context(Dripping(there.url, SEARCH, f"2001:db8::{n}")) for n in (1, 2)]
        assert answered(one, 1) == [429]
        for address, status in (("2001:db8::3", 429), ("2001:db8:0:1::3", 401)):
            said = httpx.get(f"{there.url}/v1/registers", headers={"X-Forwarded-For": address})
            assert said.status_code == status


def test_one_account_does_not_take_the_places_of_others(dsn: str, tmp_path: Path) -> None:
    with asking(dsn, tmp_path, ACCOUNTS, CHANGQING_REQUESTS_OF_ACCOUNT="1") as asked:
        officer, other = asked.headers("officer"), asked.headers("other")

        async def crowd() -> tuple[int, int, int]:
            slow = Slow()
            first = ensure_future(asked.client.post("/v1/events", content=slow, headers=officer))
            await slow.asked.wait()
            second = await asked.client.get("/v1/registers", headers=officer)
            third = await asked.client.get("/v1/registers", headers=other)
            slow.comes.set()
            return (await first).status_code, second.status_code, third.status_code

        assert asked.run(crowd()) == (400, 429, 200)
        assert asked.status("officer", "/v1/registers") == 200, "the place was given back"


def test_one_account_opens_no_more_streams_than_are_its_own(dsn: str) -> None:
    with served(dsn, CHANGQING_STREAMS_OF_ACCOUNT="1") as there, httpx.Client(base_url=there.url, timeout=30) as client:

        def status(account: str) -> int:
            with client.stream("GET", "/v1/alerts/stream", headers=there.headers(account)) as answer:
                return answer.status_code

        with client.stream("GET", "/v1/alerts/stream", headers=there.headers("officer")) as first:
            assert first.status_code == 200
            assert (status("officer"), status("other")) == (429, 200)
        deadline = monotonic() + PATIENCE
        while status("officer") != 200:
            assert monotonic() < deadline, "a stream that ended keeps its place"
            sleep(0.05)


@pytest.mark.parametrize(
    "path", ["/v1/registers/roster?as=csv", "/v1/alerts/stream", "/v1/registers", "/pages/registers"]
)
def test_whoever_takes_nothing_of_an_answer_gives_up_the_place(dsn: str, tmp_path: Path, path: str) -> None:
    """The server's own side of a connection whose other side reads nothing, with its buffers full."""
    with asking(dsn, tmp_path, ACCOUNTS) as patient:
        token = patient.headers("officer")["Authorization"].encode()
    with asking(dsn, tmp_path, {}, CHANGQING_REQUEST_SECONDS="0.5") as asked:
        plain, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": plain,
            "raw_path": plain.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"here"), (b"authorization", token)],
            "client": (STRANGER, 4711),
            "server": ("here", 80),
            "state": {},
        }
        never, begun = Event(), Event()

        async def receive() -> dict[str, object]:
            if begun.is_set():
                await never.wait()
            begun.set()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_: object) -> None:
            await never.wait()

        async def answered() -> None:
            await wait_for(asked.app(scope, receive, send), PATIENCE)

        asked.run(answered())
        assert asked.inside() == 0


def _asking_now(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_however_many_balancers_ask_the_ledger_is_asked_once(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.5)
    with asking(dsn, tmp_path, ACCOUNTS) as asked, psycopg.connect(dsn) as blocking:

        async def many() -> list[int]:
            answers = await gather(*(asked.client.get("/readyz") for _ in range(50)))
            return [answer.status_code for answer in answers]

        blocking.execute("lock table ledger.head in access exclusive mode")
        with psycopg.connect(dsn) as seen:
            assert asked.run(many()) == [503] * 50, "who asks hears in time that nothing is heard"
            assert _asking_now(seen) == 1
        blocking.rollback()
        monkeypatch.setattr(health, "PATIENCE_SECONDS", 60.0)
        monkeypatch.setattr(health, "FRESH_SECONDS", 3_600.0)
        assert asked.run(many()) == [200] * 50
        blocking.execute("lock table ledger.head in access exclusive mode")
        assert asked.run(many()) == [200] * 50, "one look answers everybody for a while"
        assert asked.ask("", "/healthz").status_code == 200
        blocking.rollback()
