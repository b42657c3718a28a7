"""The pages that explain the API: every code and every path is there, for everybody, and nothing comes from elsewhere."""

import re

from services.accounts import Role
from services.sentences import SENTENCES
from tests.asking import Asking

HAN = re.compile(r"[一-鿿]")
ACCOUNTS = {"officer": (Role.OFFICER, "4403")}


def test_the_type_of_every_problem_leads_to_its_page_in_both_languages(asked: Asking) -> None:
    told = asked.ask("", "/v1/errors").json()
    assert {one["code"] for one in told} == set(SENTENCES)
    for one in told:
        page = asked.ask("", one["type"])
        assert page.status_code == 200, one["code"]
        said = SENTENCES[one["code"]]
        for words in (said.zh, said.remedy_zh, one["code"], str(said.status)):
            assert words in page.text


def test_a_problem_says_where_it_is_explained(asked: Asking) -> None:
    problem = asked.ask("", "/v1/registers").json()
    assert problem["type"] == "/pages/errors/unauthenticated"
    assert asked.ask("", "/pages/errors/there-is-no-such-code").status_code == 404
    assert 'href="/pages/errors/not-found"' in asked.ask("", "/pages/errors/x", headers={"Accept": "text/html"}).text


def test_the_page_of_the_api_has_every_path_and_every_schema_of_its_document(asked: Asking) -> None:
    document = asked.ask("", "/openapi.json").json()
    page = asked.ask("", "/pages/api").text
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert HAN.search(page)


def test_what_the_pages_load_is_ours(asked: Asking) -> None:
    for path in ("/pages/api", "/pages/errors", "/pages/errors/internal"):
        answer = asked.ask("", path)
        assert "<script" not in answer.text
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.text)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
