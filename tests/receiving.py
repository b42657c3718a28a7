"""A receiver of webhooks, as somebody else would write it: a plain HTTP server and the specification's own library."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Condition, Thread
from typing import Any, NamedTuple

from standardwebhooks import Webhook, WebhookVerificationError


class Got(NamedTuple):
    """A webhook that came, and whether its signature held."""

    id: str
    body: dict[str, Any]
    verified: bool
    headers: dict[str, str]


class Receiver:
    """Answers with what `answer` says (a status, with headers), by default 204, and remembers what it took."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.secret = ""
        self.answer: Callable[[Got], int | tuple[int, dict[str, str]]] = lambda _: 204
        self.tried: list[Got] = []
        self.taken: list[Got] = []
        self._came = Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = receiver._take(body, {k.lower(): v for k, v in self.headers.items()})
                self.send_response(status)
                for name, value in ({"content-length": "0"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = SSLContext(PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait(self, count: int, seconds: float = 30) -> list[Got]:
        """What was taken, as soon as there is so much of it."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.taken) >= count, seconds), f"{len(self.taken)} of {count} came"
            return list(self.taken)

    def wait_tried(self, count: int, seconds: float = 30) -> list[Got]:
        """What was sent, taken or not."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.tried) >= count, seconds), f"{len(self.tried)} of {count} came"
            return list(self.tried)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
        got = Got(headers["webhook-id"], json.loads(body), self._verified(body, headers), headers)
        answer = self.answer(got)
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        with self._came:
            self.tried.append(got)
            if 200 <= status < 300:
                self.taken.append(got)
            self._came.notify_all()
        return status, more

    def _verified(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, RuntimeError):
            return False
        return True


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """One that listens on loopback."""
    receiver = Receiver(certificate)
    try:
        yield receiver
    finally:
        receiver.close()
