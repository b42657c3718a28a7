"""Receipts: what became of an event, in the ledger's words and under its signature."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from infra.dsse import Envelope, EnvelopeError, UnknownKeyError, VerifyingKey, WrongSignatureError, from_base64, verify
from services.client.errors import ClientError, UntrustedError

PAYLOAD_TYPE: Final = "application/vnd.changqing.receipt+json"


class Words(Struct, frozen=True):
    """A sentence, Chinese first."""

    zh: str
    en: str


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one event. `status`: accepted, parked (kept until the retiree is registered), or refused.

    `position`: its place in the log. `known`: an earlier receipt said so already. Of a refusal: `code` and the member at
    fault (`path`), `detail`, and reason and remedy in both languages. `proof`: the ledger's signature over all the rest;
    `verified`: we looked at it, and it is right.
    """

    source: str | None
    id: str | None
    status: str
    position: int | None = None
    retiree: UUID | None = None
    recorded_at: datetime | None = None
    known: bool = False
    code: str = ""
    path: str = ""
    detail: str = ""
    reason: Words | None = None
    remedy: Words | None = None
    proof: Envelope | None = None
    verified: bool = False

    @property
    def refused(self) -> bool:
        """Whether nothing of it counts."""
        return self.status == "refused"


_receipts = msgspec.json.Decoder(Receipt)


class LedgerKeys:
    """The public keys of a ledger, as its operator gave them: whoever has them need not trust the way a receipt came.

    `ends`: by key, the second since 1970 after which nothing was recorded that it signs.
    """

    def __init__(self, keys: Mapping[str, VerifyingKey], ends: Mapping[str, int] = MappingProxyType({})) -> None:
        self._keys = dict(keys)
        self._ends = dict(ends)

    @classmethod
    def of(cls, keys: bytes) -> Self:
        """The keys in a JWK set, as `/v1/keys` of a ledger shows it. Raises `ClientError`."""
        try:
            found = msgspec.json.decode(keys, type=_KeySet).keys
            known = {key.kid: VerifyingKey(from_base64(key.x + "=" * (-len(key.x) % 4))) for key in found}
            return cls(known, {key.kid: key.exp for key in found if key.exp is not None})
        except (msgspec.DecodeError, EnvelopeError):
            raise ClientError("these are no ledger keys: they must be a JWK set of Ed25519 keys") from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The keys in a file. Raises `ClientError`."""
        try:
            return cls.of(path.read_bytes())
        except OSError as error:
            raise ClientError(f"{path} holds no ledger keys: {error.strerror}") from None
        except ClientError as error:
            raise ClientError(f"{path}: {error}") from None

    def verified(self, proof: Envelope) -> Receipt:
        """The receipt that was signed: by a key that there still was when it was recorded. Raises `UntrustedError`, `ClientError`."""
        if proof.payloadType != PAYLOAD_TYPE:
            raise UntrustedError("what was signed is no receipt")
        try:
            keyid = verify(proof, self._keys)
        except UnknownKeyError:
            raise UntrustedError("a receipt is signed by a key that is not the ledger's") from None
        except (WrongSignatureError, EnvelopeError):
            raise UntrustedError("a receipt's signature is wrong") from None
        receipt, end = _decoded(proof.body), self._ends.get(keyid)
        if end is not None and receipt.recorded_at and receipt.recorded_at.timestamp() > end:
            raise UntrustedError("a receipt is signed by a key that the ledger no longer had")
        return receipt


def receipt_of(answer: bytes, keys: LedgerKeys | None) -> Receipt:
    """The receipt in an answer. With the ledger's keys only what it signed counts, whatever stands beside it.

    Raises `UntrustedError`, and `ClientError` for what is no receipt.
    """
    receipt = _decoded(answer)
    if keys is None:
        return receipt
    if receipt.proof is None:
        raise UntrustedError("a receipt is not signed, though the ledger's key is known")
    return replace(keys.verified(receipt.proof), proof=receipt.proof, verified=True)


def _decoded(answer: bytes) -> Receipt:
    try:
        receipt = _receipts.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ClientError("the answer holds no receipt: is this the address of a ledger?") from None
    return replace(receipt, verified=False)  # that is for us to say


class _Key(Struct, tag="OKP", tag_field="kty"):
    kid: str
    x: str
    crv: str = "Ed25519"
    exp: int | None = None


class _KeySet(Struct):
    keys: list[_Key]
