"""Settings in, the application out: all that writing needs.

Apart from `bootstrap.py`, as the workers of an import do without Kafka and the views: half a second and 20 MB for each.
"""

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from infra.kept_keys import kept_keys
from infra.keys import Kept, KeyRing, WrongKeyError
from infra.master_key import KeyEncryptionKey, LocalKey, provided
from infra.statutes import the_law
from services.application import Changqing
from services.settings import Settings, SettingsError


def opened(settings: Settings) -> tuple[Changqing, KeyRing]:
    """The application and its keys. Nothing connects yet. Raises `SettingsError`, `LawError`."""
    spare_the_collector()
    keys = ledger_keys(settings)
    return Changqing(settings.database_url, keys, the_law()), keys


def ledger_keys(settings: Settings) -> KeyRing:
    """The keys of the ledger that the settings name, which is asked when they are first used. Raises `SettingsError`."""
    return key_ring(settings, partial(kept_keys, settings.database_url))


def key_ring(settings: Settings, kept: Callable[[], Kept] | None = None) -> KeyRing:
    """The keys, under the key-encryption key of whichever variable is set. Raises `SettingsError`.

    `kept`: asks the ledger what it remembers of its keys; without it they are those of a ledger that was never rotated.
    """
    key = this_key(settings)
    return KeyRing(key, next_key(settings), kept)


def this_key(settings: Settings) -> KeyEncryptionKey:
    """The key-encryption key. Raises `SettingsError`."""
    key = _key("CHANGQING_KEY", settings.changqing_key_file, settings.changqing_key, settings.changqing_key_provider)
    assert key  # the settings have one
    return key


def next_key(settings: Settings) -> KeyEncryptionKey | None:
    """The key-encryption key to rotate to, if one is set. Raises `SettingsError`."""
    file, digits = settings.changqing_next_key_file, settings.changqing_next_key
    return _key("CHANGQING_NEXT_KEY", file, digits, settings.changqing_next_key_provider)


def _key(variable: str, file: Path | None, digits: str, provider: str) -> KeyEncryptionKey | None:
    try:
        if file:
            return LocalKey.from_file(file)
        return provided(provider) if provider else LocalKey.from_hex(digits) if digits else None
    except WrongKeyError as error:
        named = f"{variable}_FILE" if file else f"{variable}_PROVIDER" if provider else variable
        raise SettingsError(f"{named} must lead to a key: {error}") from error


def spare_the_collector() -> None:
    """Have cycles of garbage looked for seldom: what a batch is made of has none, and going through it all took a third of its time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
