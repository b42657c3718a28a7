"""Keys: one for each retiree's personal data, wrapped by the key-encryption key; keyed tags for looking people up.

Destroying a retiree's wrapped key erases the person: who it was stays in the log as ciphertext nobody can read. What
happened, and when, stays readable, as nobody's.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self
from uuid import UUID, uuid5

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from infra.dsse import SigningKey
from infra.master_key import NONCE, KeyEncryptionKey, LocalKey, WrongKeyError, random_pieces

__all__ = ["KeyRing", "WrongKeyError"]

_NAMESPACE: Final = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_KEPT: Final = 65_536
"""How many unwrapped keys a ring keeps. As bytes, 16 MB; as ciphers, which cost 1.4 µs to make, they would be 160 MB."""


PURPOSES: Final = (
    "seal dead letters",
    "seal the secrets of consumers",
    "tag names and identity numbers",
    "sign receipts",
)
"""The secrets of a ledger. They are the same for as long as it lives: a rotation hands each of them on, so each must stand here."""
_STATE_SECONDS: Final = 1.0
"""How old what a ring knows of a rotation may be."""


class Kept(NamedTuple):
    """What a ledger remembers of its key-encryption keys, by their fingerprints.

    `current`: the one that it was written under, None before any was used. `next`: the one it is being rotated to.
    `secrets`: the ledger's secrets, wrapped, by fingerprint and purpose; a key that was never rotated to has none.
    """

    current: bytes | None = None
    next: bytes | None = None
    secrets: Mapping[tuple[bytes, str], bytes] = {}


class KeyRing:
    """What a ledger seals, tags and signs with; `fingerprint` tells its key-encryption key from another.

    `next_key`: the one that the ledger is to be rotated to: what is wrapped under either is opened. `kept`: asks the ledger
    what it remembers, at the first use and, while there is a `next_key`, again and again; without it nothing is asked, and
    the secrets are those of the key. Bytes are taken for a `LocalKey`. Of nobody is anything said in an error.
    Whatever needs a secret or a fresh key raises what `kept` raises, and `WrongKeyError`.
    """

    def __init__(
        self,
        key: KeyEncryptionKey | bytes,
        next_key: KeyEncryptionKey | None = None,
        kept: Callable[[], Kept] | None = None,
    ) -> None:
        self._key = LocalKey(key) if isinstance(key, bytes) else key
        self._next = next_key
        self._ask = kept or Kept
        self._asked, self._asked_at = Kept(), -_STATE_SECONDS
        self._recent = _Recent(_KEPT)
        self.fingerprint = self._key.fingerprint
        self.fingerprints = frozenset(one.fingerprint for one in (self._key, next_key) if one)

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> Self:
        """The ring of `LocalKey.from_file`."""
        return cls(LocalKey.from_file(path, create=create))

    @cached_property
    def receipts(self) -> SigningKey:
        """Signs what publishers are answered."""
        return SigningKey.from_seed(self._shared["sign receipts"])

    @cached_property
    def _letters(self) -> AESGCM:
        return AESGCM(self._shared["seal dead letters"])

    @cached_property
    def _secrets(self) -> AESGCM:
        return AESGCM(self._shared["seal the secrets of consumers"])

    @cached_property
    def _tagging(self) -> HMAC:
        return HMAC(self._shared["tag names and identity numbers"], SHA256())

    @cached_property
    def _shared(self) -> dict[str, bytes]:
        """The secrets by purpose, of the key that the ledger was written under."""
        kept = self._ask()
        return shared_secrets(self._current(kept), kept)

    def _current(self, kept: Kept) -> KeyEncryptionKey:
        """The key of the ring that the ledger is under. Raises `WrongKeyError`."""
        if kept.current is None or kept.current == self._key.fingerprint:
            return self._key
        if self._next and kept.current == self._next.fingerprint:
            return self._next
        raise WrongKeyError("the key is not the one this ledger was written under")

    def _wrapping(self) -> tuple[KeyEncryptionKey, ...]:
        """The keys to wrap and unwrap with, first the one that wraps: from the beginning of a rotation on the next one."""
        if self._next is None:
            return (self._key,)
        if time.monotonic() - self._asked_at > _STATE_SECONDS:
            self._asked, self._asked_at = self._ask(), time.monotonic()
        begun = self._next.fingerprint in (self._asked.next, self._asked.current)
        return (self._next, self._key) if begun else (self._key, self._next)

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
        wrapped = self._wrapping()[0].wrap(retirees, keys)
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
            unwrapped = dict(zip(missing, unwrap_any(self._wrapping(), retirees, wrapped), strict=True))
            for name, key in unwrapped.items():
                self._recent.keep(name, key)
        else:
            unwrapped = {}
        return [key or unwrapped[name] for name, key in zip(names, found, strict=True)]


def shared_secrets(key: KeyEncryptionKey, kept: Kept) -> dict[str, bytes]:
    """The secrets of a ledger by purpose: those handed on to this key, the others out of it. Raises `WrongKeyError`."""
    there = {purpose: wrapped for (whose, purpose), wrapped in kept.secrets.items() if whose == key.fingerprint}
    opened = key.unwrap([secret_id(purpose) for purpose in there], list(there.values())) if there else []
    handed_on = dict(zip(there, opened, strict=True))
    return {purpose: handed_on.get(purpose) or key.secret(purpose) for purpose in PURPOSES}


def secret_id(purpose: str) -> UUID:
    """In whose name a secret is wrapped, as a retiree's key is in theirs."""
    return uuid5(_NAMESPACE, f"changqing:secret:{purpose}")


def unwrap_any(keys: Sequence[KeyEncryptionKey], retirees: Sequence[UUID], wrapped: Sequence[bytes]) -> list[bytes]:
    """Unwrap what is wrapped under any of some keys, each in one call where it can be. Raises `WrongKeyError`."""
    for key in keys[:-1]:
        with suppress(WrongKeyError):
            return key.unwrap(retirees, wrapped)
    if len(keys) == 1 or len(wrapped) == 1:
        return keys[-1].unwrap(retirees, wrapped)
    return [unwrap_any(keys, [who], [one])[0] for who, one in zip(retirees, wrapped, strict=True)]


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
