"""The pages for readers: the READMEs and `docs/*.md`, their links, headings and fenced blocks. For the tests that hold them to the code."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block: its language, empty when none is named, and its text."""

    language: str
    text: str


def name(page: Path) -> str:
    """The page by its path in the project."""
    return str(page.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page or a part of one, in order."""
    return [Block(*found) for found in _FENCE.findall(text)]


def section(page: str, heading: str) -> str:
    """A page's part under a heading (`## Start`), up to the next of its level or above."""
    text = (ROOT / page).read_text("utf-8")
    level = heading.index(" ")
    begin = text.index(f"\n{heading}\n") + 1
    end = re.search(rf"^#{{1,{level}}} ", _without_blocks(text)[begin + level :], re.MULTILINE)
    return text[begin : begin + level + end.start()] if end else text[begin:]


def links(page: Path) -> list[str]:
    """Where a page's links lead, those in blocks and to other hosts left out."""
    found = _LINK.findall(_without_blocks(page.read_text("utf-8")))
    return [target for target in found if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What the headings of a page can be linked by, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.*)$", _without_blocks(page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def _without_blocks(text: str) -> str:
    """The text with its blocks blanked, every character where it was."""
    return _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
