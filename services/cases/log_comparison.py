"""`changqing what-if --log`: which retirees, months and amounts of the whole ledger a changed law would touch.

What offices were told and answered is taken as it is in the log. Under each of the two laws the months are judged as if it had
always been the law, and as if pensions had been paid by it. Nothing is stored.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.entitlement import last_paid_month, review
from domain.law import Law
from domain.money import fen, yuan
from domain.replaying import replayed
from infra.database import Database
from infra.histories import Histories, History
from infra.keys import KeyRing
from infra.terminal import told
from services.application import today as business_day
from services.cases.case_file import comparison, laws
from services.cases.comparing import Compared, Pair, compared, judged
from services.opening import ledger_keys
from services.settings import Settings

_EVERY_SECONDS = 5.0


class Touched(Struct, frozen=True):
    """A retiree of whom something differs."""

    retiree: UUID
    compared: Compared


class Total(Struct, kw_only=True):
    """All of it. `position`: the log was read up to there. Yuan under the shipped law and the changed one, over those touched."""

    today: date
    position: int
    retirees: int = 0
    touched: int = 0
    due: Pair = Pair("0.00", "0.00")
    overpaid: Pair = Pair("0.00", "0.00")
    owed: Pair = Pair("0.00", "0.00")

    def add(self, found: Compared) -> None:
        """Count somebody who is touched."""
        self.touched += 1
        self.due = _sum(self.due, found.due)
        self.overpaid = _sum(self.overpaid, found.overpaid)
        self.owed = _sum(self.owed, found.owed)


def compare_log(today: date | None, law_at: date | None, compare_law: Path, *, as_json: bool) -> int:
    """Compare on standard output; how far it is, on standard error. Returns the exit code, 0.

    Raises `SettingsError`, `DatabaseError`, `WrongKeyError`.
    """
    law, other = laws(law_at, compare_law)
    assert other
    settings = Settings.read()
    database = Database(settings.database_url, archive=settings.changqing_archive)
    try:
        told(database, "what-if --log")
        for found in compare(database, ledger_keys(settings), law, other, today or business_day()):
            sys.stdout.writelines(f"{line}\n" for line in (_as_json(found) if as_json else _said(found)))
    finally:
        database.close()
    return 0


def compare(database: Database, keys: KeyRing, law: Law, other: Law, today: date) -> Iterator[Touched | Total]:
    """Everybody who is touched, and the total at the end. Memory holds one page of histories."""
    histories = Histories(database, keys)
    total = Total(today=today, position=histories.position)
    read, told = 0, time.monotonic()
    for people, page in histories.pages():
        for retiree, history in page:
            total.retirees += 1
            found = _compared(history, law, other, today)
            if found and found.touches:
                total.add(found)
                yield Touched(retiree, found)
        read += people
        if time.monotonic() - told >= _EVERY_SECONDS:
            told = time.monotonic()
            _progress(read, histories.people, total)
    _progress(read, histories.people, total)
    yield total


def _compared(history: History, law: Law, other: Law, today: date) -> Compared | None:
    states = replayed(history, law), replayed(history, other)
    if states[0].led_by:
        return None  # the record that leads this one has its facts
    ours, theirs = (state.dossier for state in states)
    same_days = last_paid_month(law, today) == last_paid_month(other, today)
    if same_days and review(ours, law, today) == review(theirs, other, today):
        return None  # of nearly everybody; going through their months takes ten times as long
    return compared(judged(ours, law, today, []), judged(theirs, other, today, []))


def _progress(read: int, people: int, total: Total) -> None:
    sys.stderr.write(
        f"已读 read {min(read, people):,} / {people:,}，退休人员 retirees {total.retirees:,}，受影响 touched {total.touched:,}\n"
    )


def _as_json(found: Touched | Total) -> Iterator[str]:
    yield msgspec.json.encode({"total": found} if isinstance(found, Total) else found).decode()


def _said(found: Touched | Total) -> Iterable[str]:
    if isinstance(found, Touched):
        return [f"{found.retiree}", *(f"  {line}" for line in comparison(found.compared))]
    return [
        f"截至 {found.today}，日志位置 as of that day and log position {found.position}",
        f"退休人员 retirees: {found.retirees}，受影响 touched: {found.touched}",
        f"应发合计 due in all: {found.due.shipped} → {found.due.changed} 元 yuan",
        f"多发 overpaid: {found.overpaid.shipped} → {found.overpaid.changed} 元 yuan",
        f"应补发 owed: {found.owed.shipped} → {found.owed.changed} 元 yuan",
    ]


def _sum(one: Pair, other: Pair) -> Pair:
    return Pair(*(yuan(fen(a) + fen(b)) for a, b in ((one.shipped, other.shipped), (one.changed, other.changed))))
