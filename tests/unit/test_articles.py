"""The page of every article says what is true: what it names is there, and nothing of the law is left out."""

import ast
from functools import cache
from pathlib import Path

import pytest

from infra.statutes import the_law
from tests.articles import PAGE, ROOT, Article, articles, page

LISTED = articles()
CITIES = {city.en.lower(): city for city in the_law().cities}
each_article = pytest.mark.parametrize("article", LISTED, ids=lambda one: f"{one.document}-{one.article}")


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_the_page_is_what_the_data_gives() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.articles"


@each_article
def test_what_an_article_names_is_there(article: Article) -> None:
    for where in article.where:
        if "." in where:
            assert (ROOT / where).is_file()
        else:
            city, table, key = where.split("/")
            assert (table, key) in {(name, rule.key) for name, rule in CITIES[city].provisions}
            assert city == article.document
    for test in article.tests:
        file, _, name = test.partition("::")
        assert name in functions_of(ROOT / file)


@each_article
def test_what_is_implemented_is_tried_and_what_is_not_says_why(article: Article) -> None:
    assert bool(article.where) == bool(article.tests)
    assert article.where or article.not_yet_zh or article.outside_zh
    assert not (article.where and article.outside_zh)
    assert bool(article.not_yet_zh) == bool(article.not_yet_en)
    assert bool(article.outside_zh) == bool(article.outside_en)
    assert all(text.isascii() for text in (article.en, article.not_yet_en, article.outside_en))


def test_each_article_stands_once() -> None:
    names = [(one.document, one.article) for one in LISTED]
    assert len(names) == len(set(names))


def test_every_article_of_dalian_and_xianning_is_listed() -> None:
    """The two that number their articles throughout."""
    numbers = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"]
    numbers += [f"十{one}" for one in numbers[:9]] + ["二十"] + [f"二十{one}" for one in numbers[:5]]
    for document, last in (("dalian", 25), ("xianning", 12)):
        listed = [one.article for one in LISTED if one.document == document]
        for number in numbers[:last]:
            assert any(article.startswith(f"第{number}条") for article in listed), number


def test_every_rule_of_a_city_is_named_by_an_article() -> None:
    named = {where for article in LISTED for where in article.where}
    rules = {f"{name}/{table}/{rule.key}" for name, city in CITIES.items() for table, rule in city.provisions}
    assert rules - named == set()


def test_every_test_of_an_article_is_named_by_one() -> None:
    named = {test.partition("::")[2] for article in LISTED for test in article.tests}
    tests = {
        name
        for name in functions_of(ROOT / "tests/unit/test_city_law.py")
        if name.removeprefix("test_").split("_")[0] in CITIES
    }
    assert tests - named == set()
