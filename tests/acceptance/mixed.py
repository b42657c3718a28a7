"""Messages for the bus with every kind of defect mixed in, published by a foreign client that tells where each went."""

import json
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from tests.acceptance.dispositions import Published
from tests.acceptance.running import PENSION, SHENZHEN_COMMUNITY, Json, Somebody, System, somebody
from tests.acceptance.test_repeats_and_refusals import BAD

HEADERS: dict[str, str | bytes | None] = {"content-type": b"application/cloudevents+json"}


class Sent(NamedTuple):
    """A message to be published, and what must become of it."""

    department: str
    who: Somebody
    body: bytes
    source: str | None
    id: str | None
    code: str | None = None


def good(tag: str, number: int) -> list[Sent]:
    """What is told of one more person, in order: registered, dead, and of every other one the death is taken back."""
    who = somebody()
    more = {"monthly_pension": PENSION, "residence_division": SHENZHEN_COMMUNITY}
    told = [
        _sent(who, "retirement-registered.v1", "enterprise", tag, f"{tag}-{number}", "2015-06-30", **more),
        _sent(who, "death-reported.v1", "civil-affairs", tag, f"{tag}-{number}", "2024-03-12"),
    ]
    if number % 2:
        back = _sent(
            who,
            "death-retracted.v1",
            "civil-affairs",
            tag,
            f"{tag}-{number}-back",
            "2024-07-05",
            retracts=f"{tag}-{number}",
        )
        told.append(back)
    return told


def bad(tag: str, number: int, kind: str) -> Sent:
    """A death report that is wrong in a way."""
    one, how = (
        _sent(somebody(), "death-reported.v1", "civil-affairs", tag, f"{tag}-bad-{number}", "2024-03-12"),
        BAD[kind],
    )
    event = json.loads(one.body)
    body = how.make(event)
    if not how.known:
        return one._replace(body=body, source=None, id=None, code=how.code)
    return one._replace(body=body, id=event["id"], code=how.code)


def conflict(of: Sent) -> Sent:
    """The same id with other content."""
    event = json.loads(of.body)
    event["data"]["effective"] = "2014-05-31" if "2015" in event["data"]["effective"] else "2024-03-13"
    return of._replace(body=_bytes(event), code="id-conflict")


def mixed(tag: str, count: int, rng: Random, *, defects: float) -> list[Sent]:
    """So many messages: of each person in order, people among each other in random order.

    A share is wrong, in every way in turn; a tenth as many again are sent twice, or again with other content.
    """
    wrong = int(count * defects)
    extra = wrong // 5
    lanes: list[list[Sent]] = [[bad(tag, n, list(BAD)[n % len(BAD)])] for n in range(wrong)]
    number, total = 0, wrong
    while total < count:
        lane = good(tag, number)
        if number < extra:
            lane += [lane[1], conflict(lane[1])]
        lanes.append(lane[: count - total])
        total += len(lanes[-1])
        number += 1
    turns = [n for n, lane in enumerate(lanes) for _ in lane]
    rng.shuffle(turns)
    waiting = [iter(lane) for lane in lanes]
    return [next(waiting[n]) for n in turns]


def publish(system: System, messages: Sequence[Sent], pace: Callable[[int], float] = lambda _: 0.0) -> list[Published]:
    """Publish, each person under a key of their own, and wait until the broker has all, however often it is killed.

    `pace`: how many seconds after the beginning a message is due. What a broker took twice is the same message twice.
    """
    placed: dict[int, str] = {}

    def delivered(n: int) -> Callable[[KafkaError | None, Message], None]:
        def told(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            placed[n] = f"{message.topic()}-{message.partition()}-{message.offset()}"

        return told

    producer = Producer(
        {"bootstrap.servers": system.bootstrap, "acks": "all", "enable.idempotence": True, "log_level": 0}
    )
    begun = time.monotonic()
    for n, one in enumerate(messages):
        while (left := begun + pace(n) - time.monotonic()) > 0:
            producer.poll(min(left, 0.1))
        topic, key = f"intake.{one.department}", str(hash(one.who))
        while True:
            try:
                producer.produce(topic, one.body, key, headers=HEADERS, on_delivery=delivered(n))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(240) == 0, "Kafka did not take everything"
    return [
        Published(one.department, placed[n], one.source, one.id, str(hash(one.who)), one.code)
        for n, one in enumerate(messages)
    ]


def _sent(who: Somebody, type_: str, department: str, tag: str, id_: str, on: str, **data: str) -> Sent:
    event: Json = {
        "specversion": "1.0",
        "type": type_,
        "source": f"/{department}/{tag}",
        "id": id_,
        "datacontenttype": "application/json",
        "data": {"person": who.data, "effective": on} | data,
    }
    return Sent(department, who, _bytes(event), event["source"], id_)


def _bytes(event: Json) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
