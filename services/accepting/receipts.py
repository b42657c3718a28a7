"""Receipts as they leave: signed, the same object over HTTP, on Kafka and when it is asked for again.

A signature is over the exact bytes of the receipt without it, which the envelope holds: whoever keeps one can show years later
what was answered, without asking us for more than the public key.
"""

import base64
from collections.abc import Iterable
from math import ceil
from typing import Any

import msgspec

from domain.history import Receipt, Taken
from infra.dsse import Envelope, SigningKey
from infra.keys import KeyRing
from infra.receipt_keys import Published, ReceiptKeys
from services.accepting.intake import Answer, Refusal

PAYLOAD_TYPE = "application/vnd.changqing.receipt+json"
"""What an envelope says that it holds; it is part of what is signed."""


class SignedReceipt(Receipt, frozen=True, kw_only=True):
    """A receipt of what was accepted, parked or known already. `proof`: a DSSE envelope of all the other members."""

    proof: Envelope


class SignedReport(Taken, frozen=True, kw_only=True):
    """A receipt of what a source reported of itself, likewise."""

    proof: Envelope


class SignedRefusal(Refusal, frozen=True, kw_only=True):
    """A receipt of what was refused, likewise."""

    proof: Envelope


Signed = SignedReceipt | SignedReport | SignedRefusal


class Notary:
    """Signs receipts with the ledger's key. Ed25519 is deterministic: the same receipt is signed by the same bytes.

    `rotated`: the keys that came one after the other; without it the ledger's first. Raises what `ReceiptKeys` does.
    """

    def __init__(self, keys: KeyRing, rotated: ReceiptKeys | None = None) -> None:
        self._keys = keys
        self._rotated = rotated

    @property
    def _key(self) -> SigningKey:
        return self._rotated.signing() if self._rotated else self._keys.receipts

    @property
    def ready(self) -> bool:
        """Whether it signs at once, and need not ask the database before which key is to."""
        return self._rotated is None or self._rotated.known

    def signed(self, answer: Answer) -> Signed:
        """A receipt with its proof; about 0.1 ms."""
        proof = self._key.envelope(PAYLOAD_TYPE, msgspec.json.encode(answer))
        members = msgspec.structs.asdict(answer)
        if isinstance(answer, Receipt):
            return SignedReceipt(**members, proof=proof)
        return (
            SignedReport(**members, proof=proof) if isinstance(answer, Taken) else SignedRefusal(**members, proof=proof)
        )

    def all(self, answers: Iterable[Answer]) -> list[Signed]:
        """Receipts with their proofs."""
        return [self.signed(answer) for answer in answers]

    def key_set(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 7517, RFC 8037), the oldest first.

        `nbf`: signs from then on; `exp`: nothing recorded later is signed by it (both in seconds since 1970, as in RFC 7519).
        """
        first = self._keys.receipts
        return {
            "keys": [_jwk(one) for one in self._rotated.published()]
            if self._rotated
            else [_jwk(Published(first.keyid, first.public))]
        }


def _jwk(key: Published) -> dict[str, Any]:
    x = base64.urlsafe_b64encode(key.public).rstrip(b"=").decode()
    times = {"nbf": key.since, "exp": key.until}
    told = {name: ceil(at.timestamp()) for name, at in times.items() if at}
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x, **told}
