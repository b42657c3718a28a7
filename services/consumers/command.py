"""`changqing consumer` at the terminal: who is registered, how each is, and what is done again. Chinese first.

Every change names the operator who makes it, and stands in the log.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.consumers import Kind, Terms
from domain.facts import Department
from domain.refusals import Refused
from infra.bus import BusError, GroupLag
from infra.consumers import Consumers
from infra.outlets import Letter
from services import bootstrap
from services.application import today
from services.bus.outgoing import DEAD_LETTERS, LIFE_EVENTS
from services.consumers import catalogue
from services.consumers.showing import ConsumerLine, line, lines
from services.settings import Settings
from services.web.words import both

_MANY = 1_000


Wanted = dict[str, Any]
"""The members of a consumer's terms that an operator gives; the others stay as they are."""


class Listed(Struct, frozen=True, kw_only=True):
    """Every consumer, and the groups that read our topics from Kafka; None where Kafka is not named or away."""

    consumers: list[ConsumerLine]
    kafka: list[GroupLag] | None


class Desk:
    """What the subcommands do. Each gives an exit code: 0 done, 1 failed, 3 refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parts = bootstrap.parts(settings)
        self._consumers: Consumers = self._parts.consumers

    def close(self) -> None:
        """Close the connections."""
        self._parts.application.close()

    def register(
        self, name: str, department: Department, kind: Kind, wanted: Wanted, by: str, after: int | None
    ) -> None:
        """Register a consumer, and show the secret of a webhook once."""
        terms = Terms(department=department, kind=kind, **wanted)
        catalogue.check_name(name)
        catalogue.check_words(by=by)
        self._check(terms)
        self._parts.application.ledger.check_key()
        _say_secret(self._consumers.register(name, terms, by, after))
        _say("已登记 registered", name)

    def change(self, name: str, wanted: Wanted, by: str) -> None:
        """Change what is given of a consumer's terms; one that had ended goes on."""
        terms = replace(self._consumers.find(name).terms, **wanted)
        catalogue.check_words(by=by)
        self._check(terms)
        self._consumers.change(name, terms, by)
        _say("已更改，从原位置继续 changed, goes on from its place", name)

    def rotate(self, name: str, by: str, hours: float) -> None:
        """A new secret; the older ones sign beside it for some hours."""
        catalogue.check_words(by=by)
        now = datetime.now(UTC)
        self._parts.application.ledger.check_key()
        _say_secret(self._consumers.rotate(name, by, now, now + timedelta(hours=hours)))
        _say(f"旧密钥再用 {hours:g} 小时 the older secret goes on for {hours:g} hours", name)

    def end(self, name: str, by: str, reason: str) -> None:
        """End a consumer."""
        catalogue.check_words(by=by, reason=reason)
        self._consumers.end(name, by, reason)
        _say("已停用，位置保留 ended, its place is kept", name)

    def every(self, *, as_json: bool) -> None:
        """Every consumer and how it is, and the groups of Kafka."""
        listed = Listed(consumers=lines(self._consumers), kafka=self._kafka())
        _out(listed) if as_json else sys.stdout.writelines(f"{text}\n" for text in _table(listed))

    def show(self, name: str, *, as_json: bool) -> None:
        """One consumer."""
        found = line(self._consumers, name)
        _out(found) if as_json else sys.stdout.writelines(f"{text}\n" for text in _whole(found))

    def letters(self, name: str, *, as_json: bool) -> None:
        """The dead letters of a consumer."""
        self._consumers.find(name)
        found = self._consumers.outlets.dead_letters(name, _MANY)
        if as_json:
            _out([letter._asdict() for letter in found])
        else:
            sys.stdout.writelines(f"{text}\n" for text in _letters(found))

    def replay(self, name: str, by: str, after: int | None, events: Sequence[str], *, letters: bool) -> None:
        """Hand over again: everything after a position, or dead letters."""
        catalogue.check_words(by=by)
        if after is not None:
            self._consumers.replay(name, by, after, today())
            _say(f"将从位置 {after} 之后重新发送 everything after {after} is handed over again", name)
        if letters or events:
            again = self._consumers.replay_letters(name, by, events)
            _say(f"{len(again)} 条死信将重新发送 dead letters are tried once more", name)
            if missing := set(events) - set(again):
                raise Refused("not-found", "event", ", ".join(sorted(missing)))

    def _check(self, terms: Terms) -> None:
        catalogue.check(terms, bootstrap.reach(self._settings), self._consumers.learners)

    def _kafka(self) -> list[GroupLag] | None:
        if not self._settings.kafka_bootstrap:
            return None
        try:
            return bootstrap.bus(self._settings).lags(_leaves_us)
        except BusError as error:
            sys.stderr.write(f"changqing: {error}\n")
            return None


