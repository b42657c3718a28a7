"""What an operator sees of the topics: how they are beside how they are wanted."""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from infra.topics import Difference, Topic, differences, found
from services.bootstrap import bus
from services.bus.topics import wanted_topics
from services.settings import Settings

_NOT_AS_WANTED = 3
_DAY_MS = 24 * 60 * 60 * 1_000


def show_topics(*, as_json: bool) -> int:
    """Print each topic; the exit code, 3 when one is not as wanted. Raises `SettingsError`, `BusError`."""
    settings = Settings.read().require_kafka()
    wanted = wanted_topics(settings)
    there = found(bus(settings), wanted)
    differing = [one for topic in wanted for one in differences(topic, there.get(topic.name))]
    if as_json:
        told = {"topics": [{"wanted": one, "found": there.get(one.name)} for one in wanted], "differences": differing}
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())  # noqa: T201 # this is the answer
    else:
        _print(wanted, there, differing)
    return _NOT_AS_WANTED if differing else 0


def _print(wanted: Sequence[Topic], there: Mapping[str, Topic], differing: Sequence[Difference]) -> None:
    console = Console()
    table = Table("主题 topic", "分区 partitions", "副本 copies", "保留 kept", "清理 cleanup", box=None)
    for topic in wanted:
        is_ = there.get(topic.name)
        table.add_row(topic.name, *(_both(want, have) for want, have in zip(_row(topic), _row(is_), strict=True)))
    console.print(table)
    for one in differing:
        remedy = (
            "由 migrate 改正 migrate mends it"
            if one.mendable
            else "只增不减，请人工处理 never reduced: for an operator"
        )
        have = f"现为 is {one.found}" if one.found else "没有 missing"
        console.print(
            f"{one.topic}: {one.what} {have}，应为 wanted {one.wanted}。{remedy}", highlight=False, soft_wrap=True
        )


def _row(topic: Topic | None) -> list[str]:
    """Partitions, copies, days kept, cleanup; of a missing one nothing."""
    if topic is None:
        return [""] * 4
    days = int(topic.configs["retention.ms"]) / _DAY_MS
    return [str(topic.partitions), str(topic.replication), f"{days:g} d", topic.configs["cleanup.policy"]]


def _both(wanted: str, found: str) -> str:
    """One figure when they agree, otherwise both."""
    return wanted if wanted == found else f"{found or '—'} → {wanted}"
