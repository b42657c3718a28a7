"""Keys: one for each retiree's personal data, wrapped by the key-encryption key; keyed tags for looking people up.

Destroying a retiree's wrapped key erases the person: who it was stays in the log as ciphertext nobody can read. What
happened, and when, stays readable, as nobody's.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from infra.dsse import SigningKey
from infra.master_key import NONCE, KeyEncryptionKey, LocalKey, WrongKeyError, random_pieces

__all__ = ["KeyRing", "WrongKeyError"]

_KEPT: Final = 65_536
"""How many unwrapped keys a ring keeps. As bytes, 16 MB; as ciphers, which cost 1.4 µs to make, they would be 160 MB."""


class KeyRing:
    """What a ledger seals, tags and signs with; `fingerprint` tells its key-encryption key from another.

    `receipts`: signs what publishers are answered. It follows from the key-encryption key, so there is nothing more to keep.

    Bytes are taken for a `LocalKey`. Of nobody is anything said in an error.
    """

    def __init__(self, key: KeyEncryptionKey | bytes) -> None:
        self._key = LocalKey(key) if isinstance(key, bytes) else key
        self._letters = AESGCM(self._key.secret("seal dead letters"))
        self._secrets = AESGCM(self._key.secret("seal the secrets of consumers"))
        self._tagging = HMAC(self._key.secret("tag names and identity numbers"), SHA256())
        self.receipts = SigningKey.from_seed(self._key.secret("sign receipts"))
        self._recent = _Recent(_KEPT)
        self.fingerprint = self._key.fingerprint

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Self:
        """The ring of `LocalKey.from_file`."""
        return cls(LocalKey.from_file(path, create=create))

    def tag(self, kind: str, text: str) -> bytes:
        """A keyed hash (16 bytes) that stands for an identity number or a name; useless without the key."""
        return self.tags(kind, (text,))[0]

    def tags(self, kind: str, texts: Iterable[str]) -> list[bytes]:
        """The tags of several texts of one kind."""
        begun = self._tagging.copy()  # the key is hashed in: starting from a copy halves the cost
        begun.update(f"{kind}\0".encode())
        tags = []
        for text in texts:
            tagging = begun.copy()
            tagging.update(text.encode())
            tags.append(tagging.finalize()[:16])
        return tags

    def new_key(self, retiree: UUID) -> bytes:
        """A fresh key for a retiree, wrapped for storage."""
        return self.new_keys((retiree,))[0]

    def new_keys(self, retirees: Sequence[UUID]) -> list[bytes]:
        """A fresh key for each, wrapped for storage; they can seal without being unwrapped first."""
        if not retirees:
            return []
        keys = random_pieces(len(retirees), 32)
        wrapped = self._key.wrap(retirees, keys)
        for retiree, one, key in zip(retirees, wrapped, keys, strict=True):
            self._recent.keep(retiree.bytes + one, key)
        return wrapped

    def seal(self, retiree: UUID, wrapped: bytes, plain: bytes) -> bytes:
        """Encrypt under the retiree's key, bound to the retiree (AES-256-GCM, random nonce first)."""
        return self.seal_all(((retiree, wrapped, plain),))[0]

    def seal_all(self, items: Sequence[tuple[UUID, bytes, bytes]]) -> list[bytes]:
        """Seal several: of each the retiree, the wrapped key, and what to encrypt."""
        keys = self._unwrapped([(retiree, wrapped) for retiree, wrapped, _ in items])
        nonces = random_pieces(len(items), NONCE)
        return [
            nonce + AESGCM(key).encrypt(nonce, plain, retiree.bytes)
            for nonce, key, (retiree, _, plain) in zip(nonces, keys, items, strict=True)
        ]

    def open(self, retiree: UUID, wrapped: bytes, sealed: bytes) -> bytes:
        """Decrypt what `seal` made. `WrongKeyError` when it was made under another key or altered."""
        return self.open_all(((retiree, wrapped, sealed),))[0]

    def open_all(self, items: Sequence[tuple[UUID, bytes, bytes]]) -> list[bytes]:
        """Open several: of each the retiree, the wrapped key, and what was sealed. `WrongKeyError` as `open`."""
        keys = self._unwrapped([(retiree, wrapped) for retiree, wrapped, _ in items])
        try:
            return [
                AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], retiree.bytes)
                for key, (retiree, _, sealed) in zip(keys, items, strict=True)
            ]
        except (InvalidTag, ValueError):  # the latter: what is there is too short to have been sealed
            raise WrongKeyError("the sealed data does not fit the key") from None

    def forget(self, retiree: UUID, wrapped: bytes) -> None:
        """Keep the key of a retiree no more, where it was at hand. Other processes keep theirs until they end, and use it for nothing."""
        self._recent.drop(retiree.bytes + wrapped)

    def seal_letter(self, plain: bytes) -> bytes:
        """Encrypt the original bytes of a message that nobody could take in: whose it is cannot be known."""
        nonce = os.urandom(NONCE)
        return nonce + self._letters.encrypt(nonce, plain, None)

    def open_letter(self, sealed: bytes) -> bytes:
        """Decrypt what `seal_letter` made. `WrongKeyError` as `open`."""
        try:
            return self._letters.decrypt(sealed[:NONCE], sealed[NONCE:], None)
        except (InvalidTag, ValueError):
            raise WrongKeyError("the dead letter does not fit the key") from None

    def seal_secret(self, owner: str, plain: bytes) -> bytes:
        """Encrypt a secret that we share with somebody, bound to that name."""
        nonce = os.urandom(NONCE)
        return nonce + self._secrets.encrypt(nonce, plain, owner.encode())

    def open_secret(self, owner: str, sealed: bytes) -> bytes:
        """Decrypt what `seal_secret` made. `WrongKeyError` as `open`."""
        try:
            return self._secrets.decrypt(sealed[:NONCE], sealed[NONCE:], owner.encode())
        except (InvalidTag, ValueError):
            raise WrongKeyError("the secret does not fit the key") from None

    def _unwrapped(self, items: Sequence[tuple[UUID, bytes]]) -> list[bytes]:
        """The keys of these retirees, unwrapping in one call those that are not at hand."""
        names = [retiree.bytes + wrapped for retiree, wrapped in items]
        found = [self._recent.find(name) for name in names]
        missing = {name: item for name, item, key in zip(names, items, found, strict=True) if key is None}
        if missing:
            retirees, wrapped = zip(*missing.values(), strict=True)
            unwrapped = dict(zip(missing, self._key.unwrap(retirees, wrapped), strict=True))
            for name, key in unwrapped.items():
                self._recent.keep(name, key)
        else:
            unwrapped = {}
        return [key or unwrapped[name] for name, key in zip(names, found, strict=True)]


class _Recent:
    """The keys used most recently, `limit` of them at most.

    Two generations in place of an order of use, which would have to be kept under a lock: when the younger is half of
    the limit it becomes the older, and the older goes. Threads that do this at once lose a key to unwrap again, no more.
    """

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def find(self, name: bytes) -> bytes | None:
        """The key kept under a name."""
        if (key := self._young.get(name)) is None and (key := self._old.get(name)) is not None:
            self.keep(name, key)
        return key

    def keep(self, name: bytes, key: bytes) -> None:
        """Keep a key, as the one used last."""
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[name] = key

    def drop(self, name: bytes) -> None:
        """Keep the key under a name no more."""
        self._young.pop(name, None)
        self._old.pop(name, None)
