"""The handover of one retiree from the enterprise to a street and community, and who serves the retiree at any time.

`decide_handover` refuses what the law of the city does not allow, `evolve_handover` never refuses. Every step that the law
asks must stand before the reception; one that was taken back is open again. Whoever serves, the agency that pays stays.
"""

from domain.handover.deciding import decide_handover
from domain.handover.evolving import KEEP, evolve_handover, touches_handover
from domain.handover.serving import Keeper, ServingOffice, moving_to, paying_division, places, serving_office
from domain.handover.state import Done, Handover, Move, Outcome, Proposal, Reception, Stage
from domain.handover.steps import Owed, governing, kept_apart, late, missing, stage

__all__ = [
    "KEEP",
    "Done",
    "Handover",
    "Keeper",
    "Move",
    "Outcome",
    "Owed",
    "Proposal",
    "Reception",
    "ServingOffice",
    "Stage",
    "decide_handover",
    "evolve_handover",
    "governing",
    "kept_apart",
    "late",
    "missing",
    "moving_to",
    "paying_division",
    "places",
    "serving_office",
    "stage",
    "touches_handover",
]
