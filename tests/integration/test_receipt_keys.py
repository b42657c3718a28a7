"""The key of receipts becomes another one while they are given, and whoever keeps a receipt can show it all the same."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import msgspec
import psycopg
import pytest

from domain.accounts import CredentialChanged
from domain.history import Receipt
from domain.law import Law
from domain.refusals import Refused
from infra import codec, log, receipt_keys
from infra.database import Database
from infra.dsse import SigningKey
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.receipt_keys import ReceiptKeys
from services.accepting.receipts import PAYLOAD_TYPE, Notary, SignedReceipt
from services.client import LedgerKeys
from services.client.errors import UntrustedError
from services.client.receipts import receipt_of
from tests.building import number_of, retirement, submission

TODAY = date(2024, 4, 10)
AT_ONCE = timedelta(0)


@pytest.fixture(autouse=True)
def asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test need not wait a second for a process to learn of a new key."""
    monkeypatch.setattr(receipt_keys, "KEPT_SECONDS", 0.0)


@pytest.fixture
def rotated(database: Database, keys: KeyRing) -> ReceiptKeys:
    return ReceiptKeys(database, keys)


def given(database: Database, keys: KeyRing, law: Law, number: int) -> bytes:
    """A receipt as a process answers it that runs all the while."""
    one = submission(retirement(), f"r{number}", number=number_of(number))
    (receipt,) = Ledger(database, keys, law).accept([one], TODAY)
    assert isinstance(receipt, Receipt)
    return msgspec.json.encode(Notary(keys, ReceiptKeys(database, keys)).signed(receipt))


def published(keys: KeyRing, rotated: ReceiptKeys) -> LedgerKeys:
    return LedgerKeys.of(msgspec.json.encode(Notary(keys, rotated).key_set()))


def test_receipts_of_before_between_and_after_two_rotations_all_verify_by_the_keys_of_the_ledger(
    database: Database, keys: KeyRing, law: Law, rotated: ReceiptKeys
) -> None:
    before = LedgerKeys.of(msgspec.json.encode(Notary(keys, rotated).key_set()))
    receipts = [given(database, keys, law, 1)]
    rotated.rotate("operator:wang", AT_ONCE)
    receipts.append(given(database, keys, law, 2))
    rotated.rotate("operator:wang", AT_ONCE)
    receipts.append(given(database, keys, law, 3))

    known = published(keys, rotated)
    assert all(receipt_of(one, known).verified for one in receipts)
    assert receipt_of(receipts[0], before).verified
    with pytest.raises(UntrustedError, match="not the ledger's"):
        receipt_of(receipts[1], before)
    signed = [msgspec.json.decode(one, type=SignedReceipt).proof.signatures[0].keyid for one in receipts]
    jwks = Notary(keys, rotated).key_set()["keys"]
    assert signed == [one["kid"] for one in jwks]
    assert [("nbf" in one, "exp" in one) for one in jwks] == [(False, True), (True, True), (True, False)]
    told = [
        one.event
        for rows in log.scan(database)
        for one in codec.entries(rows)
        if isinstance(one.event, CredentialChanged)
    ]
    assert [(one.by, one.credential) for one in told] == [("operator:wang", "receipt-key")] * 2


def test_a_new_key_is_published_before_it_signs_and_no_other_is_made_meanwhile(
    database: Database, keys: KeyRing, law: Law, rotated: ReceiptKeys
) -> None:
    rotated.rotate("operator:wang", timedelta(hours=24))
    ahead = published(keys, rotated)
    first = given(database, keys, law, 1)
    assert msgspec.json.decode(first, type=SignedReceipt).proof.signatures[0].keyid == keys.receipts.keyid
    with pytest.raises(Refused, match="rotation-pending"):
        rotated.rotate("operator:wang", AT_ONCE)
    with psycopg.connect(database.dsn) as connection:
        connection.execute("update ledger.receipt_key set since = since - interval '25 hours' where sealed is not null")
    second = given(database, keys, law, 2)
    assert msgspec.json.decode(second, type=SignedReceipt).proof.signatures[0].keyid != keys.receipts.keyid
    assert receipt_of(second, ahead).verified, "whoever got the keys ahead of time needs no others"


def test_what_an_older_key_signs_of_a_later_time_is_no_receipt(
    database: Database, keys: KeyRing, law: Law, rotated: ReceiptKeys
) -> None:
    receipt = msgspec.json.decode(given(database, keys, law, 1), type=Receipt)
    rotated.rotate("operator:wang", AT_ONCE)
    known, stolen = published(keys, rotated), keys.receipts

    def forged(at: datetime) -> bytes:
        said = msgspec.structs.replace(receipt, recorded_at=at)
        proof = stolen.envelope(PAYLOAD_TYPE, msgspec.json.encode(said))
        return msgspec.json.encode(msgspec.structs.asdict(said) | {"proof": proof})

    assert receipt_of(forged(receipt.recorded_at), known).verified
    with pytest.raises(UntrustedError, match="no longer had"):
        receipt_of(forged(datetime.now(UTC) + timedelta(minutes=1)), known)


def test_killed_before_the_end_of_a_rotation_nothing_of_it_is_there(
    database: Database, keys: KeyRing, law: Law, rotated: ReceiptKeys
) -> None:
    given(database, keys, law, 1)
    program = (
        "import os, signal, sys\n"
        "from datetime import timedelta\n"
        "import infra.receipt_keys as r\n"
        "from infra.database import Database\n"
        "from infra.keys import KeyRing\n"
        "r.tell = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "r.ReceiptKeys(Database(sys.argv[1]), KeyRing(bytes(range(32)))).rotate('operator:wang', timedelta(0))\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, database.dsn], check=False, env=os.environ, timeout=120)
    assert killed.returncode == -9
    assert [one.kid for one in rotated.published()] == [keys.receipts.keyid]
    assert rotated.signing().keyid == keys.receipts.keyid
    rotated.rotate("operator:wang", AT_ONCE)
    assert receipt_of(given(database, keys, law, 2), published(keys, rotated)).verified


def test_a_key_that_signs_no_more_is_kept_no_longer_than_until_the_next_rotation(
    database: Database, keys: KeyRing, rotated: ReceiptKeys
) -> None:
    for _ in range(3):
        rotated.rotate("operator:wang", AT_ONCE)
        with psycopg.connect(database.dsn) as connection:
            connection.execute("update ledger.receipt_key set until = until - interval '1 minute'")
    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute("select sealed is null from ledger.receipt_key order by since").fetchall()
    assert rows == [(True,), (True,), (False,), (False,)]
    assert isinstance(rotated.signing(), SigningKey)


def test_the_command_rotates_at_once_or_in_time_and_says_which_key_signs_when(
    database: Database, keys: KeyRing, law: Law, rotated: ReceiptKeys
) -> None:
    given(database, keys, law, 1)
    environment = os.environ | {"DATABASE_URL": database.dsn, "CHANGQING_KEY": bytes(range(32)).hex()}

    def rotate(hours: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "services.cli", "rotate-key", "--receipts", "--hours", hours]
        ran = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", env=environment, timeout=120)
        return ran.returncode, ran.stdout + ran.stderr

    code, said = rotate("0")
    assert code == 0, said
    assert rotated.signing().keyid in said
    assert rotate("24")[0] == 0
    code, said = rotate("0")
    assert code == 3
    assert "rotation-pending" in said
    assert [one.until is None for one in rotated.published()] == [False, False, True]
