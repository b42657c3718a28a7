"""What is sealed of a fact: the person, and behind that what was sent, byte for byte.

Three parts, a new line between them: the person as JSON; the attributes that do not stand in clear, as JSON; the data as they
came. The first two hold no new line, as JSON on one line has none. What was sealed before 0.1.0 kept originals is the first part alone.
"""

from typing import NamedTuple


class Original(NamedTuple):
    """What was sent: the attributes as JSON, and the data."""

    attributes: bytes
    data: bytes


def to_seal(person: bytes, original: bytes) -> bytes:
    """What is sealed; `original`: what `original` made, empty where there is none."""
    return b"%b\n%b" % (person, original) if original else person


def original(attributes: bytes, data: bytes) -> bytes:
    """The parts behind the person."""
    return b"%b\n%b" % (attributes, data)


def person_of(plain: bytes) -> bytes:
    """The person as JSON."""
    return plain.split(b"\n", 1)[0]


def original_of(plain: bytes) -> Original | None:
    """What was sent; None where it was not kept."""
    parts = plain.split(b"\n", 2)
    return Original(parts[1], parts[2]) if len(parts) == 3 else None
