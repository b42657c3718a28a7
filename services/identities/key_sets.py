"""The public keys of another issuer: from a file, or from its address, which is asked again for a key that is not known."""

import json
import time
from pathlib import Path
from threading import Lock
from typing import Any, Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.identities.tokens import TokenError

_KEPT_SECONDS: Final = 600.0
_AGAIN_SECONDS: Final = 10.0
"""How long keys are believed; and how soon they are asked for again because of a key that is not known, or after a failure."""

_LARGEST: Final = 1 << 20


class RemoteKeys:
    """A JSON Web Key Set at `source`, a file's path or an https address. Safe for threads."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lock = Lock()
        self._keys: dict[str, Any] = {}
        self._tried_at = -_KEPT_SECONDS

    def find(self, kid: object) -> Any:
        """The key of a name. Raises `TokenError` where there is none, or none can be had."""
        if not isinstance(kid, str):
            raise TokenError("token-unknown-key")
        self._refresh(_KEPT_SECONDS)
        if kid not in self._keys:
            self._refresh(_AGAIN_SECONDS)
        if kid not in self._keys:
            raise TokenError("token-unknown-key")
        return self._keys[kid]

    def _refresh(self, after_seconds: float) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._tried_at < (after_seconds if self._keys else _AGAIN_SECONDS):
                return
            self._tried_at = now
            try:
                document = fetched(self._source) if "://" in self._source else _from_file(self._source)
                found = KeySet.import_key_set(document).keys
            except (OSError, httpx.HTTPError, JoseError, ValueError, TypeError, KeyError):
                return  # those that are known stay good; the next token tries again
            self._keys = {str(key.kid): key for key in found if key.kid and key.key_type != "oct"}


def fetched(url: str, **form: str) -> Any:
    """A JSON document at an address, where a form is posted if there is one. Raises `httpx.HTTPError`, `ValueError`."""
    with httpx.Client(timeout=10, follow_redirects=False, headers={"accept": "application/json"}) as client:
        answer = client.post(url, data=form) if form else client.get(url)
    answer.raise_for_status()
    if len(answer.content) > _LARGEST or not answer.is_success:
        raise ValueError("this is no document of ours")
    return answer.json()


def _from_file(path: str) -> Any:
    return json.loads(Path(path).read_bytes())
