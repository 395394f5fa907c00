"""Columns of markers: from the user's arrays to the fields of an `~mtv.wire.steps.Overlay`, checked row by row."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mtv.arguments.checks import expression, finite, known_colour, known_symbol
from mtv.arguments.quantities import column, pair_of, pairs_of
from mtv.arguments.shapes import symbols_of_rows
from mtv.arguments.transaction import Columns, too_many
from mtv.wire.angles import System
from mtv.wire.errors import bad_value
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits


class MarkerColumns(NamedTuple):
    """Fields of an overlay step, and the buffers that they name."""

    fields: dict[str, Any]
    buffers: tuple[Buffer, ...]
    markers: int


def columns_of(
    x: Any,
    y: Any,
    symbol: Any,
    size: Any,
    colour: Any,
    limits: Limits,
    system: System = "pixel",
    size2: Any = None,
    angle: Any = 0.0,
) -> MarkerColumns:
    """Return markers as columns.

    Units and masks of the arrays count, as `mtv.arguments.quantities.column` has them. The daemon leaves out rows
    without a position or a size, as it does with those of tables, and counts them.

    Raises
    ------
    RequestError
        Naming ``x``, ``y``, ``symbol``, ``size``, ``size2``, ``angle`` or ``colour``.
    """
    x, y = pair_of(x, y, system)
    xs = numbers("x", x, system=system)
    count = len(xs)
    if count > limits.markers:
        raise too_many("x", count, limits.markers)
    ys = numbers("y", y, count, system=system)
    if size2 is not None or not (isinstance(angle, int | float) and angle == 0):
        symbol, size = symbols_of_rows(symbol, size, size2, angle, count, system)
    packed = Columns()
    fields = {
        "x": packed.add(xs),
        "y": packed.add(ys),
        "symbol": words("symbol", symbol, count, known_symbol),
        "size": _sizes(size, count, packed, system),
        "colour": words("colour", colour, count, known_colour),
    }
    return MarkerColumns(fields, (packed.data,) if packed.data else (), count)


def positions(markers: Any, limits: Limits) -> MarkerColumns:
    """Return markers that were given as one thing: positions ``(n, 2)``, or the columns by their names.

    Raises
    ------
    RequestError
        Naming ``markers``, or as `columns_of`.
    """
    if not isinstance(markers, Mapping):
        table = column("markers", markers, "pixel")
        if table.ndim != 2 or table.shape[1] != 2:
            raise bad_value("markers", f"an array of shape {table.shape} is no list of positions", "(n, 2): x and y")
        markers = {"x": table[:, 0], "y": table[:, 1]}
    wanted: dict[str, Any] = {"symbol": "+", "size": 2.0, "colour": "green"} | dict(markers)
    if unknown := sorted(map(str, wanted.keys() - {"x", "y", "symbol", "size", "colour"})):
        raise bad_value("markers", f"markers have no {unknown[0]!r}", "x, y, symbol, size, colour")
    if not {"x", "y"} <= wanted.keys():
        raise bad_value("markers", "markers need x and y")
    return columns_of(**wanted, limits=limits)


def table_columns(
    target: Any, y: Any, select: str, columns: Sequence[str], symbol: Any, size: Any, colour: Any, limits: Limits
) -> MarkerColumns:
    """Return the fields of an overlay whose rows the daemon reads from a table.

    Raises
    ------
    RequestError
        Naming ``y``, ``select``, ``columns``, ``symbol``, ``size`` or ``colour``.
    """
    names = named_columns(y, columns)
    for where, word, check in (("symbol", symbol, known_symbol), ("colour", colour, _table_colour)):
        if not isinstance(word, str):
            raise bad_value(where, "the rows of a table are not known here", f"one {where} for all rows")
        check(word, where)
    expression(colour, limits, "colour")
    named = {"x": names[0], "y": names[1]} if names else {}
    fields = {"target": target, "select": expression(select, limits), "symbol": symbol, "colour": colour, **named}
    return MarkerColumns({**fields, "size": _table_size(size, limits)}, (), 0)


def named_columns(y: Any, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of a table that are its positions; none where a usual pair is meant.

    Raises
    ------
    RequestError
        Naming ``y`` or ``columns``.
    """
    if y is not None:
        raise bad_value("y", "a table is given in place of x and y", 'name its columns: columns=("x", "y")')
    names = tuple(columns)
    if isinstance(columns, str) or len(names) not in {0, 2} or not all(isinstance(name, str) for name in names):
        raise bad_value("columns", f"{columns!r} is no pair of names", 'for example columns=("ra", "dec")')
    return names


