"""`changqing what-if`: a case is checked at the terminal; nothing is stored and no server is needed."""

import json
import os
import subprocess
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

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


def ask(*options: str, lines: list[Json | str]) -> "subprocess.CompletedProcess[str]":
    """What the command says of these lines on standard input; without any server named in the environment."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    bare = {"PATH": os.environ["PATH"], "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [CHANGQING, "what-if", "-", *options], input=text, capture_output=True, encoding="utf-8", env=bare, check=False
    )


def answer(*options: str, lines: list[Json | str], code: int = 0) -> Any:
    found = ask("--json", *options, lines=lines)
    assert found.returncode == code, found.stderr
    return json.loads(found.stdout)


def changed(line: Json, data: Json | None = None, **attributes: Any) -> Json:
    return line | attributes | {"data": line["data"] | (data or {})}


def test_a_death_learned_two_months_late_leaves_two_months_to_recover() -> None:
    (case,) = answer("--today", "2024-05-20", lines=[REGISTRATION, DEATH])["retirees"]

    assert [(span["first"], span["last"], span["status"]) for span in case["timeline"]] == [
        ("2015-07", "2024-03", "payable"),
        ("2024-04", None, "stopped"),
    ]
    assert case["timeline"][1]["rule"]["document"] == "劳社厅发〔2001〕8号"
    assert case["overpaid"] == {"months": 2, "first": "2024-04", "last": "2024-05", "amount": "6913.56"}
    assert case["owed"] is None
    stop, recover = (line["alert"] for line in case["alerts"])
    assert (stop["action"], stop["first_month"], stop["strength"]) == ("stop", "2024-04", "confirmed")
    assert (recover["action"], recover["months"], recover["amount"]) == ("recover", 2, "6913.56")
    assert recover["rule"]["article"] == "第四十六条"


def test_a_death_taken_back_owes_the_months_that_were_stopped() -> None:
    """Paid through May, as May's payment day came before the report; June, July and August were stopped."""
    (case,) = answer("--today", "2024-08-02", lines=[REGISTRATION, DEATH, RETRACTION])["retirees"]

    assert case["overpaid"] is None
    assert case["owed"] == {"months": 3, "first": "2024-06", "last": "2024-08", "amount": "10370.34"}
    states = {line["alert"]["action"]: line["state"] for line in case["alerts"]}
    assert states == {"stop": "replaced", "recover": "replaced", "resume": "open", "pay-back": "open"}


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


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    found = subprocess.run(
        [CHANGQING, "what-if", tmp_path / "none.jsonl"], capture_output=True, encoding="utf-8", check=False
    )
    assert found.returncode == 2
    assert "none.jsonl" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
