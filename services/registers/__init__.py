"""Every register that offices read, print and take with them, by name."""

from services.registers.roster import INBOX, ROSTER
from services.sheets import Sheet

REGISTERS: dict[str, Sheet] = {one.key: one for one in (ROSTER, INBOX)}

__all__ = ["REGISTERS"]
