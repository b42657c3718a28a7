"""What handing over a number of people costs and takes, by the law of a city: money, staff, keepers and room for their files."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.divisions import Level, ancestors
from domain.divisions import level as level_of
from domain.facts import EnterpriseKind, EnterpriseState, FeeAssessed, FeePaid
from domain.law import Citation, CityLaw
from domain.money import Yuan, fen, yuan


class FeeOwed(NamedTuple):
    """What is owed for a batch. `amount` in yuan; None: the law names none, it is settled and told as assessed."""

    amount: Yuan | None
    payer: str
    account: str | None
    once: bool
    before: str | None
    rule: Citation


def fee_owed(
    law: CityLaw, people: int, kind: EnterpriseKind, state: EnterpriseState = EnterpriseState.OPERATING
) -> FeeOwed | None:
    """The fee for `people` of one enterprise; None: the law of the city asks none."""
    rule = next((fee for fee in law.fees if fee.concerns(kind, state)), None)
    if rule is None:
        return None
    amount = None if rule.amount is None else yuan(fen(rule.amount) * people)
    return FeeOwed(amount, rule.payer, rule.account, rule.once, rule.before, rule.citation)


class FeeAccount(NamedTuple):
    """What was assessed and what was paid into one account, in fen."""

    assessed: int = 0
    paid: int = 0

    @property
    def owing(self) -> int:
        """What is still to come, in fen; nothing where more was paid than assessed."""
        return max(0, self.assessed - self.paid)


def fee_accounts(told: Iterable[tuple[str, FeeAssessed | FeePaid]], level: Level) -> dict[str, FeeAccount]:
    """The accounts at one level (深圳: one a district) out of what was told, each with the division of who was handed over.

    By division code; what lies above the level has no account and is left out.
    """
    accounts: dict[str, FeeAccount] = {}
    for division, fact in told:
        code = next((one for one in ancestors(division) if level_of(one) is level), None)
        if code is not None:
            before, amount = accounts.get(code, FeeAccount()), fen(fact.amount)
            if isinstance(fact, FeePaid):
                accounts[code] = before._replace(paid=before.paid + amount)
            else:
                accounts[code] = before._replace(assessed=before.assessed + amount)
    return accounts


def staff_needed(law: CityLaw, retirees: int) -> int | None:
    """How many people serve so many retirees (郑州: one for 300, a part counts as whole); None: the law says nothing."""
    ratio = next((rule.retirees_per_person for rule in law.staff if rule.retirees_per_person), 0)
    return -(-retirees // ratio) if ratio else None


def community_staff_needed(law: CityLaw, households: int) -> int | None:
    """How many people go over with an enterprise's own community of so many households; None: the law says nothing."""
    rule = next(iter(law.community_staff), None)
    if rule is None:
        return None
    for up_to, people in rule.brackets:
        if households <= up_to:
            return people
    last, people = rule.brackets[-1]
    return people + (households - last) // rule.more_per


def keepers_needed(law: CityLaw, files: int) -> int | None:
    """How many keepers so many files take (大连: at least one for 30,000); None: the law says nothing."""
    each = next((rule.files_per_keeper for rule in law.archives if rule.files_per_keeper), 0)
    return -(-files // each) if each else None


def archive_area_needed(law: CityLaw, files: int) -> int | None:
    """How many square metres of store so many files take (大连: at least 15 for 10,000), rounded up; None: the law says nothing."""
    each = next((rule.square_metres_per_10000_files for rule in law.archives if rule.square_metres_per_10000_files), 0)
    return -(-files * each // 10_000) if each else None
