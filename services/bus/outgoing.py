"""What leaves the log for others: which entry goes to which topic, under which key, as which CloudEvent.

Nothing here carries personal data: a retiree is an id, and whoever may see the person asks the API, which records it. Which members
each topic carries stands in the catalogue of fields (`domain/rights/fields.toml`); what a type has beside them is left out.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.completeness import Finding, SourceReport
from domain.dispositions import SubmissionRefused
from domain.facts import AlertContested, Department, FactRetracted
from domain.facts.justice import Justice
from domain.history import Entry, FactPublished, Outcome, Receipt, Taken
from domain.links import RecordsJoined, RecordsParted
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn
from infra.bus import Message
from infra.field_catalogue import the_catalogue
from services.accepting.cloudevents import department_of
from services.accepting.intake import Answer, refusal_of
from services.accepting.receipts import Signed, SignedRefusal

ALERTS = "alerts.pension"
SOURCE_ALERTS = "alerts.sources"
LIFE_EVENTS = "life-events"
DEAD_LETTERS = "dead-letters"
RECEIPTS = "receipts."
INTAKE_GROUP = "changqing-intake"

Sign = Callable[[Answer], Signed]
"""Puts the ledger's signature to a receipt."""

SOURCE = "/changqing"
RECEIPT = "receipt.v1"


class LifeEventTold(Struct, frozen=True, kw_only=True):
    """A life event as other departments learn of it: that it happened and when, and nothing else about anybody."""

    retiree: UUID
    source: str
    id: str
    department: Department
    effective: date


class RecordsTold(Struct, frozen=True, kw_only=True):
    """Two records are one person's, or are no more: whether `retiree` goes on, or rests while the other goes on for both."""

    retiree: UUID
    other: UUID
    goes_on: bool


class ContestTold(Struct, frozen=True, kw_only=True):
    """The agency doubts what an alert follows from, as the source of it learns: which alert, and which of its own events.

    The agency's reason is for its own file, as it may speak of the person.
    """

    alert: str
    retiree: UUID
    source: str
    ids: tuple[str, ...]


