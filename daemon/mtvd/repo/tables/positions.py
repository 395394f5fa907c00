"""Positions: from the rows of a table to what an overlay marks, so that no table goes to a client. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from mtv.wire.angles import System, factor, size_factor, usual_pair, usual_pairs
from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError, bad_value
from mtvd.repo.tables.gaps import Values, as_fractions
from mtvd.repo.tables.tables import (
    NO_KEYS,
    SELECT_CHARS,
    Field,
    Table,
    Write,
    columns_of,
    find,
    look_up,
    not_read,
    select,
)

Floats = npt.NDArray[np.float64]

_DEGREES_OF_ANGLE: Final = 180 / math.pi


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of a table that are wanted, and the columns that are their positions."""

    select: str = ""
    x: str = ""
    """Column; the first usual pair that the table has where empty."""
    y: str = ""
    size: str = ""
    """Column of sizes; none where empty."""
    system: Literal["pixel", "sky"] = "pixel"


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """Positions in a pixel file."""

    x: Array
    """``(n,)``: 0-based parent pixels, or right ascension in degrees."""
    y: Array
    size: Array | None = None
    left_out: int = 0
    """Chosen rows without a position or size."""


class Found(NamedTuple):
    """Positions in memory, ``(n,)`` each."""

    x: Floats
    y: Floats
    size: Floats | None
    left_out: int
    kept: npt.NDArray[np.bool_] | None = None
    """``(rows,)``: which rows these are of all; None where none was left out, or all are not known."""


def positions(
    table: Table,
    write: Write,
    wanted: Wanted,
    *,
    most_markers: int,
    most_chars: int = SELECT_CHARS,
    row_keys: Mapping[str, int | str] = NO_KEYS,
) -> Positions:
    """Write positions into a pixel file; raises as `find_positions`."""
    limits: dict[str, int] = {"most_markers": most_markers, "most_chars": most_chars}
    x, y, size, left_out, _ = find_positions(table, wanted, row_keys=row_keys, **limits)
    arrays = write([x, y] if size is None else [x, y, size], "pos")
    return Positions(x=arrays[0], y=arrays[1], size=None if size is None else arrays[2], left_out=left_out)


def find_positions(
    table: Table,
    wanted: Wanted,
    *,
    most_markers: int,
    most_chars: int = SELECT_CHARS,
    row_keys: Mapping[str, int | str] = NO_KEYS,
) -> Found:
    """Return the positions of the chosen rows; rows without one, or without a size, are left out and counted.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``select``, ``x``, ``y`` or ``size``; ``too_large`` for more rows than may be marked.
    """
    names = dict(zip(("x", "y"), _pair(table, wanted), strict=True))
    if wanted.size:
        names["size"] = find(table, wanted.size, "size")
    rows = select(table, wanted.select, most_chars=most_chars, row_keys=row_keys)
    count = table.rows if rows is None else int(np.count_nonzero(rows))
    if count > most_markers:
        raise _too_many(count, most_markers)
    read = columns_of(table, list(dict.fromkeys(names.values())), rows)
    for where, name in names.items():
        if name not in read:
            raise not_read(where, name, table.why_not(name))
    columns = {where: _numbers(read[name], name, where) for where, name in names.items()}
    for where, name in names.items():
        by = _factor(table.fields[name], where, wanted.system)
        if by != 1:
            columns[where] = columns[where] * by
    return usable(columns["x"], columns["y"], columns.get("size"), wanted.system)


def _pair(table: Table, wanted: Wanted) -> tuple[str, str]:
    if wanted.x and wanted.y:
        return find(table, wanted.x, "x"), find(table, wanted.y, "y")
    if wanted.x or wanted.y:
        missing = "y" if wanted.x else "x"
        raise bad_value(missing, "columns are named in pairs", "name x and y, or neither")
    if (pair := _usual(table, wanted.system)) is not None:
        return pair
    other: System = "sky" if wanted.system == "pixel" else "pixel"
    also = f"; it has {other} positions" if _usual(table, other) else ""
    message = f"the table has none of the usual columns ({usual_pairs(wanted.system)}){also}"
    few = f"name the columns of x and y: there are {', '.join(list(table.fields)[:8])}"
    raise bad_value("x", message, "; ".join(filter(None, (few, table.elsewhere(())))))


def _usual(table: Table, system: System) -> tuple[str, str] | None:
    pair = usual_pair(system, table.fields, lambda name: look_up(table, name) is not None)
    return pair and (find(table, pair[0], "x"), find(table, pair[1], "y"))


def _numbers(values: Values, name: str, where: str) -> Floats:
    if values.dtype.kind not in "iuf":
        raise bad_value(where, f"{name} is no column of numbers", "choose another column")
    if values.ndim != 1:
        raise bad_value(where, f"{name} is a column of arrays", "choose another column")
    return as_fractions(values)


def _factor(words: Field, where: str, system: System) -> float:
    if where == "size":
        return size_factor(words.unit, system)
    return factor(words.unit, where, system, otherwise=_DEGREES_OF_ANGLE if words.kind == "Angle" else 1.0)


def usable(x: Floats, y: Floats, size: Floats | None, system: System) -> Found:
    """Return the rows that can be drawn, and how many cannot: without a position or size, or beyond a pole.

    Parameters
    ----------
    x, y, size : `numpy.ndarray`
        ``(n,)`` each; None for no sizes.
    system : `str`
        ``sky`` for degrees.

    Raises
    ------
    RequestError
        ``bad_value``, ``y``, where all declinations are beyond 90 degrees.
    """
    good = np.isfinite(x) & np.isfinite(y)
    if system == "sky":
        with np.errstate(invalid="ignore"):
            within = good & (np.abs(y) <= 90)
        if good.any() and not within.any():
            raise bad_value("y", "all declinations are beyond 90 degrees", "is the unit of the column right?")
        good = within
    if size is not None:
        with np.errstate(invalid="ignore"):
            good &= np.isfinite(size) & (size > 0)
    left_out = int(np.count_nonzero(~good))
    if not left_out:
        return Found(x, y, size, 0, None)
    return Found(x[good], y[good], None if size is None else size[good], left_out, good)


def _too_many(count: int, most: int) -> RequestError:
    message = f"{count} rows are over the limit of {most} markers"
    return RequestError(Error(code="too_large", message=message, where="select", hint="choose fewer rows"))
