"""What became of every message that was published: told by the log and by the topics, which must agree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.acceptance.running import Json, Record


class Published(NamedTuple):
    """A message as the broker took it. `code`: how it must be refused; None: it must be in the log."""

    department: str
    place: str
    source: str | None
    id: str | None
    person: str
    code: str | None = None


class Inbox(NamedTuple):
    """A row of the inbox."""

    source: str
    id: str
    position: int


def faults_of_dispositions(
    published: Sequence[Published],
    inbox: Iterable[Inbox],
    receipts: Mapping[str, Iterable[Json]],
    letters: Iterable[tuple[str, str]],
) -> list[str]:
    """Messages that have no disposition, or another than they must have, or two.

    `receipts`: the CloudEvents of each department's topic; `letters`: place and code of each dead letter. Either may
    come twice, as both are sent at least once.
    """
    accepted: dict[_Key, int] = {(row.source, row.id): row.position for row in inbox}
    told: dict[_Key, set[int]] = defaultdict(set)
    refused: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for department, events in receipts.items():
        for data in (event["data"] for event in events):
            if data["status"] == "refused":
                refused[department, data["id"]].add(data["code"])
            else:
                told[data["source"], data["id"]].add(data["position"])
    dead: dict[str, set[str]] = defaultdict(set)
    for place, code in letters:
        dead[place].add(code)
    good = {(one.source, one.id) for one in published if one.code is None}
    bad = [one for one in published if one.code is not None]
    return [*_of_good(good, accepted, told), *_of_bad(bad, refused, dead)]


_Key = tuple[str | None, str | None]


def _of_good(good: set[_Key], accepted: Mapping[_Key, int], told: Mapping[_Key, set[int]]) -> Iterator[str]:
    yield from (f"{key} is not in the log" for key in good - accepted.keys())
    yield from (f"{key} is in the log and should not be" for key in accepted.keys() - good)
    yield from (f"a receipt of {key}, which is not in the log" for key in told.keys() - accepted.keys())
    for key, position in accepted.items():
        if told.get(key) != {position}:
            yield f"{key} is at {position}, its receipts say {told.get(key)}"


def _of_bad(
    bad: Sequence[Published], refused: Mapping[tuple[str, str | None], set[str]], dead: Mapping[str, set[str]]
) -> Iterator[str]:
    for one in bad:
        if dead.get(one.place) != {one.code}:
            yield f"{one.place} must be a dead letter as {one.code}, there is {dead.get(one.place)}"
    places = {one.place for one in bad}
    yield from (f"{place} is a dead letter and should not be" for place in dead.keys() - places)
    codes: dict[tuple[str, str | None], set[str | None]] = defaultdict(set)
    for one in bad:
        codes[one.department, one.id].add(one.code)
    for who in codes.keys() | refused.keys():
        if codes.get(who) != refused.get(who):
            yield f"{who} must be refused as {codes.get(who)}, its receipts say {refused.get(who)}"


def faults_of_order(published: Sequence[Published], inbox: Iterable[Inbox]) -> list[str]:
    """People whose facts stand in the log in another order than one department published them in."""
    accepted = {(row.source, row.id): row.position for row in inbox}
    last: dict[tuple[str, str], int] = {}
    seen: set[tuple[str | None, str | None]] = set()
    found = []
    for one in published:
        key = (one.source or "", one.id or "")
        if one.code is not None or key in seen or key not in accepted:
            continue
        seen.add(key)
        whose = one.person, one.department
        if accepted[key] < last.get(whose, 0):
            found.append(f"{key} stands before what was published before it")
        last[whose] = accepted[key]
    return found


def told_positions(records: Iterable[Record]) -> dict[int, str]:
    """The positions of the log that a topic tells of, with the key of each."""
    return {int(record.json["id"]): record.key.decode() for record in records}
