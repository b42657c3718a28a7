"""What leaves the log for everybody: never that somebody was in custody or sentenced."""

from pathlib import Path
from uuid import UUID

import pytest

from domain.facts import LIFE_EVENTS as FACTS
from domain.facts.justice import Justice
from infra import codec
from services.outgoing import LIFE_EVENTS, messages
from tests.unit.test_codec import AT, STORED


@pytest.mark.parametrize("name", sorted(FACTS))
def test_only_the_police_the_courts_and_the_agency_know_of_custody_and_sentences(name: str) -> None:
    path: Path = min((STORED / "events" / name).glob("*.json"))
    entry = codec.decode(1, AT, UUID(int=1), 1, name, path.read_bytes())
    topics = [message.topic for message in messages(entry)]
    assert (LIFE_EVENTS in topics) == (not issubclass(FACTS[name], Justice))
    assert sum(topic.startswith("receipts.") for topic in topics) == 1
