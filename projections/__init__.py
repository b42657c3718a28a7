"""Read models: each file holds one, with its row, its fold and its queries. All can be thrown away and rebuilt."""

from projections.alert_inbox import ALERT_INBOX
from projections.archives import ARCHIVES
from projections.audit_trail import AUDIT_TRAIL
from projections.care import CARE
from projections.fees import FEES
from projections.handovers import HANDOVERS
from projections.lives import LIVES
from projections.party_relations import PARTY_RELATIONS
from projections.read_model import ReadModel
from projections.roster import ROSTER
from projections.source_gaps import SOURCE_GAPS
from projections.unusual_access import UNUSUAL_ACCESS
from projections.verifications import VERIFICATIONS

READ_MODELS: tuple[ReadModel, ...] = (
    ROSTER,
    ALERT_INBOX,
    AUDIT_TRAIL,
    HANDOVERS,
    LIVES,
    ARCHIVES,
    PARTY_RELATIONS,
    FEES,
    CARE,
    VERIFICATIONS,
    SOURCE_GAPS,
    UNUSUAL_ACCESS,
)

__all__ = [
    "ALERT_INBOX",
    "ARCHIVES",
    "AUDIT_TRAIL",
    "CARE",
    "FEES",
    "HANDOVERS",
    "LIVES",
    "PARTY_RELATIONS",
    "READ_MODELS",
    "ROSTER",
    "SOURCE_GAPS",
    "UNUSUAL_ACCESS",
    "VERIFICATIONS",
    "ReadModel",
]
