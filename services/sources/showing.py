"""`changqing source` at the terminal: the register of sources, in two languages or as JSON."""

import base64
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.completeness import SourceReport
from domain.history import FactPublished
from domain.identity import names_a_person
from domain.refusals import Refused
from domain.sources import Policy, Register, Registered, SourceKey, SourceKeyAdded, SourceNumbersSet
from infra import codec, log
from infra.database import Database
from infra.dsse import EnvelopeError, SigningKey, VerifyingKey, keyid_of, public_from_file
from infra.sources import Sources
from infra.terminal import told as recorded
from services.accepting.cloudevents import department_of
from services.application import BEIJING
from services.sentences import SENTENCES
from services.settings import Settings

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3


class Affected(Struct, frozen=True, kw_only=True):
    """An event or a report that was accepted under a key. `retiree`: whom it is about; None: a report is about nobody."""

    position: int
    recorded_at: datetime
    source: str
    id: str
    type: str
    retiree: UUID | None


def told(deed: Callable[[Sources], None]) -> int:
    """Do something with the register, and say a refusal in both languages; the exit code. Raises `SettingsError`, `DatabaseError`."""
    try:
        with closing(Database(Settings.read().database_url)) as database:
            deed(Sources(database))
    except Refused as refused:
        say = SENTENCES[refused.code]
        about = f"（{refused.detail}）" if refused.detail else ""
        sys.stderr.write(f"changqing: {refused.code} {refused.path}：{say.zh}{about}；{say.remedy_zh}\n")
        sys.stderr.write(f"changqing: {refused.code} {refused.path}: {say.en}; {say.remedy_en}\n")
        return REFUSED
    except EnvelopeError as error:
        sys.stderr.write(f"changqing: {error}\n")
        return USAGE
    return DONE


def register(source: str, office: str, policy: Policy, by: str) -> int:
    """Register a source."""

    def deed(sources: Sources) -> None:
        _check(source, office, by)
        one = Registered(source=source, department=department_of(source), office=office, policy=policy)
        sources.add(one, by)
        _say(f"已登记 registered {source}：{_agreed(policy)}")

    return told(deed)


def agree(source: str, office: str | None, by: str, changed: dict[str, bool | int | None]) -> int:
    """Change what is agreed with a source; what is not named stays."""

    def deed(sources: Sources) -> None:
        found = sources.read().sources.get(source)
        if found is None:
            raise Refused("source-not-registered", "source")
        _check(source, office or "", by)
        policy = msgspec.convert(msgspec.structs.asdict(found.policy) | changed, Policy)
        sources.agree(source, found.office if office is None else office, policy, by)
        _say(f"已约定 agreed {source}：{_agreed(policy)}")

    return told(deed)


def set_numbers(source: str, highest: int, reason: str, by: str) -> int:
    """Say after which number a source goes on."""

    def deed(sources: Sources) -> None:
        _check(source, reason, by)
        department_of(source)
        sources.set_numbers(SourceNumbersSet(source=source, highest=highest, reason=reason, by=by))
        _say(f"序号自此之后计 numbers go on after {highest}：{source}")

    return told(deed)


def add_key(source: str, public: bytes | Path, keyid: str, span: tuple[datetime, datetime | None], by: str) -> int:
    """Add a key to a source, good from a day on and until before another."""

    def deed(sources: Sources) -> None:
        _check(source, keyid, by)
        raw = public_from_file(public) if isinstance(public, Path) else VerifyingKey(public).raw
        name = keyid or keyid_of(raw)
        first, end = _beijing(span[0]), span[1] and _beijing(span[1])
        if end and end <= first:
            raise Refused("invalid-field", "valid_until", "it lies before the key is good 在生效之前")
        sources.add_key(SourceKeyAdded(source=source, keyid=name, public=raw, valid_from=first, valid_until=end, by=by))
        _say(f"已添加密钥 key added {name}：{source}，{_span(first, end)}")

    return told(deed)


def revoke(keyid: str, since: datetime, reason: str, by: str) -> int:
    """Revoke a key from a day on, which may be past."""

    def deed(sources: Sources) -> None:
        _check(keyid, reason, by)
        source = sources.revoke(keyid, _beijing(since), reason, by)
        _say(f"已吊销 revoked {keyid}：{source}，自 since {_beijing(since):%Y-%m-%d %H:%M}")
        _say(f"其间已受理的事件 what was accepted since then: changqing source affected {keyid}")

    return told(deed)


