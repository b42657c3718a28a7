"""A web server that answers publishers as it is told: what a ledger says only on its worst days."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

import msgspec

from infra.dsse import SigningKey
from services.client.receipts import PAYLOAD_TYPE
from tests.wire import OnTheWire, Quiet

Json = dict[str, Any]


class Answer(NamedTuple):
    """An answer: status, body, headers. Status 0 breaks the connection without one."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Answering(OnTheWire):
    """Answers a batch by `answer`, which is given its events; by default with signed receipts. `came`: the batches, in order.

    `asked`: what came to `/oauth/token`, which `granted` answers, by default with a token that ends in an hour.
    """

    def __init__(self) -> None:
        self.came: list[list[Json]] = []
        self.tokens: set[str] = set()
        self.asked: list[str] = []
        self.granted: Callable[[], Answer] = self.token
        self.key = SigningKey.from_seed(bytes(range(32)))
        self.answer: Callable[[list[Json]], Answer] = self.receipts
        super().__init__(self._handler())

    @property
    def key_set(self) -> bytes:
        x = base64.urlsafe_b64encode(self.key.public).rstrip(b"=").decode()
        return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.key.keyid, "x": x}]}).encode()

    @property
    def ids(self) -> list[str]:
        """The ids of all that came, repeats included."""
        return [event["id"] for batch in self.came for event in batch]

    def token(self, seconds: float = 3_600) -> Answer:
        """A token: which one it is follows from how often one was asked for."""
        said = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", "expires_in": seconds}
        return Answer(200, json.dumps(said).encode())

    def receipts(self, events: list[Json]) -> Answer:
        """Everything is accepted."""
        return Answer(200, msgspec.json.encode([self.receipt(event) for event in events]))

    def receipt(self, event: Json, **more: Any) -> Json:
        """A signed receipt."""
        said = {"source": event["source"], "id": event["id"], "status": "accepted", "position": 1} | more
        return said | {"proof": self.key.envelope(PAYLOAD_TYPE, msgspec.json.encode(said))}

    def once(self, *answers: Answer) -> None:
        """These answers first, and then receipts."""
        left = list(answers)
        self.answer = lambda events: left.pop(0) if left else self.receipts(events)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ours = self

        class Handler(Quiet):
            def do_POST(self) -> None:  # noqa: N802 - by this name the library calls it
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/oauth/token":
                    ours.asked.append(body.decode())
                    self._give(ours.granted())
                    return
                ours.tokens.add(self.headers.get("authorization", ""))
                with suppress(ValueError):
                    ours.came.append(json.loads(body))
                self._give(ours.answer(json.loads(body)))

            def _give(self, answer: Answer) -> None:
                self.close_connection = True
                if answer.status:
                    self.give(answer.status, answer.body, answer.headers)

        return Handler


def problem(status: int, code: str, **headers: str) -> Answer:
    """Problem details as a ledger has them."""
    words = {"zh": "中文", "en": "English"}
    body = {
        "status": status,
        "source": None,
        "id": None,
        "code": code,
        "path": "",
        "detail": "",
        "reason": words,
        "remedy": words,
    }
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, json.dumps(body).encode(), (("content-type", "application/problem+json"), *given))
