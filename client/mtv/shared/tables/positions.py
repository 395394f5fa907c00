"""Positions: from the rows of a table to what an overlay marks, so that no table goes to a client. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from mtv.shared.tables.evaluation import Rows
from mtv.shared.tables.gaps import Values
from mtv.shared.tables.looks import Indices, colours_of, numbers, sizes_of
from mtv.shared.tables.sexagesimals import degrees
from mtv.shared.tables.tables import (
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
from mtv.wire.angles import System, factor, usual_pair, usual_pairs
from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError, bad_value

Floats = npt.NDArray[np.float64]

_DEGREES_OF_ANGLE: Final = 180 / math.pi


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of a table that are wanted, and the columns that are their positions."""

    select: str = ""
    x: str = ""
    """Column; the first usual pair that the table has where empty."""
    y: str = ""
    size: str = ""
    """Column of sizes, or an expression that gives them; none where empty."""
    system: Literal["pixel", "sky"] = "pixel"
    conditions: tuple[str, ...] = ()
    """Expressions that choose between colours: see `mtv.shared.tables.looks.Choice`."""


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """Positions in a pixel file."""

    x: Array
    """``(n,)``: 0-based parent pixels, or right ascension in degrees."""
    y: Array
    size: Array | None = None
    left_out: int = 0
    """Chosen rows without a position or size."""
    colour: Array | None = None
    """``(n,)`` of bytes: which colour of a choice each row has."""


class Found(NamedTuple):
    """Positions in memory, ``(n,)`` each."""

    x: Floats
    y: Floats
    size: Floats | None
    left_out: int
    kept: npt.NDArray[np.bool_] | None = None
    """``(rows,)``: which rows these are of all; None where none was left out, or all are not known."""
    colour: Indices | None = None
    """``(n,)``: which colour of a choice each row has; None where all have one."""


class Chosen(NamedTuple):
    """Positions of the chosen rows, ``(n,)`` each, usable or not."""

    x: Floats
    y: Floats
    size: Floats | None
    colour: Indices | None
    rows: Rows | None
    """``(rows,)``: which rows these are of all; None for all."""


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
    found = find_positions(table, wanted, row_keys=row_keys, **limits)
    columns = {"x": found.x, "y": found.y, "size": found.size, "colour": found.colour}
    there = {name: column for name, column in columns.items() if column is not None}
    written = dict(zip(there, write(list(there.values()), "pos"), strict=True))
    return Positions(
        x=written["x"], y=written["y"], size=written.get("size"), left_out=found.left_out, colour=written.get("colour")
    )


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
        As `choose_positions`.
    """
    chosen = choose_positions(table, wanted, most_markers=most_markers, most_chars=most_chars, row_keys=row_keys)
    found = usable(chosen.x, chosen.y, chosen.size, wanted.system)
    if chosen.colour is None:
        return found
    return found._replace(colour=chosen.colour if found.kept is None else chosen.colour[found.kept])


def choose_positions(
    table: Table,
    wanted: Wanted,
    *,
    most_markers: int,
    most_chars: int = SELECT_CHARS,
    row_keys: Mapping[str, int | str] = NO_KEYS,
) -> Chosen:
    """Return the positions of the chosen rows as they are: NaN where there is none.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``select``, ``x``, ``y``, ``size`` or ``colour``; ``too_large`` for more rows than may be
        marked.
    """
    names = dict(zip(("x", "y"), _pair(table, wanted), strict=True))
    rows = select(table, wanted.select, most_chars=most_chars, row_keys=row_keys)
    count = table.rows if rows is None else int(np.count_nonzero(rows))
    if count > most_markers:
        raise _too_many(count, most_markers)
    read = columns_of(table, list(dict.fromkeys(names.values())), rows)
    for where, name in names.items():
        if name not in read:
            raise not_read(where, name, table.why_not(name))
    columns = {where: _column(read[name], table.fields[name], name, where, wanted) for where, name in names.items()}
    size = sizes_of(table, wanted.size, rows, wanted.system, most_chars) if wanted.size else None
    colour = colours_of(table, wanted.conditions, rows, most_chars) if wanted.conditions else None
    return Chosen(columns["x"], columns["y"], size, colour, rows)


def _pair(table: Table, wanted: Wanted) -> tuple[str, str]:
    if wanted.x and wanted.y:
        return find(table, wanted.x, "x"), find(table, wanted.y, "y")
    if wanted.x or wanted.y:
        missing = "y" if wanted.x else "x"
        raise bad_value(missing, "columns are named in pairs", "name x and y, or neither")
    if (pair := usual(table, wanted.system)) is not None:
        return pair
    other: System = "sky" if wanted.system == "pixel" else "pixel"
    also = f"; it has {other} positions" if usual(table, other) else ""
    message = f"the table has none of the usual columns ({usual_pairs(wanted.system)}){also}"
    few = f"name the columns of x and y: there are {', '.join(list(table.fields)[:8])}"
    raise bad_value("x", message, "; ".join(filter(None, (few, table.elsewhere(())))))


def usual(table: Table, system: System) -> tuple[str, str] | None:
    """Return the true names of the first usual pair of columns that a table has; None where it has none."""
    pair = usual_pair(system, table.fields, lambda name: look_up(table, name) is not None)
    return pair and (find(table, pair[0], "x"), find(table, pair[1], "y"))


def _column(values: Values, words: Field, name: str, where: str, wanted: Wanted) -> Floats:
    if wanted.system == "sky" and values.dtype.kind == "U" and values.ndim == 1:
        return degrees(values, name, words.unit, where)
    found, by = numbers(values, name, where), _factor(words, where, wanted.system)
    return found if by == 1 else found * by


def _factor(words: Field, where: str, system: System) -> float:
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
