"""Passwords of people: argon2id, a few at a time, and the same work for a name that nobody has."""

import secrets
from functools import cache
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from domain.refusals import Refused

SHORTEST: Final = 12
LONGEST: Final = 128
"""Characters of a password (NIST SP 800-63B: length counts, kinds of characters do not)."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""19 MiB and two passes, as OWASP has it."""

_at_a_time = BoundedSemaphore(4)
"""So many hashes at a time: whoever sends a flood of passwords fills neither memory nor processors."""


def hashed(password: str) -> str:
    """The hash to store, with its salt and parameters."""
    with _at_a_time:
        return _hasher.hash(password)


def right(stored: str | None, password: str) -> bool:
    """Whether a password is the one. Without a hash, as for a name that nobody has, the same work is done in vain."""
    with _at_a_time:
        try:
            _hasher.verify(stored or _nobodys(), password)
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def first_password() -> str:
    """A random first password (96 bits), easy to read out: four groups of letters and digits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def check(name: str, password: str, before: str) -> None:
    """Raise `Refused("password-too-weak")` for a password that may not be chosen."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        raise Refused("password-too-weak", "password", f"{SHORTEST} to {LONGEST} characters")
    if password == before:
        raise Refused("password-too-weak", "password", "another than before")
    if name.casefold() in password.casefold() or len(set(password)) < 5:
        raise Refused(
            "password-too-weak", "password", "neither the account's name nor a few characters again and again"
        )


@cache
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))
