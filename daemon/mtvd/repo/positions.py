"""Positions: from the rows of a table to what an overlay marks, so that no table goes to a client. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from mtv.wire.data import Array
from mtv.wire.errors import Error, RequestError, bad_value
from mtvd.repo.gaps import Values
from mtvd.repo.tables import SELECT_CHARS, Field, Table, Write, columns_of, find, select

Floats = npt.NDArray[np.float64]

_PAIRS: Final = {
    "pixel": (("slot_Centroid_x", "slot_Centroid_y"), ("x", "y"), ("xcentroid", "ycentroid")),
    "sky": (("coord_ra", "coord_dec"), ("ra", "dec"), ("RA", "DEC"), ("RAJ2000", "DEJ2000")),
}
_DEGREES: Final = {
    "rad": 180 / math.pi, "radian": 180 / math.pi, "radians": 180 / math.pi, "deg": 1.0, "degree": 1.0, "degrees": 1.0,
    "hourangle": 15.0, "h": 15.0, "arcmin": 1 / 60, "arcsec": 1 / 3600,
}  # fmt: skip
_DEGREES_OF_ANGLE: Final = 180 / math.pi


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which rows of a table, and which of its columns are their positions."""

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


def positions(
    table: Table, write: Write, wanted: Wanted, *, most_markers: int, most_chars: int = SELECT_CHARS
) -> Positions:
    """Write positions into a pixel file; raises as `find_positions`."""
    x, y, size, left_out = find_positions(table, wanted, most_markers=most_markers, most_chars=most_chars)
    arrays = write([x, y] if size is None else [x, y, size], "pos")
    return Positions(x=arrays[0], y=arrays[1], size=None if size is None else arrays[2], left_out=left_out)


def find_positions(table: Table, wanted: Wanted, *, most_markers: int, most_chars: int = SELECT_CHARS) -> Found:
    """Return the positions of the chosen rows; rows without one, or without a size, are left out and counted.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``select``, ``x``, ``y`` or ``size``; ``too_large`` for more rows than may be marked.
    """
    names = dict(zip(("x", "y"), _pair(table, wanted), strict=True))
    if wanted.size:
        names["size"] = find(table, wanted.size, "size")
    rows = select(table, wanted.select, most_chars=most_chars)
    count = table.rows if rows is None else int(np.count_nonzero(rows))
    if count > most_markers:
        raise _too_many(count, most_markers)
    read = columns_of(table, list(dict.fromkeys(names.values())), rows)
    columns = {where: _numbers(read.get(name), name, where) for where, name in names.items()}
    if wanted.system == "sky":
        columns |= {where: _in_degrees(columns[where], table.fields[names[where]], where) for where in ("x", "y")}
    return _usable(columns, wanted.system)


def _pair(table: Table, wanted: Wanted) -> tuple[str, str]:
    if wanted.x and wanted.y:
        return find(table, wanted.x, "x"), find(table, wanted.y, "y")
    if wanted.x or wanted.y:
        missing = "y" if wanted.x else "x"
        raise bad_value(missing, "columns are named in pairs", "name x and y, or neither")
    for pair in _known(table, wanted.system):
        return pair
    tried = ", ".join(" ".join(pair) for pair in _PAIRS[wanted.system])
    other = "sky" if wanted.system == "pixel" else "pixel"
    also = f"; it has {other} positions" if any(True for _ in _known(table, other)) else ""
    raise bad_value("x", f"the table has none of the usual columns ({tried}){also}", "name the columns of x and y")


def _known(table: Table, system: str) -> Iterator[tuple[str, str]]:
    for pair in _PAIRS[system]:
        try:
            yield find(table, pair[0], "x"), find(table, pair[1], "y")
        except RequestError:  # the next usual pair
            continue


def _numbers(values: Values | None, name: str, where: str) -> Floats:
    if values is None or values.dtype.kind not in "iuf":
        raise bad_value(where, f"{name} is no column of numbers", "choose another column")
    if values.ndim != 1:
        raise bad_value(where, f"{name} is a column of arrays", "choose another column")
    return np.asarray(values, dtype="<f8")


def _in_degrees(values: Floats, words: Field, where: str) -> Floats:
    if not words.unit:
        return values * (_DEGREES_OF_ANGLE if words.kind == "Angle" else 1.0)
    factor = _DEGREES.get(words.unit.strip().lower())
    if factor is None:
        raise bad_value(where, f"{words.unit!r} is no unit of a position in the sky", "name another column")
    return values * factor


def _usable(columns: dict[str, Floats], system: str) -> Found:
    x, y, size = columns["x"], columns["y"], columns.get("size")
    good = np.isfinite(x) & np.isfinite(y)
    if system == "sky" and (np.abs(y[good]) > 90).any():
        raise bad_value("y", "a declination is beyond 90 degrees", "is the unit of the column right?")
    if size is not None:
        with np.errstate(invalid="ignore"):
            good &= np.isfinite(size) & (size > 0)
    left_out = int(np.count_nonzero(~good))
    return Found(x[good], y[good], None if size is None else size[good], left_out)


def _too_many(count: int, most: int) -> RequestError:
    message = f"{count} rows are over the limit of {most} markers"
    return RequestError(Error(code="too_large", message=message, where="select", hint="choose fewer rows"))
