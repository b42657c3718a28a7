"""The quarterly bulletin by district, with the indicators of the city's document, each with the article that asks for it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from domain.law import Indicator, Law
from domain.months import Month, month_of, plus
from projections import alert_inbox, audit_trail, bulletin, kept
from projections.bulletin import MEASURES, Counted
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet
from services.registers.periods import Period, period_of
from services.registers.progress import share

CHUNK = 5_000
"""People read at a time."""
Figures = Counter[tuple[str, str, str]]
"""By district, measure, and `done` or `of`."""


class _Reckoning(NamedTuple):
    """What is reckoned: by whose law, of which communities, for which period, by where people are served or registered."""

    reader: Reader
    account: Account
    law: Law
    communities: list[str]
    period: Period
    serving: bool

    @property
    def place(self) -> str:
        """The column of the roster that says where somebody counts."""
        return "serving" if self.serving else "community"


def last_quarter(day: date) -> tuple[Month, Month]:
    """The quarter that is over on a day (深府办〔2006〕72号 六)."""
    begun = plus(month_of(day), -((day.month - 1) % 3))
    return plus(begun, -3), plus(begun, -1)


def _page(reader: Reader, account: Account, asked: Asked, _after: str, _limit: int) -> Page:
    """All of it at once: a line for each district and indicator, before them the sum of the city. Nobody is shown."""
    day = reader.day(asked.on)
    period = period_of(asked, day, last_quarter(day))
    communities = reader.within(account, asked.division or account.division, period.last_day)
    serving = account.place == "serving"
    figures = _figures(_Reckoning(reader, account, reader.law, communities, period, serving))
    cities = sorted({city.code for code in communities if (city := reader.law.city_of(code))})
    return Page([row for city in cities for row in _rows(city, figures, reader, period)], None)


def _figures(asked: _Reckoning) -> Figures:
    figures: Figures = Counter()
    there = frozenset(asked.communities)
    for found in _people(asked):
        place = kept.served(found, asked.period.last_day) if asked.serving else found["community"]
        local = asked.law.city_law(place, asked.period.last_day)
        if place not in there or local is None or found["retired_on"] > asked.period.last_day:
            continue
        one = Counted(found, place, asked.period.first_day, asked.period.last_day, asked.law)
        district = place[:6]
        figures[district, "people", "of"] += 1
        for indicator in local.indicators:
            if indicator.measure in MEASURES:
                done, of = MEASURES[indicator.measure](one)
                figures[district, indicator.measure, "of"] += of
                figures[district, indicator.measure, "done"] += of and done
    _add(figures, "alerts-in-time", _alerts(asked))
    for found_ in _shared(asked):
        _add(figures, "shared-in-time", found_)
    return figures


def _people(asked: _Reckoning) -> Iterator[dict[str, Any]]:
    query = bulletin.PAGE.format(or_serving="or r.serving = any(%(communities)s)" if asked.serving else "")
    after = UUID(int=0)
    while found := asked.reader.rows(
        asked.account, query, {"communities": asked.communities, "after": after, "limit": CHUNK}
    ):
        yield from found
        after = found[-1]["retiree"]


def _alerts(asked: _Reckoning) -> list[dict[str, Any]]:
    given = {"communities": asked.communities, "first": asked.period.first_day, "last": asked.period.last_day}
    return asked.reader.rows(asked.account, alert_inbox.DUE.format(place=asked.place), given)


def _shared(asked: _Reckoning) -> Iterator[list[dict[str, Any]]]:
    """City by city, as each has duties of its own; what two duties ask for counts once, by the first."""
    by_city: dict[str, list[str]] = defaultdict(list)
    for code in asked.communities:
        by_city[code[:4]].append(code)
    for city, communities in by_city.items():
        duties = asked.law.sharing(city.ljust(12, "0"), asked.period.last_day)
        within: dict[tuple[str, str], int] = {}
        for one in duties:
            for pair in ((teller, fact) for teller in one.tellers for fact in one.facts):
                within.setdefault(pair, one.within_days)
        for days in set(within.values()):
            pairs = [pair for pair, most in within.items() if most == days]
            given = {
                "communities": communities,
                "since": asked.period.since,
                "until": asked.period.until,
                "within": days,
                "tellers": [str(teller) for teller, _ in pairs],
                "facts": [fact for _, fact in pairs],
            }
            yield asked.reader.rows(asked.account, audit_trail.SHARED.format(place=asked.place), given)


def _add(figures: Figures, measure: str, found: list[dict[str, Any]]) -> None:
    for row in found:
        figures[row["district"], measure, "of"] += row["of"]
        figures[row["district"], measure, "done"] += row["done"]


def _rows(city: str, figures: Figures, reader: Reader, period: Period) -> Iterator[dict[str, Cell]]:
    local = reader.law.city_law(city, period.last_day)
    assert local is not None
    districts = sorted({district for district, _, _ in figures if district.startswith(city[:4])})
    for area in ("", *districts):
        within = districts if not area else [area]
        for indicator in local.indicators:
            yield {
                "city": f"{local.city.zh} {local.city.en}",
                "district": f"{area}000000" if area else "全市 whole city",
                "people": sum(figures[one, "people", "of"] for one in within),
                **_line(indicator, figures, within),
                "period": f"{period.first} — {period.last_day}",
            }


def _line(indicator: Indicator, figures: Figures, within: list[str]) -> dict[str, Cell]:
    done, of = (sum(figures[one, indicator.measure, what] for one in within) for what in ("done", "of"))
    return {
        "indicator": f"{indicator.zh} {indicator.en}",
        "done": done,
        "of": of,
        "rate": share(done, of),
        "rule": f"{indicator.document} {indicator.article}",
        "measure": indicator.measure,
    }


BULLETIN = Sheet(
    "bulletin",
    "季度通报",
    "quarterly bulletin",
    "各区企业退休人员社会化管理服务进展，每季度通报一次（深府办〔2006〕72号 六）；各市按本市文件的指标。默认为上一季度。",
    "The progress of every district, each quarter, with the indicators of each city's own document; by default the quarter that is over.",
    Act.BULLETIN,
    ("division", "on", "first", "last", "known"),
    (
        Column("city", "城市", "city", 18),
        Column("district", "区", "district", 16),
        Column("people", "登记人数", "people", 10),
        Column("indicator", "指标", "indicator", 50),
        Column("done", "已办", "done", 9),
        Column("of", "应办", "of", 9),
        Column("rate", "比率（%）", "rate, %", 10),
        Column("rule", "依据", "article", 36),
        Column("period", "期间", "period", 24),
    ),
    _page,
)
