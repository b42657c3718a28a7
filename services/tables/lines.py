"""A file of text as rows of cells, in its encoding."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from domain.identity import examine
from services.importing.errors import ImportingError
from services.tables.texts import Cell

_PIECE = 1024 * 1024
csv.field_size_limit(_PIECE)


class TextRows:
    """The rows of a file of text.

    `strict`: a quotation mark that opens a cell and does not end it is an error. It would make one cell of all that follows,
    up to the next or to the end of the file. Under a separator that is none of the file's it is no fault.
    """

    def __init__(self, path: Path, encoding: str, delimiter: str, *, strict: bool = True) -> None:
        self._path, self._encoding, self._delimiter, self._strict = path, encoding, delimiter, strict

    def __iter__(self) -> Iterator[list[Cell]]:
        line = 1
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                lines = csv.reader(file, delimiter=self._delimiter, strict=self._strict)
                for cells in lines:
                    if lines.line_num > line and self._strict and any(map(self._swallows, cells)):
                        raise self._broken(line, "rows stand within a cell")
                    yield [*cells]
                    line = lines.line_num + 1
        except csv.Error as error:
            raise self._broken(line, error) from None

    def _broken(self, line: int, why: object) -> ImportingError:
        said = (
            f"{self._path} 第 {line} 行起引号没有成对，请补全或删去"
            f" a quotation mark from line {line} on is without its other: complete it or take it away"
        )
        return ImportingError(f"{said} ({why})", 2)

    def _swallows(self, cell: str) -> bool:
        """Whether rows stand in a cell of several lines: its quotation mark ended at that of another."""
        lines = cell.splitlines()[1:] if "\n" in cell else []
        rows = (line.split(self._delimiter) for line in lines if self._delimiter in line)
        return any(examine(part)[1] for row in rows for part in row)


def encoding_of(path: Path, begin: bytes) -> str:
    """The encoding of a file: what its mark says, else UTF-8 if all of it is, else GB18030."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if begin.startswith(mark):
            return _decodes(path, (name,))
    for name, low in (("utf-16-le", begin[1::2]), ("utf-16-be", begin[::2])):
        if low.count(0) > len(low) // 4:
            return _decodes(path, (name,))
    return _decodes(path, ("utf-8", "gb18030"))


def _decodes(path: Path, encodings: tuple[str, ...]) -> str:
    for name in encodings:
        decoder = codecs.getincrementaldecoder(name)()
        try:
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    decoder.decode(piece)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return name
    tried = ", ".join(encodings)
    raise ImportingError(
        f"{path} 的编码无法识别，请另存为 UTF-8 或 GB18030 is not {tried}: save it as UTF-8 or GB18030", 2
    )
