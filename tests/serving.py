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
from tests.asking import made, prepared


class Served(NamedTuple):
    """Where it is, and the headers by which a request comes from an account."""

    url: str
    headers: Callable[[str], dict[str, str]]


@contextmanager
def serving(dsn: str, folder: Path, accounts: Mapping[str, tuple[Role, str]]) -> Iterator[Served]:
    """The application of a database over HTTP, with accounts by their names: what for, and of which division."""
    app, _, headers = made(dsn, folder, accounts)
    with listening(app) as url:
        yield Served(url, headers)


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
    settings, _, headers = prepared(dsn, folder, accounts)
    port = free_port()
    environment = os.environ | settings | {"CHANGQING_PORT": str(port)}
    with command([str(CHANGQING), "api", f"--workers={workers}"], environment, f"http://127.0.0.1:{port}/healthz"):
        yield Served(f"http://127.0.0.1:{port}", headers)


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
