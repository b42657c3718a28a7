"""`changqing consumer`: what an operator registers, sees and does again; Chinese first, with a code for programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from domain.consumers import ConsumerRegistered
from domain.history import Entry
from infra import codec, log
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from services.cli import main

HOOK = ["agency-hook", "--by", "值班员", "--department", "social-insurance", "--url", "https://hooks.agency.example/in"]
PULL = ["agency-pull", "--by", "值班员", "--department", "social-insurance", "--account", "agency"]


class Terminal:
    """The command over a database of the test's own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def with_settings(self, **more: str) -> "Terminal":
        """One with other settings, too."""
        return Terminal(self._environment | more)

    def run(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["consumer", *words], env=self._environment)
        assert result.exit_code == code, result.output
        return result

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json").stdout)


@pytest.fixture
def terminal(dsn: str, tmp_path: Path) -> Terminal:
    return Terminal(
        {
            "DATABASE_URL": dsn,
            "CHANGQING_KEY": bytes(range(32)).hex(),
            "KAFKA_BOOTSTRAP": "",
        }
    )


def entries(database: Database) -> list[Entry]:
    with database.transaction() as connection:
        return codec.entries(log.read(connection, 0, 1_000))


def test_a_webhook_is_registered_with_a_secret_that_is_shown_once_and_its_operator_is_recorded(
    terminal: Terminal, database: Database, keys: KeyRing
) -> None:
    result = terminal.run("register", *HOOK, "--type", "pension-alert-*", "--office", "4403", "--field", "alert")
    assert result.stdout.startswith("whsec_")
    assert len(result.stdout.split()) == 1, "a script takes the secret from standard output"
    assert "agency-hook：已登记 registered" in result.stderr
    (entry,) = entries(database)
    assert isinstance(entry.event, ConsumerRegistered)
    assert (entry.event.by, entry.event.terms.fields) == ("值班员", ("alert",))
    (shown,) = terminal.json("list")["consumers"]
    assert (shown["consumer"], shown["state"], shown["types"]) == ("agency-hook", "current", ["pension-alert-*"])
    secret = result.stdout.strip().removeprefix("whsec_")
    assert secret not in terminal.run("list").output + terminal.run("show", "agency-hook").output


def test_what_is_given_changes_and_the_rest_stays(terminal: Terminal) -> None:
    terminal.run("register", *HOOK, "--type", "pension-alert-*", "--office", "4403")
    terminal.run("change", "agency-hook", "--by", "值班员", "--url", "https://new.agency.example/in")
    shown = terminal.json("show", "agency-hook")
    assert (shown["url"], shown["types"], shown["offices"]) == (
        "https://new.agency.example/in",
        ["pension-alert-*"],
        ["4403"],
    )
    terminal.run("change", "agency-hook", "--by", "值班员", "--all", "types", "--field", "alert")
    shown = terminal.json("show", "agency-hook")
    assert (shown["types"], shown["offices"], shown["fields"]) == ([], ["4403"], ["alert"])


def test_an_end_is_undone_by_a_change_and_a_rotation_shows_the_new_secret(terminal: Terminal) -> None:
    first = terminal.run("register", *HOOK).stdout
    terminal.run("end", "agency-hook", "--by", "值班员", "--reason", "换系统")
    assert (terminal.json("show", "agency-hook")["state"], "换系统" in terminal.run("list").output) == ("ended", True)
    terminal.run("change", "agency-hook", "--by", "值班员")
    assert terminal.json("show", "agency-hook")["state"] == "current"
    second = terminal.run("rotate", "agency-hook", "--by", "值班员", "--hours", "2")
    assert second.stdout.startswith("whsec_")
    assert second.stdout != first
    assert "旧密钥再用 2 小时" in second.stderr


