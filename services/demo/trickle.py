"""What happens to invented retirees: deaths, rumours of deaths, mistakes taken back, and the same told twice.

Everything follows from a seed, the retirees and the days given; nothing reads a clock.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from random import Random

from domain.identity import born
from services.demo.sample import Event, event, read_sample

_OPENS, _OFFICE_HOURS = time(1), timedelta(hours=8)
"""Offices publish from 9 to 17 o'clock in China: 01:00 to 09:00 UTC."""
_WEIGHTS = {"death": 80, "rumour": 10, "retraction": 4, "repeat": 6}
_NEAR = 40
"""Rumours are about the next so many to die, mistakes are found among the last so many reports."""


def trickle(retirees: Iterable[Event], seed: int, days: Iterable[date], per_day: float = 4.0) -> Iterator[Event]:
    """Life events about the people of `retirees` (their registrations), `per_day` on average, at random moments.

    Deaths come from civil affairs; some were rumoured by the community before, some are retracted; some events repeat
    an earlier one to the letter. No date of death lies after its day. `days` are in order; `repeat(today)` goes on
    until nobody is left. `time` goes back in repeats only, within a day. In life 12,000 retirees see a death a day.
    """
    chronicle = _Chronicle(retirees, seed)
    rng = Random(f"moments of {seed}")
    for day in days:
        opens = datetime.combine(day, _OPENS, UTC)
        for moment in _poisson(rng, per_day):
            if chronicle.ended:
                return
            yield chronicle.next(opens + moment * _OFFICE_HOURS)


class _Chronicle:
    """Who is still to die, which reports stand, and what was said lately."""

    def __init__(self, retirees: Iterable[Event], seed: int) -> None:
        self._rng, self._seed = Random(seed), seed
        self._sample = read_sample()
        self._numbers = count(1)
        self._living = deque(sorted(retirees, key=self._years_left))
        self._standing: dict[str, tuple[Event, Event]] = {}
        self._said: deque[Event] = deque(maxlen=100)

    @property
    def ended(self) -> bool:
        return not self._living

    def next(self, at: datetime) -> Event:
        """The next event, published at a moment."""
        match self._rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]:
            case "repeat" if self._said:
                return self._rng.choice(self._said)
            case "retraction" if self._standing:
                said = self._retraction(at)
            case "rumour":
                said = self._rumour(at)
            case _:
                said = self._death(at)
        self._said.append(said)
        return said

    def _years_left(self, retiree: Event) -> float:
        """In which order people die: the risk of each doubles with every eight years of age."""
        age = 2000 - born(retiree["data"]["person"]["identity_number"]).year
        return self._rng.expovariate(2 ** (age / 8))

    def _death(self, at: datetime) -> Event:
        retiree = self._living.popleft()
        city = self._sample.city_of(retiree["data"]["residence_division"])
        return self._report(retiree, f"/civil-affairs/{city.slug}", f"{city.sign}民殡示例", at)

    def _rumour(self, at: datetime) -> Event:
        retiree = self._rng.choice(list(islice(self._living, _NEAR)))
        return self._report(retiree, f"/community/{retiree['data']['residence_division']}", "社区报告示例", at)

    def _report(self, retiree: Event, source: str, series: str, at: datetime) -> Event:
        """A report of a death; it keeps the date of a rumour that went before."""
        number = _number(retiree)
        rumoured = self._standing.pop(number, None)
        effective = rumoured[1]["data"]["effective"] if rumoured else self._date_of_death(retiree, at.date())
        report = self._event("death-reported.v1", source, series, at, retiree, {"effective": effective})
        self._standing[number] = retiree, report
        return report

    def _retraction(self, at: datetime) -> Event:
        """A recent report is taken back by who made it; whom civil affairs had counted dead is counted living again."""
        number = self._rng.choice(list(self._standing)[-_NEAR:])
        retiree, report = self._standing.pop(number)
        if report["source"].startswith("/civil-affairs/"):
            self._living.append(retiree)
        what = {"effective": at.date().isoformat(), "retracts": report["id"]}
        return self._event("death-retracted.v1", report["source"], "更正示例", at, retiree, what)

    def _date_of_death(self, retiree: Event, day: date) -> str:
        """Mostly a week or two ago, now and then months; never before retirement."""
        ago = timedelta(days=int(self._rng.lognormvariate(2.2, 1.0)))
        return str(max((day - ago).isoformat(), retiree["data"]["effective"]))

    def _event(self, type_: str, source: str, series: str, at: datetime, retiree: Event, what: dict[str, str]) -> Event:
        n = next(self._numbers)
        person = retiree["data"]["person"]
        data = {
            "person": {"identity_number": person["identity_number"], "name": person["name"]},
            **what,
            "document": f"{series}〔{at.year}〕{n}号",
        }
        return event(type_, source, f"{type_.removesuffix('.v1')}-{at:%Y%m%d}-{self._seed}-{n}", at, data)


def _number(retiree: Event) -> str:
    return str(retiree["data"]["person"]["identity_number"])


def _poisson(rng: Random, rate: float) -> Iterator[float]:
    """The moments of a Poisson process in one day, as fractions of it."""
    moment = rng.expovariate(rate)
    while moment < 1:
        yield moment
        moment += rng.expovariate(rate)
