"""After an erasure everything that works on the log works as before: views, rebuilding, replaying, archives, receipts, looks."""

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from typer.testing import CliRunner, Result

from domain.facts import DeathReported, Department
from domain.history import Receipt
from domain.law import Law
from domain.proposals import Act, Wish
from infra.archive_verify import verify
from infra.archive_write import archive, restore
from infra.database import Database
from infra.erasing import Erasure
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.proposals import Proposals
from infra.rebuild import Rebuild
from infra.searching import Search
from infra.views import Views
from services.accepting.receipts import Notary
from services.accounts import Role
from services.cli import main
from tests.asking import Asking, asking
from tests.building import SHENZHEN, number_of, retirement, submission
from tests.partitioned import in_partitions_of
from tests.viewing import entries, folded, stored

TODAY, DUE = date(2024, 4, 10), date(2024, 4, 17)
DIED = DeathReported(effective=date(2024, 1, 31), document="民政〔2024〕1号")
ACCOUNTS = {"community": (Role.COMMUNITY, "440304901001"), "officer": (Role.OFFICER, "4403")}


class Erased(NamedTuple):
    """The ledger with five people, and the one of them who was erased; what was known before."""

    ledger: Ledger
    retiree: UUID
    receipt: Receipt
    before: int
    views: dict[str, dict[Any, dict[str, Any]]]


@pytest.fixture
def erased(
    dsn: str, database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Erased:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("CHANGQING_KEY", bytes(range(32)).hex())
    (tmp_path / "credentials.json").write_text("[]")
    monkeypatch.setenv("CHANGQING_CREDENTIALS_FILE", str(tmp_path / "credentials.json"))
    in_partitions_of(5, dsn)
    ledger = Ledger(database, keys, law)
    answers = ledger.accept([submission(retirement(), f"r{n}", number=number_of(n)) for n in range(1, 6)], TODAY)
    ledger.accept([submission(DIED, "d1", number=number_of(1), department=Department.CIVIL_AFFAIRS)], TODAY)
    Views(database).apply(entries(database))
    Search(database, keys).apply(entries(database))
    before, known = len(entries(database)), stored(database)
    receipt = answers[0]
    assert isinstance(receipt, Receipt)
    proposals = Proposals(database)
    wish = Wish(act=Act.ERASE, reason="kept long enough", basis="第四十七条", retiree=receipt.retiree)
    made = proposals.make(wish, "wang", TODAY)
    proposals.approve(made.id, "li", TODAY)
    Erasure(database, keys).carry_out(made.id, "li", DUE)
    Views(database).apply(entries(database, after=before))
    Search(database, keys).apply(entries(database, after=before))
    return Erased(ledger, receipt.retiree, receipt, before, known)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_views_are_rebuilt_and_replayed_to_what_they_were_at_every_position(
    erased: Erased, database: Database, owner: Database
) -> None:
    history = entries(database)
    assert stored(database, known=erased.before) == erased.views
    Rebuild(owner, lambda _: None).run()
    assert stored(database) == folded(history)
    assert stored(database, known=erased.before) == erased.views
    assert run("replay", "--compare").exit_code == 0
    assert run("replay", "--compare", "--to", str(erased.before)).exit_code == 0


def test_archives_hold_the_ciphertext_of_the_erased_and_are_sound(
    erased: Erased, database: Database, owner: Database, tmp_path: Path
) -> None:
    history = entries(database)
    folder = tmp_path / "archive"
    folder.mkdir()
    assert archive(owner, folder, 0, lambda _: None) >= 1
    assert verify(database, folder, lambda _: None)
    with closing(Database(database.dsn, archive=folder)) as reading:
        assert entries(reading) == history
    while run_of(owner, folder):
        pass
    assert entries(database) == history


def run_of(owner: Database, folder: Path) -> bool:
    """Bring an archive back; False when none is left."""
    with owner.transaction() as connection:
        if connection.execute("select from ledger.archive").fetchone() is None:
            return False
    restore(owner, folder, lambda _: None)
    return True


def test_the_receipt_that_was_given_is_given_again_and_the_original_is_not(
    erased: Erased, dsn: str, keys: KeyRing, tmp_path: Path
) -> None:
    (again,) = erased.ledger.accept([submission(retirement(), "r1", number=number_of(1))], TODAY)
    assert isinstance(again, Receipt)
    assert (again.position, again.recorded_at, again.known) == (
        erased.receipt.position,
        erased.receipt.recorded_at,
        True,
    )
    source = erased.receipt.source
    shown = run("original", source, "r1", "--by", "auditor", "--purpose", "audit")
    assert (shown.exit_code, "person-erased" in shown.stderr) == (3, True)
    with asking(dsn, tmp_path, {"auditor": (Role.AUDITOR, "")}) as asked:
        told = asked.json("auditor", f"/v1/receipts?source={source}&id=r1")
    signed = msgspec.json.decode(msgspec.json.encode(Notary(keys).signed(erased.receipt)))
    assert told["receipt"]["retiree"] == str(erased.retiree)
    assert told["receipt"]["proof"] == signed["proof"]


def test_nobody_is_shown_the_erased_now_or_as_known_before_and_everybody_else_is_there(
    erased: Erased, asked: Asking
) -> None:
    then = erased.receipt.recorded_at.isoformat().replace("+00:00", "Z")
    for more in ("", f"&known={then}"):
        rows = asked.json("community", f"/v1/roster?division={SHENZHEN}&limit=100{more}")
        assert len(rows) == 4
        assert str(erased.retiree) not in {row["retiree"] for row in rows}
    assert asked.post("community", "/v1/roster/search", {"number": number_of(1)}).json() == []
    assert len(asked.post("community", "/v1/roster/search", {"number": number_of(2)}).json()) == 1
    assert asked.status("officer", f"/v1/retirees/{erased.retiree}") == 410
