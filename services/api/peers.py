"""Where a request comes from: its address, and the client certificate that a proxy of ours has checked.

A header is believed when the peer that sent it is one of the proxies named in the settings, and at no other time.
"""

import base64
import hashlib
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import unquote

from fastapi import Request

from domain.refusals import Refused

Network = IPv4Network | IPv6Network


class Peers:
    """The proxies that are believed, and the header in which they hand on a client's certificate (empty: in none)."""

    def __init__(self, networks: str = "", certificate_header: str = "") -> None:
        """`networks`: with commas between. Raises `ValueError`."""
        self._networks = tuple(ip_network(one.strip()) for one in networks.split(",") if one.strip())
        self._header = certificate_header

    def address(self, request: Request) -> str:
        """The address that a request comes from: the last one before our own proxies."""
        peer = request.client.host if request.client else ""
        if not self._ours(peer):
            return peer
        # A proxy may add a line of its own to one that the client sent: the last of all of them is the proxy's.
        for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
            if hop.strip() and not self._ours(hop.strip()):
                return hop.strip()[:64]
        return peer

    def certificate(self, request: Request) -> str:
        """The SHA-256 of the client's certificate, base64url without padding (RFC 8705); empty when there is none.

        Raises `Refused("certificate-invalid")` for a header that holds no certificate.
        """
        if not self._header or not self._ours(request.client.host if request.client else ""):
            return ""
        given = [one for one in request.headers.getlist(self._header) if one]
        if not given:
            return ""
        if len(given) > 1:
            raise Refused("certificate-invalid", self._header)
        digest = hashlib.sha256(_der(given[0], self._header)).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _ours(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _der(given: str, header: str) -> bytes:
    """A certificate's bytes: as RFC 9440 has it (`:base64:`), or PEM percent-encoded, as nginx hands it on."""
    text = given.strip()
    if text.startswith(":") and text.endswith(":"):
        body = text[1:-1]
    else:
        lines = [line.strip() for line in unquote(text).strip().splitlines()]
        if len(lines) < 3 or lines[0] != "-----BEGIN CERTIFICATE-----" or lines[-1] != "-----END CERTIFICATE-----":
            raise Refused("certificate-invalid", header)
        body = "".join(lines[1:-1])
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise Refused("certificate-invalid", header) from None


def peers_of(request: Request) -> Peers:
    """What the application believes of its proxies."""
    peers: Peers = request.app.state.peers
    return peers
