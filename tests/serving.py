"""The application behind a real socket, in a thread of the test's own process."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI

from services.accounts import Role
from tests.asking import made


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
        (socket,) = (one for it in server.servers for one in it.sockets)
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
