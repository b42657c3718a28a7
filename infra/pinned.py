"""Connections to just the addresses that were looked at, and a request that is over in time, whatever the other side does.

Whoever sends a byte now and then keeps every single wait short, so what is measured is the time since the request began.
Errors are those of httpcore.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

import httpcore
import httpx

_KEPT_SECONDS = 5.0


class Pinned(httpx.BaseTransport):
    """Connects to an address that was looked at, while TLS and the Host header go by the name. One request at a time.

    Of several addresses each has its share of the time to connect, first the one that was reached last. Connections are kept
    by their address, so they are for one name only: under another, whose certificate is still to be looked at, there are new ones.
    """

    def __init__(self, addresses: Callable[[httpx.URL], list[str]], trusted: ssl.SSLContext, seconds: float) -> None:
        self._addresses = addresses
        self._trusted = trusted
        self._seconds = seconds
        self._limit = _Limit()
        self._name = self._reached = ""
        self._inner = self._connections()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; the time for all of it, the answer's body too, begins now. Raises what `addresses` does."""
        self._limit.begin(self._seconds)
        named = request.url
        addresses = sorted(self._addresses(named), key=lambda one: one != self._reached)
        if self._name != named.host:
            self._inner.close()
            self._name, self._inner = named.host, self._connections()
        answer = self._first(request, addresses)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _first(self, request: httpx.Request, addresses: list[str]) -> httpcore.Response:
        """The answer of the first address that can be reached."""
        address, *others = addresses
        try:
            answer = self._inner.handle_request(self._to(address, request, len(others)))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if not others or is_tls(error):  # whoever showed a wrong certificate was reached
                raise
        else:
            self._reached = address
            return answer
        return self._first(request, others)

    def _to(self, address: str, request: httpx.Request, others: int) -> httpcore.Request:
        url = request.url.copy_with(host=address)
        extensions: dict[str, Any] = {"timeout": {"connect": self._limit.left() / (others + 1)}}
        if not _is_address(request.url.host):
            extensions["sni_hostname"] = request.url.host
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.content,
            extensions=extensions,
        )

    def _connections(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            self._trusted, keepalive_expiry=_KEPT_SECONDS, network_backend=_Dialer(self._limit)
        )


class _Limit:
    """When the request that is under way must be over."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than none. Raises `httpcore.ReadTimeout`."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the request took too long in all")
        return left

    def within(self, timeout: float | None) -> float:
        return self.left() if timeout is None else min(timeout, self.left())


class _Dialer(httpcore.SyncBackend):
    """Connections that keep to the limit."""

    def __init__(self, limit: _Limit) -> None:
        self._limit = limit

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, self._limit.within(timeout), local_address, socket_options)
        return _Timed(stream, self._limit)


class _Timed(httpcore.NetworkStream):
    """A connection that keeps to the limit: each wait is for what is left of it."""

    def __init__(self, inner: httpcore.NetworkStream, limit: _Limit) -> None:
        self._inner = inner
        self._limit = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._limit.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._limit.within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._inner.start_tls(ssl_context, server_hostname, self._limit.within(timeout))
        return _Timed(stream, self._limit)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        """A connection whose answer was not read to its end is closed."""
        self._answer.close()


def is_tls(error: BaseException | None) -> bool:
    """Whether TLS is what failed."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
