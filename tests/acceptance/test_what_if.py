"""`changqing what-if`: a case is checked at the terminal; nothing is stored and no server is needed."""

import json
import os
import subprocess
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from typer.testing import CliRunner

from services.cli import main
from tests.acceptance.running import CHANGQING, PENSION, SHENZHEN_COMMUNITY, Json

NUMBER, OTHER = "440304195506040015", "11010519491231002X"

REGISTRATION: Json = {
    "specversion": "1.0",
    "type": "retirement-registered.v1",
    "source": "/enterprise/shenzhen",
    "id": "r-1",
    "time": "2015-07-01T01:00:00Z",
    "data": {
        "person": {"identity_number": NUMBER, "name": "王小明"},
        "effective": "2015-06-30",
        "monthly_pension": PENSION,
        "residence_division": SHENZHEN_COMMUNITY,
    },
}
DEATH: Json = {
    "specversion": "1.0",
    "type": "death-reported.v1",
    "source": "/civil-affairs/shenzhen",
    "id": "d-1",
    "time": "2024-05-20T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER, "name": "王小明"}, "effective": "2024-03-12"},
}
RETRACTION: Json = {
    "specversion": "1.0",
    "type": "death-retracted.v1",
    "source": "/civil-affairs/shenzhen",
    "id": "x-1",
    "time": "2024-08-02T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER}, "effective": "2024-08-01", "retracts": "d-1"},
}


class Said(NamedTuple):
    """How the command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def ask(*options: str, lines: list[Json | str]) -> Said:
    """What the command says of these lines on standard input, in this process: starting one takes a hundred times as long."""
    try:
        found = CliRunner().invoke(main, ["what-if", "-", *options], written(lines), catch_exceptions=False)
    finally:
        structlog.reset_defaults()  # the command logs to its own standard error, which is gone
    return Said(found.exit_code, found.stdout, found.stderr)


def written(lines: list[Json | str]) -> str:
    return "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)


def answer(*options: str, lines: list[Json | str], code: int = 0) -> Any:
    found = ask("--json", *options, lines=lines)
    assert found.returncode == code, found.stderr
    return json.loads(found.stdout)


def test_the_command_is_a_process_that_needs_no_server_and_no_settings() -> None:
    options = ("--json", "--today", "2024-09-01")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    lines: list[Json | str] = [REGISTRATION, DEATH, RETRACTION, "{"]
    found = subprocess.run(
        [CHANGQING, "what-if", "-", *options],
        input=written(lines),
        capture_output=True,
        encoding="utf-8",
        env=kept | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert found.returncode == 1
    assert Said(found.returncode, found.stdout, found.stderr) == ask(*options, lines=lines)


def sums(amount: Json) -> tuple[int, str, str, str]:
    return amount["months"], amount["first"], amount["last"], amount["amount"]


def changed(line: Json, data: Json | None = None, **attributes: Any) -> Json:
    return line | attributes | {"data": line["data"] | (data or {})}


def test_a_death_learned_two_months_late_leaves_two_months_to_recover() -> None:
    (case,) = answer("--today", "2024-05-20", lines=[REGISTRATION, DEATH])["retirees"]

    assert [(span["first"], span["last"], span["status"]) for span in case["timeline"]] == [
        ("2015-07", "2024-03", "payable"),
        ("2024-04", None, "stopped"),
    ]
    assert case["timeline"][1]["rule"]["document"] == "劳社厅发〔2001〕8号"
    assert sums(case["overpaid"]) == (2, "2024-04", "2024-05", "6913.56")
    assert case["owed"] is None
    stop, recover, grant = (line["alert"] for line in case["alerts"])
    assert (grant["action"], grant["kind"]) == ("grant", "death")
    assert (stop["action"], stop["first_month"], stop["strength"]) == ("stop", "2024-04", "confirmed")
    assert (recover["action"], recover["months"], recover["amount"]) == ("recover", 2, "6913.56")
    assert recover["rule"]["article"] == "第四十六条"


def test_a_death_taken_back_owes_the_months_that_were_stopped() -> None:
    """Paid through May, as May's payment day came before the report; June, July and August were stopped."""
    (case,) = answer("--today", "2024-08-02", lines=[REGISTRATION, DEATH, RETRACTION])["retirees"]

    assert case["overpaid"] is None
    assert sums(case["owed"]) == (3, "2024-06", "2024-08", "10370.34")
    states = {line["alert"]["action"]: line["state"] for line in case["alerts"]}
    assert states == {
        "stop": "replaced",
        "recover": "replaced",
        "grant": "replaced",
        "resume": "open",
        "pay-back": "open",
    }


