"""Tables in plain texts: CSV, tabs or blanks between, SExtractor's ASCII_HEAD, VizieR's, IPAC. Read whole.

Rows and heads are split as the client splits its standard input (`mtv.shared.textrows`); a column is turned into
numbers when it is first wanted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared import textrows
from mtv.shared.tables.gaps import Values, with_gaps
from mtv.shared.tables.tables import ColumnTable, Field, Table
from mtv.wire.errors import RequestError
from mtvd.repo.readers.astropytable import column_table
from mtvd.repo.readers.failures import check_file, parsing, unreadable, unsupported
from mtvd.repo.readers.unpacking import is_packed, whole

MOST_BYTES: Final = 64 << 20
"""Every cell is an object of Python: some ten times its text."""
_MOST_IPAC_BYTES: Final = 16 << 20
"""Read by Python alone, some 2 MB a second."""
_MOST_CELL_CHARS: Final = 1_000
"""A column of texts is as wide as the longest."""
_PACKED: Final = (".gz", ".bz2", ".xz", ".zip", ".z")
_TRUTH: Final = {"true": True, "false": False}
_NO_NAMES: Final = {"ra": "x", "dec": "y"}
"""Aliases where a text has no names: the first two columns are positions, on the sky too."""
_64_BITS: Final = range(-(2**63), 2**63)
_POSITIVE: Final = range(2**64)


def is_text_table(path: Path, head: bytes) -> bool:
    """Tell whether a file is a text, by its name and its first bytes; packed or not."""
    name = path.name.lower()
    for ending in _PACKED:
        name = name.removesuffix(ending)
    return name.endswith(textrows.ENDINGS) and bool(head.strip()) and textrows.is_text(head)


def open_text(path: Path) -> Table:
    """Read a table of a plain text.

    Raises
    ------
    RequestError
        ``unreadable_file`` with the number of a line that does not fit; ``unsupported`` for a text that is too large.
    """
    check_file(path)
    if not is_packed(path) and path.stat().st_size > MOST_BYTES:
        raise _too_large(MOST_BYTES)
    content = whole(path, MOST_BYTES)
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = content.decode("latin-1").splitlines()
    if textrows.is_ipac(lines):
        return _open_ipac(lines, len(content))
    if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
        raise unreadable("the text has no rows")
    try:
        text = textrows.read_rows(lines)
    except textrows.BadLineError as error:
        raise unreadable(f"line {error.number}: {error}", "is this a table?") from None
    return _table_of(text)


def _open_ipac(lines: Sequence[str], size: int) -> Table:
    from astropy.table import Table as AstropyTable

    if size > _MOST_IPAC_BYTES:
        raise _too_large(_MOST_IPAC_BYTES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with parsing("this is no IPAC table, or a damaged one"):
            return column_table(AstropyTable.read(lines, format="ascii.ipac", guess=False))


def _too_large(most_bytes: int) -> RequestError:
    return unsupported(f"a text of more than {most_bytes >> 20} MB is not read", hint="write it as parquet or FITS")


def _table_of(text: textrows.TextRows) -> Table:
    names = text.names or ("x", "y", *(f"col{place}" for place in range(3, text.width + 1)))[: text.width]
    aliases = {} if text.names else dict(zip((*_NO_NAMES, *text.words), ("x", "y") * 2, strict=False))
    columns = [[row[place] for row in text.rows] for place in range(text.width)]
    long = {
        name: f"one of its cells has more than {_MOST_CELL_CHARS} characters"
        for name, cells in zip(names, columns, strict=True)
        if max(map(len, cells), default=0) > _MOST_CELL_CHARS
    }
    there = {name: cells for name, cells in zip(names, columns, strict=True) if name not in long}
    return ColumnTable(
        columns=_Columns(there),
        rows=len(text.rows),
        fields={name: Field(unit=text.units.get(name, "").strip('"')) for name in there},
        aliases=aliases,
        left_out=long,
    )


class _Columns(Mapping[str, Values]):
    """Columns that are made of their cells when they are first wanted; the cells go then."""

    def __init__(self, cells: Mapping[str, list[str]]) -> None:
        self._columns: dict[str, list[str] | Values] = dict(cells)

    def __getitem__(self, name: str) -> Values:
        column = self._columns[name]
        if isinstance(column, list):
            column = self._columns[name] = _column(column)
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def _column(cells: Sequence[str]) -> Values:
    """Return whole numbers, fractions or truth values where all cells that have a value are, else texts."""
    gaps = np.array([cell.lower() in textrows.GAPS for cell in cells], bool)
    present = [cell for cell, gap in zip(cells, gaps.tolist(), strict=True) if not gap]
    for make in (_whole_numbers, _fractions, _truth):
        made = make(present)
        if made is not None:
            values = np.zeros(len(cells), made.dtype)
            values[~gaps] = made
            return with_gaps(values, gaps)
    # Where a column is of texts, "na" and "none" may be words: only an empty cell is none.
    return with_gaps(np.array(cells, dtype=np.str_), np.array([not cell for cell in cells], bool))


def _whole_numbers(cells: Sequence[str]) -> Values | None:
    numbers = _each(int, cells)
    if not numbers:
        return None
    least, most = min(numbers), max(numbers)
    if least in _64_BITS and most in _64_BITS:
        return np.array(numbers, np.int64)
    return np.array(numbers, np.uint64) if least in _POSITIVE and most in _POSITIVE else None


def _fractions(cells: Sequence[str]) -> Values | None:
    numbers = _each(float, cells)
    return None if numbers is None else np.array(numbers, np.float64)


def _truth(cells: Sequence[str]) -> Values | None:
    found = [_TRUTH.get(cell.lower()) for cell in cells]
    return None if None in found else np.array(found, np.bool_)


def _each(make: Callable[[str], Any], cells: Sequence[str]) -> list[Any] | None:
    try:
        numbers = [make(cell) for cell in cells]
    except ValueError:
        return None
    return None if any("_" in cell for cell in cells) else numbers
