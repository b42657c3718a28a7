"""Signatures both ways: the ledger's on a receipt, ours on an event. DSSE 1.0.2, Ed25519."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

RECEIPT = "application/vnd.changqing.receipt+json"
EVENT = "https://cloudevents.io/verifiability/dsse/v0.1"
CORE = ("id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time")


def ledger_keys(url: str) -> dict[str, Ed25519PublicKey]:
    """The ledger's public keys by name. Fetch them once over a connection that you trust, and keep them."""
    keys = httpx.get(f"{url}/v1/keys", timeout=30).raise_for_status().json()["keys"]
    return {key["kid"]: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "==")) for key in keys}


def receipt(envelope: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]) -> Any:
    """The receipt that was signed, read out of the very bytes that were. Raises what says why not."""
    if envelope["payloadType"] != RECEIPT:
        raise ValueError("this envelope holds no receipt")
    body = base64.b64decode(envelope["payload"], validate=True)
    (signature,) = [one for one in envelope["signatures"] if one["keyid"] in keys]
    keys[signature["keyid"]].verify(base64.b64decode(signature["sig"], validate=True), _pae(RECEIPT, body))
    return json.loads(body)


def material(attributes: Mapping[str, str], data: bytes, key_file: Path) -> str:
    """The attribute `dssematerial` that signs an event: its core attributes and the bytes of its data.

    After CloudEvents' verifiability extension.
    """
    key = load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    parts = [attributes.get(name, "") for name in CORE]
    if parts[-1]:
        parts[-1] = moment(parts[-1]).strftime("%Y-%m-%dT%H:%M:%SZ")
    digests = [hashlib.sha256(part).digest() for part in (*(part.encode() for part in parts), data)]
    core = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    payload = json.dumps({"core": core}).encode()
    keyid = hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]
    signed = {"keyid": keyid, "sig": base64.b64encode(key.sign(_pae(EVENT, payload))).decode()}
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": EVENT, "signatures": [signed]}
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def moment(text: str) -> datetime:
    """A time as a moment in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _pae(kind: str, body: bytes) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)