def test_a_replay_moves_the_place_and_dead_letters_are_listed(terminal: Terminal, database: Database) -> None:
    terminal.run("register", *HOOK)
    terminal.run("register", *PULL)
    assert terminal.json("show", "agency-hook")["position"] == 0
    assert terminal.json("show", "agency-pull")["position"] == 1, "from now on"
    terminal.run("replay", "agency-pull", "--by", "值班员", "--after", "0")
    assert terminal.json("show", "agency-pull")["position"] == 0
    before = len(entries(database))
    said = terminal.run("replay", "agency-pull", "--by", "值班员", "--after", "1", code=3).stderr
    assert "position-ahead" in said, "what lies between would never be handed over"
    assert (terminal.json("show", "agency-pull")["position"], len(entries(database))) == (0, before)
    assert terminal.json("dead-letters", "agency-hook") == []
    assert "没有死信" in terminal.run("dead-letters", "agency-hook").output
    assert "0 条死信" in terminal.run("replay", "agency-hook", "--by", "值班员", "--dead-letters").output
    assert "not-found" in terminal.run("replay", "agency-hook", "--by", "值班员", "--event", "9", code=3).output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["register", *HOOK[:-1], "http://hooks.agency.example/"], "consumer-url-refused"),
        (["register", *HOOK[:-1], "https://10.0.0.1/"], "consumer-url-refused"),
        (["register", *HOOK, "--type", "alerts-*"], "consumer-type-unknown"),
        (["register", *HOOK, "--field", "identity_number"], "consumer-field-unknown"),
        (["register", "Agency", *HOOK[1:]], "consumer-invalid"),
        (["register", *HOOK, "--after", "5"], "position-ahead"),
        (["show", "nobody"], "unknown-consumer"),
        (["rotate", "nobody", "--by", "x"], "unknown-consumer"),
        (["replay", "nobody", "--by", "x", "--after", "0"], "unknown-consumer"),
        (["dead-letters", "nobody"], "unknown-consumer"),
    ],
)
def test_what_is_refused_says_why_in_both_languages_and_changes_nothing(
    terminal: Terminal, database: Database, words: list[str], code: str
) -> None:
    said = terminal.run(*words, code=3).stderr.splitlines()
    assert [line.split()[1].rstrip("：:").partition("：")[0] for line in said] == [code, code]
    assert any("一" <= character <= "鿿" for character in said[0])
    assert entries(database) == []


def test_life_events_are_for_the_departments_that_the_file_of_topics_says(terminal: Terminal, tmp_path: Path) -> None:
    words = ["register", "civil-pull", "--by", "值班员", "--department", "civil-affairs", "--account", "civil"]
    assert "consumer-type-unknown" in terminal.run(*words, "--type", "death-*", code=3).stderr
    file = tmp_path / "topics.toml"
    file.write_text('[kinds.life-events]\nreaders = ["social-insurance", "civil-affairs"]\n')
    terminal.with_settings(CHANGQING_TOPICS_FILE=str(file)).run(*words, "--type", "death-*")


def test_a_command_that_is_not_whole_is_the_fault_of_whoever_typed_it(terminal: Terminal) -> None:
    terminal.run("register", *HOOK, "--account", "agency", code=2)
    terminal.run("replay", "agency-hook", "--by", "x", code=2)
    terminal.run("change", "agency-hook", "--by", "x", "--all", "everything", code=2)


def test_two_kinds_are_never_mixed_up(terminal: Terminal) -> None:
    terminal.run("register", *PULL)
    assert "consumer-invalid" in terminal.run("rotate", "agency-pull", "--by", "x", code=3).output
    assert (
        "consumer-invalid"
        in terminal.run("change", "agency-pull", "--by", "x", "--url", "https://a.example/", code=3).output
    )
    assert "consumer-exists" in terminal.run("register", *PULL, code=3).output


def test_a_consumer_registered_at_the_terminal_is_one_for_all_who_look(
    terminal: Terminal, database: Database, keys: KeyRing
) -> None:
    terminal.run("register", *PULL)
    assert [one.name for one in Consumers(database, keys).all()] == ["agency-pull"]
