"""ASCII tables of FITS: numbers and texts in columns of characters. Columns are read alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared.tables.gaps import Values, with_gaps
from mtv.shared.tables.tables import Field
from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import parsing, unreadable
from mtvd.repo.readers.fitscolumns import texts, unique
from mtvd.repo.readers.unpacking import MOST_UNPACKED_BYTES, too_large_unpacked, unpack_part

_TFORM: Final = re.compile(r"(?P<code>[AIFED])(?P<width>\d+)(?:\.(?P<decimals>\d+))?")
_EXPONENT: Final = re.compile(rb"^([+-]?[\d.]+)([+-]\d+)$")


@dataclass(frozen=True, kw_only=True)
class AsciiColumn:
    """A column: its place in a row, and how it is written."""

    code: str
    start: int
    """0-based character of the row."""
    width: int
    decimals: int
    null: bytes | None
    zero: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class AsciiTable:
    """An ASCII table. Implements `mtv.shared.tables.tables.Table`."""

    path: Path
    hdu: int
    rows: int
    row_bytes: int
    offset: int
    columns: Mapping[str, AsciiColumn]
    fields: Mapping[str, Field]
    metadata: Mapping[str, Any]
    others: Callable[[Path, int | None, Sequence[str]], str]

    @property
    def aliases(self) -> Mapping[str, str]:
        """See `mtv.shared.tables.tables.Table.aliases`."""
        return {}

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtv.shared.tables.tables.Table.read`."""
        with parsing("the table is damaged or truncated"):
            content = unpack_part(self.path, self.offset, self.rows * self.row_bytes)
            if len(content) < self.rows * self.row_bytes:
                raise unreadable("the table is truncated")
            cells = np.frombuffer(content, "|u1").reshape(self.rows, self.row_bytes)
            return {name: _values(cells, self.columns[name], name) for name in names}

    @property
    def left_out(self) -> Mapping[str, str]:
        """See `mtv.shared.tables.tables.Table.left_out`; it has numbers and texts alone."""
        return {}

    def why_not(self, name: str) -> str:
        """See `mtv.shared.tables.tables.Table.why_not`."""
        return self.left_out[name]

    def elsewhere(self, names: Sequence[str]) -> str:
        """See `mtv.shared.tables.tables.Table.elsewhere`."""
        return self.others(self.path, self.hdu, names)


def open_table(
    path: Path,
    hdu: int,
    header: Any,
    offset: int,
    metadata: Mapping[str, Any],
    *,
    elsewhere: Callable[[Path, int | None, Sequence[str]], str],
) -> AsciiTable:
    """Return the table that a header describes.

    Raises
    ------
    RequestError
        ``unreadable_file`` for columns that do not lie in its rows.
    """
    rows, row_bytes = int(header["NAXIS2"]), int(header["NAXIS1"])
    numbers = range(1, int(header["TFIELDS"]) + 1)
    names = list(unique(cards.text(header, f"TTYPE{number}") or f"column{number}" for number in numbers))
    columns = {name: _column(header, number) for number, name in zip(numbers, names, strict=True)}
    if rows * row_bytes > MOST_UNPACKED_BYTES:
        raise too_large_unpacked("write it as a binary table")
    if rows < 0 or any(one.start < 0 or one.start + one.width > row_bytes for one in columns.values()):
        raise unreadable("the table's header is damaged")
    return AsciiTable(
        path=path,
        hdu=hdu,
        rows=rows,
        row_bytes=row_bytes,
        offset=offset,
        columns=columns,
        fields={
            name: Field(unit=cards.text(header, f"TUNIT{number}")) for number, name in zip(numbers, names, strict=True)
        },
        metadata=metadata,
        others=elsewhere,
    )


def _column(header: Any, number: int) -> AsciiColumn:
    match = _TFORM.match(str(header.get(f"TFORM{number}", "")).strip())
    if match is None:
        raise unreadable(f"column {number} has no form that FITS knows")
    null = cards.value(header, f"TNULL{number}")
    return AsciiColumn(
        code=match["code"],
        start=int(header[f"TBCOL{number}"]) - 1,
        width=int(match["width"]),
        decimals=int(match["decimals"] or 0),
        null=None if null is None else str(null).strip().encode(),
        zero=float(cards.number(header, f"TZERO{number}", 0)),
        scale=float(cards.number(header, f"TSCAL{number}", 1)),
    )


def _values(cells: Values, column: AsciiColumn, name: str) -> Values:
    part = np.ascontiguousarray(cells[:, column.start : column.start + column.width])
    if column.code == "A":
        found = texts(part.view(f"|S{column.width}").reshape(-1))
        return found if column.null is None else with_gaps(found, np.strings.strip(found) == column.null.decode())
    raw = [bytes(one).strip() for one in part.view(f"|S{column.width}").reshape(-1).tolist()]
    gaps = np.array([not one or one == column.null for one in raw], dtype=bool)
    scaled = column.zero != 0 or column.scale != 1
    if column.code == "I":
        values = _whole([b"0" if gap else one for one, gap in zip(raw, gaps, strict=True)])
        return with_gaps(values * column.scale + column.zero if scaled else values, gaps)
    numbers = [0.0 if gap else _fraction(one, column, name) for one, gap in zip(raw, gaps, strict=True)]
    return with_gaps(np.array(numbers, dtype=np.float64) * column.scale + column.zero, gaps)


def _whole(raw: Sequence[bytes]) -> Values:
    numbers = [int(one) for one in raw]
    fits = all(-(2**63) <= number < 2**63 for number in numbers)
    return np.array(numbers, dtype=np.int64 if fits else np.float64)


def _fraction(text: bytes, column: AsciiColumn, name: str) -> float:
    plain = text.upper().replace(b"D", b"E")
    if (match := _EXPONENT.match(plain)) is not None:  # ``1.5+300``: FORTRAN leaves the letter out
        plain = match[1] + b"E" + match[2]
    try:
        value = float(plain)
    except ValueError:
        raise unreadable(f"a value of column {name} is no number") from None
    return value if b"." in plain or not column.decimals else value / 10**column.decimals
