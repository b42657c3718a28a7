"""The register of sources: what is agreed with each publisher's system, and the keys it signs with.

A registration covers its source and all below it, by segments: `/civil-affairs/shenzhen` covers
`/civil-affairs/shenzhen/nanshan`, and not `/civil-affairs/shenzhen2`. Where several cover one, the narrower asks for more
and never for less: signed is what any of them wants signed, numbered likewise, and the keys of all count.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from domain.facts import Department


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is agreed with a source; without any of it, all is as for one that nobody registered.

    `heartbeat_minutes`: how long it may be silent at most; None: as long as it likes. `sequence_required`: its events are
    numbered, by the extension `sequence`.
    """

    must_be_signed: bool = False
    heartbeat_minutes: int | None = None
    sequence_required: bool = False


class SourceRegistered(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-registered.v1"):
    """A source was registered for `department`. `office`: who answers for it, never a person; `by`: the operator."""

    source: str
    department: Department
    office: str
    policy: Policy
    by: str


class SourcePolicySet(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-policy-set.v1"):
    """Something else was agreed with a source, which takes the place of all before."""

    source: str
    office: str
    policy: Policy
    by: str


class SourceNumbersSet(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-numbers-set.v1"):
    """From now on the numbers of a source go on after `highest`: it began elsewhere, or had once given one far too high."""

    source: str
    highest: int
    reason: str
    by: str


class SourceKeyAdded(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="source-key-added.v1"
):
    """A source signs with this key too, what is received from `valid_from` until before `valid_until` (None: without an end).

    `public`: 32 bytes of Ed25519, or 65 of a point on P-256.
    """

    source: str
    keyid: str
    public: bytes
    valid_from: datetime
    valid_until: datetime | None = None
    by: str


class SourceKeyRevoked(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-key-revoked.v1"):
    """Nothing counts any more that a key signed and that is received from `since` on, which may lie in the past.

    What was accepted until this was told stays accepted: whether it is to be taken back is for people to say.
    """

    source: str
    keyid: str
    since: datetime
    reason: str
    by: str


class Registered(Struct, frozen=True, kw_only=True):
    """A source as it stands in the register."""

    source: str
    department: Department
    office: str
    policy: Policy


class SourceKey(Struct, frozen=True, kw_only=True):
    """A key as it stands in the register; `revoked_since`: None while it is good."""

    source: str
    keyid: str
    public: bytes
    valid_from: datetime
    valid_until: datetime | None
    revoked_since: datetime | None


class Terms(NamedTuple):
    """What holds for one source: the nearest registration, and what all that cover it ask for together."""

    registered: Registered
    must_be_signed: bool
    sequence_required: bool
    keys: dict[str, SourceKey]


class Register:
    """All registrations as of one moment."""

    def __init__(self, sources: Iterable[Registered] = (), keys: Iterable[SourceKey] = ()) -> None:
        self.sources = {one.source: one for one in sources}
        self.keys = {one.keyid: one for one in keys}
        """By name: one name is one key, whosever it is."""

    def terms(self, source: str) -> Terms | None:
        """What holds for a source; None where nothing was agreed."""
        covering = [self.sources[one] for one in above(source) if one in self.sources]
        if not covering:
            return None
        names = {one.source for one in covering}
        return Terms(
            registered=covering[0],
            must_be_signed=any(one.policy.must_be_signed for one in covering),
            sequence_required=any(one.policy.sequence_required for one in covering),
            keys={keyid: key for keyid, key in self.keys.items() if key.source in names},
        )


def above(source: str) -> list[str]:
    """A source and every one that would cover it, the nearest first."""
    found = [source]
    while source := source.rpartition("/")[0]:
        found.append(source)
    return found
