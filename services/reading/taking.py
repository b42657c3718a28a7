"""A register on its way out as a file: its rows and bytes are counted, and the file is told to the log before its last bytes leave."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from services.accounts import Account
from services.reading.reader import Reader
from services.reading.sheets import Row, Sheet


class Taken:
    """One file of a register. The looks at its rows are recorded chunk by chunk as they are read (`services/reading/sheets.py`)."""

    def __init__(self, sheet: Sheet, form: str) -> None:
        self._sheet = sheet
        self._form = form
        self._rows = 0

    def counted(self, chunks: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The same chunks."""
        for rows in chunks:
            self._rows += len(rows)
            yield rows

    def told(self, pieces: Iterable[bytes], reader: Reader, account: Account) -> Iterator[bytes]:
        """The same bytes; the last of them after the file was recorded. Where it cannot be, the answer breaks off, and nobody has all of it."""
        digest, size, last = sha256(), 0, b""
        for piece in filter(None, pieces):
            if last:
                yield last
            digest.update(piece)
            size, last = size + len(piece), piece
        reader.looks.exported(account, self._sheet.key, self._form, self._rows, size, digest.hexdigest())
        yield last
