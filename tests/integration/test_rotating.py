"""The key-encryption key becomes another one under running processes, through kills, and the old one is needed no more."""

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from domain.facts import DeathReported
from domain.history import FactPublished, Receipt
from domain.law import Law
from domain.rotation import KeyRotated
from infra import codec, log
from infra.database import Database
from infra.histories import wrapped_keys
from infra.kept_keys import kept_keys
from infra.keys import KeyRing, WrongKeyError
from infra.ledger import Ledger
from infra.master_key import LocalKey
from infra.rotation import Rotation
from services.accepting.receipts import Notary
from tests.building import number_of, retirement, submission

TODAY = date(2024, 4, 10)
OLD, NEW, NEWEST = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
DIED = DeathReported(effective=date(2024, 1, 31))


def ring(dsn: str, key: bytes, next_key: bytes | None = None) -> KeyRing:
    return KeyRing(LocalKey(key), LocalKey(next_key) if next_key else None, lambda: kept_keys(dsn))


def accepted(ledger: Ledger, *numbers: int) -> list[Receipt]:
    given = [submission(retirement(), f"r{n}", number=number_of(n)) for n in numbers]
    answers = ledger.accept(given, TODAY)
    assert all(isinstance(one, Receipt) for one in answers), answers
    return [one for one in answers if isinstance(one, Receipt)]


def readable(database: Database, keys: KeyRing) -> int:
    """How many facts can be read, of all. Raises `WrongKeyError` where one cannot."""
    found = 0
    for rows in log.scan(database):
        entries = [one for one in codec.entries(rows) if isinstance(one.event, FactPublished)]
        with database.transaction() as connection:
            wrapped = wrapped_keys(connection, {one.stream for one in entries})
        sealed = [
            (one.stream, wrapped[one.stream], one.event.sealed)
            for one in entries
            if isinstance(one.event, FactPublished)
        ]
        found += len(keys.open_all(sealed))
    return found


def rotate(owner: Database, old: bytes, new: bytes) -> None:
    Rotation(owner, LocalKey(old), LocalKey(new), settle=0).run("operator:wang", lambda _: None)


def test_after_two_rotations_all_is_as_it_was_and_the_older_keys_open_nothing(
    dsn: str, database: Database, owner: Database, law: Law
) -> None:
    first = ring(dsn, OLD)
    accepted(Ledger(database, first, law), 1, 2, 3)
    letter, secret = first.seal_letter(b"a letter"), first.seal_secret("hook", b"a secret")
    rotate(owner, OLD, NEW)
    rotate(owner, NEW, NEWEST)

    now = ring(dsn, NEWEST)
    assert readable(database, now) == 3
    assert now.tag("name", "王小明") == first.tag("name", "王小明")
    assert (now.open_letter(letter), now.open_secret("hook", secret)) == (b"a letter", b"a secret")
    assert Notary(now).key_set() == Notary(first).key_set(), "receipts that were given verify as before"
    (again,) = accepted(Ledger(database, now, law), 1)
    assert again.known, "who it is and what was sent is known under the same hashes"
    for gone in (OLD, NEW):
        with pytest.raises(WrongKeyError):
            Ledger(database, ring(dsn, gone), law).accept([submission(DIED)], TODAY)
        with pytest.raises(WrongKeyError):
            readable(database, ring(dsn, gone))
    told = [
        one.event for rows in log.scan(database) for one in codec.entries(rows) if isinstance(one.event, KeyRotated)
    ]
    assert [(one.by, one.keys) for one in told] == [("operator:wang", 3)] * 2
    with owner.transaction() as connection:
        assert connection.execute("select distinct fingerprint from ledger.kept_secret").fetchall() == [
            (LocalKey(NEWEST).fingerprint,)
        ]


def test_a_rotation_to_a_third_key_or_from_a_key_that_is_not_the_ledgers_is_refused(
    dsn: str, database: Database, owner: Database, law: Law, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(Ledger(database, ring(dsn, OLD), law), 1)
    with pytest.raises(WrongKeyError):
        rotate(owner, NEWEST, NEW)
    monkeypatch.setattr(Rotation, "_wait", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        rotate(owner, OLD, NEW)
    monkeypatch.undo()
    with pytest.raises(WrongKeyError, match="another key"):
        rotate(owner, OLD, NEWEST)
    with pytest.raises(WrongKeyError):
        Ledger(database, ring(dsn, NEW), law).accept([submission(DIED)], TODAY)  # not before it has ended
    rotate(owner, OLD, NEW)
    assert readable(database, ring(dsn, NEW)) == 1


def test_killed_again_and_again_under_writers_it_ends_with_everybody_under_the_next_key(
    dsn: str, database: Database, owner: Database, law: Law, tmp_path: Path
) -> None:
    both = ring(dsn, OLD, NEW)
    ledger = Ledger(database, both, law)
    accepted(ledger, *range(1, 401))
    stop, written = Event(), list[int]()

    def write() -> None:
        for n in range(401, 900):
            if stop.is_set():
                return
            accepted(ledger, n)
            written.append(n)

    for name, key in (("old", OLD), ("new", NEW)):
        (tmp_path / name).write_text(key.hex())
    program = (
        "import infra.rotation as r, sys\n"
        "from pathlib import Path\n"
        "from infra.database import Database\n"
        "from infra.master_key import LocalKey\n"
        "r._PAGE = 20\n"
        "old, new = (LocalKey.from_file(Path(one)) for one in sys.argv[2:4])\n"
        "def say(so_far):\n"
        "    print(so_far.seen, flush=True)\n"
        "r.Rotation(Database(sys.argv[1], role=None), old, new, settle=3).run('operator:wang', say)\n"
    )
    command = [sys.executable, "-c", program, dsn, str(tmp_path / "old"), str(tmp_path / "new")]
    writer = Thread(target=write)
    writer.start()
    try:
        for lines in (1, 3, 5):
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as running:
                assert running.stdout
                for _ in range(lines):
                    assert running.stdout.readline()
                running.send_signal(signal.SIGKILL)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=240)
    finally:
        stop.set()
        writer.join()
    assert written
    assert readable(database, ring(dsn, NEW)) == 400 + len(written)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select retiree, wrapped from ledger.retiree_key").fetchall()
    old = LocalKey(OLD)
    for retiree, wrapped in rows:
        with pytest.raises(WrongKeyError):
            old.unwrap([retiree], [wrapped])
    assert accepted(Ledger(database, ring(dsn, NEW), law), 950)
