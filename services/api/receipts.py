"""Receipts asked for again, and the public key that they are signed with."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.accepting.dispositions import Disposition, Dispositions
from services.accepting.receipts import Notary
from services.api.answering import answers
from services.api.auth import WhoAsks

router = APIRouter(tags=["publishing"])

_Own = Annotated[str, Query(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Key(msgspec.Struct):
    """An Ed25519 key (RFC 8037). `kid`: the first 16 hex digits of the SHA-256 of its 32 bytes, which `x` is in base64url.

    `nbf`: it signs from then on; `exp`: nothing recorded later is signed by it, and what was signed before stays good. In seconds since 1970.
    """

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str
    nbf: int | msgspec.UnsetType = msgspec.UNSET
    exp: int | msgspec.UnsetType = msgspec.UNSET


class KeySet(msgspec.Struct):
    """A JWK set (RFC 7517)."""

    keys: list[Key]


@router.get("/receipts", summary="What became of a submission")
@answers(Disposition, refuses=("receipt-unknown",))
def receipt(request: Request, account: WhoAsks, source: _Own, id: _Own) -> Response:  # noqa: A002 - the attribute's own name
    """The present disposition of what was sent under a source and an id, with its signed receipt, and its refusals.

    A publisher asks for its own department's, an auditor for anybody's. 404 with the code `receipt-unknown` when nothing came.
    """
    dispositions: Dispositions = request.app.state.dispositions
    return Response(msgspec.json.encode(dispositions.find(account, source, id)), media_type="application/json")


@router.get("/keys", summary="The public keys of receipts, as a JWK set")
@answers(KeySet)
def keys(request: Request) -> dict[str, Any]:
    """Every Ed25519 key that this ledger's receipts were ever signed with, the oldest first, and the one that is to sign next."""
    notary: Notary = request.app.state.notary
    return notary.key_set()
