"""The key-encryption key: what wraps the retirees' keys. One that we hold ourselves, or one of the operator's own KMS."""

import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, Self, runtime_checkable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE: Final = 12


class WrongKeyError(Exception):
    """The key-encryption key is missing, malformed, out of reach, or not the one this ledger was written under."""


@runtime_checkable
class KeyEncryptionKey(Protocol):
    """Wraps the keys of retirees and gives the few secrets that all of a ledger shares.

    Everything it gives must be the same for as long as it is used, in every process and through every rotation inside a
    KMS: what was ever wrapped can be unwrapped, `fingerprint` and `secret` never change. A ledger may be rotated to another
    one (`infra/rotation.py`).
    Whatever keeps it from answering is raised as `WrongKeyError`, in a sentence that names nobody and repeats no key:
    then nothing is accepted, and sending it again is safe. It is called from several threads at once.
    """

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that tell this key from another and say nothing else about it; a ledger remembers its own."""
        ...

    def secret(self, purpose: str) -> bytes:
        """32 secret bytes for a purpose, such as a KMS's MAC over it. Asked for once a process, or never after a rotation."""
        ...

    def wrap(self, retirees: Sequence[UUID], keys: Sequence[bytes]) -> list[bytes]:
        """Wrap each key (32 bytes) so that it can be unwrapped for its retiree only; never none. Called once a batch.

        A KMS takes the retiree's id as encryption context or additional authenticated data.
        """
        ...

    def unwrap(self, retirees: Sequence[UUID], wrapped: Sequence[bytes]) -> list[bytes]:
        """The keys (32 bytes each) that `wrap` wrapped for these retirees; never none. Called once a batch at most."""
        ...


class LocalKey:
    """A key-encryption key that we hold ourselves: 32 bytes, in a file or in the environment."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._wrapping = AESGCM(self.secret("wrap retiree keys"))
        self.fingerprint = self.secret("tell one master key from another")[:16]

    @classmethod
    def from_hex(cls, digits: str) -> Self:
        """The key of 64 hex digits. `WrongKeyError` when they are something else, without saying what."""
        try:
            master = bytes.fromhex(digits.strip())
        except ValueError:
            master = b""
        if len(master) != 32:
            raise WrongKeyError("no key: it must be 64 hex digits (32 bytes)")
        return cls(master)

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Self:
        """The key in a file of 64 hex digits. `create`: make one, readable by its owner only, when there is none."""
        if create and not path.exists():
            _make_key(path)
        try:
            return cls.from_hex(path.read_text("ascii", "replace"))
        except OSError as error:
            raise WrongKeyError(f"{path} holds no key: {error.strerror}") from error
        except WrongKeyError as error:
            raise WrongKeyError(f"{path} holds {error}") from None

    def secret(self, purpose: str) -> bytes:
        """32 bytes derived from the key by HMAC-SHA256."""
        return hmac.digest(self._master, purpose.encode(), "sha256")

    def wrap(self, retirees: Sequence[UUID], keys: Sequence[bytes]) -> list[bytes]:
        """Each key under AES-256-GCM, a random nonce first, with the retiree's id as authenticated data."""
        encrypt, nonces = self._wrapping.encrypt, random_pieces(len(keys), NONCE)
        return [
            nonce + encrypt(nonce, key, retiree.bytes)
            for nonce, key, retiree in zip(nonces, keys, retirees, strict=True)
        ]

    def unwrap(self, retirees: Sequence[UUID], wrapped: Sequence[bytes]) -> list[bytes]:
        """What `wrap` wrapped."""
        decrypt = self._wrapping.decrypt
        try:
            return [
                decrypt(one[:NONCE], one[NONCE:], retiree.bytes) for retiree, one in zip(retirees, wrapped, strict=True)
            ]
        except (InvalidTag, ValueError):  # the latter: what is there is too short to have been wrapped
            raise WrongKeyError("the key is not the one this ledger was written under") from None


def provided(name: str) -> KeyEncryptionKey:
    """The key-encryption key that the operator's own function gives, named as `package.module:function`.

    Raises `WrongKeyError` when there is no such function or it gives something else.
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise WrongKeyError(f"there is no function {name}: {error}") from error
    key = function()
    if not isinstance(key, KeyEncryptionKey):
        raise WrongKeyError(f"{name} gives no KeyEncryptionKey")
    return key


def random_pieces(count: int, size: int) -> list[bytes]:
    """So many random pieces of so many bytes each, drawn from the system in one call."""
    drawn = os.urandom(count * size)
    return [drawn[start : start + size] for start in range(0, count * size, size)]


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
