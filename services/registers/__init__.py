"""Every register that offices read, print and take with them, by name."""

from services.reading.sheets import Sheet
from services.registers.archives import ARCHIVE_REGISTER
from services.registers.bulletin import BULLETIN
from services.registers.fees import FEE_ACCOUNTS
from services.registers.party_relations import PARTY_REGISTER
from services.registers.progress import HANDOVER_PROGRESS
from services.registers.roster import INBOX, ROSTER
from services.registers.sharing import SHARING_GAPS
from services.registers.trails import AUDIT, OFFICERS
from services.registers.unusual import UNUSUAL
from services.registers.verifications import VERIFICATION_LIST
from services.registers.visits import VISIT_PLAN

_ALL = (
    ROSTER,
    INBOX,
    ARCHIVE_REGISTER,
    PARTY_REGISTER,
    FEE_ACCOUNTS,
    VISIT_PLAN,
    VERIFICATION_LIST,
    HANDOVER_PROGRESS,
    BULLETIN,
    AUDIT,
    OFFICERS,
    SHARING_GAPS,
    UNUSUAL,
)
REGISTERS: dict[str, Sheet] = {one.key: one for one in _ALL}

__all__ = ["REGISTERS"]
