"""`changqing benefit`: how times and amounts may be written, what is answered, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from services.cases.benefit import benefit

B = "2818.50"


def command(*words: str) -> Result:
    app = typer.Typer()
    app.command()(benefit)
    return CliRunner().invoke(app, list(words))


def answered(*words: str) -> dict[str, object]:
    result = command(*words, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_the_command_itself_answers_the_worked_example() -> None:
    changqing = Path(sys.executable).with_name("changqing")
    asked_for = ["benefit", "--contributed", "28y9m", "--received", "3y6m", "--base", B]
    found = subprocess.run([changqing, *asked_for], capture_output=True, encoding="utf-8", check=True)
    assert "合计 together: 59893.13 元 yuan" in found.stdout
    assert "19.25 个月 months" in found.stdout
    assert "人社部发〔2021〕18号 抚恤金标准（二）退休人员 (S)" in found.stdout


@pytest.mark.parametrize("contributed", ["28y9m", "345m", "28年9个月", "２８年９个月", "２８y９m"])
@pytest.mark.parametrize("base", ["2818.50", "2818.5", "2,818.50", "２８１８．５０"])
def test_times_and_amounts_may_be_written_in_several_ways(contributed: str, base: str) -> None:
    assert answered("--contributed", contributed, "--received", "42m", "--base", base)["total"] == "59893.13"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "28",
        "28.75",
        "28y12m",
        "9m28y",
        "-1m",
        "1y-1m",
        "28 y",
        "28Y9M",
        "28年9月",
        "76y",
        "901m",
        "1000m",
        "y",
        "m",
        "٢٨y",
        "②y",
        "1y\n",
    ],
)
@pytest.mark.parametrize("option", ["contributed", "received"])
def test_any_other_time_is_refused_in_both_languages_naming_the_option(option: str, written: str) -> None:
    times = {"contributed": "20y", "received": "1y"} | {option: written}
    result = command(*(f"--{name}={time}" for name, time in times.items()), "--base", B)
    assert (result.exit_code, result.stdout) == (2, "")
    zh, en = result.stderr.splitlines()
    assert zh.startswith(f"changqing: --{option}：写作 28y9m")
    assert en.startswith(f"changqing: --{option}: write it as 28y9m")
    assert "duration-invalid" in zh
    assert "duration-invalid" in en


RETIREE = ("--contributed", "28y9m", "--received", "3y6m")


@pytest.mark.parametrize(
    ("words", "option", "code"),
    [
        (["--received", "1y", "--base", B], "contributed", "contributed-missing"),
        (["--contributed", "20y", "--base", B], "received", "received-missing"),
        ([*RETIREE, "--base", B, "--in-service"], "received", "received-in-service"),
        ([*RETIREE], "base", "base-missing"),
        ([*RETIREE, "--province", "44"], "base", "base-missing"),
        ([*RETIREE, "--base", B, "--base-year-total", "33822"], "base", "base-twice"),
        ([*RETIREE, "--base", "0"], "base", "amount-invalid"),
        ([*RETIREE, "--base", "2818.505"], "base", "amount-invalid"),
        ([*RETIREE, "--base", "28,18.50"], "base", "amount-invalid"),
        ([*RETIREE, "--base=-1"], "base", "amount-invalid"),
        ([*RETIREE, "--base-year-total", "x"], "base-year-total", "amount-invalid"),
        ([*RETIREE, "--base", B, "--own-contributions", "much"], "own-contributions", "amount-invalid"),
        ([*RETIREE, "--base", B, "--died", "2021-08-31"], "died", "died-before-rules"),
        ([*RETIREE, "--base", B, "--died", "9999-01-01"], "died", "date-invalid"),
        ([*RETIREE, "--base", B, "--died", "20240312"], "died", "date-invalid"),
        ([*RETIREE, "--base", B, "--died", "2024-02-30"], "died", "date-invalid"),
        ([*RETIREE, "--base", B, "--province", "99"], "province", "province-unknown"),
        ([*RETIREE, "--base", B, "--province", "37"], "base", "base-yearly-needed"),
        ([*RETIREE, "--died", "2020-01-01", "--province", "44"], "died", "died-before-rules"),
        ([*RETIREE, "--died", "2023-03-12", "--province", "37"], "base", "base-unknown"),
        (["--contributed", "4y", "--in-service", "--base", B], "own-contributions", "own-contributions-missing"),
    ],
)
def test_the_command_refuses_with_code_two_in_both_languages_naming_the_option(
    words: Sequence[str], option: str, code: str
) -> None:
    result = command(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    zh, en = result.stderr.splitlines()
    assert zh.startswith(f"changqing: --{option}：")
    assert en.startswith(f"changqing: --{option}: ")
    assert zh.endswith(f"（{code}）")
    assert en.endswith(f"({code})")


def test_the_base_is_that_of_the_year_before_the_death_where_it_is_recorded() -> None:
    found = answered("--contributed", "25y", "--received", "25y", "--province", "440300", "--died", "2024-01-01")
    assert found["total"] == "54364.75"
    later = command("--contributed", "25y", "--received", "25y", "--province", "440300", "--died", "2024-01-01")
    assert "国家统计局广东调查总队：2023年广东居民收入和消费支出情况 2023年 (S)" in later.stdout


def test_a_default_that_was_used_is_pointed_out() -> None:
    yearly = command(*RETIREE, "--base-year-total", "33822")
    assert "B = 33822.00 ÷ 12 = 2818.50" in yearly.stdout
    assert "合计 together: 59893.13 元 yuan" in yearly.stdout
    assert "steps marked C are unsettled" in yearly.stdout
    assert "steps marked C" not in command(*RETIREE, "--base", B).stdout


def test_without_a_day_of_death_the_answer_says_that_todays_rules_were_used() -> None:
    assert "未给出死亡日期" in command(*RETIREE, "--base", B).stdout
    given_day = command(*RETIREE, "--base", B, "--died", "2024-03-13").stdout
    assert "按 2024-03-13 的规定" in given_day
    assert "未给出死亡日期" not in given_day
