"""Receivers that answer a byte at a time, or are away at one of their addresses: a request is over in time, whatever they do."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from threading import Event as Flag
from threading import Thread

import httpx
import pytest

from infra.webhooks import Answer, Reach, Sender, Webhook
from tests.receiving import receiving

LOOPBACK = Reach([ip_network("127.0.0.0/8")])
EVENT = Webhook(id="1234", body=b'{"id":"1234"}', content_type="application/json")
SECRETS = [bytes(range(32))]
PAUSE_SECONDS = 0.1
BYTES = 30

pytestmark = pytest.mark.timeout(60)


class Trickling:
    """Answers one request: the beginning at once, the rest a byte at a time. `cut`: it was not let come to the end."""

    def __init__(self, at_once: bytes, trickled: bytes) -> None:
        self.cut = Flag()
        self._answer = at_once, trickled
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self._over = Flag()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(30)
        self._server.close()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.recv(65_536)
            at_once, trickled = self._answer
            try:
                connection.sendall(at_once)
                for one in trickled:
                    self._over.wait(PAUSE_SECONDS)
                    connection.sendall(bytes([one]))
            except OSError:
                self.cut.set()


@contextmanager
def trickling(at_once: bytes, trickled: bytes) -> Iterator[Trickling]:
    server = Trickling(at_once, trickled)
    try:
        yield server
    finally:
        server.close()


def send(url: str, seconds: float, reach: Reach = LOOPBACK) -> Answer:
    sender = Sender(reach, seconds=seconds)
    try:
        return sender.send(url, EVENT, SECRETS, datetime.now(UTC))
    finally:
        sender.close()


def test_an_answer_that_never_comes_to_its_end_is_none_although_every_byte_of_it_comes_in_time() -> None:
    with trickling(b"HTTP/1.1 200 OK\r\nx: ", b"x" * BYTES + b"\r\ncontent-length: 0\r\n\r\n") as slow:
        assert send(slow.url, PAUSE_SECONDS * 5) == Answer("timeout")
    with trickling(b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n") as slow:
        assert send(slow.url, 30).code == "http-200"


def test_a_status_that_came_counts_and_a_body_without_end_is_cut_off() -> None:
    with trickling(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BYTES, b"x" * BYTES) as slow:
        assert send(slow.url, PAUSE_SECONDS * 5) == Answer("http-200", 200)
        assert slow.cut.wait(30)


def test_of_several_addresses_the_first_that_can_be_reached_is_taken() -> None:
    class Twice(Reach):
        """A name with two addresses, of which nobody listens at the first."""

        def addresses(self, url: httpx.URL) -> list[str]:
            return ["127.0.0.2", *super().addresses(url)]

    both = Twice([ip_network("127.0.0.0/8"), ip_network("::1/128")])
    with receiving() as receiver:
        receiver.secret = f"whsec_{b64encode(SECRETS[0]).decode()}"
        url = receiver.url.replace("127.0.0.1", "localhost")
        assert send(url, 30, both).code == "http-204"
        assert [one.headers["host"] for one in receiver.taken] == [f"localhost:{receiver.port}"]
        assert send(url.replace(str(receiver.port), "1"), 30, both).code == "unreachable"


def test_every_address_of_a_name_is_there_to_be_tried_once() -> None:
    found = Reach([ip_network("127.0.0.0/8"), ip_network("::1/128")]).addresses(httpx.URL("http://localhost/"))
    assert found == list(dict.fromkeys(found))
    assert set(found) == {str(told[0]) for *_, told in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
