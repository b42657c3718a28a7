"""The application behind a real socket, in a thread of the test's own process."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import httpx
import uvicorn
from fastapi import FastAPI

from services.accounts import Role
from services.api.app import create_app
from services.settings import Settings
from tests.accounts import bearer, form
from tests.asking import prepared


class Served(NamedTuple):
    """Where it is, and the headers by which a request comes from an account."""

    url: str
    headers: Callable[[str], dict[str, str]]


UNBOUNDED = {
    "CHANGQING_RATE_ADDRESS": "none",
    "CHANGQING_RATE_ACCOUNT": "none",
    "CHANGQING_RATE_PUBLISHING": "none",
    "CHANGQING_REQUESTS_OF_ADDRESS": "512",
    "CHANGQING_REQUESTS_OF_ACCOUNT": "512",
    "CHANGQING_STREAMS_OF_ACCOUNT": "512",
}
"""Everybody asks from one address, and as often as they can."""
RENEWED_SECONDS = 300


class Bearers:
    """The headers by which a request comes from an account: its token, got when it is first wanted and again while it is good."""

    def __init__(self, url: str, secrets: Mapping[str, str]) -> None:
        self._url = url
        self._secrets = secrets
        self._got: dict[str, tuple[float, dict[str, str]]] = {}

    def __call__(self, account: str) -> dict[str, str]:
        since, headers = self._got.get(account, (0.0, {}))
        if not headers or monotonic() - since > RENEWED_SECONDS:
            asked = httpx.post(f"{self._url}/oauth/token", data=form(account, self._secrets[account]), timeout=60)
            headers = bearer(asked)
            self._got[account] = monotonic(), headers
        return dict(headers)


@contextmanager
def serving(dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]]) -> Iterator[Served]:
    """The application of a database over HTTP, with accounts by their names: what for, and of which division."""
    settings, secrets = prepared(dsn, accounts)
    with listening(create_app(Settings.of(settings | UNBOUNDED))) as url:
        yield Served(url, Bearers(url, secrets))


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """Any application over HTTP; its address."""
    settings = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        sleep(0.01)
    try:
        (bound,) = (one for it in server.servers for one in it.sockets)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


PATIENCE = 120


@contextmanager
def processes(dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]], workers: int = 1) -> Iterator[Served]:
    """The application of a database as `changqing api` serves it, in processes of its own."""
    settings, secrets = prepared(dsn, accounts)
    port = free_port()
    environment = os.environ | settings | UNBOUNDED | {"CHANGQING_PORT": str(port)}
    with command([str(CHANGQING), "api", f"--workers={workers}"], environment, f"http://127.0.0.1:{port}/healthz"):
        url = f"http://127.0.0.1:{port}"
        yield Served(url, Bearers(url, secrets))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


CHANGQING = Path(sys.executable).with_name("changqing")


@contextmanager
def command(words: list[str], environment: Mapping[str, str], answers: str) -> Iterator[None]:
    """A command that runs until the block ends, begun once an address answers."""
    running = subprocess.Popen(words, env=environment)
    try:
        deadline = monotonic() + PATIENCE
        while not _answers(answers):
            assert running.poll() is None, f"{words} ended"
            assert monotonic() < deadline, f"{answers} does not answer"
            sleep(0.1)
        yield
    finally:
        running.terminate()
        running.wait(PATIENCE)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.HTTPError:
        return False
