"""Tables in texts: VOTable and ECSV, read whole by astropy, for they have no columns that could be read alone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtvd.repo.evaluation import Values
from mtvd.repo.readers.failures import check_file, parsing, unsupported
from mtvd.repo.tables import ColumnTable, Field

MOST_BYTES: Final = 256 << 20
"""Texts are parsed in memory, at several times their size."""


def open_votable(path: Path) -> ColumnTable:
    """Read the first table of a VOTable.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``unsupported`` for a text that is too large.
    """
    from astropy.io.votable import parse_single_table

    _check(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many tables in use break some rule of the format
        with parsing("this is no VOTable, or a damaged one"):
            return _column_table(parse_single_table(path).to_table(use_names_over_ids=True))


def open_ecsv(path: Path) -> ColumnTable:
    """Read an ECSV table; raises as `open_votable`."""
    from astropy.table import Table

    _check(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with parsing("this is no ECSV table, or a damaged one"):
            return _column_table(Table.read(path, format="ascii.ecsv"))


def _check(path: Path) -> None:
    check_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise unsupported(f"a text of more than {MOST_BYTES} bytes is not read", hint="write it as parquet or FITS")


def _column_table(table: Any) -> ColumnTable:
    read = {name: _values(table[name]) for name in table.colnames}
    columns = {name: values for name, values in read.items() if values is not None}
    left_out = [name for name in read if name not in columns]
    return ColumnTable(
        columns=columns,
        rows=len(table),
        fields={name: _words(table[name]) for name in columns},
        metadata={**_plain(table.meta), **({"left_out": left_out} if left_out else {})},
    )


def _values(column: Any) -> Values | None:
    """Return numbers, truth values and texts, ``(rows,)`` or ``(rows, n)``; None for anything else."""
    if not hasattr(column, "dtype"):
        return _texts(column)
    filled = _without_gaps(column)
    if filled.dtype.kind == "O":
        return _texts(filled.tolist()) if filled.ndim == 1 else None
    if filled.dtype.kind == "S":
        filled = np.char.decode(filled, "utf-8", "replace")
    return filled if filled.ndim in {1, 2} and filled.dtype.kind in "biufU" else None


def _without_gaps(column: Any) -> Values:
    """Fill gaps as the other readers do: numbers with NaN, texts with nothing, truth values with False."""
    if not np.ma.isMaskedArray(column):
        return np.asarray(column)
    mask, values = np.ma.getmaskarray(column), np.asarray(np.ma.getdata(column))
    if not mask.any():
        return values
    if values.dtype.kind in "iu":
        values = values.astype(np.float64)
    filler: Any = {"f": np.nan, "c": np.nan, "b": False}.get(values.dtype.kind, "")
    return np.where(mask, filler, values)


def _texts(values: Any) -> Values | None:
    """Return a column of objects or times as texts; None where they are something else."""
    texts = [str(value) for value in values]
    plain = all(isinstance(value, str | bytes | type(None)) for value in values)
    return np.array(texts, dtype=np.str_) if plain or hasattr(values, "isot") else None


def _words(column: Any) -> Field:
    unit = getattr(column, "unit", None)
    description = getattr(getattr(column, "info", None), "description", None)
    return Field(unit=str(unit) if unit is not None else "", doc=str(description or ""))


def _plain(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in meta.items() if isinstance(value, str | int | float | bool)}
