"""What leaves the log for everybody: never that somebody was in custody or sentenced."""

from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from domain.facts import LIFE_EVENTS as FACTS
from domain.facts.justice import Justice
from infra import codec
from services.bus.outgoing import LIFE_EVENTS, messages
from tests.unit.test_codec import AT, STORED


@pytest.mark.parametrize("name", sorted(FACTS))
def test_only_the_police_the_courts_and_the_agency_know_of_custody_and_sentences(name: str) -> None:
    path: Path = min((STORED / "events" / name).glob("*.json"))
    entry = codec.decode(1, AT, UUID(int=1), 1, name, path.read_bytes())
    topics = [message.topic for message in messages(entry)]
    assert topics == ([] if issubclass(FACTS[name], Justice) else [LIFE_EVENTS])


@pytest.mark.parametrize(("department", "told"), [("police", False), ("court", False), ("civil-affairs", True)])
def test_what_the_police_or_a_court_takes_back_is_not_told_either(department: str, *, told: bool) -> None:
    stored = msgspec.json.decode((STORED / "events" / "fact-retracted.v1" / "minimal.json").read_bytes())
    stored |= {"department": department, "source": f"/{department}/shenzhen"}
    entry = codec.decode(1, AT, UUID(int=1), 1, "fact-retracted.v1", msgspec.json.encode(stored))
    assert (LIFE_EVENTS in [message.topic for message in messages(entry)]) == told


@pytest.mark.parametrize("name", ["records-joined.v1", "records-parted.v1"])
def test_everybody_learns_that_two_ids_are_one_person_and_nothing_of_money(name: str) -> None:
    for path in (STORED / "events" / name).glob("*.json"):
        (message,) = messages(codec.decode(1, AT, UUID(int=1), 1, name, path.read_bytes()))
        assert (message.topic, message.key) == (LIFE_EVENTS, str(UUID(int=1)).encode())
        assert set(msgspec.json.decode(message.value)["data"]) == {"retiree", "other", "goes_on"}
