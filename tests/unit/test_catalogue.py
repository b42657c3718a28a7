"""The catalogue of every type of event in the docs says what the code takes in: members, who may publish, in both languages."""

import re
from pathlib import Path

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields

from domain.facts import LIFE_EVENTS, MAY_PUBLISH, Department, Fact
from services.sentences import SENTENCES

ROOT = Path(__file__).parents[2]
COMMON = {field.name for field in fields(Fact)}
CODE = re.compile(r"`([a-z0-9._-]+)`")


def rows(name: str) -> dict[str, tuple[str, str, str]]:
    """Members, publishers and effect by type, as the page has them."""
    text = (ROOT / name).read_text("utf-8")
    found = re.findall(r"^\| `([a-z-]+\.v1)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    return {type_: (members, by, effect) for type_, members, by, effect in found}


@pytest.mark.parametrize("page", ["docs/facts.md", "docs/facts.zh-CN.md"])
def test_every_type_is_there_with_its_members_and_publishers(page: str) -> None:
    told = rows(page)
    assert set(told) == set(LIFE_EVENTS)
    for type_, fact in LIFE_EVENTS.items():
        members, by, effect = told[type_]
        outside = re.sub(r"\([^)]*\)", "", members)  # the values of an enumeration stand in brackets
        required = {field.name for field in fields(fact) if field.default is field.default_factory is NODEFAULT}
        assert set(CODE.findall(outside)) == {field.name for field in fields(fact)} - COMMON, type_
        assert set(re.findall(r"`([a-z_]+)`(?!\?)", outside)) == required - COMMON, type_
        named = {Department(name) for name in CODE.findall(by)}
        publishers = MAY_PUBLISH[fact]
        assert named == (set(Department) - publishers if by.startswith(("all", "除", "全部")) else publishers), type_
        assert effect, type_


@pytest.mark.parametrize("page", ["docs/publishing.md", "docs/publishing.zh-CN.md"])
def test_every_refusal_is_there_with_what_to_do(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    told = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    zh = page.endswith("zh-CN.md")
    assert {code: (int(status), reason, remedy) for code, status, reason, remedy in told} == {
        code: (one.status, one.zh if zh else one.en, one.remedy_zh if zh else one.remedy_en)
        for code, one in SENTENCES.items()
    }
