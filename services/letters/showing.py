"""Dead letters at the terminal, Chinese first."""

import base64
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from domain.disclosures import Way
from domain.history import Taken
from infra.accounts import AccountRegister
from infra.letters import DeadLetter, Group, Wanted
from services.accepting.intake import Answer
from services.accounts import Account
from services.commands.guard import REFUSED
from services.identities.accounts import account_of, usable
from services.letters.dealing import DeadLetters, outcome
from services.opening import opened
from services.sentences import SENTENCES
from services.settings import Settings, SettingsError
from services.web.words import both


def show_list(wanted: Wanted, limit: int, *, as_json: bool) -> None:
    """The groups with their numbers, then the letters one by one, the oldest first."""
    letters = _opened()[0].letters
    groups, page = letters.groups(wanted), letters.page(wanted, limit=limit) if limit else []
    if as_json:
        _print(_json({"groups": groups, "letters": page}))
        return
    total = sum(group.letters for group in groups)
    _print(f"死信 dead letters: {both(wanted.state)} {total:,}")
    for group in groups:
        _print(_group(group))
    for letter in page:
        _print(_line(letter))
    if len(page) < total and limit:
        _print(f"只列出最早的 {limit} 封 only the oldest {limit} are shown: --limit")


def show_one(place: str, *, as_json: bool) -> None:
    """A letter with its reason and remedy."""
    letter = _opened()[0].find(place)
    _print(_json(letter) if as_json else _whole(letter))


def show_original(place: str, name: str | None, *, as_json: bool) -> None:
    """The bytes on standard output as they came; all else on standard error, so that they can be kept in a file and mended."""
    dead, register = _opened()
    if name is None:
        raise SettingsError("--account must name who looks, as the look is recorded")
    original = dead.original(_account(register, name), place, Way.TERMINAL)
    if as_json:
        value = base64.b64encode(original.value).decode()
        _print(_json({"place": place, "headers": original.shown, "value_base64": value}))
        return
    for header, value in original.shown:
        sys.stderr.write(f"{header}: {value}\n")
    sys.stdout.buffer.write(original.value)
    sys.stdout.buffer.flush()


def mend_one(place: str, file: Path, name: str, *, as_json: bool) -> int:
    """Send mended bytes; the exit code."""
    dead, register = _opened()
    account = _account(register, name)
    try:
        mended = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    answer = dead.mend(account, place, mended)
    _print(_json(answer) if as_json else f"{place}: {_said(answer)}")
    return 0 if isinstance(answer, Taken) else REFUSED


def replay_some(place: str | None, group: str | None, name: str, *, everything: bool, as_json: bool) -> int:
    """Send one letter, a group or all again; the exit code."""
    if (place is not None) + (group is not None) + everything != 1:
        raise SettingsError("name one message, or --group CODE[:PATH], or --all")
    dead, register = _opened()
    account = _account(register, name)
    if place is not None:
        answer = dead.replay(account, place)
        _print(_json(answer) if as_json else f"{place}: {_said(answer)}")
        return 0 if isinstance(answer, Taken) else REFUSED
    code, _, path = (group or "").partition(":")
    counts: Counter[str] = Counter()
    for tried in dead.replay_all(account, Wanted(code=code or None, path=path or None)):
        counts[outcome(tried.answer)] += 1
        if not as_json and not isinstance(tried.answer, Taken):
            _print(f"{tried.place}: {_said(tried.answer)}")
    _print(
        _json(counts)
        if as_json
        else "，".join(f"{_word(what)} {count:,}" for what, count in counts.items()) or both("none-waiting")
    )
    return REFUSED if counts["refused"] + counts["not-kept"] else 0


def give_up_one(place: str, reason: str, name: str) -> None:
    """Let a letter be."""
    dead, register = _opened()
    dead.give_up(_account(register, name), place, reason)
    _print(f"{place}: {both('given-up')}")


def _opened() -> tuple[DeadLetters, AccountRegister]:
    application, keys = opened(Settings.read())
    application.ledger.check_key()
    return DeadLetters(application, keys), AccountRegister(application.database)


def _account(register: AccountRegister, name: str) -> Account:
    found = usable(register.find(name))
    if found is None:
        raise SettingsError(f"--account must name an account that may be used, and there is no {name}")
    return account_of(found)


def _word(what: str) -> str:
    """How it ended; what is said of a handover that is refused is another thing."""
    return both("not-accepted" if what == "refused" else what)


def _said(answer: Answer | None) -> str:
    if answer is None:
        one = SENTENCES["original-not-kept"]
        return f"{one.zh} {one.en}"
    if isinstance(answer, Taken):
        return f"{both(outcome(answer))}，位置 position {answer.position}"
    return f"{_word('refused')}，{answer.code} {answer.path} {answer.reason.zh}：{answer.remedy.zh} {answer.reason.en}: {answer.remedy.en}"


def _group(group: Group) -> str:
    reason = SENTENCES[group.code]
    when = f"{group.first:%Y-%m-%d %H:%M} – {group.last:%Y-%m-%d %H:%M}"
    return f"{group.letters:>8,}  {group.code} {group.path}  {both(group.department)}  {when}\n          {reason.zh} {reason.en}"


def _line(letter: DeadLetter) -> str:
    whose = f"{letter.source} {letter.id}" if letter.source and letter.id else "–"
    return f"{letter.place}  {whose}  {letter.code} {letter.path}  {letter.recorded_at:%Y-%m-%d %H:%M:%S}"


def _whole(letter: DeadLetter) -> str:
    reason = SENTENCES[letter.code]
    lines = [
        f"{letter.place}  {both(letter.department)}  {both(letter.state)}",
        f"来源与编号 source and id: {letter.source or '–'} {letter.id or '–'}",
        f"收到 came: {letter.recorded_at:%Y-%m-%d %H:%M:%S %Z}，位置 position {letter.position}，{letter.size:,} 字节 bytes",
        f"原因 reason: {letter.code} {letter.path} {reason.zh} {reason.en} {letter.detail}".rstrip(),
        f"处理 remedy: {reason.remedy_zh} {reason.remedy_en}",
    ]
    if letter.changed_at:
        lines.append(
            f"{letter.changed_by} {letter.changed_at:%Y-%m-%d %H:%M:%S %Z} {letter.reason or ''} {letter.successor or ''}".rstrip()
        )
    if letter.state == "waiting" and not letter.kept:
        lines.append(f"{SENTENCES['original-not-kept'].zh} {SENTENCES['original-not-kept'].en}")
    return "\n".join(lines)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
