"""An operator lets the intake of a department rest: what it publishes waits, everybody else goes on."""

import time
from contextlib import closing

from domain.facts import Department
from infra.bus import Bus
from infra.database import Database
from services.bus.outgoing import INTAKE_GROUP
from services.bus.pausing import pause, resume
from tests.acceptance.running import System, death, somebody

SEEN_WITHIN = 2.0
"""Seconds after which every worker has seen that it is to rest."""


def test_what_is_published_while_the_intake_rests_waits_and_is_taken_in_afterwards(system: System) -> None:
    resting, going_on = death(somebody()), death(somebody(), source="/police/shenzhen")
    bus = Bus({"bootstrap_servers": [system.bootstrap]})
    with closing(Database(system.dsn)) as database:
        pause(database, [Department.CIVIL_AFFAIRS], "operator", "an example")
        try:
            time.sleep(SEEN_WITHIN)
            system.publish(resting)
            system.publish(going_on)
            assert next(system.receipts(going_on))["status"] == "parked"
            ids = system.query(
                "select id from ledger.inbox where source = %(source)s", {"source": resting.get_source()}
            )
            assert (resting.get_id(),) not in ids
            assert bus.lag(INTAKE_GROUP, ["intake.civil-affairs"]) == {"intake.civil-affairs": 1}
        finally:
            resume(database, [Department.CIVIL_AFFAIRS], "operator")
    assert next(system.receipts(resting))["status"] == "parked"
