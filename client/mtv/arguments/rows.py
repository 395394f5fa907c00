"""Rows of a table in this process as markers: the rules are those for tables that the daemon reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mtv.arguments.checks import expression
from mtv.arguments.markers import MarkerColumns, columns_of, named_columns
from mtv.arguments.quantities import column
from mtv.wire.angles import System, factor, is_angle, usual_pair
from mtv.wire.errors import RequestError, bad_value
from mtv.wire.limits import Limits

if TYPE_CHECKING:
    from mtv.arguments.catalogs import MemoryTable
    from mtv.shared.tables.evaluation import Rows

_ANGLE: Final = "Angle"


def markers_of(
    table: MemoryTable,
    y: Any,
    select: str,
    columns: Sequence[str],
    symbol: Any,
    size: Any,
    colour: Any,
    limits: Limits,
    system: System | None,
    size2: Any = None,
    angle: Any = 0.0,
) -> tuple[MarkerColumns, System]:
    """Return the chosen rows of a table as markers, and their system.

    Parameters
    ----------
    table : `MemoryTable`
    y : None
        What the caller has given for it.
    select : `str`
        Expression that chooses rows; all where empty.
    columns : pair of `str`
        Columns of x and y; a usual pair where empty.
    symbol, size, colour, size2, angle : scalar or array
        One for all, or one a row of the table. ``size``, ``size2`` and ``angle`` may be a column, ``size`` and
        ``size2`` an expression, ``colour`` a choice.
    system : `str` or None
        That of the columns where None: pixels where the table has them.

    Raises
    ------
    RequestError
        ``bad_value`` naming the field: ``x`` where there are no positions, with the columns that there are.
    """
    from mtv.shared.tables import positions

    names = named_columns(y, columns)
    system = system or _system_of(table, names)
    choice, conditions = _choice_of(colour, limits)
    wanted = positions.Wanted(
        select=expression(select, limits),
        x=names[0] if names else "",
        y=names[1] if names else "",
        size=expression(size, limits, "size") if isinstance(size, str) and size else "",
        system=system,
        conditions=conditions,
    )
    chosen = positions.choose_positions(table, wanted, most_markers=limits.markers, most_chars=limits.select_chars)
    rows = chosen.rows
    if choice is not None and chosen.colour is not None:
        colour = [choice[index] for index in chosen.colour.tolist()]
    elif not isinstance(colour, str):
        colour = _words_of("colour", colour, table, rows)
    if not isinstance(symbol, str):
        symbol = _words_of("symbol", symbol, table, rows)
    size = chosen.size if chosen.size is not None else _numbers_of("size", size, table, rows, system)
    if isinstance(size2, str):
        size2 = _size2_of(table, size2, rows, system, limits)
    elif size2 is not None:
        size2 = _numbers_of("size2", size2, table, rows, system)
    angle = _angle_of(table, angle, rows) if isinstance(angle, str) else _chosen_of("angle", angle, table, rows)
    packed = columns_of(chosen.x, chosen.y, symbol, size, colour, limits, system, size2=size2, angle=angle)
    return packed, system


def _system_of(table: MemoryTable, names: tuple[str, ...]) -> System:
    """Return the system of the columns that are named, by their unit or their names; or that the table has."""
    from mtv.shared.tables.positions import usual
    from mtv.shared.tables.tables import look_up

    if not names:
        return "sky" if usual(table, "pixel") is None and usual(table, "sky") is not None else "pixel"
    words = table.fields.get(look_up(table, names[0]) or "")
    if words is not None and (is_angle(words.unit) or words.kind == _ANGLE):
        return "sky"
    return "sky" if usual_pair("sky", names) == names else "pixel"


def _choice_of(colour: Any, limits: Limits) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the colours that a text chooses between, and its conditions; None for one colour, or one a row."""
    if not isinstance(colour, str) or "?" not in colour:
        return None, ()
    from mtv.shared.tables.looks import colour_choice

    choice = colour_choice(expression(colour, limits, "colour"))
    return choice.hexes, choice.conditions


def _chosen_of(where: str, values: Any, table: MemoryTable, rows: Rows | None) -> Any:
    """Return one value for all as it is, of one a row those of the chosen rows."""
    import numpy as np

    if np.ndim(values) == 0:
        return values
    if len(values) != table.rows:
        raise bad_value(where, f"{where} has {len(values)} rows, the {table.name} {table.rows}")
    return values if rows is None else np.asanyarray(values)[rows]


def _numbers_of(where: str, values: Any, table: MemoryTable, rows: Rows | None, system: System) -> Any:
    import numpy as np

    if np.ndim(values) == 0:
        return values
    return _chosen_of(where, column("size", values, system), table, rows)


def _words_of(where: str, words: Any, table: MemoryTable, rows: Rows | None) -> Any:
    import numpy as np

    words = list(words)
    if len(words) != table.rows:
        raise bad_value(where, f"{where} has {len(words)} rows, the {table.name} {table.rows}")
    return words if rows is None else [words[row] for row in np.flatnonzero(rows).tolist()]


def _size2_of(table: MemoryTable, text: str, rows: Rows | None, system: System, limits: Limits) -> Any:
    from mtv.shared.tables.looks import sizes_of

    try:
        return sizes_of(table, expression(text, limits, "size2"), rows, system, limits.select_chars)
    except RequestError as refusal:
        raise bad_value("size2", refusal.error.message, refusal.error.hint) from None


def _angle_of(table: MemoryTable, name: str, rows: Rows | None) -> Any:
    """Return the angles of a column in degrees, by its unit."""
    from mtv.shared.tables.looks import numbers
    from mtv.shared.tables.tables import columns_of, find, not_read

    true_name = find(table, name, "angle")
    read = columns_of(table, [true_name], rows)
    if true_name not in read:
        raise not_read("angle", name, table.why_not(true_name))
    words = table.fields[true_name]
    radians = math.degrees(1.0) if words.kind == _ANGLE else 1.0
    return numbers(read[true_name], name, "angle") * factor(words.unit, "angle", "sky", otherwise=radians)
