"""A receiver of webhooks fails for a minute, as operators would have it in earnest, and misses nothing."""

from time import monotonic, sleep

import pytest

from domain.law import Law
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.consumers.patience import Patience
from tests.delivering import alerts, delivering, ids, register, tell
from tests.receiving import receiving

MINUTE = 60.0


@pytest.mark.timeout(240)
def test_a_receiver_that_fails_for_a_minute_misses_nothing_and_has_all_in_order(
    database: Database, keys: KeyRing, law: Law
) -> None:
    ledger, consumers = Ledger(database, keys, law), Consumers(database, keys)
    with receiving() as receiver:
        register(consumers, receiver)
        failed: list[float] = []
        with delivering(consumers, Patience()):
            tell(ledger, range(1, 6))
            receiver.wait(len(alerts(database)))
            begun = monotonic()

            def answer(_: object) -> int:
                if monotonic() < begun + MINUTE:
                    failed.append(monotonic() - begun)
                    return 503
                return 204

            receiver.answer = answer
            for person in range(6, 36):  # alerts go on all the while
                tell(ledger, range(person, person + 1))
                sleep(MINUTE / 30)
            got = receiver.wait(len(alerts(database)), 120)
    assert ids(got) == alerts(database)
    assert len(failed) > 3
    last = f"{len(failed)} tries failed, the last after {failed[-1]:.0f} s"
    print(f"{last}; all {len(got)} alerts arrived, each once, in order")  # noqa: T201 - for whoever looks on
