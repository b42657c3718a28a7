"""The quarterly bulletin by district, with the indicators of the city's document, each with the article that asks for it."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from domain.law import Indicator
from domain.months import Month, month_of, plus
from domain.refusals import Refused
from infra.bulletins import Bulletins, Of
from infra.views import Views
from projections import bulletin
from projections.bulletin import FIGURES, Figure, Key
from services.accounts import Account, Act
from services.reading.reader import Reader
from services.reading.sheets import Asked, Cell, Column, Page, Sheet
from services.registers.periods import Period, period_of
from services.registers.progress import share
from services.registers.reckoning import Sums, law_of, of_people

MOST = 20_000
"""So many people a question reckons itself; of more it asks for the figures that are kept."""
CHANGED = 20_000
"""So many people who changed a question brings from the position at which figures are kept to its own."""
Figures = Counter[tuple[str, str, str]]
"""By district, measure, and `done` or `of`."""


class _Reckoning(NamedTuple):
    """What is asked: by a reader held to one position, of which communities, for which period, by where people are served or registered."""

    reader: Reader
    account: Account
    communities: list[str]
    period: Period

    @property
    def serving(self) -> bool:
        """Whether somebody counts where they are served."""
        return self.account.place == "serving"


def last_quarter(day: date) -> tuple[Month, Month]:
    """The quarter that is over on a day (深府办〔2006〕72号 六)."""
    begun = plus(month_of(day), -((day.month - 1) % 3))
    return plus(begun, -3), plus(begun, -1)


def _page(reader: Reader, account: Account, asked: Asked, _after: str, _limit: int) -> Page:
    """All of it at once: a line for each district and indicator, before them the sum of the city. Nobody is shown."""
    day = reader.day(asked.on)
    period = period_of(asked, day, last_quarter(day))
    held = reader.steady("")
    communities = held.within(account, asked.division or account.division, period.last_day)
    figures = _figures(_Reckoning(held, account, communities, period))
    cities = sorted({city.code for code in communities if (city := reader.law.city_of(code))})
    return Page([row for city in cities for row in _rows(city, figures, reader, period)], None)


def _figures(asked: _Reckoning) -> Figures:
    """By district. Raises `Refused("being-reckoned")` where they are of too many people, and none are kept that are near."""
    sums = _reckoned(asked) or _kept(asked)
    if sums is None:
        raise _being_reckoned(asked)
    there = frozenset(asked.communities)
    figures: Figures = Counter()
    for key, figure in sums.figures():
        if key.serving == asked.serving and key.community in there:
            figures[key.community[:6], key.measure, "done"] += figure.done
            figures[key.community[:6], key.measure, "of"] += figure.of
    return figures


def _reckoned(asked: _Reckoning) -> Sums | None:
    """Person by person, where they are few."""
    given = {"communities": asked.communities, "limit": MOST + 1}
    (there,) = asked.reader.rows(asked.account, bulletin.MANY, given)
    if there["people"] > MOST:
        return None
    people = [row["retiree"] for row in asked.reader.rows(asked.account, bulletin.CANDIDATES, given)]
    sums = Sums()
    sums.add(of_people(asked.reader.seen(asked.account), asked.reader.law, asked.period, people))
    return sums


def _kept(asked: _Reckoning) -> Sums | None:
    """Those that are kept of a position that is near, brought to that which is asked for."""
    bulletins, of = Bulletins(asked.reader.database), _of(asked)
    kept = bulletins.nearest(of)
    touched = bulletins.touched(kept.position, of.position, CHANGED) if kept else None
    if kept is None or touched is None:
        return None
    sums = Sums()
    given = {"bulletin": kept.bulletin, "communities": asked.communities, "serving": asked.serving}
    for row in asked.reader.rows(asked.account, FIGURES, given):
        key = Key(asked.serving, row["community"], row["measure"])
        sums.add([(key, Figure(row["done"], row["of"]))])
    if not bulletins.is_there(kept):  # others took its place, perhaps before its figures were read
        return _kept(asked)
    for position, times in ((kept.position, -1), (of.position, 1)):
        views = asked.reader.at(position).seen(asked.account)
        sums.add(of_people(views, asked.reader.law, asked.period, touched), times)
    return sums


def _of(asked: _Reckoning) -> Of:
    """What is asked for, up to where the read models have come."""
    period, come = asked.period, Views(asked.reader.database).position()
    return Of(period.first_day, period.last_day, law_of(asked.reader.law), min(asked.reader.position, come))


def _being_reckoned(asked: _Reckoning) -> Refused:
    """What is asked for is reckoned from now on; how far it is."""
    bulletins, of = Bulletins(asked.reader.database), _of(asked)
    under_way = bulletins.under_way(of)
    if under_way is None:
        bulletins.ask(of)
    return Refused("being-reckoned", "", f"{under_way.people if under_way else 0}")


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
