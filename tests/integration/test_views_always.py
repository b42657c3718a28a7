"""What always holds of the read models, whatever is told: rebuilt, live, replayed and folded are one, row by row."""

import pkgutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import Random

import pytest
from msgspec.structs import asdict

import projections
from domain.completeness import SourceHeard, SourceSilent
from domain.disclosures import DataDisclosed, Unusual, UnusualAccessFlagged
from domain.facts import (
    MAY_PUBLISH,
    ArchiveLent,
    ArchiveReceived,
    CareFlagged,
    ContactCardIssued,
    Department,
    FactRetracted,
    FeeAssessed,
    FeePaid,
    HandoverProposed,
    HealthFileKept,
    LifeEvent,
    PartyRelationTransferred,
    Relocated,
    SpecialGroup,
    SurvivalVerified,
    VisitMade,
)
from domain.facts.handover import Aspect, EnterpriseKind
from domain.history import Receipt
from domain.law import Law
from infra import rebuild, versions
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.log import stream_of
from infra.rebuild import Rebuild
from infra.replay import Replay
from infra.submissions import Submission
from infra.views import Views
from projections import READ_MODELS, ReadModel
from tests.building import SHENZHEN, retirement, submission
from tests.crowd import TODAY, batch, somebody
from tests.viewing import Held, entries, folded, stored

STEPS, WRITERS = 10, 2
OF_OFFICES: tuple[LifeEvent, ...] = (
    ArchiveReceived(effective=TODAY, register="册1"),
    ArchiveLent(effective=TODAY, borrower="档案馆"),
    PartyRelationTransferred(effective=TODAY, division=SHENZHEN),
    FeeAssessed(effective=TODAY, amount="1000.00"),
    FeePaid(effective=TODAY, amount="400.00"),
    VisitMade(effective=TODAY),
    ContactCardIssued(effective=TODAY),
    CareFlagged(effective=TODAY, group=SpecialGroup.ALONE),
    HealthFileKept(effective=TODAY),
    SurvivalVerified(effective=TODAY),
    Relocated(effective=TODAY, aspect=Aspect.RESIDENCE, division=SHENZHEN),
    HandoverProposed(effective=TODAY, enterprise_kind=EnterpriseKind.MUNICIPAL),
)
"""What offices tell of people, besides what the crowd tells."""


def test_every_read_model_is_one_of_those_that_are_tried() -> None:
    """A read model that stands in a file and not among them would be neither rebuilt nor compared."""
    files = [import_module(f"projections.{one.name}") for one in pkgutil.iter_modules(projections.__path__)]
    found = {one.table for file in files for one in vars(file).values() if isinstance(one, ReadModel)}
    assert found == {model.table for model in READ_MODELS}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rebuilt_live_replayed_and_folded_are_the_same_rows(
    database: Database, dsn: str, keys: KeyRing, law: Law, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a crowd of writers: deaths, retractions, corrections, mismatches and repeats, folded in batches of random sizes."""
    chance = Random(seed)  # noqa: S311 - a seed, not secrecy
    ledger, live = Ledger(database, keys, law), Views(database)
    first_of_all(ledger)
    for step in range(STEPS):
        for writer in range(WRITERS):
            ledger.accept([one.submission for one in batch(seed, writer, step)], TODAY)
        ledger.accept([of_office(chance, step, n) for n in range(20)], TODAY)
        watched(ledger, step)
    history = entries(database)
    begin = 0
    while begin < len(history):
        size = chance.choice([1, 2, 7, 50, 500])
        live.apply(history[begin : begin + size])
        begin += size
    whole = folded(history)
    assert stored(database) == whole
    of_streams = [model for model in READ_MODELS if model.row.__struct_fields__[0] == "retiree"]
    assert all(set(model.keys(entry)) <= {entry.stream} for model in of_streams for entry in history), (
        "as a replay reads"
    )
    bare = [table for table, rows in whole.items() if not any(map(tells, rows.values()))]
    assert not bare, "a read model of which nothing is told is not tried: tell something of it"

    monkeypatch.setattr(rebuild, "PAGE", chance.choice([3, 40, 1_000]))
    monkeypatch.setattr(rebuild, "KEPT", chance.choice([1, 30, 10_000]))
    with closing(Database(dsn, role=None)) as owner:
        shares = chance.choice([1, 2, 5])
        with owner.transaction() as connection:
            versions.begin(connection, READ_MODELS, shares)
        for number in range(shares):
            rebuild.fold_share(dsn, None, [model.table for model in READ_MODELS], number, shares, len(history))
        Rebuild(owner, lambda _: None).run()
    assert stored(database) == whole

    for position in {0, len(history), *(chance.randrange(len(history)) for _ in range(6))}:
        cut = folded(history[:position])
        assert stored(database, known=position) == cut
        assert _replayed(database, position) == cut
        assert not [row for row in Replay(database, READ_MODELS, position).compared() if row.differs]


def of_office(chance: Random, step: int, n: int) -> Submission:
    """A fact of the registers about one of the crowd; now and then one before it is taken back."""
    if step and chance.random() < 0.15:
        department = chance.choice([Department.COMMUNITY, Department.AGENCY])
        gone = FactRetracted(effective=TODAY, retracts=f"office-{step - 1}-{chance.randrange(20)}")
        return submission(gone, f"office-{step}-{n}", number=somebody(chance.randrange(60)), department=department)
    fact = chance.choice(OF_OFFICES)
    department = chance.choice(sorted(MAY_PUBLISH[type(fact)]))
    return submission(fact, f"office-{step}-{n}", number=somebody(chance.randrange(60)), department=department)


def first_of_all(ledger: Ledger) -> None:
    """Somebody is registered, to be handed over, and the fee is assessed: only then it can be."""
    told: tuple[tuple[LifeEvent, Department], ...] = (
        (retirement(), Department.AGENCY),
        (HandoverProposed(effective=TODAY, enterprise_kind=EnterpriseKind.MUNICIPAL), Department.ENTERPRISE),
        (FeeAssessed(effective=TODAY, amount="1000.00"), Department.COMMUNITY),
    )
    for n, (fact, department) in enumerate(told):
        (receipt,) = ledger.accept(
            [submission(fact, f"first-{n}", number=somebody(9_999), department=department)], TODAY
        )
        assert isinstance(receipt, Receipt), receipt


def watched(ledger: Ledger, step: int) -> None:
    """A source that is silent and heard again, turn by turn, and a look at nobody who is there, which is flagged."""
    at = datetime(2024, 4, 10, tzinfo=UTC) + timedelta(hours=step)
    source, department = "/police/shenzhen", Department.POLICE
    stream = stream_of(f"source:{source}")
    if step % 2:
        ledger.append(stream, SourceHeard(source=source, department=department, heard=at))
    else:
        ledger.append(stream, SourceSilent(source=source, department=department, heard=None, expected=at))
    look = DataDisclosed(
        department="community", actor="a", purpose="p", legal_basis="b", fields=("name",), retirees=(stream,)
    )
    ledger.append(stream_of("reader:a"), look)
    flag = UnusualAccessFlagged(
        why=Unusual.VOLUME, day=TODAY, department="community", actor="a", count=300, usual=100, position=step
    )
    ledger.append(stream_of("unusual-access"), flag)


def tells(row: dict[str, object]) -> bool:
    """Whether a row says more than that something was taken back before it came."""
    return bool(row.get("told", True))


def _replayed(database: Database, until: int) -> Held:
    found: Held = {model.table: {} for model in READ_MODELS}
    for row in Replay(database, READ_MODELS, until).rows():
        found[row.model.table][row.key] = asdict(row.folded)
    return found
