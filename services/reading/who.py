"""Who asks, as PostgreSQL is told it: what the account may do, and the codes and offices that its division bounds it to."""

from datetime import date
from functools import lru_cache

from domain.lineage import Lineage
from infra.reading import Who
from services.accounts import Account
from services.application import today


def office_of(account: Account) -> str:
    """The offices an account belongs to, by the beginning of their names: an office is a city's."""
    return f"social-insurance/{account.division[:4]}"


def who(account: Account, lineage: Lineage | None = None) -> Who:
    """The account for questions to PostgreSQL; without `lineage` for those that are of nobody, which no division bounds."""
    there = account.place != "none"
    return Who(
        account=account.name,
        role=account.role,
        department=account.department,
        purpose=account.purpose,
        acts=account.acts,
        divisions=beginnings(lineage, account.division, today()) if lineage and there else (),
        office=office_of(account) if there else "",
    )


@lru_cache(1_000)
def beginnings(lineage: Lineage, division: str, day: date) -> tuple[str, ...]:
    """The beginnings of the codes of a division on a day: its own, and codes of before that came to it."""
    return (division, *lineage.formerly(division, day))
