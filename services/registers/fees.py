"""The fee accounts, as offices read them."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from domain.law import Law
from domain.money import yuan
from projections import kept
from projections.fees import FEES, as_of
from services.reading.sheets import Cell, Column
from services.registers.people import people_sheet

_STATES = {"assessed": "已核定未缴 not paid", "part": "部分缴纳 paid in part", "paid": "已缴清 paid"}
_ACCOUNTS = {
    "district": "区级专户 district account",
    "county": "县级专户 county account",
    "city": "市级专户 city account",
}


def _lines(found: Mapping[str, Any], place: str, day: date, law: Law, state: str) -> Iterable[dict[str, Cell]]:
    """A line for whoever something was assessed or paid for."""
    account = as_of(found["told"], day)
    if account.state == "none" or state not in ("", account.state):
        return
    local = law.city_law(place, day)
    fee = local.fees[0] if local and local.fees else None
    yield {
        "employer": found["employer"],
        "batches": "、".join(account.batches),
        "state": _STATES[account.state],
        "assessed": Decimal(yuan(account.assessed)),
        "assessed_on": account.assessed_on,
        "paid": Decimal(yuan(account.paid)),
        "paid_on": account.paid_on,
        "owed": Decimal(yuan(account.owed)),
        "account": _ACCOUNTS.get(fee.account or "") if fee else None,
        "rule": f"{fee.document} {fee.article}" if fee else None,
    }


FEE_ACCOUNTS = people_sheet(
    "fees",
    ("退管费台账", "fee accounts"),
    (
        "每人核定、已缴和未缴的退管费（管理费用），按其所在市的规定归入专户。状态：assessed、part、paid。",
        "What was assessed and paid for each retiree, and is owed, with the account that the city's rule names. States: assessed, part, paid.",
    ),
    FEES,
    (
        Column("employer", "原企业", "enterprise", 20),
        Column("batches", "批号", "batch", 14),
        Column("state", "状态", "state", 20),
        Column("assessed", "核定（元）", "assessed, yuan", 12),
        Column("assessed_on", "核定日期", "assessed on", 12),
        Column("paid", "已缴（元）", "paid, yuan", 12),
        Column("paid_on", "缴纳日期", "paid on", 12),
        Column("owed", "未缴（元）", "owed, yuan", 12),
        Column("account", "专户", "account", 22),
        Column("rule", "依据", "rule", 30),
    ),
    _lines,
    lambda *_: kept.TOLD,
)
