"""Makes `docs/articles.md` out of `docs/articles.toml`: `python -m tests.articles`. `tests/unit/test_articles.py` compares them."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from infra.statutes import the_law

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "articles.toml"
PAGE = ROOT / "docs" / "articles.md"
_Words = Annotated[str, Meta(min_length=1)]


class Article(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article. `where`: rules (`city/table/key`) and files that implement it; `tests`: what tries it (`file::name`)."""

    document: Literal["shenzhen", "zhengzhou", "dalian", "xianning"]
    article: _Words
    zh: _Words
    en: _Words
    where: tuple[_Words, ...] = ()
    tests: tuple[_Words, ...] = ()
    not_yet_zh: str = ""
    not_yet_en: str = ""
    outside_zh: str = ""
    outside_en: str = ""

    @property
    def state(self) -> str:
        """In both languages: implemented, in part, not yet, or no matter for a system."""
        if self.where:
            return "部分实现 in part" if self.not_yet_zh else "已实现 implemented"
        return "尚未实现 not yet" if self.not_yet_zh else "不属系统事项 no matter for a system"


class _File(Struct, forbid_unknown_fields=True):
    article: list[Article]


def articles() -> list[Article]:
    """Every article, in the order of the documents."""
    return msgspec.toml.decode(DATA.read_text("utf-8"), type=_File).article


def page() -> str:
    """The page, whole."""
    return "\n".join(_lines(articles())) + "\n"


def _lines(listed: list[Article]) -> Iterator[str]:
    states = [one.state for one in listed]
    yield "# 四市规定逐条对照 · The four documents, article by article"
    yield ""
    yield "每一条、每一编号段落：在哪里实现、由哪个测试检验，尚缺什么，或者为什么不属于系统事项。"
    yield "本页由 `docs/articles.toml` 生成（`python -m tests.articles`），测试保证二者一致。"
    yield ""
    yield "Every article and numbered paragraph: where it is implemented and which test tries it, what is not there yet, or why it"
    yield "is no matter for a system. Made from `docs/articles.toml` by `python -m tests.articles`; a test keeps the two the same."
    yield ""
    yield "| 状态 State | 条数 Articles |"
    yield "|---|---|"
    for state in dict.fromkeys(sorted(states, key=_rank)):
        yield f"| {state} | {states.count(state)} |"
    cities = {city.en.lower(): city for city in the_law().cities}
    for document, of_one in groupby(listed, key=lambda one: one.document):
        city = cities[document]
        yield ""
        yield f"## {city.zh} {city.document} · {city.en}"
        yield ""
        yield "| 条款 Article | 规定 What it says | 状态 State | 在哪里、为什么 Where, why |"
        yield "|---|---|---|---|"
        for one in of_one:
            yield f"| {one.article} | {one.zh}<br>{one.en} | {one.state} | {_where(one)} |"


def _rank(state: str) -> int:
    return "已部尚不".index(state[0])


def _where(article: Article) -> str:
    parts = []
    if article.where:
        parts.append(" ".join(map(_link, article.where)))
    if article.tests:
        parts.append(" ".join(f"`{test.partition('::')[2]}`" for test in article.tests))
    if article.not_yet_zh:
        parts.append(f"尚缺：{article.not_yet_zh}<br>Not yet: {article.not_yet_en}")
    if article.outside_zh:
        parts.append(f"{article.outside_zh}<br>{article.outside_en}")
    return "<br>".join(parts)


def _link(where: str) -> str:
    if "." in where:
        return f"[`{where}`](../{where})"
    city, _, rule = where.partition("/")
    return f"[`{rule}`](../domain/law/cities/{city}.toml)"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
