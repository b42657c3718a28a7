"""Keys: one for each retiree's personal data, wrapped by a key-encryption key; keyed tags for looking people up.

Destroying a retiree's wrapped key erases the person: who it was stays in the log as ciphertext nobody can read. What
happened, and when, stays readable, as nobody's.
"""

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class WrongKeyError(Exception):
    """The key-encryption key is missing, malformed, or not the one this ledger was written under."""


class KeyRing:
    """The key-encryption key (32 bytes) and what derives from it; `fingerprint` tells it from another."""

    def __init__(self, master: bytes) -> None:
        self._wrapping = AESGCM(_derive(master, b"wrap retiree keys"))
        self._letters = AESGCM(_derive(master, b"seal dead letters"))
        self._tagging = _derive(master, b"tag names and identity numbers")
        self.fingerprint = _derive(master, b"tell one master key from another")[:16]
        self._cipher = lru_cache(maxsize=65_536)(self._unwrap)

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> "KeyRing":
        """The key in a file of 64 hex digits. `create`: make one, readable by its owner only, when there is none."""
        if create and not path.exists():
            _make_key(path)
        try:
            master = bytes.fromhex(path.read_text().strip())
        except (OSError, ValueError) as error:
            raise WrongKeyError(f"{path} holds no key: {error}") from error
        if len(master) != 32:
            raise WrongKeyError(f"{path} must hold 64 hex digits (32 bytes)")
        return cls(master)

    def tag(self, kind: str, text: str) -> bytes:
        """A keyed hash (16 bytes) that stands for an identity number or a name; useless without the key."""
        return hmac.digest(self._tagging, f"{kind}\0{text}".encode(), "sha256")[:16]

    def new_key(self, retiree: UUID) -> bytes:
        """A fresh key for a retiree, wrapped for storage."""
        nonce = os.urandom(_NONCE)
        return nonce + self._wrapping.encrypt(nonce, AESGCM.generate_key(256), retiree.bytes)

    def seal(self, retiree: UUID, wrapped: bytes, plain: bytes) -> bytes:
        """Encrypt under the retiree's key, bound to the retiree (AES-256-GCM, random nonce first)."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher(retiree, wrapped).encrypt(nonce, plain, retiree.bytes)

    def open(self, retiree: UUID, wrapped: bytes, sealed: bytes) -> bytes:
        """Decrypt what `seal` made. `WrongKeyError` when it was made under another key or altered."""
        try:
            return self._cipher(retiree, wrapped).decrypt(sealed[:_NONCE], sealed[_NONCE:], retiree.bytes)
        except InvalidTag:
            raise WrongKeyError("the sealed data does not fit the key") from None

    def seal_letter(self, plain: bytes) -> bytes:
        """Encrypt the original bytes of a message that nobody could take in: whose it is cannot be known."""
        nonce = os.urandom(_NONCE)
        return nonce + self._letters.encrypt(nonce, plain, None)

    def open_letter(self, sealed: bytes) -> bytes:
        """Decrypt what `seal_letter` made."""
        return self._letters.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)

    def _unwrap(self, retiree: UUID, wrapped: bytes) -> AESGCM:
        try:
            return AESGCM(self._wrapping.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], retiree.bytes))
        except InvalidTag:
            raise WrongKeyError("the key file is not the one this ledger was written under") from None


def _make_key(path: Path) -> None:
    """Make a key file whole or not at all; of several who make it at once, one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, fresh = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(fd, "w") as file:  # mkstemp made it readable by its owner only
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(fd)
    with suppress(FileExistsError):
        os.link(fresh, path)
    Path(fresh).unlink()


def _derive(master: bytes, purpose: bytes) -> bytes:
    return hmac.digest(master, purpose, "sha256")
