"""What the topics are like is configuration, and who may use them follows from it."""

import re
from pathlib import Path

import pytest

from domain.facts import Department
from infra.topics import Topic, differences
from services.bus.access import INTAKE, RELAY, Grant, of_department, of_services, script
from services.bus.topics import Declared, topics
from services.settings import SettingsError
from tests.docs import ROOT, blocks

WEEK, QUARTER = str(7 * 86_400_000), str(90 * 86_400_000)


def by_name(file: Path | None = None) -> dict[str, Declared]:
    return {one.name: one for one in topics(file)}


def own(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "topics.toml"
    file.write_text(text, "utf-8")
    return file


def test_personal_data_in_clear_stays_a_week_and_an_alert_a_quarter() -> None:
    made = {name: one.topic(3) for name, one in by_name().items()}
    assert made["intake.police"].configs["retention.ms"] == WEEK
    assert made["alerts.pension"].configs["retention.ms"] == QUARTER
    assert {topic.configs["cleanup.policy"] for topic in made.values()} == {"delete"}
    dated = {name for name, topic in made.items() if topic.configs.get("message.timestamp.type") == "LogAppendTime"}
    assert dated == {name for name in made if name.startswith("intake.")}, "the broker says when those came"
    assert {topic.configs["segment.ms"] for topic in made.values()} == {"86400000"}


@pytest.mark.parametrize(("copies", "needed"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_one_broker_may_be_away_when_there_are_more(copies: int, needed: str) -> None:
    assert by_name()["life-events"].topic(copies).configs["min.insync.replicas"] == needed


def test_a_file_of_the_operators_changes_a_kind_and_one_topic_of_it(tmp_path: Path) -> None:
    made = by_name(own(tmp_path, '[kinds.intake]\nretention_days = 3\n[topics."intake.police"]\npartitions = 8\n'))
    police, court = made["intake.police"].wanted, made["intake.court"].wanted
    assert (police.partitions, police.retention_days) == (8, 3)
    assert (court.partitions, court.retention_days) == (4, 3)
    assert made["receipts.police"] == by_name()["receipts.police"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[kinds.intakes]\npartitions = 4", "kinds.intakes is unknown"),
        ('[topics."intake.polcie"]\npartitions = 4', "topics.intake.polcie is unknown"),
        ("[kind.intake]\npartitions = 4", "kind is unknown"),
        ("[kinds.intake]\npartitions = 0", r"\$\.partitions"),
        ("[kinds.intake]\nretention = 4", "unknown field `retention`"),
        ('[kinds.alerts]\nreaders = ["polcie"]', r"\$\.readers"),
        ("kinds = 4", "kinds must be a table"),
        ("[kinds]\nintake = 4", "kinds.intake must be a table"),
        ("[kinds", "TOML"),
    ],
)
def test_what_is_wrong_in_that_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=f"CHANGQING_TOPICS_FILE.*{named}"):
        topics(own(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        topics(tmp_path / "none.toml")


WANTED = Topic(name="t", partitions=4, replication=1, configs={"cleanup.policy": "compact,delete", "retention.ms": "7"})


def test_what_differs_is_told_and_only_more_is_mended() -> None:
    found = Topic(
        name="t", partitions=2, replication=3, configs={"cleanup.policy": "delete,compact", "retention.ms": "9"}
    )
    told = [(one.what, one.wanted, one.found, one.mendable) for one in differences(WANTED, found)]
    assert told == [("partitions", "4", "2", True), ("replication", "1", "3", False), ("retention.ms", "7", "9", True)]
    more = Topic(name="t", partitions=6, replication=1, configs=WANTED.configs)
    assert [(one.what, one.mendable) for one in differences(WANTED, more)] == [("partitions", False)]


def test_a_missing_topic_is_told_as_such_and_one_as_wanted_not_at_all() -> None:
    assert [one.what for one in differences(WANTED, None)] == ["topic"]
    assert differences(WANTED, WANTED) == []


def allowed(grants: list[Grant], user: str, operation: str) -> set[str]:
    """The topics on which a user may do something."""
    return {
        name
        for one in grants
        if one.user == user and one.resource == "topic" and operation in one.operations
        for name in one.names
    }


@pytest.mark.parametrize("department", Department)
def test_a_department_writes_its_own_intake_and_reads_its_own_receipts(department: Department) -> None:
    grants = of_department(department, topics())
    alerts = {"alerts.pension", "alerts.sources", "life-events"} if department is Department.AGENCY else set()
    assert allowed(grants, department, "Write") == {f"intake.{department}"}
    assert allowed(grants, department, "Read") == {f"receipts.{department}"} | alerts
    assert {one.user for one in grants} == {department}
    assert {operation for one in grants for operation in one.operations} == {"Read", "Write", "Describe"}


def test_no_groups_of_one_department_are_those_of_another() -> None:
    prefixes = [
        name
        for department in Department
        for one in of_department(department, topics())
        if one.resource == "group"
        for name in one.names
    ]
    assert len(prefixes) == len(Department)
    assert not [(a, b) for a in prefixes for b in prefixes if a != b and a.startswith(b)]
    assert not [name for name in prefixes if "changqing-intake".startswith(name)]


def test_a_reader_that_the_file_names_may_read(tmp_path: Path) -> None:
    there = topics(own(tmp_path, '[kinds.life-events]\nreaders = ["social-insurance", "community"]'))
    assert allowed(of_department(Department.COMMUNITY, there), "community", "Read") == {
        "receipts.community",
        "life-events",
    }


def test_our_processes_may_do_what_they_do_and_no_more() -> None:
    grants = of_services(topics())
    intakes = {f"intake.{department}" for department in Department}
    assert allowed(grants, INTAKE, "Read") == intakes
    assert allowed(grants, RELAY, "Read") == set()
    assert not allowed(grants, RELAY, "Write") & intakes
    assert not allowed(grants, INTAKE, "Write") & (intakes | {"alerts.pension", "life-events"})


def test_a_script_that_takes_away_names_the_same_rules_as_the_one_that_gives() -> None:
    grants = of_department(Department.POLICE, topics())
    given, taken = script(grants), script(grants, revoke=True)
    rules = [line.removeprefix("rule --add ") for line in given.splitlines() if line.startswith("rule ")]
    assert [
        line.removeprefix("rule --remove --force ") for line in taken.splitlines() if line.startswith("rule ")
    ] == rules
    assert "password police" in given
    assert "forget police" in taken
    assert "password police" not in taken


@pytest.mark.parametrize("page", ["docs/bus.md", "docs/bus.zh-CN.md"])
def test_what_the_page_says_of_each_kind_is_what_is_shipped(page: str) -> None:
    told = re.findall(r"^\| `([a-z-]+)(?:\.\*)?` \| (\d+) \| (\d+) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    shipped = {one.kind: (str(one.wanted.partitions), str(one.wanted.retention_days)) for one in topics()}
    assert {kind: (partitions, days) for kind, partitions, days in told} == shipped


@pytest.mark.parametrize("page", ["docs/bus.md", "docs/bus.zh-CN.md"])
def test_the_file_of_topics_that_is_shown_is_taken(page: str, tmp_path: Path) -> None:
    (shown,) = (block.text for block in blocks((ROOT / page).read_text("utf-8")) if block.language == "toml")
    made = by_name(own(tmp_path, shown))
    assert made["intake.police"].wanted.partitions == 8
    assert Department.COMMUNITY in made["life-events"].wanted.readers
