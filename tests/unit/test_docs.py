"""The pages for readers: every link leads somewhere, every example is what the code takes, every figure of the law is the law's."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer

from infra.statutes import the_law
from services.accepting.cloudevents import Publisher, department_of, structured, submission
from services.accepting.reports import REPORTS, report
from services.api import tokens
from services.api.app import V1
from services.cli import main
from services.settings import Settings
from tests.docs import PAGES, ROOT, anchors, blocks, links, name

each_page = pytest.mark.parametrize("page", PAGES, ids=name)
TODAY = date(2026, 11, 23)
COMMANDS: Any = typer.main.get_command(main)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
ROUTES = {f"/v1{route.path}" for router in V1 for route in router.routes}  # type: ignore[attr-defined] # all are
ROUTES |= {route.path for route in tokens.router.routes}  # type: ignore[attr-defined] # all are


@each_page
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in links(page):
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_readme_is_read_at_one_sitting(readme: str) -> None:
    assert len((ROOT / readme).read_text("utf-8").splitlines()) <= 250


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem.endswith(".zh-CN")], ids=name)
def test_a_page_in_two_languages_has_the_same_commands_and_examples_in_both(page: Path) -> None:
    other = page.with_name(page.name.replace(".zh-CN", ""))
    assert f"]({other.name})" in page.read_text("utf-8")
    assert f"]({page.name})" in other.read_text("utf-8")
    assert _alike(page) == _alike(other)


@each_page
def test_every_event_shown_is_one_that_is_taken_in(page: Path) -> None:
    for event in events_of(page):
        publisher = Publisher("a reader", department_of(event["source"]), "http")
        read = report if event["type"] in REPORTS else submission
        read(structured(json.dumps(event).encode()), publisher)


@each_page
def test_every_command_shown_is_there_with_its_options(page: Path) -> None:
    for words in commands_of(page):
        command = COMMANDS.commands[words[0]]
        command.make_context(words[0], words[1:])


@each_page
def test_every_target_and_every_path_shown_is_there(page: Path) -> None:
    shell = "\n".join(block.text for block in blocks(page.read_text("utf-8")) if block.language == "sh")
    assert set(re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)) <= TARGETS
    for path in re.findall(r"\$URL(/[a-z0-9/-]+)", shell):
        assert any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) for route in ROUTES), path


@pytest.mark.parametrize("page", ["docs/facts.md", "docs/facts.zh-CN.md"])
@pytest.mark.parametrize("example", ["registration", "death", "retraction"])
def test_an_event_that_is_explained_is_the_one_in_its_file(page: str, example: str) -> None:
    told = (ROOT / page).read_text("utf-8").split(f"`{example}.json`")[1]
    assert blocks(told)[0].text == (ROOT / f"docs/examples/{example}.json").read_text("utf-8")


@pytest.mark.parametrize("page", ["docs/operating.md", "docs/operating.zh-CN.md"])
def test_every_setting_is_explained(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = {name for row in re.findall(r"^\| (`[A-Z_`, 、]+) \|", text, re.MULTILINE) for name in row.split("`")}
    assert {field.upper() for field in Settings.model_fields} <= named


@pytest.mark.parametrize("page", ["docs/entitlement.md", "docs/entitlement.zh-CN.md"])
def test_the_days_to_act_are_those_of_the_law(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    told = re.findall(r"^\| `[^|]*\|[^|]*\| `([a-z-]+)` \| (\d+) \|$", text, re.MULTILINE)
    assert len(told) > 20
    for key, days in told:
        assert the_law().rule(key, TODAY).act_within_days == int(days), key


@pytest.mark.parametrize("page", ["docs/handover.md", "docs/handover.zh-CN.md"])
def test_the_steps_of_a_city_are_those_of_its_law(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for city in the_law().cities:
        heading = f"\n### {city.zh if 'zh-CN' in page else city.en}\n"
        told = text.split(heading)[1].split("\n#")[0]
        rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]*) \| ([^|]*) \| `[a-z0-9.-]+` \| ([^|]*) \|", told, re.MULTILINE)
        assert [(key, called, _codes(by), _codes(after)) for key, called, by, after in rows] == [
            (step.key, step.name_zh if "zh-CN" in page else step.name_en, [*map(str, step.by)], list(step.needs))
            for step in the_law().city_law(city.code, TODAY).steps  # type: ignore[union-attr] # it is a city of ours
        ]


def events_of(page: Path) -> Iterator[dict[str, Any]]:
    """The events of publishers in a page's blocks: whole ones, a line each, and those that a command is given."""
    for language, text in blocks(page.read_text("utf-8")):
        found = [text] if language == "json" else re.findall(r"^(\{.*?\})$", text, re.DOTALL | re.MULTILINE)
        for written in found if language in ("json", "sh") else ():
            event = json.loads(re.sub(r'"\$\([^)]*\)"', '"2026-11-23"', written))
            if "specversion" in event and event["source"] != "/changqing":
                yield event


def commands_of(page: Path) -> Iterator[list[str]]:
    """The words of every `changqing` command in a page's blocks, comments left out."""
    for language, text in blocks(page.read_text("utf-8")):
        for line in text.splitlines() if language == "sh" else ():
            words = shlex.split(re.split(r"[<>|]", line)[0], comments=True) if "bin/changqing " in line else []
            if words:
                yield words[words.index(".venv/bin/changqing") + 1 :]


def _alike(page: Path) -> list[str]:
    """A page's examples, with what a reader puts in, comments and all Chinese made the same."""
    return [
        re.sub(r"[A-Z]{3,}(-[A-Z]+)*|[\u3000-\u9fff\uff00-\uffef]+", "…", re.sub(r" *# .*", "", block.text))
        for block in blocks(page.read_text("utf-8"))
        if block.language
    ]


def _codes(cell: str) -> list[str]:
    return re.findall(r"`([a-z-]+)`", cell)
