"""Tables as our readers give them, beside tables of astropy: values, gaps, shapes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtv.shared.tables import tables
from mtv.shared.tables.gaps import Values, data_of, gaps_of
from mtvd.repo.readers.opening import Schemas


class Read(NamedTuple):
    """All columns of a table, and the names of those that are not read."""

    table: tables.Table
    columns: dict[str, Values]
    left_out: list[str]


def read(path: Path, hdu: int | None = None) -> Read:
    """Read a whole table."""
    table = Schemas().open(path, hdu)
    columns = table.read(list(table.fields))
    return Read(table, columns, [*table.left_out, *(name for name in table.fields if name not in columns)])


def plain(values: Values) -> list[Any]:
    """Return a column as Python has it: None in its gaps."""
    found: list[Any] = _without_nan(values.tolist())
    return found


def expected(column: Any) -> list[Any] | None:
    """Return what a column of astropy holds, as `plain` does; None for one whose rows have several shapes.

    An empty text and a gap are the same: FITS and VOTable do not tell them apart.
    """
    values = np.ma.array(np.asarray(getattr(column, "unmasked", np.ma.getdata(column))), copy=True)
    values.mask = np.ma.getmaskarray(column) if values.dtype.kind != "O" else np.ma.nomask
    if values.dtype.kind == "S":
        values = np.ma.array(np.char.decode(np.ma.getdata(values), "utf-8", "replace"), mask=np.ma.getmaskarray(values))
    if values.dtype.kind == "O":
        return _rows_of_objects(values.tolist(), np.ma.getmaskarray(column))
    found: list[Any] = _without_nan(values.tolist())
    return found


def _rows_of_objects(values: list[Any], mask: Any) -> list[Any] | None:
    rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in values]
    there = [row for row, gap in zip(rows, mask, strict=True) if not gap and isinstance(row, list)]
    if there and all(isinstance(one, str) and len(one) <= 1 for row in there for one in row):
        return ["".join(one or " " for one in row) for row in rows]  # letters, of which astropy drops the blanks
    if len({len(row) for row in there}) > 1 or any(not row for row in there):
        return None
    nothing = [None] * len(there[0]) if there else None
    return [nothing if gap else _without_nan(row) for row, gap in zip(rows, mask, strict=True)]


def same(ours: Values, theirs: Any) -> bool:
    """Tell whether two columns hold the same: numbers and gaps to the last bit, texts without blanks behind them."""
    wanted = expected(theirs)
    return wanted is not None and _ended(plain(ours)) == _ended(wanted)


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float | complex) and value != value else value


def _ended(value: Any) -> Any:
    if isinstance(value, list):
        return [_ended(one) for one in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return (value.split("\0")[0].rstrip() or None) if isinstance(value, str) else value


def quiet() -> warnings.catch_warnings[Any]:
    """Return a context in which foreign files may be as odd as they like."""
    return warnings.catch_warnings(action="ignore")


__all__ = ["Read", "data_of", "expected", "gaps_of", "plain", "quiet", "read", "same"]
