"""What stands in the parts of an .xlsx and its reader leaves out: formulas without a result, hidden rows, how far the cells reach."""

import io
import re
import zipfile
from html import unescape
from typing import NamedTuple

from services.tables.texts import UNCALCULATED

_CELL = rb"<(?:\w+:)?c\b"
_FAILED = re.compile(rb'<c r="([A-Z]+)(\d+)"(?=[^>]*\bt="e")[^>]*>(?:<f\b[^>]*(?:/>|>[^<]*</f>))?<v>([^<]*)</v>')
_FORMULA = re.compile(
    _CELL + rb'[^>]*?\br="([A-Z]+)(\d+)"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*(<(?:\w+:)?v\b)?'
)
_TO_BE_CALCULATED = re.compile(rb'\bfullCalcOnLoad="(?:1|true)"')
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_NUMBER = re.compile(rb'\br="(\d+)"')
_HIDDEN = re.compile(rb'\bhidden="(?:1|true)"')
_FILLED = re.compile(_CELL + rb'[^>]*?\br="([A-Z]+)(\d+)"[^>]*(?<!/)>')
_UNPLACED = re.compile(
    rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"[^>]*>\s*' + _CELL + rb'(?![^>]*\br="[A-Z])'
)  # its cells count their columns, and only they tell that the row is there


class Unmarked(Exception):  # noqa: N818 - the file is written anew instead
    """The workbook is written in another way than Excel, WPS and LibreOffice write theirs."""


class LeftOut(NamedTuple):
    """Of a sheet, what is shown in cells that others read as empty or as 0, by row and column from 0; and the hidden rows, from 1."""

    cells: dict[int, dict[int, str]]
    hidden: frozenset[int]


def left_out(content: bytes, sheet: str) -> LeftOut:
    """What the reader of a workbook leaves out: cells whose formula failed or was never calculated, and which rows are hidden."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        try:
            part = parts.read(part_of(parts, sheet))
            stale = bool(_TO_BE_CALCULATED.search(parts.read("xl/workbook.xml")))
        except (Unmarked, KeyError):
            return LeftOut({}, frozenset())
    found: dict[int, dict[int, str]] = {}
    if b't="e"' in part:
        for letters, row, shown in _FAILED.findall(part):
            found.setdefault(int(row) - 1, {})[column_of(letters)] = shown.decode()
    formulas = _FORMULA.findall(part) if b"<f" in part or b":f" in part else []
    for letters, row, value in formulas:
        if stale or not value:  # programs leave no value, or a 0 that Excel is to put right when it opens the file
            found.setdefault(int(row) - 1, {})[column_of(letters)] = UNCALCULATED
    return LeftOut(found, _hidden(part) if b"hidden=" in part else frozenset())


def _hidden(part: bytes) -> frozenset[int]:
    hidden, number = set(), 0
    for attributes in _ROW.findall(part):
        told = _NUMBER.search(attributes)
        number = int(told[1]) if told else number + 1
        if _HIDDEN.search(attributes):
            hidden.add(number)
    return frozenset(hidden)


def reach(part: bytes) -> int:
    """Cells of the area from A1 to the last row and column that hold anything, whatever the sheet says of its dimension."""
    columns, last = set(), 1
    for found in _FILLED.finditer(part):
        columns.add(found[1])
        last = max(last, int(found[2]))
    last = max([last, *map(int, _UNPLACED.findall(part))])
    return last * max((column_of(letters) + 1 for letters in columns), default=1)


def part_of(parts: zipfile.ZipFile, sheet: str) -> str:
    """The part of a sheet, by its name. Raises `Unmarked`, and `KeyError` for a workbook of another form."""
    workbook = parts.read("xl/workbook.xml").decode()
    links = parts.read("xl/_rels/workbook.xml.rels").decode()
    for found in re.findall(r"<(?:\w+:)?sheet\b[^>]*>", workbook):
        attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', found))
        if unescape(attributes.get("name", "")) == sheet:
            for link in re.findall(r"<Relationship\b[^>]*>", links):
                to = dict(re.findall(r'(\w+)="([^"]*)"', link))
                if to.get("Id") == attributes.get("r:id"):
                    target = to["Target"].lstrip("/")
                    name = target if target.startswith("xl/") else f"xl/{target}"
                    if name in parts.namelist():
                        return name
    raise Unmarked


def column_of(letters: bytes) -> int:
    """The number from 0 of a column by its letters: `A` is 0, `AA` is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