class Outgoing(Struct, frozen=True, kw_only=True):
    """A CloudEvent of ours. `id` is the position in the log, so a consumer that remembers it takes each once."""

    specversion: str = "1.0"
    id: str
    source: str = SOURCE
    type: str
    time: datetime
    subject: str | UnsetType = UNSET
    datacontenttype: str = "application/json"
    data: Any = None


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A message that was refused: its receipt, where it stood, and its original bytes, encrypted (base64)."""

    topic: str
    partition: int
    offset: int
    refusal: SignedRefusal
    sealed: str


def intake_topic(department: Department) -> str:
    """Where a department publishes."""
    return f"intake.{department}"


def receipts_topic(department: Department) -> str:
    """Where a department finds its receipts."""
    return f"{RECEIPTS}{department}"


def alert_event(entry: Entry) -> Outgoing:
    """An alert as a CloudEvent: the same on the topic, in the event stream and behind the cursor."""
    return _outgoing(ALERTS, entry, entry.event)


def messages(entry: Entry) -> Iterator[Message]:
    """The messages that an entry of the log becomes, but for the receipt of whoever published it."""
    event = entry.event
    key = str(entry.stream).encode()
    if isinstance(event, AlertRaised | AlertWithdrawn | AlertEscalated):
        yield Message(ALERTS, key, msgspec.json.encode(alert_event(entry)))
    elif isinstance(event, RecordsJoined | RecordsParted):
        goes_on = isinstance(event, RecordsParted) or event.leads or event.both
        regrouped = RecordsTold(retiree=entry.stream, other=event.other, goes_on=goes_on)
        yield Message(LIFE_EVENTS, key, msgspec.json.encode(_outgoing(LIFE_EVENTS, entry, regrouped)))
    elif isinstance(event, FactPublished):
        told = LifeEventTold(
            retiree=entry.stream,
            source=event.source,
            id=event.id,
            department=event.department,
            effective=event.fact.effective,
        )
        if not _says_too_much(event):
            yield Message(LIFE_EVENTS, key, msgspec.json.encode(_outgoing(LIFE_EVENTS, entry, told)))
    elif isinstance(event, Finding):
        body = msgspec.json.encode(finding_event(entry, event))
        yield Message(SOURCE_ALERTS, event.source.encode(), body)
        yield Message(receipts_topic(event.department), event.source.encode(), body)


def without_data(message: Message) -> Message:
    """The same CloudEvent with nothing in it but that it is too large for Kafka: `dataomitted`, how many bytes it had."""
    event = msgspec.json.decode(message.value, type=dict[str, msgspec.Raw])
    size = msgspec.Raw(b"%d" % len(message.value))
    told = {name: event[name] for name in event if name not in {"data", "datacontenttype"}} | {"dataomitted": size}
    return msgspec.structs.replace(message, value=msgspec.json.encode(told))


def traced(message: Message, traceparent: str) -> Message:
    """The same CloudEvent, with the trace that it belongs to (the extension `traceparent`)."""
    event = msgspec.json.decode(message.value, type=dict[str, msgspec.Raw])
    said = msgspec.Raw(msgspec.json.encode(traceparent))
    return msgspec.structs.replace(message, value=msgspec.json.encode(event | {"traceparent": said}))


def finding_event(entry: Entry, finding: Finding) -> Outgoing:
    """What was found out about a source, as a CloudEvent: the same for the agency and for the source."""
    return msgspec.structs.replace(_outgoing(SOURCE_ALERTS, entry, finding), subject=finding.source)


def contests(entry: Entry, alert_of: Callable[[str], AlertRaised | None]) -> Iterator[Message]:
    """Where an entry tells that an alert is contested: a message to each source of the facts that it follows from."""
    event = entry.event
    if not isinstance(event, FactPublished) or not isinstance(event.fact, AlertContested):
        return
    alert = alert_of(event.fact.alert)
    behind: dict[str, list[str]] = {}
    for reference in alert.evidence if alert else ():
        behind.setdefault(reference.source, []).append(reference.id)
    for number, (source, ids) in enumerate(behind.items(), 1):
        told = ContestTold(alert=event.fact.alert, retiree=entry.stream, source=source, ids=tuple(ids))
        topic = receipts_topic(department_of(source))
        said = msgspec.structs.replace(_outgoing(topic, entry, told), id=f"{entry.position}-{number}", subject=source)
        yield Message(topic, source.encode(), msgspec.json.encode(said))


def receipt_for(entry: Entry) -> Department | None:
    """Who has a receipt of an entry: whoever sent what it tells of."""
    event = entry.event
    return event.department if isinstance(event, FactPublished | SubmissionRefused | SourceReport) else None


def receipts(entry: Entry, sign: Sign) -> Iterator[Message]:
    """The receipt of the submission that an entry of the log tells of, to the department it came from."""
    event, number = entry.event, f"receipt-{entry.position}"
    if isinstance(event, FactPublished):
        yield receipt_message(event.department, sign(_receipt(entry, event)), number, entry.recorded_at)
    elif isinstance(event, SubmissionRefused):
        refusal = refusal_of(event, entry.position, entry.recorded_at)
        yield receipt_message(event.department, sign(refusal), number, entry.recorded_at)
    elif isinstance(event, SourceReport):
        taken = Taken(
            source=event.source,
            id=event.id,
            status=Outcome.ACCEPTED,
            position=entry.position,
            recorded_at=entry.recorded_at,
        )
        yield receipt_message(event.department, sign(taken), number, entry.recorded_at)


def _says_too_much(event: FactPublished) -> bool:
    """Whether it tells by its very name that the police or a court has to do with somebody."""
    courts = (Department.COURT, Department.JUSTICE, Department.POLICE)
    return isinstance(event.fact, Justice) or (isinstance(event.fact, FactRetracted) and event.department in courts)


def receipt_message(department: Department, receipt: Signed, number: str, at: datetime) -> Message:
    """A receipt on its way to the department that published; `number` is the receipt's own, as one id may have several."""
    topic = receipts_topic(department)
    event = Outgoing(id=number, type=RECEIPT, time=at, data=carried(topic, RECEIPT, receipt))
    key = f"{receipt.source} {receipt.id}" if receipt.source and receipt.id else number
    return Message(topic, key.encode(), msgspec.json.encode(event))


def carried(topic: str, type_: str, data: Struct) -> Any:
    """The data of a message with the members that the catalogue has for its type on a topic; as it is where it has no others."""
    more = _not_carried(topic, type_, type(data))
    if not more:
        return data
    return {name: value for name, value in msgspec.to_builtins(data).items() if name not in more}


@cache
def _not_carried(topic: str, type_: str, struct: type[Struct]) -> frozenset[str]:
    """The members of a type that the catalogue does not have for a topic."""
    wanted = the_catalogue().carried(topic, type_)
    tag = struct.__struct_config__.tag_field
    return frozenset({*struct.__struct_encode_fields__, *([tag] if tag else [])} - wanted)


def _outgoing(topic: str, entry: Entry, data: Struct) -> Outgoing:
    return Outgoing(
        id=str(entry.position),
        type=entry.name,
        time=entry.recorded_at,
        subject=str(entry.stream),
        data=carried(topic, entry.name, data),
    )


def _receipt(entry: Entry, event: FactPublished) -> Receipt:
    return Receipt(
        source=event.source,
        id=event.id,
        status=Outcome.PARKED if event.parked else Outcome.ACCEPTED,
        position=entry.position,
        retiree=entry.stream,
        recorded_at=entry.recorded_at,
    )
