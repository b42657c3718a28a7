"""Settings in, the application out: all that writing needs.

Apart from `bootstrap.py`, as the workers of an import do without Kafka and the views: half a second and 20 MB for each.
"""

import gc

from infra.keys import KeyRing, WrongKeyError
from infra.master_key import LocalKey, provided
from infra.statutes import the_law
from services.application import Changqing
from services.settings import Settings, SettingsError


def opened(settings: Settings) -> tuple[Changqing, KeyRing]:
    """The application and its keys. Nothing connects yet. Raises `SettingsError`, `LawError`."""
    spare_the_collector()
    keys = key_ring(settings)
    return Changqing(settings.database_url, keys, the_law()), keys


def key_ring(settings: Settings) -> KeyRing:
    """The keys, under the key-encryption key of whichever variable is set. Raises `SettingsError`."""
    file, provider = settings.changqing_key_file, settings.changqing_key_provider
    try:
        if file:
            return KeyRing.from_file(file)
        return KeyRing(provided(provider) if provider else LocalKey.from_hex(settings.changqing_key))
    except WrongKeyError as error:
        variable = "CHANGQING_KEY_FILE" if file else "CHANGQING_KEY_PROVIDER" if provider else "CHANGQING_KEY"
        raise SettingsError(f"{variable} must lead to a key: {error}") from error


def spare_the_collector() -> None:
    """Have cycles of garbage looked for seldom: what a batch is made of has none, and going through it all took a third of its time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