def test_the_day_of_asking_decides_what_is_owed_by_now() -> None:
    """Somebody whom the agency goes on paying until it learns of the death: the exposure grows by a month each month."""
    untold = changed(DEATH)
    del untold["time"]  # told on the day of asking
    months = [
        answer("--today", day, lines=[REGISTRATION, untold])["retirees"][0]["overpaid"]
        for day in ("2024-03-31", "2024-04-01", "2024-12-31")
    ]
    assert [debt and debt["months"] for debt in months] == [None, 1, 9]


def test_the_text_says_the_same_in_two_languages() -> None:
    found = ask("--today", "2024-05-20", lines=[REGISTRATION, DEATH])

    assert found.returncode == 0, found.stderr
    for said in (
        "2015-07 — 2024-03",
        "2024-04 — …",
        "劳社厅发〔2001〕8号",
        "多发 overpaid",
        "6913.56",
        "recover",
        "追回",
    ):
        assert said in found.stdout
    assert NUMBER not in found.stdout
    assert "王小明" not in found.stdout
    assert "440304********0015" in found.stdout


def test_every_order_of_the_lines_gives_the_same_answer() -> None:
    lines: list[Json | str] = [
        REGISTRATION,
        DEATH,
        RETRACTION,
        changed(DEATH, {"effective": "2024-02-01"}, source="/community/440304901001", id="rumour"),
    ]
    answers = [ask("--json", "--today", "2024-09-01", lines=list(order)).stdout for order in permutations(lines)]
    assert json.loads(answers[0])["retirees"][0]["alerts"]
    assert len(set(answers)) == 1


def test_repeated_lines_change_nothing() -> None:
    once = answer("--today", "2024-09-01", lines=[REGISTRATION, DEATH])
    twice = answer("--today", "2024-09-01", lines=[DEATH, REGISTRATION, DEATH, REGISTRATION])
    assert once == twice


def test_the_law_of_another_day_can_be_asked_for() -> None:
    """Before December 2023 no article 46: what was overpaid went back under the circular of 2001."""
    lines: list[Json | str] = [REGISTRATION, DEATH]
    now = answer("--today", "2024-05-20", lines=lines)
    then = answer("--today", "2024-05-20", "--law-at", "2023-11-30", lines=lines)

    def recovered_under(given: Any) -> str:
        (rule,) = (a["alert"]["rule"] for a in given["retirees"][0]["alerts"] if a["alert"]["action"] == "recover")
        return str(rule["document"])

    assert recovered_under(now) == "社会保险经办条例（国务院令第765号）"
    assert recovered_under(then) == "劳社厅发〔2001〕8号"
    assert then["law_at"] == "2023-11-30"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("{", "malformed-json", id="malformed"),
        pytest.param(changed(DEATH, type="wedding.v1"), "unknown-type", id="unknown type"),
        pytest.param(
            changed(DEATH, {"person": {"identity_number": NUMBER[:-1] + "7"}}, id="d-2"),
            "identity-number-invalid",
            id="check digit",
        ),
        pytest.param(changed(DEATH, {"effective": "2024-09-02"}, id="d-2"), "date-in-future", id="future"),
        pytest.param(changed(DEATH, {"effective": "1955-06-03"}, id="d-2"), "date-before-birth", id="before birth"),
        pytest.param(changed(DEATH, {"colour": "red"}, id="d-2"), "unknown-field", id="unknown field"),
        pytest.param(changed(DEATH, source="/enterprise/shenzhen"), "not-your-fact", id="not their fact"),
        pytest.param(changed(REGISTRATION, source="/police/shenzhen", id="r-2"), "not-your-fact", id="not police's"),
        pytest.param(changed(DEATH, {"effective": "2024-03-11"}), "id-conflict", id="same id, other content"),
        pytest.param(changed(DEATH, {"person": {"identity_number": OTHER}}), "id-conflict", id="same id, other person"),
    ],
)
def test_a_line_the_system_would_refuse_is_reported_and_the_rest_is_answered(line: Json | str, code: str) -> None:
    given = answer("--today", "2024-09-01", lines=[REGISTRATION, DEATH, line], code=1)

    ((number, refusal),) = ((refused["line"], refused["refusal"]) for refused in given["refused"])
    assert (number, refusal["code"]) == (3, code)
    assert refusal["reason"]["zh"]
    assert refusal["reason"]["en"]
    (case,) = given["retirees"]
    assert [span["status"] for span in case["timeline"]] == ["payable", "stopped"]


