"""Reading a table that people edit: what is wrong is named with its column and its line, counted as an editor does."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from pathlib import Path

from flowgrad.errors import InputError

SEPARATORS = (",", ";", "\t")
BLOCK = 4096
"""Rows that are turned into columns at once: a table of half a million rows need not stand in memory as text."""


@dataclass
class CsvTable:
    """The wanted columns of a table, and what is wrong with their cells.

    Attributes:
        path: the file.
        lines: the line on which each row begins; the first line of the file is 1.
        text: columns of text, without spaces around the cells.
        numbers: the other columns; NaN where a cell is empty or holds no number.
        faults: what is wrong, one sentence a column.
    """

    path: Path
    lines: array[int]
    text: dict[str, list[str]]
    numbers: dict[str, array[float]]
    faults: list[str] = field(default_factory=list)

    def fault(self, rows: Sequence[int], column: str, what: str) -> None:
        """Note what is wrong in some rows of a column: the first is named, the others are counted."""
        if rows:
            self.faults.append(f"line {self.lines[rows[0]]}, column {column!r} {what}{_more(len(rows))}")

    def require(self, rows: Sequence[int], *columns: str) -> None:
        """Note the empty cells that some rows have in some columns."""
        for column in columns:
            if column in self.text:
                cells = self.text[column]
                empty = [] if all(cells) else [row for row in rows if not cells[row]]
            else:
                values = self.numbers[column]
                empty = [] if math.isfinite(sum(values)) else [row for row in rows if math.isnan(values[row])]
            self.fault(empty, column, "is empty")

    def accepted(self) -> CsvTable:
        """Return the table itself; raise ``InputError`` with everything that was noted."""
        if self.faults:
            raise InputError(f"{self.path}: {'; '.join(self.faults)}")
        return self


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def read_table(path: Path, text: Sequence[str], numbers: Sequence[str], optional: Sequence[str] = ()) -> CsvTable:
    """Read columns of text and of numbers from a file that may have others, separated by ``,``, ``;`` or tabs.

    Passed over: blank lines, rows of empty cells, empty cells past the last column. Where the separator is no comma, a
    comma in a number is a decimal one. Columns of ``optional`` are read as text where the file has them.

    Raises:
        InputError: the file cannot be read, a column is missing or stands twice, or rows are longer or shorter than
            the header. What is wrong in single cells is left in ``faults``.
    """
    content = _content(path)
    wanted = (*text, *numbers)
    separator = _separator(content, wanted)
    records = _records(path, content, separator)
    header = [name.strip() for name in next(records, (1, []))[1]]
    _check_header(path, header, wanted)
    extra = [name for name in optional if header.count(name) == 1]
    text, wanted = (*text, *extra), (*wanted, *extra)
    table = CsvTable(path, array("q"), {name: [] for name in text}, {name: array("d") for name in numbers})
    pick = itemgetter(*(header.index(name) for name in wanted))
    # a header that ends in a separator names no column after it
    named = max(place for place, name in enumerate(header) if name) + 1
    ragged: list[tuple[int, int]] = []

    def rows() -> Iterator[tuple[str, ...]]:
        for line, cells in records:
            if len(cells) != len(header) and (len(cells) < named or any(cells[len(header) :])):
                ragged.append((line, len(cells)))
            else:
                table.lines.append(line)
                yield pick(cells)

    reading = rows()
    cells = _Cells(decimal_comma=separator != ",")
    while block := list(islice(reading, BLOCK)):
        for name, column in zip(wanted, zip(*block, strict=True), strict=True):
            if name in table.text:
                table.text[name] += cells.texts(column)
            else:
                cells.append(table.numbers[name], name, column)
    if ragged:
        line, count = ragged[0]
        mend = "leave none out" if count < named else f"put a cell that holds {separator!r} in quotes"
        raise InputError(f"{path}: line {line} has {count} cells, the header {named}{_more(len(ragged))}; {mend}")
    for name, wrong in cells.wrong.items():
        table.fault([row for row, _ in wrong], name, f"is {wrong[0][1]!r}, not a number")
    return table


class _Cells:
    """Turns cells into text and numbers, and remembers which were no numbers."""

    def __init__(self, decimal_comma: bool):
        self.decimal_comma = decimal_comma
        self.wrong: dict[str, list[tuple[int, str]]] = {}
        self._known: dict[str, str] = {}

    def texts(self, cells: Sequence[str]) -> list[str]:
        """Return cells without spaces around them; equal ones are one object."""
        for cell in set(cells).difference(self._known):
            self._known[cell] = cell.strip()
        return [self._known[cell] for cell in cells]

    def append(self, values: array[float], name: str, cells: Sequence[str]) -> None:
        """Append the numbers of a column to those that there are; NaN for a cell that is empty or no number."""
        start = len(values)
        try:
            values.extend(map(float, cells))
        except ValueError:
            del values[start:]
            values.extend(map(self._number, cells))
        if math.isfinite(sum(values[start:])):
            return
        for row, cell in enumerate(cells, start):
            if not math.isfinite(values[row]):
                values[row] = math.nan
                if cell.strip():
                    self.wrong.setdefault(name, []).append((row, cell.strip()))

    def _number(self, cell: str) -> float:
        if self.decimal_comma and cell.count(",") == 1 and "." not in cell:
            cell = cell.replace(",", ".")
        try:
            return float(cell)
        except ValueError:
            return math.nan


def _content(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: file not found; it belongs to the dataset") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is not UTF-8; save the table as CSV in UTF-8") from error


def _separator(content: str, wanted: Sequence[str]) -> str:
    """Return the separator by which the header has most of the wanted columns."""
    first = re.search(r"[^\r\n]*[^\s][^\r\n]*", content)

    def found(separator: str) -> int:
        names = {name.strip() for name in next(csv.reader([first[0] if first else ""], delimiter=separator))}
        return len(names.intersection(wanted))

    return max(SEPARATORS, key=found)


def _records(path: Path, content: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold anything, each with the line on which it begins."""
    # strict: without it a quote that nobody closes takes in the rest of the file
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = "a quotation mark is not closed, or does not end its cell"
            raise InputError(f"{path}: the row of line {line} cannot be read: {what}") from error
        if any(cells):
            yield line, cells


def _check_header(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in header]
    if missing:
        have = ", ".join(name.encode("unicode_escape").decode() for name in header if name)
        columns = ", ".join(map(repr, missing))
        words = f"column {columns} is" if len(missing) == 1 else f"columns {columns} are"
        raise InputError(f"{path}: {words} missing (the file has {have or 'no header'})")
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]!r} stands twice in the header; keep one of the two")
