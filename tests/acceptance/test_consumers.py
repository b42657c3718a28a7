"""Consumers beside Kafka over a whole system: a webhook of the agency gets the alert, and every consumer's lag is on display."""

import json
import os
import subprocess

from confluent_kafka import Consumer

from tests.acceptance.running import CHANGQING, Json, Record, System, death, retirement, somebody, wait_until
from tests.receiving import receiving


def command(system: System, *words: str) -> str:
    """What `changqing consumer` says, with the settings of the running system."""
    environment = os.environ | {
        "DATABASE_URL": system.dsn,
        "KAFKA_BOOTSTRAP": system.bootstrap,
        "CHANGQING_KEY_FILE": str(system.data / "key"),
        "CHANGQING_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    done = subprocess.run(
        [CHANGQING, "consumer", *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def group(system: System, name: str) -> dict[str, int]:
    """The lag of a group by topic, as it is listed."""
    listed: Json = json.loads(command(system, "list", "--json"))
    return {one["topic"]: one["lag"] for one in listed["kafka"] if one["group"] == name}


def published(system: System) -> list[Record]:
    """Everything on the topic of life events, once one more is there."""
    position = str(system.accept(retirement(somebody()))["position"])
    topic = system.topic("life-events")
    topic.wait_for(lambda record: record.json["id"] == position, "the life event")
    return topic.all()


def test_an_alert_reaches_a_webhook_that_was_registered_while_everything_runs_and_nobody_is_named(
    system: System,
) -> None:
    who = somebody()
    with receiving() as receiver:
        operator = ["--by", "operator", "--department", "social-insurance"]
        limits = ["--type", "pension-alert-*", "--office", "4403"]
        said = command(system, "register", "agency-hook", *operator, "--url", receiver.url, *limits)
        receiver.secret = said.strip()
        system.accept(retirement(who))
        sent = death(who)
        retiree = system.accept(sent)["retiree"]
        wait_until(
            lambda: any(one.body["data"]["retiree"] == retiree for one in receiver.taken), "the alert at the webhook"
        )
        mine = [one for one in receiver.taken if one.body["data"]["retiree"] == retiree]
        assert all(one.verified for one in mine)
        assert mine[0].body["data"]["action"] == "stop"
        assert {one.body["id"] for one in mine} <= {
            record.json["id"] for record in system.topic("alerts.pension").all()
        }
        told = json.dumps([one.body for one in receiver.taken], ensure_ascii=False)
        assert who.identity_number not in told
        assert who.name not in told
        command(system, "end", "agency-hook", "--by", "operator")


def test_a_group_that_reads_from_kafka_is_listed_with_its_lag(system: System) -> None:
    settings = {"bootstrap.servers": system.bootstrap, "group.id": "agency-reader", "auto.offset.reset": "earliest"}
    published(system)
    consumer = Consumer(settings | {"enable.auto.commit": False})
    consumer.subscribe(["life-events"])
    wait_until(lambda: consumer.consume(1, timeout=1), "a life event")
    read = [at for at in consumer.position(consumer.assignment()) if at.offset >= 0]
    consumer.commit(offsets=read, asynchronous=False)
    consumer.close()
    there = len(published(system))
    assert group(system, "agency-reader") == {"life-events": there - 1}
    assert len(published(system)) > there
    assert group(system, "agency-reader") == {"life-events": there}
    assert group(system, "changqing-intake") == {}, "that is ours, and reads no topic of theirs"
