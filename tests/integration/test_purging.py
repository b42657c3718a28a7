"""After an erasure and the purge PostgreSQL's own files hold nothing of whoever was erased, and the scan would have found it."""

import gzip
import io
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import psycopg
import pytest

from domain.facts import Person
from domain.history import Receipt
from domain.law import Law
from domain.proposals import Act, Wish
from infra import codec, log
from infra.database import Database, RightsError
from infra.embedded import Postgres
from infra.erasing import Erasure
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.migrations import migrate
from infra.proposals import Proposals
from infra.purging import purge
from infra.scanned import rows_as_text
from infra.searching import Search
from infra.views import Views
from services.scanning import in_file, needles, scan
from tests.building import number_of, retirement, submission
from tests.mortal import mortal_postgres

TODAY, DUE = date(2024, 4, 10), date(2024, 4, 17)
CANARIES = [number_of(1), "欧阳致远", "15412345678", "深圳市福田区景田街道一号"]
THEY = Person(identity_number=CANARIES[0], name=CANARIES[1], phone=CANARIES[2], address=CANARIES[3])


@pytest.fixture
def server() -> Iterator[Postgres]:
    with mortal_postgres() as started:
        yield started


def holding(home: Path, secrets: dict[str, bytes]) -> dict[str, list[str]]:
    """In which files of a server each of some bytes stands."""
    found: dict[str, list[str]] = {name: [] for name in secrets}
    for file in home.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for name, secret in secrets.items():
                if secret in content:
                    found[name].append(str(file.relative_to(home)))
    return found


def test_neither_plaintext_nor_key_nor_tag_is_left_in_any_file_of_postgresql(
    server: Postgres, keys: KeyRing, law: Law
) -> None:
    dsn = server.dsn("purged")
    migrate(dsn)
    with closing(Database(dsn)) as database, closing(Database(dsn, role=None)) as owner:
        ledger, search, views, proposals = Ledger(database, keys, law), Search(database, keys), Views(database), Proposals(database)  # fmt: skip
        answers = ledger.accept(
            [submission(retirement(), "1", person=THEY)]
            + [submission(retirement(), f"r{n}", number=number_of(n)) for n in range(2, 60)],
            TODAY,
        )
        mine = answers[0]
        assert isinstance(mine, Receipt)
        for rows in log.scan(database, 0, 1_000):
            search.apply(codec.entries(rows))
            views.apply(codec.entries(rows))
        with owner.transaction() as connection:
            row = connection.execute("select wrapped from ledger.retiree_key where retiree = %s", [mine.retiree])
            (wrapped,) = row.fetchone() or (b"",)
        secrets = {
            "wrapped key": wrapped,
            "tag of the name": keys.tag("name", CANARIES[1]).hex().encode(),
            "tag to find a part of the name": keys.tag("search part of a name", CANARIES[1][:2]),
            "tag to find the telephone": keys.tag("search phone", CANARIES[2]),
        }
        assert all(holding(server.home, secrets).values()), "each is there before"

        made = proposals.make(Wish(act=Act.ERASE, reason="old", basis="第四十七条", retiree=mine.retiree), "a", TODAY)
        proposals.approve(made.id, "b", TODAY)
        Erasure(database, keys).carry_out(made.id, "c", DUE)
        assert any(holding(server.home, secrets).values()), "what was deleted is still in the files"
        said: list[str] = []
        purge(owner, said.append)
        assert holding(server.home, secrets) == {name: [] for name in secrets}
        assert list(scan(CANARIES, [server.home], database=False, kafka=False)) == []
        sought = needles(CANARIES)
        assert not [name for name, row in rows_as_text(dsn) for one in sought if one.text in row]
        assert said[-1].startswith("WAL: ")
        again = ledger.accept([submission(retirement(), "r2", number=number_of(2))], TODAY)
        assert isinstance(again[0], Receipt)


def test_only_a_superuser_purges_and_others_are_told_what_to_run(dsn: str, database: Database) -> None:
    with pytest.raises(RightsError, match="vacuum full"):
        purge(database, lambda _: None)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("show wal_recycle").fetchone() == ("on",)


def hidden(folder: Path) -> dict[str, Path]:
    """Files in which a number and a name stand, each in its own way."""
    number, name = CANARIES[:2]
    text = f'{{"identity_number":"{number}","name":"{name}"}}'.encode()
    sheet = io.BytesIO()
    with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", b"x" * 3_000_000 + text)
    ways = {
        "plain": b"\0" * 100 + text,
        "hex": text.hex().encode(),
        "base64": b64encode(text),
        "base64 later": b64encode(b"{" + text),
        "gb18030": f"{number},{name}".encode("gb18030"),
        "utf-16": f"{number},{name}".encode("utf-16"),
        "packed.gz": gzip.compress(b"y" * 2_000_000 + text),
        "packed.xlsx": sheet.getvalue(),
        "json": f'{{"identity_number":"{number}","name":"{name.encode("ascii", "backslashreplace").decode()}"}}'.encode(),
    }
    for way, content in ways.items():
        (folder / way).write_bytes(content)
    return {way: folder / way for way in ways}


def test_the_scan_finds_a_number_and_a_name_however_they_are_written_and_repeats_neither(tmp_path: Path) -> None:
    sought = needles(CANARIES)
    for way, file in hidden(tmp_path).items():
        found = list(in_file(file, sought))
        assert {line for line in ("line 1", "line 2") for one in found if line in one} == {"line 1", "line 2"}, way
        assert not any(canary in one for one in found for canary in CANARIES)
    (tmp_path / "empty").touch()
    (tmp_path / "nothing").write_bytes(b"110101199001011234" * 1000)
    assert not [*in_file(tmp_path / "empty", sought), *in_file(tmp_path / "nothing", sought)]
