"""Events of publishers, for the tests of their client."""

from datetime import date
from typing import Any

import msgspec

from domain.facts import DeathReported, Person
from domain.refusals import Refused
from infra.dsse import SigningKey
from services.client import Event, Outbox, Receipt, Signer, life_event

NUMBER = "11010519491231002X"
SOMEBODY = Person(identity_number=NUMBER, name="王小明")
SOURCE = "/civil-affairs/shenzhen"
DEATH = DeathReported(effective=date(2026, 8, 12), document="示例民政〔2026〕47号")
SIGNER = Signer(SigningKey.from_seed(bytes(range(32))))
SEQUENCE = "sequence"


def death(record: str = "2026-47", **changes: Any) -> Event:
    fact = msgspec.structs.replace(DEATH, **changes)
    return life_event(fact, SOMEBODY, source=SOURCE, record=record)


def numbers(put: list[int | Refused]) -> list[int]:
    return [number for number in put if isinstance(number, int)]


def refused(*events: Event, outbox: Outbox) -> list[str]:
    return [one.code for one in outbox.put(events) if isinstance(one, Refused)]


def told(event: Event, status: str = "accepted") -> Receipt:
    return Receipt(source=event.source, id=event.id, status=status, code="" if status != "refused" else "no-local-law")
