"""Webhooks as in the standard-webhooks specification 1.0: signed, sent to where they may go, and what the receiver said.

A receiver's name is resolved here, and its address looked at before we connect to just that address: a name that leads to a
network of ours, today or later, is refused (server-side request forgery). No redirect is followed, no proxy used.
"""

import hmac
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpcore
import httpx
from msgspec import Struct

from infra.pinned import Pinned, is_tls

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SECONDS = 15.0
"""How long a receiver may take in all to connect, to take the event and to answer; the specification recommends 15 to 30."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""All that is given out of IPv6 for the public internet; elsewhere `is_global` lets some through that wrap an IPv4 address (RFC 4291, 2.4)."""
_ANSWER_BYTES = 16_384
"""How much of an answer's body is read, so that the connection can be used again. What stands in it is nobody's business."""


NO_ANSWER = ("timeout", "unreachable", "tls-failed", "address-refused")
"""The codes of a try that got no answer; those of one that did are `http-` and the status."""


class Webhook(Struct, frozen=True, kw_only=True):
    """One event on its way: its id, the same however often it is sent, and its body."""

    id: str
    body: bytes
    content_type: str
    traceparent: str = ""


class Answer(NamedTuple):
    """What became of a try. `status`: of HTTP, None when there was no answer; `code` says why not.

    `retry_after`: for how many seconds the receiver asked to be left alone.
    """

    code: str
    status: int | None = None
    retry_after: float | None = None


class UrlError(ValueError):
    """A webhook may not go there; the message says why."""


class Reach:
    """Where webhooks may go: https to the public internet, and to the networks that are named here.

    Plain http to loopback only, and only when that is named.
    """

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    @classmethod
    def of(cls, text: str) -> "Reach":
        """From networks in CIDR notation, separated by commas. Raises `ValueError`."""
        return cls(ip_network(one.strip()) for one in text.split(",") if one.strip())

    def check(self, url: str) -> None:
        """Raise `UrlError` when a webhook may not go there, as far as can be told without resolving its name."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise UrlError("it is not a URL") from error
        if parts.scheme not in ("https", "http") or not host:
            raise UrlError("it must begin with https:// and name a host")
        if "@" in parts.netloc or parts.fragment:
            raise UrlError("it must hold neither a user name, a password nor a fragment")
        if not url.isascii() or any(character.isspace() for character in url):
            raise UrlError("it must be ASCII: percent-encode the path, and write the host as xn--")
        literal = _literal(host)
        if literal is not None and not self._may(literal):
            raise UrlError(f"{literal} is not in a network that webhooks may go to")
        if parts.scheme == "http" and host != "localhost" and not (literal is not None and literal.is_loopback):
            raise UrlError("http is for loopback only, use https")

    def addresses(self, url: httpx.URL) -> list[str]:
        """The addresses to connect to, as the resolver ranks them. Raises `UrlError`, `OSError` when the name does not resolve."""
        self.check(str(url))
        found = socket.getaddrinfo(url.host, url.port or _PORTS[url.scheme], type=socket.SOCK_STREAM)
        addresses = [ip_address(str(told[0]).partition("%")[0]) for *_, told in found]
        for address in addresses:  # all of them: which one is taken must not depend on luck
            if not self._may(address) or (url.scheme == "http" and not address.is_loopback):
                raise UrlError(f"{url.host} leads to {address}, where webhooks may not go")
        return list(dict.fromkeys(map(str, addresses)))

    def _may(self, address: Address) -> bool:
        meant = _meant(address)
        named = any(meant.version == network.version and meant in network for network in self._networks)
        public = meant.is_global and not meant.is_multicast
        return named or (public and (meant.version == 4 or meant in _UNICAST))


_PORTS = {"http": 80, "https": 443}
_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)


class Sender:
    """Sends the webhooks of one consumer, over connections that are kept."""

    def __init__(self, reach: Reach, *, authorities: Path | None = None, seconds: float = SECONDS) -> None:
        trusted = ssl.create_default_context()
        if authorities:
            trusted.load_verify_locations(authorities)
        self._client = httpx.Client(
            transport=Pinned(reach.addresses, trusted, seconds),
            follow_redirects=False,
            headers={"User-Agent": "Changqing-Webhooks"},
        )

    def send(self, url: str, webhook: Webhook, secrets: Sequence[bytes], now: datetime) -> Answer:
        """Send an event once, signed with every secret; what came of it."""
        headers = {"Content-Type": webhook.content_type, **signed(webhook, secrets, now)}
        if webhook.traceparent:
            headers["traceparent"] = webhook.traceparent
        try:
            with self._client.stream("POST", url, content=webhook.body, headers=headers) as response:
                with suppress(*_BROKEN):  # the status has come, and says all: what breaks now costs us the connection
                    _read_some(response)
                return Answer(f"http-{response.status_code}", response.status_code, _retry_after(response, now))
        except UrlError:
            return Answer("address-refused")
        except httpcore.TimeoutException:
            return Answer("timeout")
        except (*_BROKEN, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer("tls-failed" if is_tls(error) else "unreachable")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def signed(webhook: Webhook, secrets: Sequence[bytes], now: datetime) -> dict[str, str]:
    """The three headers of the specification; a signature for each secret, separated by spaces."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((webhook.id.encode(), timestamp.encode(), webhook.body))
    signatures = (b64encode(hmac.digest(secret, content, "sha256")).decode() for secret in secrets)
    return {
        "webhook-id": webhook.id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _meant(address: Address) -> Address:
    """The address behind one that wraps another."""
    if isinstance(address, IPv6Address):
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
    return address


def _read_some(response: httpx.Response) -> None:
    read = 0
    for chunk in response.iter_raw():
        read += len(chunk)
        if read > _ANSWER_BYTES:
            return


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds, however the receiver wrote it (RFC 9110, 10.2.3); None when it did not, or not so that it can be read."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
