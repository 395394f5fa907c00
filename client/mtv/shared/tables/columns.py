"""Columns of astropy's tables as values with gaps: known by their shape, nothing of astropy is imported. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mtv.shared.tables.gaps import Values, data_of, with_gaps
from mtv.shared.tables.tables import Field


def plain_columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Go through the columns; coordinates on the sky are two, right ascension and declination (ICRS)."""
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "icrs"):
            sky = column.icrs
            yield from ((f"{name}.ra", sky.ra), (f"{name}.dec", sky.dec))
        else:
            yield name, column


def values_of(column: Any) -> Values | None:
    """Return numbers, truth values and texts, ``(rows,)`` or with more axes; None for anything else."""
    if hasattr(column, "isot"):  # a time
        return with_gaps(np.array(data_of(np.asarray(column.isot)), dtype=np.str_), _mask(column))
    if not hasattr(column, "dtype"):
        return None
    mask = _mask(column)
    values = np.asarray(getattr(column, "unmasked", data_of(column)))
    if values.dtype.kind == "O":
        return values_of_objects(values.tolist(), mask) if values.ndim == 1 else None
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    return with_gaps(values, mask) if values.ndim and values.dtype.kind in "biufcU" else None


def _mask(column: Any) -> Values | None:
    mask = getattr(column, "mask", None)
    return None if mask is None or mask is np.ma.nomask else np.asarray(mask, dtype=bool)


def values_of_objects(values: Sequence[Any], mask: Values | None) -> Values | None:
    """Return a column of Python's objects: texts, or arrays of one length; None for anything else."""
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


def words_of(column: Any) -> Field:
    """Return unit and description of a column."""
    unit = getattr(column, "unit", None)
    description = getattr(getattr(column, "info", None), "description", None)
    return Field(unit=str(unit) if unit is not None else "", doc=str(description or ""))
