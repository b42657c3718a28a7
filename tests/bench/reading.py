"""What offices wait for: first pages, searches, a community of three thousand as of any two days, a roster in Excel, the bulletin.

Each question goes through the code that the API calls, its answer made to JSON, and the look recorded on disk before that.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from random import Random
from statistics import median, quantiles
from threading import Event as Flag
from time import perf_counter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from domain.facts import Department
from infra import codec, log
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import LAST
from infra.searching import Search, Sought
from infra.statutes import the_law, the_lineage
from infra.views import Views
from projections import candidates
from services.accounts import Account, Role
from services.application import today
from services.reading.exporting import xlsx_of
from services.reading.reader import Reader
from services.reading.sheets import Asked, Row, whole
from services.registers import REGISTERS
from services.registers.ahead import Ahead
from services.registers.bulletin import last_quarter
from services.registers.periods import period_of
from tests.bench import ours
from tests.bench.runner import Bench, Figure, Sample
from tests.bench.stream import SEED
from tests.bench.years import LARGE, LARGE_PEOPLE, SPARSE

NOBODY = UUID(int=0)
_A_PAGE, _SCAN, _TIMES = 50, 2_000, 100
_ROWS = 12_000
"""So many lines has the roster that is written to Excel."""


class Asking(NamedTuple):
    """Who asks what: the reader of one process, and whom and where one can ask for."""

    reader: Reader
    rng: Random
    places: list[str]
    people: list[dict[str, str]]
    times: list[datetime]

    def anywhere(self) -> str:
        """Any community, the large and the sparse one as often as the others together."""
        return self.rng.choice([LARGE, SPARSE, self.rng.choice(self.places)])

    def known(self) -> Reader:
        """The reader of what was known at any time."""
        return self.reader.as_known(self.rng.choice(self.times))


Question = Callable[[Asking], object]


def account(role: Role, division: str) -> Account:
    """Somebody of an office."""
    department = Department.COMMUNITY if role is Role.COMMUNITY else Department.AGENCY
    return Account(name="bench", role=role, department=department, division=division)


def _roster(asking: Asking) -> object:
    place = asking.anywhere()
    return asking.reader.roster(account(Role.COMMUNITY, place), place, NOBODY, _A_PAGE)


def _registered(asking: Asking) -> object:
    place = asking.anywhere()
    return asking.reader.roster(
        account(Role.OFFICER, place[:4]), place[: asking.rng.choice([4, 6, 12])], NOBODY, _A_PAGE
    )


def _inbox(asking: Asking) -> object:
    return asking.reader.inbox(account(Role.OFFICER, asking.anywhere()[:4]), "open", LAST, _A_PAGE)


def _trail(asking: Asking) -> object:
    return asking.reader.audit(account(Role.AUDITOR, ""), "", None, "", _A_PAGE)


def _register(name: str, role: Role = Role.COMMUNITY) -> Question:
    def page(asking: Asking) -> object:
        place = asking.anywhere()[: 12 if role is Role.COMMUNITY else 4]
        return REGISTERS[name].page(asking.reader, account(role, place), Asked(), "", _A_PAGE)

    return page


def _by_name(asking: Asking) -> object:
    return _search(asking, Sought(name=asking.rng.choice(asking.people)["name"]))


def _by_part(asking: Asking) -> object:
    name = asking.rng.choice(asking.people)["name"]
    return _search(asking, Sought(name=name[:2] if asking.rng.random() < 0.5 else name[-2:]))


def _by_number(asking: Asking) -> object:
    return _search(asking, Sought(number=asking.rng.choice(asking.people)["identity_number"]))


def _by_phone(asking: Asking) -> object:
    return _search(asking, Sought(phone=asking.rng.choice(asking.people)["phone"]))


def _search(asking: Asking, sought: Sought) -> object:
    role = asking.rng.choice([Role.COMMUNITY, Role.OFFICER])
    division = asking.anywhere()[: 12 if role is Role.COMMUNITY else 4]
    return asking.reader.search(account(role, division), sought, NOBODY, _A_PAGE)


def _a_day(rng: Random) -> date:
    return today() - timedelta(days=rng.randrange(5 * 365))


def _then(asking: Asking) -> object:
    day = _a_day(asking.rng)
    return asking.known().roster(account(Role.COMMUNITY, LARGE), LARGE, NOBODY, _A_PAGE, day)


def _all_then(asking: Asking) -> object:
    """The whole of it, in pages as a register has them."""
    reader, day, after = asking.known(), _a_day(asking.rng), NOBODY
    found: list[Any] = []
    while page := reader.roster(account(Role.COMMUNITY, LARGE), LARGE, after, _SCAN, day):
        found += page
        after = page[-1].retiree
    return found


def _counts(asking: Asking) -> object:
    return asking.known().roster_counts(account(Role.COMMUNITY, LARGE), LARGE, _a_day(asking.rng))


def _excel(asking: Asking) -> object:
    """The first lines of a city's roster."""
    sheet, asked = REGISTERS["roster"], Asked()
    chunks = whole(sheet, asking.reader.steady(" bench"), account(Role.OFFICER, "4403"), asked)
    return sum(map(len, xlsx_of(sheet.zh, sheet.columns, _first(_ROWS, chunks), [])))


