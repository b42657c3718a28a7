"""Disclosures on their way to a SIEM: what `changqing disclosures --ocsf` writes, on a topic of its own.

Whoever watches over reading is not handed anybody's data: how many people a look was at, and no id of one. Each is sent at least
once; `metadata.uid` is the position in the log, by which whoever reads takes it once.
"""

from collections.abc import Iterator

import msgspec

from domain.history import Entry
from infra.bus import Message
from services.reading.ocsf import ocsf

DISCLOSURES = "security.disclosures"


def disclosures(entry: Entry) -> Iterator[Message]:
    """An entry that tells of a disclosure, a refusal or unusual reading, as an event of OCSF. The key is the department: those of one are in order."""
    if told := ocsf(entry):
        department = str(getattr(entry.event, "department", "") or "unknown")
        yield Message(DISCLOSURES, department.encode(), msgspec.json.encode(told), "application/json")
