"""That the key-encryption key of the ledger is another one from here on."""

from msgspec import Struct


class KeyRotated(Struct, frozen=True, kw_only=True, tag_field="name", tag="key-rotated.v1"):
    """All `keys` of retirees are wrapped under another key-encryption key. `before`, `after`: fingerprints, which say nothing of the keys."""

    by: str
    before: bytes
    after: bytes
    keys: int
