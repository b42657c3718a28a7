"""The law as dated data: which version holds when, and what a wrong file is told."""

from collections.abc import Sequence
from datetime import date, timedelta
from importlib.resources import files
from itertools import pairwise

import msgspec
import pytest

from domain.checked import arriving
from domain.facts import Division
from domain.law import Law, LawError, parse_law
from domain.months import Month
from infra.statutes import the_law

LAW = the_law()
NATIONAL = files("domain.law").joinpath("national.toml").read_text("utf-8")
SHENZHEN = files("domain.law").joinpath("cities", "shenzhen.toml").read_text("utf-8")
KEYS = {rule["key"] for rule in msgspec.toml.decode(NATIONAL)["rule"]}


def version(valid_from: str, valid_to: str | None = None, key: str = "payment-day", article: str = "一") -> str:
    until = f"valid_to = {valid_to}\n" if valid_to else ""
    return (
        f'[[rule]]\nkey = "{key}"\nvalid_from = {valid_from}\n{until}'
        f'document = "文"\narticle = "{article}"\nzh = "中"\nen = "e"\nmark = "C"\n'
    )


def law_of(*versions: str) -> Law:
    return parse_law({"test.toml": "\n".join(versions)}, {})


def test_the_law_as_shipped_can_be_used() -> None:
    assert {"pension-payable", "pension-starts", "death-stops-pension", "overpayment-recovered", "payment-day"} <= KEYS
    assert {city.en for city in LAW.cities} == {"Shenzhen", "Zhengzhou", "Dalian", "Xianning"}
    assert the_law() is LAW


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_rule_is_cited_in_both_languages_and_its_last_version_has_no_end(key: str) -> None:
    rule = LAW.rule(key, date(2024, 6, 1))
    citation = rule.citation
    assert citation.key == key
    assert all([citation.document, citation.article, citation.zh, citation.en])
    assert not citation.zh.isascii()
    assert citation.en.isascii()
    assert rule.valid_to is None


@pytest.mark.parametrize(
    ("day", "document"),
    [
        (date(2023, 11, 30), "劳社厅发〔2001〕8号"),
        (date(2023, 12, 1), "社会保险经办条例（国务院令第765号）"),
        (date(1978, 6, 2), "劳社厅发〔2001〕8号"),
        (date(9999, 12, 31), "社会保险经办条例（国务院令第765号）"),
    ],
)
def test_a_version_holds_from_its_first_day_to_its_last(day: date, document: str) -> None:
    assert LAW.rule("overpayment-recovered", day).document == document


def test_before_there_was_a_rule_its_oldest_version_holds() -> None:
    assert LAW.rule("death-stops-pension", date(1949, 10, 1)).valid_from == date(1978, 6, 2)


def test_pinned_to_a_day_every_question_is_answered_under_the_law_of_that_day() -> None:
    pinned = LAW.pinned(date(2011, 6, 30))
    for day in (date(1990, 1, 1), date(2011, 7, 1), date(2024, 6, 1)):
        assert pinned.rule("pension-payable", day).document == "国发〔1978〕104号"
    assert [first for first, _ in pinned.versions("pension-payable", Month("2010-01"))] == ["2010-01"]
    assert LAW.pinned(date(2011, 7, 1)).rule("pension-payable", date(1990, 1, 1)).article == "第十六条"


def test_pinning_leaves_the_law_itself_alone() -> None:
    LAW.pinned(date(2001, 1, 1))
    assert LAW.rule("death-stops-pension", date(2024, 6, 1)).document == "劳社厅发〔2001〕8号"


def test_versions_come_in_order_each_with_the_month_it_begins_in() -> None:
    law = law_of(
        version("2020-07-01", article="三"), version("2000-01-01", "2009-12-31"), version("2010-01-01", "2020-06-30")
    )
    assert [first for first, _ in law.versions("payment-day", Month("1999-05"))] == ["1999-05", "2010-01", "2020-07"]
    assert [first for first, _ in law.versions("payment-day", Month("2010-01"))] == ["2010-01", "2020-07"]
    assert [(first, rule.article) for first, rule in law.versions("payment-day", Month("2024-01"))] == [
        ("2024-01", "三")
    ]


