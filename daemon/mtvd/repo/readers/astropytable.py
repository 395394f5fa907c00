"""Tables in texts: VOTable and ECSV, read whole by astropy, for they have no columns that could be read alone."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtvd.repo.readers.failures import check_file, parsing, unreadable, unsupported
from mtvd.repo.readers.unpacking import is_packed, whole
from mtvd.repo.tables.gaps import Values, data_of, with_gaps
from mtvd.repo.tables.tables import ColumnTable, Field

MOST_BYTES: Final = 256 << 20
"""Texts are parsed in memory, at several times their size."""
_PARQUET: Final = b"<PARQUET"


def open_votable(path: Path) -> ColumnTable:
    """Read the first table of a VOTable; the names of others stand in the metadata, as ``other_tables``.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``unsupported`` for a text that is too large.
    """
    from astropy.io.votable import parse

    content = _content(path)
    if _PARQUET in content:  # astropy would follow the address in it, wherever it leads
        hint = "read the parquet file itself"
        raise unsupported("the VOTable has its rows in a parquet file beside it", hint=hint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many tables in use break some rule of the format
        with parsing("this is no VOTable, or a damaged one"):
            tables = list(parse(io.BytesIO(content), table_number=0).iter_tables())
            if not tables:
                raise unreadable("the VOTable has no table")
            names = [str(one.name or one.ID or "") for one in tables[1:]]
            named = {"other_tables": names} if names else {}
            return column_table(tables[0].to_table(use_names_over_ids=True), named)


def open_ecsv(path: Path) -> ColumnTable:
    """Read an ECSV table; raises as `open_votable`."""
    from astropy.table import Table

    content = _content(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with parsing("this is no ECSV table, or a damaged one"):
            return column_table(Table.read(content.decode("utf-8").splitlines(), format="ascii.ecsv"))


def _content(path: Path) -> bytes:
    check_file(path)
    if not is_packed(path) and path.stat().st_size > MOST_BYTES:
        raise unsupported(f"a text of more than {MOST_BYTES} bytes is not read", hint="write it as parquet or FITS")
    return whole(path, MOST_BYTES)


def column_table(table: Any, metadata: Mapping[str, Any] | None = None) -> ColumnTable:
    """Return a table of astropy's as one of ours: numbers, truth values and texts; others are left out."""
    columns: dict[str, Values] = {}
    fields: dict[str, Field] = {}
    left_out: dict[str, str] = {}
    for name, column in _plain_columns(table):
        values = _values(column)
        if values is None:
            left_out[name] = "its rows have several lengths, or hold objects"
        else:
            columns[name], fields[name] = values, _words(column)
    return ColumnTable(
        columns=columns,
        rows=len(table),
        fields=fields,
        metadata={**_plain(table.meta), **(metadata or {})},
        left_out=left_out,
    )


def _plain_columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Go through the columns; coordinates on the sky are two, right ascension and declination (ICRS)."""
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "icrs"):
            sky = column.icrs
            yield from ((f"{name}.ra", sky.ra), (f"{name}.dec", sky.dec))
        else:
            yield name, column


def _values(column: Any) -> Values | None:
    """Return numbers, truth values and texts, ``(rows,)`` or with more axes; None for anything else."""
    if hasattr(column, "isot"):  # a time
        return with_gaps(np.array(data_of(np.asarray(column.isot)), dtype=np.str_), _mask(column))
    if not hasattr(column, "dtype"):
        return None
    mask = _mask(column)
    values = np.asarray(getattr(column, "unmasked", data_of(column)))
    if values.dtype.kind == "O":
        return _of_objects(values.tolist(), mask) if values.ndim == 1 else None
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    return with_gaps(values, mask) if values.ndim and values.dtype.kind in "biufcU" else None


def _mask(column: Any) -> Values | None:
    mask = getattr(column, "mask", None)
    return None if mask is None or mask is np.ma.nomask else np.asarray(mask, dtype=bool)


def _of_objects(values: Sequence[Any], mask: Values | None) -> Values | None:
    """Return a column of Python's objects: texts, or arrays of one length."""
    missing = [value is None for value in values]
    gaps = np.array(missing, dtype=bool) | (np.zeros(len(values), bool) if mask is None else mask)
    present = [value for value, gap in zip(values, gaps, strict=True) if not gap]
    if all(isinstance(value, str | bytes) for value in present):
        texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value or "" for value in values]
        return with_gaps(np.array(texts, dtype=np.str_), gaps)
    arrays = [value if isinstance(value, np.ndarray) else np.asarray(value) for value in present]
    if len({array.shape for array in arrays}) != 1 or arrays[0].dtype.kind not in "biufcU" or not arrays[0].size:
        return None
    filled = np.zeros((len(values), *arrays[0].shape), np.result_type(*arrays))
    filled[~gaps] = [data_of(array) for array in arrays]
    elements = np.zeros(filled.shape, bool)
    elements[gaps] = True
    elements[~gaps] = [np.ma.getmaskarray(array) for array in arrays]
    return with_gaps(filled, elements)


def _words(column: Any) -> Field:
    unit = getattr(column, "unit", None)
    description = getattr(getattr(column, "info", None), "description", None)
    return Field(unit=str(unit) if unit is not None else "", doc=str(description or ""))


def _plain(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in meta.items() if isinstance(value, str | int | float | bool)}