def _table_colour(colour: str, where: str) -> None:
    if "?" not in colour:  # a choice by conditions is the daemon's to check, which knows the columns
        known_colour(colour, where)


def _table_size(size: Any, limits: Limits) -> float | str:
    if isinstance(size, str) and size:
        return expression(size, limits, "size")
    if finite("size", size) <= 0:
        raise bad_value("size", f"a size of {size} draws nothing")
    return float(size)


def points_of(points: Any, colour: str, limits: Limits, system: System | None) -> tuple[MarkerColumns, System]:
    """Return the points of a line as columns, and their system; NaN breaks it.

    Raises
    ------
    RequestError
        Naming ``points``, ``system`` or ``colour``.
    """
    import numpy as np

    table, known = pairs_of("points", points, system)
    if table.ndim != 2 or table.shape[1] != 2:
        raise bad_value("points", f"an array of shape {table.shape} is no list of points", "its shape must be (n, 2)")
    if len(table) < 2:
        raise bad_value("points", "a line needs two points")
    if len(table) > limits.markers:
        raise too_many("points", len(table), limits.markers)
    if np.isinf(table).any():
        raise bad_value("points", "a point is infinite", "NaN breaks a line")
    packed = Columns()
    fields = {
        "x": packed.add(_pack(table[:, 0])),
        "y": packed.add(_pack(table[:, 1])),
        "colour": words("colour", colour, len(table), known_colour),
    }
    return MarkerColumns(fields, (packed.data,) if packed.data else (), len(table)), known


def polygon_of(points: Any, system: System | None) -> tuple[tuple[float, ...], System]:
    """Return the vertices of a polygon, ``x, y`` of each in turn, and their system.

    Raises
    ------
    RequestError
        Naming ``points`` or ``system``.
    """
    import numpy as np

    table, known = pairs_of("points", points, system)
    if table.ndim != 2 or table.shape[1] != 2 or len(table) < 3:
        hint = "its shape must be (n, 2), with three vertices at least"
        raise bad_value("points", f"an array of shape {table.shape} is no polygon", hint)
    if not np.isfinite(table).all():
        raise bad_value("points", "a vertex is not finite")
    return tuple(table.ravel().tolist()), known


def numbers(where: str, values: Any, count: int | None = None, *, system: System = "pixel") -> array[float]:
    """Return a column of numbers, pixels or degrees, NaN where there is none; or raise."""
    values = column(where, values, system)
    if values.ndim != 1:
        raise bad_value(where, f"an array of shape {values.shape} is no column")
    if count is not None and len(values) != count:
        raise bad_value(where, f"{where} has {len(values)} rows, x has {count}")
    return _pack(values)


def words(where: str, value: Any, count: int, check: Any) -> str | tuple[str, ...]:
    """Return one word for all rows, or one a row, each of them known."""
    if isinstance(value, str):
        check(value, where)
        return value
    try:
        column = tuple(str(word) for word in value)
    except TypeError:
        raise bad_value(where, f"{value!r} is no text") from None
    if len(column) != count:
        raise bad_value(where, f"{where} has {len(column)} rows, x has {count}")
    for word in dict.fromkeys(column):
        check(word, f"{where}[{column.index(word)}]")
    return column


def _sizes(size: Any, count: int, packed: Columns, system: System) -> Any:
    import numpy as np

    if np.ndim(size) == 0:
        one = finite("size", column("size", size, system)[()] if hasattr(size, "unit") else size)
        if one <= 0:
            raise bad_value("size", f"a size of {one:g} draws nothing")
        return float(one)
    return packed.add(numbers("size", size, count, system=system))


def _pack(column: Any) -> array[float]:
    import numpy as np

    packed = array("d")
    packed.frombytes(np.ascontiguousarray(column).data.cast("B"))
    return packed


__all__: Sequence[str] = ("MarkerColumns", "columns_of", "points_of", "positions", "table_columns")
