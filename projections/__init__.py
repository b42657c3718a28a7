"""Read models: each file holds one, with its row, its fold and its queries. All can be thrown away and rebuilt."""

from projections.alert_inbox import ALERT_INBOX
from projections.audit_trail import AUDIT_TRAIL
from projections.handovers import HANDOVERS
from projections.lives import LIVES
from projections.read_model import ReadModel
from projections.roster import ROSTER

READ_MODELS: tuple[ReadModel, ...] = (ROSTER, ALERT_INBOX, AUDIT_TRAIL, HANDOVERS, LIVES)

__all__ = ["ALERT_INBOX", "AUDIT_TRAIL", "HANDOVERS", "LIVES", "READ_MODELS", "ROSTER", "ReadModel"]
