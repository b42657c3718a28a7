"""Reads, deliveries and exports through the real application, counted from what came out, held against the log: none missing, none extra.

What came out is counted without any code of ours: by the retirees' ids in the bodies of answers, by the ids of the CloudEvents that
receivers and readers got, and by the digests of files.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

from httpx import Response
from msgspec.structs import replace
from stdnum.cn import ric

from domain.consumers import Terms
from domain.disclosures import AccessDenied, DataDelivered, DataDisclosed, RegisterExported, Way
from domain.facts import DeathReported, Department
from domain.history import Event, Receipt
from domain.law import Law
from domain.told import AlertRaised
from infra import codec, log
from infra.consumers import Consumers
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from tests.asking import Asking, asking, catch_up
from tests.building import retirement, submission
from tests.delivering import delivering, wait_until
from tests.receiving import Receiver, receiving

TODAY = date(2024, 4, 10)
PLACES = [f"44030{district}00100{n}" for district in (4, 5) for n in (1, 2, 3, 4, 5)]
TYPES = ("pension-alert-*", "retirement-registered.v1", "death-reported.v1")
ACCOUNTS = {
    "worker-4": (Role.COMMUNITY, "440304"),
    "worker-5": (Role.COMMUNITY, "440305"),
    "officer-1": (Role.OFFICER, "4403"),
    "officer-2": (Role.OFFICER, "4403"),
    "auditor": (Role.AUDITOR, ""),
    "guardian": (Role.GUARDIAN, ""),
    **{f"feed-{n}": (Role.OFFICER, "4403") for n in range(3)},
}
WEBHOOKS, FEEDS = 4, 3
AT_ONCE = 64
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Asked = tuple[str, str, object]


def number_of(n: int) -> str:
    stem = f"440304{1940 + n // 900}0101{n % 900 + 1:03d}"
    return stem + ric.calc_check_digit(stem + "0")


class Count:
    """What came out."""

    def __init__(self) -> None:
        self.shown: Counter[tuple[str, str, frozenset[UUID]]] = Counter()
        self.handed: Counter[tuple[str, str]] = Counter()
        self.files: Counter[tuple[str, str, str, int]] = Counter()
        self.denied = 0
        self.operations = 0

    def answer(self, asked: Asked, answer: Response) -> None:
        """Whom an answer is about; nobody is no look, but of a search."""
        account, path, body = asked
        self.operations += 1
        if answer.status_code == 403:
            self.denied += 1
            return
        assert answer.status_code == 200, (path, answer.text)
        whom = frozenset(map(UUID, _IDS.findall(answer.text)))
        if path.endswith("/looks") and not answer.json()["looks"]:
            return
        if whom or body is not None:
            self.shown[account, "page" if path.startswith("/pages") else "api", whom] += 1

    def file(self, account: str, form: str, answer: Response) -> None:
        """How many rows a file has, and which bytes."""
        self.operations += 1
        assert answer.status_code == 200
        if form == "csv":
            rows = len(list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))) - 1
        else:
            rows = answer.text.count("<tr>") - 1
        self.files[account, form, sha256(answer.content).hexdigest(), rows] += 1

    def event(self, outlet: str, id_: str) -> None:
        """An event that came to somebody."""
        self.operations += 1
        self.handed[outlet, id_] += 1


def logged(database: Database) -> tuple[Count, Counter[str]]:
    """The same from the log; and of how many people the looks are that each file is made of."""
    count, of_file = Count(), Counter[str]()
    for event in _events(database):
        match event:
            case DataDisclosed(way=Way.EXPORT | Way.PRINT):
                of_file[event.export] += len(event.retirees)
            case DataDisclosed():
                count.shown[event.actor, event.way, frozenset(event.retirees)] += 1
            case DataDelivered():
                for id_ in event.events:
                    count.handed[event.outlet, id_] += 1
            case RegisterExported():
                count.files[event.actor, event.form, event.digest, event.rows] += 1
                of_file[event.export] -= event.rows
            case AccessDenied():
                count.denied += event.count
            case _:
                pass
    return count, of_file


def _events(database: Database) -> Iterator[Event]:
    for rows in log.scan(database):
        for entry in codec.entries(rows):
            yield entry.event


def told(ledger: Ledger, people: int) -> list[UUID]:
    """So many people, of ten communities, and the death of each: three alerts or so each."""
    found: list[UUID] = []
    for first in range(0, people, 200):
        batch = []
        for n in range(first, min(first + 200, people)):
            place = PLACES[n % len(PLACES)]
            home = replace(retirement(), residence_division=place, hukou_division=place)
            died = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
            batch += [submission(fact, f"{what}{n}", number=number_of(n)) for what, fact in (("r", home), ("d", died))]
        found += [one.retiree for one in ledger.accept(batch, TODAY) if isinstance(one, Receipt)]
    return list(dict.fromkeys(found))


def reads(random: Random, retirees: list[UUID], alerts: list[str]) -> Iterator[Asked]:
    """Questions of every kind, also for what is not theirs, and for whom there is nobody."""
    while True:
        account = random.choice(list(islice(ACCOUNTS, 4)))
        whom, place = random.choice(retirees), random.choice(PLACES)
        mine = place if account.startswith("officer") else f"{ACCOUNTS[account][1]}00100{random.randint(1, 5)}"
        path = random.choice(
            [
                f"/v1/roster?division={mine}&limit={random.randint(1, 20)}",
                f"/v1/roster?division={place}&limit=3",
                f"/v1/retirees/{whom}",
                f"/pages/retirees/{whom}",
                "search",
                "search",
                f"/v1/inbox?limit={random.randint(1, 10)}",
                f"/v1/retirees/{whom}/looks?limit=5",
                f"/pages/roster?division={mine}",
                f"/v1/registers/fees?division={mine}&limit=3",
                "alert" if random.random() < 0.1 else f"/v1/retirees/{whom}",
            ]
        )
        if path == "search":
            yield account, "/v1/roster/search", {"number": number_of(random.randrange(2 * len(retirees)))}
        elif path == "alert":
            yield "officer-1", f"/v1/alerts/{random.choice(alerts)}", None
        elif "/looks" in path:
            yield random.choice(["auditor", "guardian", account]), path.partition("?")[0], None
        elif "/inbox" in path:
            yield random.choice(["officer-2", "auditor", account]), path, None
        else:
            yield account, path, None


def exports() -> Iterator[tuple[str, str, str]]:
    while True:
        for account, form in (("worker-4", "csv"), ("worker-5", "print"), ("officer-1", "csv"), ("worker-4", "print")):
            place = f"{'440304' if account == 'officer-1' else ACCOUNTS[account][1]}001001"
            address = "/v1/registers/roster?as=csv&" if form == "csv" else "/pages/registers/roster/print?"
            yield account, form, f"{address}division={place}"


def fed(asked: Asking, name: str, count: Count) -> None:
    """Read a feed from its beginning to its end, page by page."""
    after = ""
    while True:
        page: dict[str, Any] = asked.json(name, f"/v1/feeds/{name}?after={after}")
        for event in page["events"]:
            count.event(f"feed:{name}", event["id"])
        if not page["events"] and page["after"] == after:
            return
        after = page["after"]


def read(asked: Asking, batch: Iterable[Asked], count: Count) -> None:
    """Ask, and go on to the next page where there is one."""
    questions, onward = list(batch), list[Asked]()
    for question, answer in zip(questions, asked.together(questions), strict=True):
        count.answer(question, answer)
        if question[2] is None and (later := answer.links.get("next")):
            onward.append((question[0], later["url"], None))
    for question, answer in zip(onward, asked.together(onward), strict=True):
        count.answer(question, answer)


def everything(  # noqa: PLR0917 - what it all stands on
    database: Database, keys: KeyRing, law: Law, dsn: str, folder: Path, seed: int, people: int, whole: int
) -> None:
    random, count = Random(seed), Count()  # noqa: S311 - questions are drawn, no secrets
    ledger, consumers = Ledger(database, keys, law), Consumers(database, keys)
    retirees = told(ledger, people)
    catch_up(database)
    alerts = [one.alert for one in _events(database) if isinstance(one, AlertRaised)]
    for n in range(FEEDS):
        terms = Terms(department=Department.AGENCY, kind="feed", account=f"feed-{n}", types=TYPES)
        consumers.register(f"feed-{n}", terms, "operator", 0)
    begun = monotonic()
    with ExitStack() as opened:
        hooks: list[Receiver] = [opened.enter_context(receiving()) for _ in range(WEBHOOKS)]
        for n, hook in enumerate(hooks):
            terms = Terms(department=Department.AGENCY, kind="webhook", url=hook.url, types=TYPES)
            hook.secret = consumers.register(f"hook-{n}", terms, "operator", 0)
        with asking(dsn, folder, ACCOUNTS) as asked:
            with delivering(consumers):  # while others read and write looks
                fed(asked, "feed-0", count)
                due = count.operations
                for n in range(1, FEEDS):
                    fed(asked, f"feed-{n}", count)
                wait_until(lambda: all(len(hook.taken) >= due for hook in hooks), 900)
            for n, hook in enumerate(hooks):
                for got in hook.tried:
                    count.event(f"webhook:hook-{n}", got.id)
            question, file = reads(random, retirees, alerts), exports()
            while count.operations < whole:
                read(asked, islice(question, AT_ONCE), count)
                if random.random() < 0.25:
                    account, form, path = next(file)
                    count.file(account, form, asked.asked(account, path))
                if random.random() < 0.05:
                    catch_up(database)  # so that there are looks to ask for
    found, of_file = logged(database)
    took = monotonic() - begun
    kinds = Counter(account for account, _, _ in count.shown.elements())
    print(  # noqa: T201 - for whoever looks on
        f"\n{count.operations} operations in {took:.0f} s: {count.shown.total()} looks of {len(kinds)} accounts, {count.handed.total()} "
        f"deliveries, {count.files.total()} files, {count.denied} refused; of the log {found.shown.total()}, {found.handed.total()}, "
        f"{found.files.total()}, {found.denied}"
    )
    assert found.shown - count.shown == Counter(), "recorded, and shown to nobody"
    assert count.shown - found.shown == Counter(), "shown, and not recorded"
    assert found.handed == count.handed
    assert found.files == count.files
    assert not any(of_file.values()), "each file is made of as many looks as it has rows"
    assert found.denied == count.denied
    assert min(count.shown.total(), count.handed.total(), count.files.total(), count.denied) > 0
