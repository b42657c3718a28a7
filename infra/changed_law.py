"""A changed law to be tried: rules out of TOML files, laid over the national ones as shipped, by key and date."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from domain.law import Law, LawError, Rule
from infra.statutes import law_of, national_text

_DAY = timedelta(days=1)


def read_changes(path: Path) -> dict[str, str]:
    """The texts of a file, or of every TOML file in a directory, by name. Raises `LawError`."""
    try:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        texts = {file.name: file.read_text("utf-8") for file in files}
    except (OSError, UnicodeError) as error:
        raise LawError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not texts:
        raise LawError(f"{path}: there is no .toml file in it")
    return texts


def changed(texts: Mapping[str, str]) -> Law:
    """The shipped law with the rules of these texts, by file name, laid over its national ones.

    A version takes the place of whatever was in force from its `valid_from` to its `valid_to`; before and after that the
    shipped versions stay. Raises `LawError` naming file and key.
    """
    by_key: dict[str, list[tuple[str, Rule]]] = {}
    for name, text in texts.items():
        for rule in _rules(name, text):
            by_key.setdefault(rule.key, []).append((name, rule))
    shipped = national_text()
    versions = _shipped(shipped)
    laid: list[Rule] = []
    for key, given in by_key.items():
        given.sort(key=lambda one: one[1].valid_from)
        _check(key, given, versions)
        laid += _laid_over(versions[key], [rule for _, rule in given])
    return law_of({"national.toml": _without(shipped, by_key), ", ".join(texts): "\n".join(map(_toml, laid))})


def _shipped(text: str) -> dict[str, list[Rule]]:
    versions: dict[str, list[Rule]] = {}
    for given in msgspec.toml.decode(text)["rule"]:
        rule = msgspec.convert(given, Rule)
        versions.setdefault(rule.key, []).append(rule)
    return versions


def _without(text: str, keys: Collection[str]) -> str:
    """A law's text without the rules of these keys."""
    tables = re.split(r"^(?=\[\[)", text, flags=re.MULTILINE)
    ours = (re.match(r'\[\[rule\]\]\s*\nkey = "([^"]+)"', table) for table in tables)
    return "".join(table for table, rule in zip(tables, ours, strict=True) if not (rule and rule[1] in keys))


def _toml(rule: Rule) -> str:
    """A rule as its file would have it."""
    members = {name: value for name, value in asdict(rule).items() if value is not None}
    return "[[rule]]\n" + "".join(f"{name} = {_value(value)}\n" for name, value in members.items())


def _value(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def _rules(name: str, text: str) -> Iterator[Rule]:
    try:
        raw = msgspec.toml.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise LawError(f"{name}: {error}") from error
    rules = raw.pop("rule", None)
    if raw or not isinstance(rules, list) or not rules:
        raise LawError(f"{name}: write each changed rule as [[rule]], and nothing else")
    for number, rule in enumerate(rules, start=1):
        yield _rule(f"{name}: rule {rule.get('key', f'number {number}')}", rule)


def _rule(where: str, given: Any) -> Rule:
    try:
        rule = msgspec.convert(given, Rule)
    except msgspec.ValidationError as error:
        raise LawError(f"{where}: {error}") from error
    for field in ("months_after", "act_within_days", "warn_days", "report_within_days"):
        if getattr(rule, field) < 0:
            raise LawError(f"{where}: {field} must not be negative")
    if not 1 <= rule.day_of_month <= 31:
        raise LawError(f"{where}: day_of_month must be a day of a month, 1 to 31")
    if rule.valid_to is not None and rule.valid_to < rule.valid_from:
        raise LawError(f"{where}: the version from {rule.valid_from} ends before it begins")
    return rule


def _check(key: str, given: list[tuple[str, Rule]], shipped: Mapping[str, Any]) -> None:
    name = given[0][0]
    if key not in shipped:
        raise LawError(f"{name}: rule {key}: there is no national rule of this key")
    for (_, earlier), (other, later) in pairwise(given):
        if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
            raise LawError(f"{other}: rule {key}: the version from {later.valid_from} overlaps the one before it")


def _laid_over(shipped: Iterable[Rule], given: list[Rule]) -> tuple[Rule, ...]:
    """What is left of the shipped versions beside the given ones, and those, in order."""
    left = list(shipped)
    for rule in given:
        left = [part for version in left for part in _beside(version, rule)]
    return tuple(sorted([*left, *given], key=lambda rule: rule.valid_from))


def _beside(version: Rule, by: Rule) -> Iterator[Rule]:
    """The parts of a version before and after another."""
    if version.valid_from < by.valid_from:
        end = by.valid_from - _DAY
        yield replace(version, valid_to=min(version.valid_to or end, end))
    if by.valid_to and (version.valid_to is None or version.valid_to > by.valid_to):
        yield replace(version, valid_from=max(version.valid_from, by.valid_to + _DAY))
