"""Every code that is stored and shown has its words, in Chinese and in English."""

import re
from collections.abc import Iterable
from typing import get_args

import pytest

from domain.alerts import Action, Strength
from domain.consumers import Kind as ConsumerKind
from domain.disclosures import Look, Unusual, Way
from domain.facts import LIFE_EVENTS, Department, SpecialGroup
from domain.handover import Stage as HandoverStage
from domain.kinds import Kind
from domain.law import Fee
from domain.proposals import Act
from domain.rights.acts import Role
from domain.timeline import Status
from domain.told import Stage
from infra.letters import State
from infra.webhooks import NO_ANSWER
from services.web import words
from services.web.words import WORDS, Word, both, english, word

HAN = re.compile(r"[一-鿿]")
TABLES = [table for name, table in vars(words).items() if isinstance(table, dict) and name.isupper() and table]


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        pytest.param(words.ACTIONS, Action, id="actions"),
        pytest.param(words.KINDS, Kind, id="kinds"),
        pytest.param(words.STATUSES, Status, id="statuses"),
        pytest.param(words.STRENGTHS, Strength, id="strengths"),
        pytest.param(words.STAGES, Stage, id="stages"),
        pytest.param(words.FACTS, LIFE_EVENTS, id="facts"),
        pytest.param(words.DEPARTMENTS, Department, id="departments"),
        pytest.param(words.STATES, ["open", "closed", "replaced", "withdrawn"], id="states"),
        pytest.param(words.PAYERS, get_args(Fee.__annotations__["payer"]), id="payers"),
        pytest.param(words.LETTER_STATES, get_args(State), id="states of dead letters"),
        pytest.param(
            words.PROPOSALS,  # what else a proposal may be has the words of others
            [*Act, "proposed", "approved", "expired", "not-approved", "carried-out"],
            id="proposals",
        ),
        pytest.param(words.HANDOVERS, HandoverStage, id="handovers"),
        pytest.param(
            words.CONSUMERS,
            [*get_args(ConsumerKind), "current", "behind", "failing", "ended", *NO_ANSWER, "not-wanted"],
            id="consumers",
        ),
        pytest.param(words.DISCLOSURES, [*Way, *Look, *Unusual], id="disclosures"),
        pytest.param(words.SETTLEMENTS, ["paid", "overpaid", "owed", "kept", "none", "not-yet"], id="settlements"),
    ],
)
def test_every_code_has_its_words_and_no_word_is_of_nothing(table: dict[str, Word], codes: Iterable[str]) -> None:
    assert set(table) == set(map(str, codes))


def test_every_role_is_called_something() -> None:
    assert set(map(str, Role)) <= set(WORDS)


def test_every_special_group_has_its_words() -> None:
    assert set(map(str, SpecialGroup)) <= set(WORDS)


@pytest.mark.parametrize("code", sorted(WORDS))
def test_a_word_is_chinese_first_and_english_second(code: str) -> None:
    said = WORDS[code]
    assert HAN.search(said.zh)
    assert said.en
    assert not HAN.search(said.en)
    assert both(code) == f"{said.zh} {said.en}"


def test_tables_that_share_a_code_say_the_same_of_it() -> None:
    for table in TABLES:
        for code, said in table.items():
            assert WORDS[code] == said, code


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert (word("from-the-future.v9"), english("from-the-future.v9")) == ("from-the-future.v9", "from-the-future.v9")
