"""What publishers send, made ahead of the timing: raw CloudEvents about invented people, the same ones for a seed."""

from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from infra.statutes import the_divisions
from services.accepting.cloudevents import Publisher, department_of
from services.application import today
from services.demo.people import invented_retirees
from services.demo.sample import Event, event, read_sample

SEED = 20_210_901
LOAD = {"registration": 85, "death": 6, "rumour": 4, "retraction": 2, "again": 3}
"""A bulk load, in percent: new people, then strong and weak reports of deaths, retractions, corrected registrations."""
DEATHS = {"death": 40, "rumour": 25, "retraction": 20, "again": 15}
"""About people who are registered: what makes two events of one, and costs the most."""
_PEOPLE = 10_000_000
_LONGEST_AGO = 400  # days


class Sent(NamedTuple):
    """What a publisher sent, and who it was."""

    body: bytes
    publisher: Publisher


class Story:
    """People, and what was told of them: each thing told fits what went before.

    `registered`: who things are told of, `standing`: the reports that can be retracted. Of those who register, the
    share `spared` is kept apart, for whoever measures to tell something of.
    """

    def __init__(self, seed: int = SEED, spared: float = 0.0) -> None:
        self.registered: list[Event] = []
        self.spared: list[Event] = []
        self.standing: list[tuple[Event, Event]] = []
        self._rng = Random(seed)
        self._day = today()
        self._people = invented_retirees(_PEOPLE, seed, the_divisions(), self._day)
        self._share = spared
        self._sample = read_sample()
        self._told = 0

    def told(self, count: int, mix: dict[str, int]) -> list[Sent]:
        """The next `count` things told, drawn from a mix."""
        kinds = self._rng.choices(list(mix), list(mix.values()), k=count)
        return [self._next(kind) for kind in kinds]

    def shuffled(self, retirees: list[Event]) -> list[Event]:
        """Retirees in random order, each once."""
        return self._rng.sample(retirees, len(retirees))

    def registration(self) -> Sent:
        """Somebody new."""
        retiree = next(self._people)
        (self.spared if self._rng.random() < self._share else self.registered).append(retiree)
        return sent(retiree)

    def report(self, retiree: Event, *, strong: bool) -> Sent:
        """A death: confirmed by civil affairs, or heard of by the community."""
        data = retiree["data"]
        city = self._sample.city_of(data["residence_division"])
        source = f"/civil-affairs/{city.slug}" if strong else f"/community/{data['residence_division']}"
        ago = timedelta(days=self._rng.randrange(_LONGEST_AGO))
        effective = max((self._day - ago).isoformat(), data["effective"])
        said = self._event("death-reported.v1", source, retiree, {"effective": effective})
        self.standing.append((retiree, said))
        return sent(said)

    def retraction(self) -> Sent:
        """One of the reports that stand is taken back by who made it."""
        n = self._rng.randrange(len(self.standing))
        self.standing[n], self.standing[-1] = self.standing[-1], self.standing[n]
        return self.last_retracted()

    def last_retracted(self) -> Sent:
        """The latest of the reports that stand is taken back."""
        retiree, said = self.standing.pop()
        what = {"effective": self._day.isoformat(), "retracts": said["id"]}
        return sent(self._event("death-retracted.v1", said["source"], retiree, what))

    def again(self, retiree: Event) -> Sent:
        """A registration corrected by who made it: another pension."""
        pension = f"{self._rng.randrange(2_000, 9_000)}.{self._rng.randrange(100):02d}"
        what = {**retiree["data"], "monthly_pension": pension}
        return sent(self._event("retirement-registered.v1", retiree["source"], retiree, what))

    def _next(self, kind: str) -> Sent:
        if kind == "registration" or not self.registered:
            return self.registration()
        if kind == "retraction" and self.standing:
            return self.retraction()
        retiree = self._rng.choice(self.registered)
        return self.again(retiree) if kind == "again" else self.report(retiree, strong=kind == "death")

    def _event(self, type_: str, source: str, retiree: Event, what: dict[str, str]) -> Event:
        self._told += 1
        person = retiree["data"]["person"]
        data = {
            "person": {"identity_number": person["identity_number"], "name": person["name"]},
            "document": f"示例〔{self._day.year}〕{self._told}号",
            **what,
        }
        return event(type_, source, f"told-{self._told}", datetime.combine(self._day, time(0), UTC), data)


def sent(said: Event) -> Sent:
    return Sent(msgspec.json.encode(said), Publisher("bench", department_of(said["source"]), "bench"))
