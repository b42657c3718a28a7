"""A changed law over the whole ledger: who would be touched, by how many months and how much."""

from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from domain.disclosures import DataDelivered
from domain.facts import AlertApplied, DeathReported, Department, GoneMissing
from domain.law import Law
from infra import histories, log
from infra.archive_write import archive
from infra.changed_law import changed, read_changes
from infra.database import Database
from infra.histories import Histories
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.submissions import Submission
from services.cases.log_comparison import Total, Touched, compare
from tests.building import AGENCY, number_of, retirement, submission
from tests.partitioned import in_partitions_of

LATER = """
[[rule]]
key = "missing-suspends"
valid_from = 1978-06-02
document = "试行规定"
article = "失踪当月不计"
zh = "下落不明的自次月起发给六个月，第八个月起暂停"
en = "missing: paid six months from the next, suspended from the eighth"
mark = "C"
months_after = 7
"""
NOW = date(2024, 12, 31)
MISSING = GoneMissing(effective=date(2024, 2, 10))


@pytest.fixture
def ours(database: Database, keys: KeyRing, law: Law) -> Ledger:
    return Ledger(database, keys, law)


def tell(ours: Ledger, one: Submission, today: date) -> UUID:
    (receipt,) = ours.accept([one], today)
    assert not isinstance(receipt, Exception)
    return receipt.retiree


def missing(ours: Ledger, n: int, learnt: date) -> UUID:
    tell(ours, submission(retirement(), f"r{n}", number=number_of(n)), date(2020, 2, 3))
    return tell(ours, submission(MISSING, f"m{n}", number=number_of(n), department=Department.POLICE), learnt)


def asked(database: Database, keys: KeyRing, law: Law, other: Law) -> tuple[list[Touched], Total]:
    *touched, total = compare(database, keys, law, other, NOW)
    assert isinstance(total, Total)
    return [one for one in touched if isinstance(one, Touched)], total


def test_only_those_whom_the_changed_rule_concerns_are_touched(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    """Missing since February: suspended from August; from September where the month of disappearance does not count."""
    gone = missing(ours, 1, date(2024, 3, 1))
    tell(ours, submission(retirement(), "r2", number=number_of(2)), date(2020, 2, 3))
    tell(ours, submission(DeathReported(effective=date(2024, 1, 31)), "d2", number=number_of(2)), date(2024, 4, 10))
    (one,), total = asked(database, keys, law, changed({"try.toml": LATER}))
    assert one.retiree == gone
    (line,) = one.compared.months
    assert (line.first, line.last) == ("2024-08", "2024-08")
    assert (line.shipped.status, line.shipped.due, line.shipped.article) == (
        "suspended",
        "0.00",
        "下落不明超过六个月的暂停发放",
    )
    assert (line.changed.status, line.changed.due, line.changed.article) == ("payable", "3456.78", "第十六条")
    assert (total.retirees, total.touched) == (2, 1)
    assert (total.due.shipped, total.due.changed) == (one.compared.due.shipped, one.compared.due.changed)
    with database.transaction() as connection:
        assert total.position == log.last_position(connection)


def test_the_same_law_touches_nobody(ours: Ledger, database: Database, keys: KeyRing, law: Law) -> None:
    missing(ours, 1, date(2024, 3, 1))
    touched, total = asked(database, keys, law, law)
    assert (touched, total.retirees, total.touched) == ([], 1, 0)


def test_an_amount_that_was_overpaid_would_have_been_smaller(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    """Known in November only: August, September and October were paid, November too."""
    missing(ours, 1, date(2024, 11, 10))
    (one,), total = asked(database, keys, law, changed({"try.toml": LATER}))
    assert (one.compared.overpaid.shipped, one.compared.overpaid.changed) == ("13827.12", "10370.34")
    assert total.overpaid == one.compared.overpaid


def test_what_an_office_answered_counts_under_both_laws(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    """What was overpaid is back: nothing of it is left to differ, but for the month itself."""
    gone = missing(ours, 1, date(2024, 11, 10))
    back = AlertApplied(effective=date(2024, 11, 20), alert=f"{gone}-2", month="2024-11")
    tell(ours, submission(back, "a1", department=AGENCY), date(2024, 11, 20))
    (one,), _ = asked(database, keys, law, changed({"try.toml": LATER}))
    assert (one.compared.overpaid.shipped, one.compared.overpaid.changed) == ("0.00", "0.00")


def test_whoever_was_erased_is_compared_without_names(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    gone = missing(ours, 1, date(2024, 3, 1))
    with psycopg.connect(database.dsn) as connection:  # as erasing does it, with its owner's rights
        connection.execute("delete from ledger.retiree_key where retiree = %s", [gone])
    (one,), _ = asked(database, keys, law, changed({"try.toml": LATER}))
    assert one.retiree == gone


def test_a_page_of_one_gives_the_same(
    ours: Ledger, database: Database, keys: KeyRing, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = sorted(missing(ours, n, date(2024, 3, 1)) for n in range(1, 6))
    other = changed({"try.toml": LATER})
    whole = asked(database, keys, law, other)
    monkeypatch.setattr(histories, "_PAGE", 1)
    assert asked(database, keys, law, other)[0] == whole[0]
    assert sorted(one.retiree for one in whole[0]) == people


def test_records_of_deliveries_and_looks_are_not_read(
    ours: Ledger, database: Database, keys: KeyRing, law: Law
) -> None:
    """A relay's stream is as long as the log; nobody's history holds it."""
    gone = missing(ours, 1, date(2024, 3, 1))
    delivered = DataDelivered(department="agency", outlet="alerts.pension", alerts=("x",), retirees=(gone,))
    ours.append(log.stream_of("outbox:relay"), delivered)
    asked_now = Histories(database, keys)
    assert (asked_now.people, [people for people, _ in asked_now.pages()]) == (1, [1])


def test_what_comes_while_it_reads_is_not_seen(ours: Ledger, database: Database, keys: KeyRing) -> None:
    missing(ours, 1, date(2024, 3, 1))
    asked_now = Histories(database, keys)
    missing(ours, 2, date(2024, 3, 2))
    assert sum(len(page) for _, page in asked_now.pages()) == 1


def test_a_history_whose_beginning_is_archived_is_read_whole(dsn: str, keys: KeyRing, law: Law, tmp_path: Path) -> None:
    in_partitions_of(5, dsn)
    reading, owning = Database(dsn, archive=tmp_path), Database(dsn, role=None)
    try:
        ours, other = Ledger(reading, keys, law), changed({"try.toml": LATER})
        people = {missing(ours, n, date(2024, 3, 1)) for n in range(1, 7)}
        before = asked(reading, keys, law, other)
        assert archive(owning, tmp_path, 0, lambda _: None)
        assert asked(reading, keys, law, other) == before
        assert {one.retiree for one in before[0]} == people
    finally:
        reading.close()
        owning.close()


def test_the_files_of_a_directory_are_one_law(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(LATER, "utf-8")
    (tmp_path / "notes.txt").write_text("not law", "utf-8")
    assert list(read_changes(tmp_path)) == ["a.toml"]
