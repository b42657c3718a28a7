"""A proxy before PostgreSQL that knows its messages, and can lose, hold back and cut any of them.

A client reaches it by `Proxy.dsn`; it listens on a Unix socket of its own and connects to the server's.
"""

import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, SHUT_RDWR, SHUT_WR, socket
from threading import Thread
from typing import NamedTuple

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SOCKET = ".s.PGSQL.5432"


class Message(NamedTuple):
    """A message of the protocol; `kind` is its letter, empty for the first of a client, which has none."""

    from_client: bool
    kind: bytes
    raw: bytes

    @property
    def asks_to_commit(self) -> bool:
        """Plainly, or as a statement of a pipeline."""
        return self.from_client and self.kind in (b"Q", b"P") and b"COMMIT\0" in self.raw

    @property
    def ends_a_request(self) -> bool:
        """From here on the server may answer without waiting for more: it has a whole query, or the end of a pipeline."""
        return self.from_client and self.kind in (b"Q", b"S")

    @property
    def says_committed(self) -> bool:
        return not self.from_client and self.kind == b"C" and self.raw[5:] == b"COMMIT\0"


class Cut(Exception):  # noqa: N818 - what a fault does, no error
    """Both ends lose their connection, after the other one got this much more."""

    def __init__(self, passing: bytes = b"") -> None:
        super().__init__()
        self.passing = passing


class Session:
    """One connection of a client, with its own to the server."""

    def __init__(self, proxy: "Proxy", client: socket, server: socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self.backend: int | None = None
        self.threads = [Thread(target=self._pump, args=given) for given in ((client, server), (server, client))]
        for thread in self.threads:
            thread.start()

    def hang_up(self) -> None:
        """The client loses its connection; the server does not know, and what was sent may still reach it."""
        with suppress(OSError):
            self._client.shutdown(SHUT_WR)

    def to_server(self, message: Message) -> None:
        """Send it on now, whatever the fault does next."""
        self._server.sendall(message.raw)

    def cut(self) -> None:
        """Both lose theirs."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(SHUT_RDWR)

    def _pump(self, origin: socket, target: socket) -> None:
        try:
            for message in _messages(origin, from_client=origin is self._client):
                if not message.from_client and message.kind == b"K":
                    (self.backend,) = struct.unpack_from("!i", message.raw, 5)
                try:
                    self._proxy.fault(self, message)
                except Cut as cut:
                    if message.from_client:
                        self.hang_up()  # the answer to what passes now must not slip through before both are cut
                    with suppress(OSError):
                        target.sendall(cut.passing)
                    return
                try:
                    target.sendall(message.raw)
                except OSError:
                    if message.from_client:
                        return
                    # The client has hung up. What the server says now is lost, and it goes on.
        finally:
            self.cut()


Fault = Callable[[Session, Message], None]
"""Sees each message before it goes on; may wait, or raise `Cut`."""


def no_fault(session: Session, message: Message) -> None:
    """Everything goes on."""


class Proxy:
    """Listens from its making to `close`. Assign `fault` at any time."""

    def __init__(self, dsn: str) -> None:
        self.fault: Fault = no_fault
        self._sessions: list[Session] = []
        self._directory = Path(tempfile.mkdtemp(prefix="cq"))  # short: a socket's path has little room
        upstream = conninfo_to_dict(dsn)
        self._upstream = f"{upstream['host']}/{_SOCKET}"
        self.dsn = make_conninfo(dsn, host=str(self._directory), sslmode="disable", gssencmode="disable")
        self._listener = socket(AF_UNIX)
        self._listener.bind(str(self._directory / _SOCKET))
        self._listener.listen()
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Cut every session, and end every thread."""
        self._listener.shutdown(SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for session in self._sessions:
            session.cut()
            for thread in session.threads:
                thread.join()
            session._client.close()
            session._server.close()
        shutil.rmtree(self._directory)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket(AF_UNIX)
            try:
                server.connect(self._upstream)
            except OSError:  # PostgreSQL is not there: neither are we
                server.close()
                client.close()
                continue
            self._sessions.append(Session(self, client, server))


def _messages(origin: socket, *, from_client: bool) -> Iterator[Message]:
    """The messages one end sends, each when it is whole, until it sends no more."""
    buffer = b""
    tagged = not from_client  # a client's first message has no letter
    while True:
        try:
            received = origin.recv(65_536)
        except OSError:
            return
        if not received:
            return
        buffer += received
        while len(buffer) >= tagged + 4:
            (size,) = struct.unpack_from("!i", buffer, int(tagged))
            if len(buffer) < tagged + size:
                break
            raw, buffer = buffer[: tagged + size], buffer[tagged + size :]
            yield Message(from_client, raw[:1] if tagged else b"", raw)
            tagged = True
