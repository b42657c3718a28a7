"""What comes in the years, about five events a retiree: for the read models, and for what comes one by one.

Among the people are a community of three thousand, and one of hardly anybody.
"""

from services.demo.sample import Event
from tests.bench.lives import LIFE
from tests.bench.stream import Sent, Story, sent

LARGE, SPARSE = "440304909001", "440304909002"
"""A community of `LARGE_PEOPLE`, and one of `SPARSE_PEOPLE`, in a street of their own."""
LARGE_PEOPLE, SPARSE_PEOPLE = 3_000, 12
MIX = {"registration": 22, "verification": 28, "adjustment": 24, "visit": 10, "care": 4, "health": 6} | {
    "death": 3,
    "rumour": 1,
    "retraction": 1,
    "again": 1,
}
"""About five events a retiree, in percent of what is told; what is raised comes to it."""


class Years(Story):
    """People as `Story` has them, and what comes in the years: verifications, adjustments, visits.

    `large`: so many of them live in the large community, evenly among the first `people`: with `copies` of each they are three thousand.
    """

    def __init__(self, people: int = 1, large: int = 0) -> None:
        super().__init__()
        self._every = max(1, people // large) if large else 0
        self._large = large
        self._came = 0

    def registration(self) -> Sent:
        """Somebody new, in the large community when it is its turn."""
        retiree = next(self._people)
        self._came += 1
        if self._every and self._came % self._every == 0 and self._large:
            self._large -= 1
            _moved_to(LARGE, retiree)
        self.registered.append(retiree)
        return sent(retiree)

    def sparse(self) -> list[Sent]:
        """Those of the sparse community."""
        retirees = [next(self._people) for _ in range(SPARSE_PEOPLE)]
        for retiree in retirees:
            _moved_to(SPARSE, retiree)
        return [sent(retiree) for retiree in retirees]

    def _next(self, kind: str) -> Sent:
        if kind not in LIFE or not self.registered:
            return super()._next(kind)
        type_, by, what = LIFE[kind]
        retiree = self._rng.choice(self.registered)
        home = str(retiree["data"]["residence_division"])
        place = home if by == "community" else self._sample.city_of(home).slug
        if kind == "adjustment":
            what = {"monthly_pension": f"{self._rng.randrange(2_000, 9_000)}.{self._rng.randrange(100):02d}"}
        effective = max(self._day.isoformat(), retiree["data"]["effective"])
        return sent(self._event(type_, f"/{by}/{place}", retiree, {"effective": effective, **what}))


def _moved_to(community: str, retiree: Event) -> None:
    retiree["data"]["residence_division"] = retiree["data"]["hukou_division"] = community
