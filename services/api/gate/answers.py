"""What becomes of an answer that is there whole: whether it is still the one that whoever asks has, and how it is packed.

An entity tag is a keyed hash of the answer, for one account and one question: it tells nobody what an answer holds, and
nothing to whoever took it from somebody else. A look is recorded before the answer is made, so one that ends with 304 is
recorded like any other: whoever is told that nothing has changed has learnt something of the people concerned.
"""

import asyncio
import re
import zlib
from collections.abc import Callable
from hashlib import blake2b

import cramjam
from starlette.types import Message

from services.api.gate.passing import Headers, Passing

_JSON = b"application/json"
_PACKED = frozenset({_JSON, b"application/problem+json"})
_SMALL = 1_024
"""Bytes below which packing saves nothing: it goes in one packet."""
_LARGE = 256 * 1_024
"""Bytes above which packing takes milliseconds, which others need not wait for."""


class Answers:
    """Tags and packs the answers of a process. `key`: gives that of the tags, the same in all processes, so that one knows another's."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key_of = key
        self._key = b""

    async def finish(self, passing: Passing, start: Message, body: bytes) -> tuple[Message, bytes]:
        """The same answer, or that nothing has changed, packed as was asked for.

        Pages are left alone: their forms hold tokens, and the length of what is packed tells of what it holds together with
        what was asked (BREACH).
        """
        headers: Headers = start.setdefault("headers", [])
        media = _media(headers)
        if media not in _PACKED:
            return start, body
        asked = dict(passing.scope["headers"])
        if passing.method == "GET" and start["status"] == 200 and media == _JSON:
            self._key = self._key or await asyncio.to_thread(
                self._key_of
            )  # asked of the ledger once, not before it is there
            tag = self._tag(passing, body)
            at_a_browser = passing.account is not None and passing.account.session
            headers += [(b"etag", tag), (b"cache-control", b"no-store" if at_a_browser else b"private, no-cache")]
            if _held(asked.get(b"if-none-match", b""), tag):
                kept = [one for one in headers if one[0] not in {b"content-length", b"content-type"}]
                return {**start, "status": 304, "headers": kept}, b""
        if len(body) < _SMALL:
            return start, body
        headers.append((b"vary", b"Accept-Encoding"))
        coding = _coding(asked.get(b"accept-encoding", b""))
        if not coding:
            return start, body
        packed = await asyncio.to_thread(_pack, coding, body) if len(body) > _LARGE else _pack(coding, body)
        kept = [one for one in headers if one[0] != b"content-length"]
        kept += [(b"content-encoding", coding), (b"content-length", b"%d" % len(packed))]
        return {**start, "headers": kept}, packed

    def _tag(self, passing: Passing, body: bytes) -> bytes:
        """Weak, as the same answer may come packed or not."""
        account = passing.account
        made = blake2b(key=self._key, digest_size=16)
        made.update((account.name if account else "").encode() + b"\0" + passing.scope["path"].encode() + b"\0")
        made.update(passing.scope["query_string"] + b"\0")
        made.update(body)
        return b'W/"%s"' % made.hexdigest().encode()


def _media(headers: Headers) -> bytes:
    return next((value.partition(b";")[0] for key, value in headers if key == b"content-type"), b"")


def _held(given: bytes, tag: bytes) -> bool:
    """Whether a tag is among those given (RFC 9110, 13.1.2), compared weakly."""
    return given.strip() == b"*" or tag[2:] in _TAGS(given) if given else False


_TAGS = re.compile(rb'"[\x21\x23-\x7e\x80-\xff]*"').findall
_CODING = re.compile(rb"^\s*([a-z]+|\*)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?$", re.IGNORECASE).match


def _coding(given: bytes) -> bytes:
    """The coding to answer with: zstd before gzip where both are as welcome; empty: none (RFC 9110, 12.5.3)."""
    best, most = b"", 0.0
    for one in given.split(b","):
        if (found := _CODING(one)) and found[1].lower() in {b"zstd", b"gzip"}:
            coding, quality = found[1].lower(), float(found[2] or 1)
            if quality > most or (quality == most and coding == b"zstd"):
                best, most = coding, quality
    return best if most else b""


def _pack(coding: bytes, body: bytes) -> bytes:
    if coding == b"zstd":
        return bytes(cramjam.zstd.compress(body, level=3))
    return zlib.compress(body, level=5, wbits=31)
