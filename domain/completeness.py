"""Sources, and whether all they sent is here: what a source reports of itself, and what is found out about it.

A source numbers what it sends from 1, each number once (the `sequence` extension of CloudEvents). Neither kind of event is
about a person. Times are UTC.
"""

from datetime import datetime

from msgspec import Struct

from domain.facts import Department

SEQUENCE_LIMIT = 10**15 - 1
"""The highest number: whatever language a consumer is written in, its JSON holds it exactly."""
QUIET_DAYS = 14
"""How far ahead a source may say that nothing will be heard of it."""


class SourceReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every report has: who sent it, under which id, and its own number where the source numbers its reports too.

    `digest`: of the content, so that the same id with other content is known for what it is. `signed_by`: the key whose
    signature was checked; empty: it bore none.
    """

    source: str
    id: str
    department: Department
    published_by: str
    channel: str
    digest: bytes
    time: datetime | None = None
    sequence: int | None = None
    signed_by: str = ""


class SourceHeartbeat(SourceReport, frozen=True, tag_field="name", tag="source-heartbeat.v1"):
    """A source lives. `last`: the highest number it has sent; `until`: nothing will be heard before (holidays, maintenance)."""

    last: int | None = None
    until: datetime | None = None


class BatchClosed(SourceReport, frozen=True, tag_field="name", tag="batch-closed.v1"):
    """All events of `batch` are sent, `count` of them, with numbers from `first` to `last` where they have any."""

    batch: str
    count: int
    first: int | None = None
    last: int | None = None


class SequencesUnused(SourceReport, frozen=True, tag_field="name", tag="sequences-unused.v1"):
    """Under the numbers from `first` to `last` nothing was or will be sent to us: they were lost, or are for others."""

    first: int
    last: int


Report = SourceHeartbeat | BatchClosed | SequencesUnused


class SourceGapFound(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-gap-found.v1"):
    """The numbers from `first` to `last` did not come. `since`: when a higher one came, or the source spoke of them.

    `coarse`: there are too many gaps to tell each; from `first` on some numbers came and some did not. It takes the place
    of the gaps within it, and is told once however many there are to come.
    """

    source: str
    department: Department
    first: int
    last: int
    since: datetime
    coarse: bool = False


class SourceGapClosed(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-gap-closed.v1"):
    """A gap that was told of is filled whole, or the numbers were set back before its end; what is missing still is told anew."""

    source: str
    department: Department
    first: int
    last: int


class SourceJumpFound(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-jump-found.v1"):
    """A source gave, or spoke of, the number `sequence`, which is so far above `highest` that it is not believed.

    Nothing is told to be missing for it. If it is right, an operator sets the numbers; else the source goes on as it did.
    """

    source: str
    department: Department
    sequence: int
    highest: int


class Fork(Struct, frozen=True):
    """One number for two submissions: `id` came first, then `other`; None: other content under the same id."""

    sequence: int
    id: str
    other: str | None = None


class SourceForkFound(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-fork-found.v1"):
    """A source gave numbers twice."""

    source: str
    department: Department
    forks: tuple[Fork, ...]


class SourceSilent(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-silent.v1"):
    """Nothing was heard of a source by `expected`. `heard`: when it last was; None: never."""

    source: str
    department: Department
    heard: datetime | None
    expected: datetime


class SourceHeard(Struct, frozen=True, kw_only=True, tag_field="name", tag="source-heard.v1"):
    """A source that was silent is heard again."""

    source: str
    department: Department
    heard: datetime


class BatchIncomplete(Struct, frozen=True, kw_only=True, tag_field="name", tag="batch-incomplete.v1"):
    """Not as many events of a batch are here as its source said: fewer, or more. `missing`: numbers, first and last of each run.

    There are at most 1,000 runs; where there would be more, the last holds numbers that came too. `missing_count`: numbers in
    all of them.
    """

    source: str
    department: Department
    batch: str
    count: int
    arrived: int
    missing: tuple[tuple[int, int], ...] = ()
    missing_count: int = 0


class BatchComplete(Struct, frozen=True, kw_only=True, tag_field="name", tag="batch-complete.v1"):
    """Just as many events of a batch are here as its source said."""

    source: str
    department: Department
    batch: str
    count: int


Finding = (
    SourceGapFound
    | SourceGapClosed
    | SourceJumpFound
    | SourceForkFound
    | SourceSilent
    | SourceHeard
    | BatchIncomplete
    | BatchComplete
)
"""What is found out about a source; the source and the agency are told."""
