"""A false death in every two hundred events: none stops a pension on one weak word, and each retraction restores every cent."""

from collections import defaultdict
from datetime import date, timedelta
from functools import reduce
from random import Random
from uuid import UUID

from domain.alerts import Action
from domain.decide import decide, standing_of
from domain.entitlement import review
from domain.facts import Channel, Department, Known, SurvivalVerified
from domain.state import RetireeState, evolve
from domain.told import AlertRaised
from infra.statutes import the_law
from tests.building import death, known, registered, retraction

EVENTS, FALSE = 100_000, 500
LAW = the_law()
STRONG = [Department.CIVIL_AFFAIRS, Department.POLICE, Department.HEALTH, Department.FUNERAL_HOME]
WEAK = [Department.COMMUNITY, Department.FAMILY]


class City:
    """Retirees, and what was decided on each."""

    def __init__(self) -> None:
        self.states: dict[int, RetireeState] = defaultdict(RetireeState)
        self.events = 0

    def learn(self, who: int, fact: Known) -> list[AlertRaised]:
        state = self.states[who]
        decisions = decide(UUID(int=who), state, fact, LAW, fact.learnt)
        self.states[who] = reduce(evolve, decisions, state)
        self.events += 1
        return [decision for decision in decisions if isinstance(decision, AlertRaised)]


def test_false_deaths_among_100_000_events() -> None:
    random = Random(5)  # noqa: S311 - a seed, not secrecy
    city, day = City(), date(2024, 1, 2)
    people = range(1, (EVENTS - 3 * FALSE) // 2 + 1)
    for who in people:
        assert city.learn(who, registered(date(2015, 6, 30), day)) == []
        alive = SurvivalVerified(effective=day, channel=Channel.DATA_MATCH)
        assert city.learn(who, known("alive", alive, day, Department.AGENCY)) == []
    weak_ones = 0
    for who in random.sample(people, FALSE):
        weak = random.random() < 0.5
        weak_ones += weak
        source = random.choice(WEAK if weak else STRONG)
        on = day + timedelta(days=random.randint(1, 90))
        told = on + timedelta(days=random.randint(0, 150))
        untrue = death(on, told, department=source, document=f"{who}号")
        before = review(city.states[who].dossier, LAW, told)

        said = {alert.action for alert in city.learn(who, untrue)}
        assert (Action.STOP in said) is not weak, "a weak word only asks to verify"
        assert not weak or Action.RECOVER not in said
        back = told + timedelta(days=random.randint(0, 100))
        city.learn(who, retraction("death", back, department=source))
        after = review(city.states[who].dossier, LAW, back)
        assert after.timeline == before.timeline
        assert after.overpaid is None
        owed = sum(run.pays is False for run in after.paid)
        assert bool(after.owed) == bool(owed), "what was not paid meanwhile is owed, to the month"
        if after.owed:
            assert after.owed.amount == after.owed.months * 345_678

        again = death(on, back, "again", source, f"{who}号")
        assert not any(alert.action is Action.STOP for alert in city.learn(who, again)), (
            "the same report stops nobody twice"
        )
        assert Action.STOP not in standing_of(city.states[who].dossier, LAW, back)
    print(f"\n{city.events:,} events, {FALSE} false deaths, {weak_ones} of them by a weak source")  # noqa: T201
    assert city.events == EVENTS
