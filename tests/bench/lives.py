"""Retirees with thirty facts each, told over ten years, and what is told of them next: what the law costs is asked of these."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import cycle
from typing import NamedTuple

from services.demo.sample import Event
from tests.bench.stream import Sent, Story, sent

FACTS = 30
NEXT = {
    "verification": 20,
    "death": 16,
    "adjustment": 10,
    "rumour": 10,
    "retraction": 8,
    "answer": 8,
    "again": 6,
    "visit": 5,
    "care": 3,
    "detained": 3,
    "health": 3,
    "moved": 3,
    "missing": 2,
    "sentenced": 3,
}
"""What comes in life, in percent. Deaths and the like as `stream.DEATHS` has them, far more than life does: they cost the most."""
_EVERY = 120
"""Days from one fact of a life to the next."""
_LATE = 40
"""Days until we learn of something, at the most."""
_OVERDUE = 0.1
"""The share of verifications that do not come in time."""
_CASES = (
    ("detained", "sentenced", "paroled", "released"),
    ("detained", "sentenced", "paroled", "revoked", "released"),
    ("wanted", "detained", "bailed"),
    ("wanted", "detained", "suspended"),
    ("detained", "acquitted"),
)
_CUSTODIANS = {
    "dalian": "social-insurance",
    "shenzhen": "community",
    "xianning": "social-insurance",
    "zhengzhou": "archives",
}
_PLACED_BY_RESIDENCE = ("dalian", "xianning")


class Asked(NamedTuple):
    """An alert that is still open: of whom, by the identity number, and its id."""

    number: str
    alert: str


class Lives(Story):
    """People whose lives are told in `FACTS` rounds, the last of them ten days ago; `hard`: most of it is of justice."""

    def __init__(self, people: int, *, hard: bool) -> None:
        super().__init__()
        self._today = self._day
        begins = self.day_of(0) - timedelta(days=_LATE)
        old = (one for one in self._people if one["data"]["effective"] < begins.isoformat())
        self.registered = [next(old) for _ in range(people)]
        self._plans = {id(one): list(self._hard() if hard else self._usual(one)) for one in self.registered}
        self._cases: dict[int, int] = {}
        self._open: dict[str, Asked] = {}
        self._answers: list[tuple[Event, Asked, str]] = []

    @property
    def numbers(self) -> list[str]:
        """The identity numbers of all, in the order in which they are told of."""
        return list(map(_number, self.registered))

    def day_of(self, round_: int) -> date:
        """The day on which a round is told."""
        return self._today - timedelta(days=10 + (FACTS - 1 - round_) * _EVERY)

    def round(self, number: int, asked: Iterable[Asked]) -> list[Sent]:
        """One fact more of everybody, told on `day_of` the round."""
        self._day = self.day_of(number)
        self._open = {one.number: one for one in asked}
        if number == 0:
            return [sent(one) for one in self.registered]
        return [self._fact(one, self._plans[id(one)][number]) for one in self.registered]

    def now(self, asked: Iterable[Asked]) -> None:
        """The rounds are over: what is told from here on is told today. Of half of those with open alerts one answer comes, and no more."""
        self._day = self._today
        alerts, self._open = {one.number: one for one in asked}, {}
        waiting = [one for one in self.registered if _number(one) in alerts][::2]
        alone = set(map(_number, waiting))
        self.registered = [one for one in self.registered if _number(one) not in alone]
        kinds = cycle(("alert-acknowledged.v1", "alert-confirmed.v1"))
        self._answers = [(one, alerts[_number(one)], kind) for one, kind in zip(waiting, kinds, strict=False)]

    def _next(self, kind: str) -> Sent:
        if kind in ("death", "rumour", "retraction", "again"):
            return super()._next(kind)
        if kind == "answer" and self._answers:
            retiree, asked, type_ = self._answers.pop()
            return self._told_of(retiree, type_, "social-insurance", {"alert": asked.alert})
        return self._fact(self._rng.choice(self.registered), kind)

    # The rounds of a life

    def _usual(self, retiree: Event) -> Iterator[str]:
        """Every year something of the registers, an adjustment and a verification; of few people custody, or an absence."""
        others = ["visit", "care", "visit", "health", "visit", "card", "health", "care", "answer", "visit"]
        if self._slug(retiree) in _PLACED_BY_RESIDENCE and self._rng.random() < 0.5:
            others[5:7] = ["moved", "received"]
        else:
            others[1:4] = ["proposed", "archive", "card"]
        chance = self._rng.random()
        if chance < 0.10:
            others[3:7] = _CASES[0]
        elif chance < 0.15:
            others[6:8] = ["missing", "reappeared"]
        elif chance < 0.30:
            others[9] = "rumoured-missing"
        for other in others:
            yield from (other, "adjustment", "verification")

    def _hard(self) -> Iterator[str]:
        """21 facts of justice, four adjustments, four verifications, and the registration."""
        justice = (kind for _ in range(FACTS) for kind in self._rng.choice(_CASES))
        for number in range(FACTS):
            yield {3: "adjustment", 6: "verification"}.get(number % 7, "") or ("" if number == 0 else next(justice))

    def _fact(self, retiree: Event, kind: str) -> Sent:
        if kind in _JUSTICE:
            return self._of_justice(retiree, kind)
        asked = self._open.get(_number(retiree))
        if kind == "answer" and asked is None:
            kind = "visit"
        type_, by, what = _OTHERS[kind]
        match kind:
            case "adjustment":
                what = {"monthly_pension": self._pension()}
            case "archive":
                by = _CUSTODIANS[self._slug(retiree)]
            case "moved" | "received":
                what = {**what, "division": self._elsewhere(retiree)}
            case "answer" if asked:
                what = {"alert": asked.alert}
        return self._told_of(retiree, type_, by, what)

    def _of_justice(self, retiree: Event, kind: str) -> Sent:
        type_, by, rest = _JUSTICE[kind]
        number = self._cases.get(id(retiree), 0) + (kind in ("wanted", "detained"))
        self._cases[id(retiree)] = number
        ends = {"ends_on": (self._day + timedelta(days=self._rng.randrange(300, 900))).isoformat()}
        what = {"case": f"示例刑初{number}号", **rest, **(ends if type_ in ("sentenced.v1", "paroled.v1") else {})}
        return self._told_of(retiree, type_, by, what)

    def _told_of(self, retiree: Event, type_: str, by: str, what: Mapping[str, str]) -> Sent:
        most = _LATE if type_ != "survival-verified.v1" or self._rng.random() < _OVERDUE else 4
        day = self._day - timedelta(days=self._rng.randrange(most))
        place = retiree["data"]["residence_division"] if by == "community" else self._slug(retiree)
        return sent(self._event(type_, f"/{by}/{place}", retiree, {"effective": day.isoformat(), **what}))

    def _pension(self) -> str:
        return f"{self._rng.randrange(2_000, 9_000)}.{self._rng.randrange(100):02d}"

    def _slug(self, retiree: Event) -> str:
        return self._sample.city_of(retiree["data"]["residence_division"]).slug

    def _elsewhere(self, retiree: Event) -> str:
        """A community of the other district of the city."""
        home = str(retiree["data"]["residence_division"])
        first, second = self._sample.city_of(home).districts
        return (second if home.startswith(first[:6]) else first)[:6] + home[6:]


_Form = tuple[str, str, dict[str, str]]
"""The type, who tells it, and what it says of itself."""
_OTHERS: dict[str, _Form] = {
    "verification": ("survival-verified.v1", "social-insurance", {}),
    "adjustment": ("pension-adjusted.v1", "social-insurance", {}),
    "answer": ("alert-acknowledged.v1", "social-insurance", {}),
    "archive": ("archive-received.v1", "", {}),
    "moved": ("relocated.v1", "community", {"aspect": "residence"}),
    "received": ("reception-accepted.v1", "community", {}),
    "visit": ("visit-made.v1", "community", {"reason": "festival"}),
    "care": ("care-flagged.v1", "community", {"group": "living-alone"}),
    "health": ("health-file-kept.v1", "health", {"service": "check-up"}),
    "card": ("contact-card-issued.v1", "community", {}),
    "proposed": ("handover-proposed.v1", "enterprise", {"enterprise_kind": "municipal"}),
    "missing": ("gone-missing.v1", "police", {}),
    "rumoured-missing": ("gone-missing.v1", "community", {}),
    "reappeared": ("reappeared.v1", "police", {}),
}
LIFE = {kind: _OTHERS[kind] for kind in ("verification", "adjustment", "visit", "care", "health")}
"""What comes to nearly everybody, year after year."""
_JUSTICE: dict[str, _Form] = {
    "wanted": ("wanted.v1", "police", {}),
    "detained": ("detained.v1", "police", {}),
    "sentenced": ("sentenced.v1", "court", {"sentence": "fixed-term"}),
    "suspended": ("sentenced.v1", "court", {"sentence": "suspended-sentence"}),
    "paroled": ("paroled.v1", "justice", {}),
    "revoked": ("parole-revoked.v1", "justice", {}),
    "released": ("released.v1", "justice", {"discharge": "served"}),
    "bailed": ("released.v1", "police", {"discharge": "bail"}),
    "acquitted": ("acquitted.v1", "court", {}),
}


def _number(retiree: Event) -> str:
    return str(retiree["data"]["person"]["identity_number"])