def test_the_law_knows_the_days_on_which_it_turns() -> None:
    law = law_of(version("2000-01-01", "2009-12-31"), version("2010-01-01", "2020-06-30"), version("2020-07-01"))
    assert law.turns == [date(2000, 1, 1), date(2010, 1, 1), date(2020, 7, 1)]
    assert law.next_turn(date(2010, 1, 1)) == date(2020, 7, 1)
    assert law.next_turn(date(2020, 7, 1)) is None
    assert law.pinned(date(2015, 1, 1)).turns == []
    assert date(2023, 12, 1) in LAW.turns, "an end and a beginning of national law"
    assert date(2021, 11, 3) in LAW.turns, "a city's"


def test_a_law_is_told_from_another_by_its_digest() -> None:
    one, same, other = (law_of(version("2000-01-01", article=article)) for article in ("一", "一", "二"))
    assert one.digest == same.digest != other.digest
    assert one.digest != one.pinned(date(2020, 1, 1)).digest


def test_a_rule_may_be_continued_in_another_file() -> None:
    law = parse_law({"a.toml": version("2000-01-01", "2009-12-31"), "b.toml": version("2010-01-01", article="二")}, {})
    assert law.rule("payment-day", date(2010, 1, 1)).article == "二"


def test_nobody_asks_for_a_rule_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        LAW.rule("no-such-rule", date(2024, 6, 1))


@pytest.mark.parametrize(
    ("division", "city"),
    [("440304901001", "Shenzhen"), ("440300000000", "Shenzhen"), ("210202001001", "Dalian"), ("110105001001", None)],
)
def test_a_division_belongs_to_the_city_of_its_first_four_digits(division: str, city: str | None) -> None:
    found = LAW.city_of(division)
    assert (found.en if found else None) == city


@pytest.mark.parametrize(
    "code",
    ["440304", "4403049010011", "44030490100a", "440304901001\n", "４４０３０４９０１００１", "٤٤٠٣٠٤٩٠١٠٠١", ""],
)
def test_a_division_is_twelve_ascii_digits_and_nothing_else(code: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(code, arriving(Division))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('mark = "C"\nday_of_month = 1', 'mark = "Q"\nday_of_month = 1', "mark"),
        ('mark = "C"\nday_of_month = 1', 'mark = "C"\nday_of_the_month = 1', "day_of_the_month"),
        ("day_of_month = 1\n", 'day_of_month = "first"\n', "day_of_month"),
        ('key = "payment-day"\n', "", "key"),
        ('key = "payment-day"\n', 'key = "payment-day"\nvalid_to = "soon"\n', "valid_to"),
    ],
    ids=["mark", "unknown", "type", "missing", "date"],
)
def test_a_wrong_rule_is_refused_by_file_and_key(old: str, new: str, named: str) -> None:
    assert NATIONAL.count(old) == 1
    with pytest.raises(LawError) as caught:
        parse_law({"national.toml": NATIONAL.replace(old, new)}, {})
    assert "national.toml" in str(caught.value)
    assert named in str(caught.value)


def test_a_wrong_city_is_refused_by_file_and_key() -> None:
    with pytest.raises(LawError, match=r"shenzhen\.toml.*`agency`"):
        parse_law({"national.toml": NATIONAL}, {"shenzhen.toml": SHENZHEN.replace("agency_en", "agency")})


@pytest.mark.parametrize("text", ["[[rule]", "rule = 1", "", "[[rules]]\nkey = 1"])
def test_a_file_that_is_no_law_is_refused_by_name(text: str) -> None:
    with pytest.raises(LawError, match=r"^broken\.toml: "):
        parse_law({"broken.toml": text}, {})


@pytest.mark.parametrize(
    "versions",
    [
        [version("2000-01-01", "2009-12-31"), version("2010-01-02")],
        [version("2000-01-01", "2009-12-31"), version("2009-12-31")],
        [version("2000-01-01"), version("2010-01-01")],
        [version("2000-01-01", "2009-12-31"), version("2000-01-01", "2009-12-31")],
        [version("2010-01-01", "2009-12-31")],
    ],
    ids=["a gap", "an overlap", "one without end before another", "twice the same", "an end before its beginning"],
)
def test_versions_that_do_not_follow_on_each_other_are_refused_by_file_and_key(versions: Sequence[str]) -> None:
    with pytest.raises(LawError) as caught:
        law_of(*versions)
    assert "payment-day" in str(caught.value)
    assert "test.toml" in str(caught.value)


def test_the_versions_shipped_follow_on_each_other_day_by_day() -> None:
    for key in KEYS:
        versions = [rule for _, rule in LAW.versions(key, Month("1900-01"))]
        for earlier, later in pairwise(versions):
            assert earlier.valid_to is not None
            assert earlier.valid_to + timedelta(days=1) == later.valid_from
