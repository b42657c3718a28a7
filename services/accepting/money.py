"""Which answers move money, and how many of them one content may have without a second person: no ledger is asked.

Apart from `bounds.py`, as whoever only counts them needs neither PostgreSQL's driver nor the keys.
"""

from domain.facts import MOVES_MONEY
from domain.proposals import Act
from infra.statutes import the_rights

_OF_MONEY = frozenset(str(fact.__struct_config__.tag) for fact in MOVES_MONEY)


def moves_money(kind: str) -> bool:
    """Whether a kind of event, by its stored name, is an answer that moves money."""
    return kind in _OF_MONEY


def most_alone() -> int:
    """So many answers may one content have without a second person."""
    return the_rights().alone(Act.BULK.right)