def _leaves_us(topic: str) -> bool:
    return topic.startswith(("alerts.", "receipts.")) or topic in (LIFE_EVENTS, DEAD_LETTERS)


def _say(what: str, name: str) -> None:
    sys.stderr.write(f"{name}：{what}\n")


def _say_secret(secret: str) -> None:
    if secret:
        sys.stderr.write("密钥只显示这一次 the secret, shown this once:\n")
        sys.stdout.write(f"{secret}\n")


def _out(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def _table(listed: Listed) -> Iterator[str]:
    if not listed.consumers:
        yield "没有登记接收方 no consumer is registered"
    for one in listed.consumers:
        yield f"{one.consumer}  {both(one.department)}  {both(one.kind)}  {both(one.state)}"
        yield f"  {_lag(one)}；死信 dead letters {one.dead_letters}" + "".join(f"；{text}" for text in _trouble(one))
    if listed.kafka is not None:
        yield (
            "Kafka 消费组 consumer groups:" if listed.kafka else "Kafka：没有消费组 no consumer group reads our topics"
        )
        for group in listed.kafka:
            yield f"  {group.group}  {group.topic}  {group.state}  未读 lag {group.lag}"


def _lag(one: ConsumerLine) -> str:
    more = "≥ " if one.at_least else ""
    since = f"（{one.behind_seconds:g} s）" if one.behind_seconds else ""
    return f"待接收 waiting {more}{one.waiting}{since}；位置 position {one.position}，落后 behind {one.behind}"


def _trouble(one: ConsumerLine) -> Iterable[str]:
    if one.ended is not None:
        yield f"停用原因 ended: {one.ended}"
    if one.failing_since:
        yield f"自 since {_time(one.failing_since)} 不通 failing: {both(one.error)}，第 {one.tries} 次 tries"
        if one.next_try:
            yield f"下次 next try {_time(one.next_try)}"
    elif one.error and one.failed_at:
        yield f"上次错误 last error {both(one.error)} {_time(one.failed_at)}"


def _whole(one: ConsumerLine) -> Iterator[str]:
    everything = "全部 all"
    yield f"{one.consumer}  {both(one.department)}  {both(one.kind)}  {both(one.state)}"
    yield f"  地址 URL: {one.url}" if one.url else f"  账号 account: {one.account}"
    yield f"  类型 types: {' '.join(one.types) or everything}"
    yield f"  单位 offices: {' '.join(one.offices) or everything}"
    yield f"  字段 fields: {' '.join(one.fields) or everything}"
    yield f"  {_lag(one)}"
    done = "上次确认 last acknowledged" if one.delivered is None else f"已送达 delivered {one.delivered}，上次 last"
    yield f"  {done} {_time(one.delivered_at) if one.delivered_at else '—'}；死信 dead letters {one.dead_letters}"
    for text in _trouble(one):
        yield f"  {text}"


def _letters(letters: Sequence[Letter]) -> Iterator[str]:
    if not letters:
        yield "没有死信 no dead letters"
    for one in letters:
        again = "，待重发 to be tried once more" if one.state == "again" else ""
        yield f"{one.event}  {one.type}  位置 position {one.position}  {both(one.code)}  {one.tries} 次 tries  {_time(one.at)}{again}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
