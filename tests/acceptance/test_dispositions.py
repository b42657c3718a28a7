"""The checks of the storms let pass what is right, and find what is wrong."""

from typing import Any

import pytest

from tests.acceptance.dispositions import Inbox, Published, faults_of_dispositions, faults_of_order
from tests.acceptance.running import Json

DEATH = Published("police", "p-0-1", "/police/a", "death", "Li")
BACK = Published("police", "p-0-2", "/police/a", "back", "Li")
RUBBISH = Published("police", "p-0-3", None, None, "", "malformed-json")
CONFLICT = Published("police", "p-0-4", "/police/a", "death", "Li", "id-conflict")
SENT = [DEATH, BACK, RUBBISH, CONFLICT, DEATH._replace(place="p-0-5")]
INBOX = [Inbox("/police/a", "death", 7), Inbox("/police/a", "back", 9)]


def accepted(id_: str, position: int) -> Json:
    return {
        "id": f"receipt-{position}",
        "data": {"status": "accepted", "source": "/police/a", "id": id_, "position": position},
    }


def refused(number: str, id_: str | None, code: str) -> Json:
    return {"id": number, "data": {"status": "refused", "source": None, "id": id_, "code": code}}


RECEIPTS = [
    accepted("death", 7),
    accepted("back", 9),
    accepted("death", 7),
    refused("receipt-3", None, "malformed-json"),
    refused("receipt-4", "death", "id-conflict"),
]
LETTERS = [("p-0-3", "malformed-json"), ("p-0-4", "id-conflict"), ("p-0-4", "id-conflict")]


def faults(**changed: Any) -> list[str]:
    given: dict[str, Any] = {"published": SENT, "inbox": INBOX, "receipts": RECEIPTS, "letters": LETTERS, **changed}
    return faults_of_dispositions(**given | {"receipts": {"police": given["receipts"]}})


def test_each_message_with_one_disposition_is_right_told_twice_or_not() -> None:
    assert faults() == []
    assert faults_of_order(SENT, INBOX) == []


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"inbox": INBOX[:1]}, id="one is lost"),
        pytest.param({"inbox": [*INBOX, Inbox("/police/a", "other", 11)]}, id="one that nobody sent"),
        pytest.param({"receipts": RECEIPTS[1:2] + RECEIPTS[3:]}, id="no receipt"),
        pytest.param({"receipts": [*RECEIPTS, accepted("back", 10)]}, id="two receipts"),
        pytest.param({"receipts": [*RECEIPTS, accepted("other", 11)]}, id="a receipt of nothing"),
        pytest.param({"receipts": RECEIPTS[:-1]}, id="no refusal"),
        pytest.param(
            {"receipts": [*RECEIPTS, refused("receipt-2", "back", "unknown-type")]}, id="refused and accepted"
        ),
        pytest.param({"letters": LETTERS[1:]}, id="no dead letter"),
        pytest.param({"letters": [*LETTERS, ("p-0-3", "unknown-type")]}, id="two dead letters"),
        pytest.param({"letters": [*LETTERS, ("p-0-1", "unknown-type")]}, id="a dead letter of what was accepted"),
    ],
)
def test_what_is_wrong_is_found(changed: dict[str, Any]) -> None:
    assert faults(**changed)


def test_what_stands_in_another_order_is_found() -> None:
    assert faults_of_order(SENT, [Inbox("/police/a", "death", 9), Inbox("/police/a", "back", 7)])