def test_refused_lines_are_said_in_the_text_too() -> None:
    found = ask(lines=[REGISTRATION, "{"])
    assert found.returncode == 1
    assert "第 2 行不予受理" in found.stdout
    assert "malformed-json" in found.stdout
    assert "检查编码（UTF-8）和括号、引号后重发 check encoding (UTF-8), brackets and quotes" in found.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_file_with_nothing_in_it_is_no_question(options: tuple[str, ...]) -> None:
    found = ask(*options, lines=["", " "])
    assert (found.returncode, found.stdout) == (2, "")
    assert "没有任何内容 is empty" in found.stderr


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    found = subprocess.run(
        [CHANGQING, "what-if", tmp_path / "none.jsonl"], capture_output=True, encoding="utf-8", check=False
    )
    assert found.returncode == 2
    assert "none.jsonl" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


# Months, amounts, days

MISSING: Json = {
    "specversion": "1.0",
    "type": "gone-missing.v1",
    "source": "/police/shenzhen",
    "id": "m-1",
    "time": "2025-03-20T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER}, "effective": "2025-02-10"},
}
DETAINED: Json = {
    "specversion": "1.0",
    "type": "detained.v1",
    "source": "/police/shenzhen",
    "id": "k-1",
    "time": "2025-10-20T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER}, "effective": "2025-06-05", "case": "2025-77"},
}
BACK: Json = {
    "specversion": "1.0",
    "type": "reappeared.v1",
    "source": "/police/shenzhen",
    "id": "m-2",
    "time": "2026-01-20T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER}, "effective": "2026-01-05"},
}
VERIFIED: Json = {
    "specversion": "1.0",
    "type": "survival-verified.v1",
    "source": "/community/440304901001",
    "id": "v-1",
    "time": "2024-03-10T01:00:00Z",
    "data": {"person": {"identity_number": NUMBER}, "effective": "2024-03-10"},
}
SEVENTH: str = """
[[rule]]
key = "missing-suspends"
valid_from = 1978-06-02
document = "试行规定"
article = "失踪当月不计"
zh = "下落不明的自次月起发给六个月，第八个月起暂停"
en = "missing: paid six months from the next, suspended from the eighth"
mark = "C"
months_after = 7
act_within_days = 15
"""


def test_several_reasons_hold_at_once_and_each_is_named() -> None:
    """Missing since February, in custody since June: whichever began first decides, and the other is said beside it."""
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, MISSING, DETAINED])["retirees"]
    spans = [(s["first"], s["last"], s["status"], s.get("kind")) for s in case["timeline"]]
    assert spans == [
        ("2015-07", "2025-06", "payable", None),
        ("2025-07", "2025-07", "suspended", "custody"),
        ("2025-08", None, "suspended", "custody"),
    ]
    (also,) = case["timeline"][2]["also"]
    assert (also["kind"], also["first"], also["rule"]["document"]) == (
        "missing",
        "2025-08",
        "劳办发〔1993〕162号、人社厅函〔2010〕159号",
    )
    assert also["facts"] == [{"source": "/police/shenzhen", "id": "m-1"}]


