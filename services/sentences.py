"""What a coded refusal says to people: Chinese first, English second, and what to do about it. They stand in `sentences.toml`."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

_Words = Annotated[str, Meta(min_length=1)]


class Sentence(Struct, frozen=True, forbid_unknown_fields=True):
    """A code's HTTP status, its reason and its remedy in both languages."""

    status: Annotated[int, Meta(ge=400, le=599)]
    zh: _Words
    en: _Words
    remedy_zh: _Words
    remedy_en: _Words


@cache
def _read() -> dict[str, Sentence]:
    text = (files("services") / "sentences.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=dict[str, Sentence])


class _Sentences(Mapping[str, Sentence]):
    """Read when the first one is asked for."""

    def __getitem__(self, code: str) -> Sentence:
        return _read()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(_read())

    def __len__(self) -> int:
        return len(_read())


SENTENCES: Final[Mapping[str, Sentence]] = _Sentences()
"""By code, in the order of the file."""