def show(source: str | None, *, as_json: bool) -> int:
    """Every source, or one of them with its keys."""

    def deed(sources: Sources) -> None:
        found = sources.read()
        if source is not None and source not in found.sources:
            raise Refused("source-not-registered", "source")
        chosen = [one for one in found.sources.values() if source in (None, one.source)]
        if as_json:
            rows = [{**msgspec.to_builtins(one), "keys": _keys(found, one.source)} for one in chosen]
            _say(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        elif not chosen:
            _say("还没有登记任何来源 no source is registered")
        else:
            for one in chosen:
                _say(f"{one.source}：{one.office or '（未填 none given）'}；{_agreed(one.policy)}")
                for line in map(_key, _keys(found, one.source)):
                    _say(f"  {line}")

    return told(deed)


def affected(keyid: str, since: datetime | None, *, as_json: bool) -> int:
    """What was accepted under a key since a day: by default that of its revocation, or else since it is good."""

    def deed(sources: Sources) -> None:
        key = sources.read().keys.get(keyid)
        if key is None:
            raise Refused("signing-key-unknown", "keyid")
        day = _beijing(since) if since else key.revoked_since or key.valid_from
        count = 0
        with closing(Database(Settings.read().database_url)) as database:
            recorded(database, "source affected")
            for count, one in enumerate(accepted_under(database, keyid, day), 1):  # noqa: B007 - it is said below
                at = one.recorded_at.astimezone(BEIJING)
                line = f"{one.position}  {at:%Y-%m-%d %H:%M:%S}  {one.type}  {one.source}  {one.id}"
                _say(msgspec.json.encode(one).decode() if as_json else line)
        if not as_json:
            _say(f"自 since {day.astimezone(BEIJING):%Y-%m-%d %H:%M}：{count} 条 events")

    return told(deed)


def accepted_under(database: Database, keyid: str, since: datetime) -> Iterator[Affected]:
    """What of the log a key signed, facts and reports, recorded since. The log is read through from there: it has no index of keys."""
    needle = b'"signed_by":' + msgspec.json.encode(keyid)
    for rows in log.scan(database, _before(database, since)):
        for row in rows:
            if needle not in row.state or row.recorded_at < since:
                continue
            entry = codec.decode(*row)
            if isinstance(entry.event, FactPublished | SourceReport) and entry.event.signed_by == keyid:
                yield Affected(
                    position=entry.position,
                    recorded_at=entry.recorded_at,
                    source=entry.event.source,
                    id=entry.event.id,
                    type=entry.name,
                    retiree=entry.stream if isinstance(entry.event, FactPublished) else None,
                )


def new_signing_key(file: Path) -> int:
    """Make a key to sign with; its name and its public half, for the register."""
    try:
        key = SigningKey.make_file(file)
    except EnvelopeError as error:
        sys.stderr.write(f"changqing: {error}\n")
        return USAGE
    _say(f"密钥名 keyid {key.keyid}")
    _say(f"公钥 public key {base64.b64encode(key.public).decode()}")
    return DONE


def _before(database: Database, since: datetime) -> int:
    """A position before which nothing was recorded since: times go up with positions."""
    low = 0
    with database.transaction() as connection:
        high = log.last_position(connection)
        while low < high:
            middle = (low + high) // 2
            row = log.read(connection, middle, 1)[0]
            low, high = (low, middle) if row.recorded_at >= since else (middle + 1, high)
    return low


def _check(*given: str) -> None:
    """Nothing that names a person is kept in clear."""
    if any(map(names_a_person, given)):
        raise Refused("identity-number-in-id", "source")


def _beijing(day: datetime) -> datetime:
    return day if day.tzinfo else day.replace(tzinfo=BEIJING)


def _agreed(policy: Policy) -> str:
    said = ["必须签名 must be signed" if policy.must_be_signed else "可不签名 need not be signed"]
    if policy.heartbeat_minutes:
        said.append(f"心跳 heartbeat {policy.heartbeat_minutes} 分钟 minutes")
    if policy.sequence_required:
        said.append("必须编号 must be numbered")
    return "，".join(said)


def _keys(found: Register, source: str) -> list[SourceKey]:
    return [key for key in found.keys.values() if key.source == source]


def _key(key: SourceKey) -> str:
    end = f"，自此吊销 revoked since {_at(key.revoked_since)}" if key.revoked_since else ""
    return f"{key.keyid}  {base64.b64encode(key.public).decode()}  {_span(key.valid_from, key.valid_until)}{end}"


def _span(first: datetime, end: datetime | None) -> str:
    return f"有效自 valid from {_at(first)}" + (f" 至 until {_at(end)}" if end else "")


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