def _first(count: int, chunks: Iterator[list[Row]]) -> Iterator[list[Row]]:
    for chunk in chunks:
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return


def _bulletin(asking: Asking) -> object:
    return REGISTERS["bulletin"].page(asking.reader, account(Role.AUDITOR, ""), Asked(), "", _SCAN)


class Group(NamedTuple):
    """Questions that are measured together, how often, and what is claimed, in milliseconds."""

    what: str
    times: int
    at_most: float
    questions: tuple[Question, ...]


GROUPS = (
    Group(
        "first page of a roster, inbox, trail, register",
        400,
        50,
        (
            _roster,
            _registered,
            _inbox,
            _trail,
            *map(_register, ("roster", "archives", "party-relations", "fees", "visits", "verifications")),
            _register("verifications", Role.OFFICER),
            _register("sharing-gaps", Role.OFFICER),
        ),
    ),
    Group("search by name, part of a name, number, telephone", 400, 50, (_by_name, _by_part, _by_number, _by_phone)),
    Group(f"first page of {LARGE_PEOPLE:,} people on any day, as known at any time", 200, 150, (_then,)),
    Group(f"all lines of {LARGE_PEOPLE:,} people on any day, as known at any time", 100, 150, (_all_then,)),
    Group(f"counts of {LARGE_PEOPLE:,} people on any day, as known at any time", 100, 150, (_counts,)),
    Group(f"{_ROWS:,} lines of a roster to Excel", 3, 2_000, (_excel,)),
    Group("the bulletin of every city, a quarter", 3, 1_000, (_bulletin,)),
)


def measure(bench: Bench, dsn: str) -> None:
    """Everybody made findable first, then each group of questions."""
    with bench.timed() as watch:
        _make_findable(dsn)
    bench.note(f"everybody was made findable in {watch.seconds:,.0f} s")
    bench.server.vacuum(dsn)
    with bench.timed() as watch:
        _reckon(dsn)
    bench.note(f"the bulletin of the last quarter was reckoned, of everybody, in {watch.seconds:,.0f} s")
    bench.server.checkpoint()  # a look is on disk before its answer, and would wait for what the reckoning left to write
    with asked(dsn) as asking:
        for group in GROUPS:
            bench.compare({group.what: lambda group=group: _timed(bench, asking, group)}, times=1)  # type: ignore[misc] # bound at once


def claim(bench: Bench) -> None:
    """What is claimed of each group: of the slowest hundredth, and of a few of the one in the middle."""
    for group in GROUPS:
        many = group.times >= 100
        bench.claim(group.what, _slowest(group) if many else _middle(group), at_most=group.at_most)


@contextmanager
def asked(dsn: str) -> Iterator[Asking]:
    """A reader as a process of the API has it, and whom to ask for."""
    keys, law, rng = KeyRing(ours.KEY), the_law(), Random(SEED)
    with closing(Database(dsn)) as database:
        views = Views(database)
        reader = Reader(Ledger(database, keys, law), views, keys, the_lineage(), law)
        places = [str(row["community"]) for row in views.select(candidates.BEGINNING, {"begins": [""]})]
        plain = reader.unmasking("whom to ask for").roster(account(Role.OFFICER, ""), "", NOBODY, 500)
        people = [msgspec.to_builtins(line.person) for line in plain]
        positions = [rng.randrange(views.position()) for _ in range(_TIMES)]
        with database.transaction() as connection:
            times = [row.recorded_at for at in positions for row in log.read(connection, at, 1)]
        yield Asking(reader, rng, places, people, times)


def _timed(bench: Bench, asking: Asking, group: Group) -> Sample:
    """Milliseconds until an answer is JSON, of a server that was asked as much before; what that took, from a disk say, is told too."""
    first = _asked(asking, group)
    bench.note(
        f"{group.what}, the first time: median {median(first):.0f} ms, 99th percentile {_hundredth(first):.0f} ms"
    )
    again = _asked(asking, group)
    return {_middle(group): median(again), _slowest(group): _hundredth(again)}


def _asked(asking: Asking, group: Group) -> list[float]:
    """How long each question took, one after the other."""
    times = []
    for number in range(group.times):
        begun = perf_counter()
        msgspec.json.encode(group.questions[number % len(group.questions)](asking), enc_hook=str)
        times.append((perf_counter() - begun) * 1000)
    return times


def _hundredth(times: list[float]) -> float:
    """The slowest hundredth is slower."""
    return quantiles(times, n=100, method="inclusive")[98]


def _middle(group: Group) -> Figure:
    return Figure(f"ours: {group.what}, median", "ms")


def _slowest(group: Group) -> Figure:
    return Figure(f"ours: {group.what}, 99th percentile", "ms")


def _reckon(dsn: str) -> None:
    """As the follower does ahead: a question about so many finds it kept, as of the same position."""
    day = today()
    with closing(Database(dsn)) as database:
        ahead = Ahead(database, the_law())
        ahead.ask(period_of(Asked(), day, last_quarter(day)))
        with ahead.alone():
            while ahead.reckon_next(Flag()):
                pass


def _make_findable(dsn: str) -> None:
    with closing(Database(dsn)) as database:
        search = Search(database, KeyRing(ours.KEY))
        for rows in log.scan(database, search.position(), 5_000):
            search.apply(codec.entries(rows))