def test_an_amount_is_told_month_by_month_and_the_lines_come_to_it() -> None:
    """The custody since June was known in October: of July nobody knew, from August on nothing was paid anyway."""
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, MISSING, DETAINED])["retirees"]
    assert case["overpaid"] == {
        "months": 1,
        "first": "2025-07",
        "last": "2025-07",
        "amount": "3456.78",
        "kind": "custody",
        "lines": [
            {
                "first": "2025-07",
                "last": "2025-07",
                "months": 1,
                "due": "0.00",
                "paid": "3456.78",
                "difference": "3456.78",
                "amount": "3456.78",
            }
        ],
        "returned": "0.00",
    }
    july = next(month for month in case["months"] if month["month"] == "2025-07")
    assert (july["due"], july["paid"], july["settlement"], july["kind"]) == ("0.00", "3456.78", "overpaid", "custody")


def test_what_falls_due_by_the_day_alone_is_among_the_alerts() -> None:
    """Told in March that somebody is missing: the office hears of the suspension in the month before it, with nothing new told."""
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, MISSING])["retirees"]
    (line,) = case["alerts"]
    assert (line["raised_on"], line["alert"]["action"], line["alert"]["first_month"]) == (
        "2025-07-01",
        "suspend",
        "2025-08",
    )
    assert (line["alert"]["act_by"], line["escalated_on"], line["state"]) == ("2025-07-16", "2025-07-17", "open")


def test_a_verification_is_reminded_of_before_it_lapses() -> None:
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, VERIFIED])["retirees"]
    said = [(a["raised_on"], a["alert"]["action"], a["alert"]["kind"], a["state"]) for a in case["alerts"]]
    assert said == [
        ("2025-01-09", "contact", "verification-due", "replaced"),
        ("2025-03-11", "suspend", "verification-overdue", "open"),
    ]


def test_days_pass_between_facts_in_every_order_of_the_lines() -> None:
    lines: list[Json | str] = [REGISTRATION, MISSING, DETAINED, BACK]
    answers = [ask("--json", "--today", "2026-03-01", lines=list(order)).stdout for order in permutations(lines)]
    assert json.loads(answers[0])["retirees"][0]["alerts"]
    assert len(set(answers)) == 1


def test_an_answer_names_an_alert_by_the_id_that_was_shown() -> None:
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, MISSING])["retirees"]
    (shown,) = case["alerts"]
    applied: Json = {
        "specversion": "1.0",
        "type": "alert-applied.v1",
        "source": "/social-insurance/shenzhen",
        "id": "a-1",
        "time": "2025-07-10T01:00:00Z",
        "data": {
            "person": {"identity_number": NUMBER},
            "effective": "2025-07-10",
            "alert": shown["alert"]["alert"],
            "month": "2025-08",
        },
    }
    (case,) = answer("--today", "2025-12-01", lines=[REGISTRATION, MISSING, applied])["retirees"]
    (line,) = case["alerts"]
    assert (line["state"], line["stage"], line["escalated_on"]) == ("closed", "applied", None)


def test_an_answer_to_an_alert_that_does_not_stand_is_a_refused_line() -> None:
    line: Json = {
        "specversion": "1.0",
        "type": "alert-acknowledged.v1",
        "source": "/social-insurance/shenzhen",
        "id": "a-1",
        "time": "2025-07-10T01:00:00Z",
        "data": {"person": {"identity_number": NUMBER}, "effective": "2025-07-10", "alert": "nobody-1"},
    }
    given = answer("--today", "2025-12-01", lines=[REGISTRATION, line, MISSING], code=1)
    assert [(one["line"], one["refusal"]["code"]) for one in given["refused"]] == [(2, "unknown-alert")]


def test_the_text_names_rules_reasons_and_answers_in_two_languages() -> None:
    found = ask("--today", "2025-12-01", lines=[REGISTRATION, MISSING, DETAINED])
    assert found.returncode == 0, found.stderr
    for said in (
        "已暂停 suspended：羁押或通缉 custody or wanted",
        "同时 also: 2025-08 — … 已暂停 suspended：失踪 missing",
        "missing: paid six months, suspended from the seventh",
        "每月应发 due 0.00，已发 paid 3456.78，多发 overpaid 3456.78 × 1 = 3456.78",
        "暂停发放 suspend",
        "逾期上报 escalated",
        "/police/shenzhen m-1",
    ):
        assert said in found.stdout


