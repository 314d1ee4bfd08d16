"""CSV tables: text on disk to columns of text, and columns to rows of numbers for a network."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nablanet.shapes import Array

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Table:
    """A CSV file as text: column names, cells by row, and the line of the file each row ends on.

    sha256: of the whole file as text, so that the same table is known again.
    """

    path: str
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]
    sha256: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[str]:
        """The cells of a column. Raises ValueError, which lists the columns there are."""
        if name not in self.columns:
            raise ValueError(f"{self.path} has no column {name!r}; it has: {', '.join(self.columns)}")
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> Array:
        """A column as floats, shape (m,), NaN where a value is missing. Raises ValueError with the line."""
        values = np.empty(len(self))
        for i, cell in enumerate(self.column(name)):
            value = parse_number(cell)
            if value is None:
                raise ValueError(
                    f"{self.path}, line {self.lines[i]}: column {name!r} holds numbers, got {cell!r}"
                )
            values[i] = value
        return values

    def select(self, chosen: Sequence[int] | Array) -> Table:
        """The table with these rows only."""
        rows, lines = [self.rows[i] for i in chosen], [self.lines[i] for i in chosen]
        return replace(self, rows=rows, lines=lines)


def read_table(path: str | Path) -> Table:
    """Read a CSV file with a header line.

    Comma, semicolon or tab between cells; UTF-8, with a byte order mark or not; gzip or not, told by
    the content. Cells lose the blanks around them and blank lines are skipped. Raises OSError, and
    ValueError that names the file and the line.
    """
    text = _read_text(Path(path))
    rows, lines = _read_cells(text, str(path), _find_delimiter(text))
    if not rows:
        raise ValueError(f"{path} is empty: a table starts with a header line of column names")
    header = rows[0]
    _check_header(header, str(path))
    for row, line in zip(rows[1:], lines[1:], strict=True):
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {line}: the header has {len(header)} columns, this line has {len(row)}"
            )
    if len(rows) == 1:
        raise ValueError(f"{path} has a header line and no rows below it")
    return Table(str(path), header, rows[1:], lines[1:], hashlib.sha256(text.encode()).hexdigest())


def read_numbers(path: str | Path) -> tuple[Array, list[str] | None]:
    """Read lines of plain numbers, shape (rows, columns), and the header where there is one.

    Comma, semicolon, tab or spaces between the numbers. A first line without any number is a header.
    Raises OSError, and ValueError that names the file and the line.
    """
    text = _read_text(Path(path))
    delimiter = _find_delimiter(text)
    if not any(known in text.lstrip().partition("\n")[0] for known in _DELIMITERS):
        text, delimiter = "\n".join(" ".join(line.split()) for line in text.splitlines()), " "
    rows, lines = _read_cells(text, str(path), delimiter)
    header = None
    if rows and _is_header(rows[0]):
        header, rows, lines = rows[0], rows[1:], lines[1:]
    if not rows:
        raise ValueError(f"{path} holds no numbers")
    numbers = np.empty((len(rows), len(rows[0])))
    for i, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path}, line {line}: wanted {len(rows[0])} numbers as above, got {len(row)}")
        for j, cell in enumerate(row):
            value = parse_number(cell)
            if value is None or math.isnan(value):
                raise ValueError(f"{path}, line {line}: wanted a number in column {j + 1}, got {cell!r}")
            numbers[i, j] = value
    return numbers, header


def parse_number(cell: str) -> float | None:
    """The finite number in a cell, NaN where the value is missing, None where it is something else."""
    if cell.lower() in MISSING:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return None
    # Python also reads 1_000 and infinity, which no table means as a measured number
    return value if math.isfinite(value) and "_" not in cell else None


def _read_text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is a damaged or truncated gzip file: {error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _find_delimiter(text: str) -> str:
    """The delimiter that gives the first line the most cells; a comma where none does."""

    def cells(delimiter: str) -> int:
        return len(next(csv.reader(io.StringIO(text), delimiter=delimiter), []))

    try:
        return max(_DELIMITERS, key=cells)
    except csv.Error:
        return ","  # reading the whole file tells what is wrong and where


def _read_cells(text: str, path: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    return rows, lines


def _is_header(cells: list[str]) -> bool:
    words = [word for cell in cells for word in re.findall(r"[^,;\s]+", cell)]
    return bool(words) and all(parse_number(word) is None for word in words)


def _check_header(header: list[str], path: str) -> None:
    if all(parse_number(name) is not None for name in header):
        raise ValueError(f"{path} has no header: its first line must name the columns, got {header[:5]}")
    for place, name in enumerate(header, start=1):
        if not name:
            raise ValueError(f"{path}: column {place} has no name in the header line")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise ValueError(f"{path}: the header names these columns twice: {', '.join(repeated)}")