def test_the_text_says_that_a_death_was_reported_late_and_what_came_back_of_it() -> None:
    """Two months went out; the number of the alert is the second that was raised of the first person."""
    part: Json = {
        "specversion": "1.0",
        "type": "overpayment-returned.v1",
        "source": "/social-insurance/shenzhen",
        "id": "p-1",
        "time": "2024-06-03T01:00:00Z",
        "data": {
            "person": {"identity_number": NUMBER},
            "effective": "2024-06-03",
            "alert": "00000000-0000-0000-0000-000000000001-2",
            "kind": "instalment",
            "amount": "1000.00",
            "month": "2024-06",
        },
    }
    found = ask("--today", "2024-06-04", lines=[REGISTRATION, DEATH, part])
    assert found.returncode == 0, found.stdout
    assert "死亡报告逾期 reported late: 应于 due 2024-04-10，2024-05-20 得知 learned；社会保险经办条例" in found.stdout
    assert "多发 overpaid（死亡 death）: 2024-04 — 2024-05, 2 个月 months, 5913.56 元 yuan" in found.stdout
    assert "已部分退回 came back in parts: 1000.00 元 yuan" in found.stdout


# A changed law


def test_a_changed_law_is_held_against_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "try.toml"
    file.write_text(SEVENTH, "utf-8")
    options = ("--today", "2025-12-01", "--compare-law", str(file))
    (case,) = answer(*options, lines=[REGISTRATION, MISSING])["retirees"]
    (month,) = case["compared"]["months"]
    assert (month["first"], month["last"]) == ("2025-08", "2025-08")
    assert (month["shipped"]["status"], month["changed"]["status"]) == ("suspended", "payable")
    assert (month["shipped"]["due"], month["changed"]["due"]) == ("0.00", PENSION)
    assert case["compared"]["only_changed"][0]["first_month"] == "2025-09"
    assert case["timeline"] == answer(*options[:2], lines=[REGISTRATION, MISSING])["retirees"][0]["timeline"]
    said = ask(*options, lines=[REGISTRATION, MISSING]).stdout
    assert "按变更后的规定 under the changed law" in said
    assert "已暂停 suspended 0.00" in said
    (other,) = answer(*options, lines=[REGISTRATION, DEATH])["retirees"]
    assert (other["compared"]["months"], other["compared"]["only_changed"]) == ([], [])


def test_a_difference_that_does_not_end_has_no_last_month(tmp_path: Path) -> None:
    file = tmp_path / "try.toml"
    file.write_text(SEVENTH.replace("months_after = 7", "months_after = 600"), "utf-8")
    options = ("--today", "2025-12-01", "--compare-law", str(file))
    (case,) = answer(*options, lines=[REGISTRATION, MISSING])["retirees"]
    (month,) = case["compared"]["months"]
    assert (month["first"], month["changed"]["status"]) == ("2025-08", "payable")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(SEVENTH.replace("missing-suspends", "missing-sings"), "missing-sings", id="no such rule"),
        pytest.param(SEVENTH.replace("months_after = 7", "months_after = -1"), "months_after", id="negative"),
        pytest.param(SEVENTH.replace("mark", "remark"), "missing-suspends", id="no such member"),
        pytest.param("[[rule]", "try.toml", id="no TOML"),
        pytest.param('[[wedding]]\nkey = "x"\n', "[[rule]]", id="no rules"),
        pytest.param(SEVENTH + SEVENTH, "overlaps", id="twice"),
    ],
)
def test_a_changed_law_that_is_wrong_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "try.toml"
    file.write_text(text, "utf-8")
    found = ask("--compare-law", str(file), lines=[REGISTRATION])
    assert (found.returncode, found.stdout) == (2, "")
    assert said in found.stderr
    assert "try.toml" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_the_whole_log_needs_a_law_to_try_and_no_file() -> None:
    assert ask("--log", lines=[]).returncode == 2
