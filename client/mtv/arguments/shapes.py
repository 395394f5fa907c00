"""Shapes of markers: a name, a second radius and an angle, as the symbol that the wire has for them."""

from __future__ import annotations

from typing import Any, Final

from mtv.arguments.checks import finite, known_symbol
from mtv.arguments.quantities import column
from mtv.wire.angles import System
from mtv.wire.errors import bad_value
from mtv.wire.markers import shape_of, shape_symbol

_WITH_SIZE2: Final = ("ellipse", "box", "diamond", "annulus")
_WITH_ANGLE: Final = ("ellipse", "box", "diamond", "vector", "line")


def symbol_of_one(symbol: Any, size: Any, size2: Any, angle: Any) -> str:
    """Return the symbol of one marker whose shape has a second radius, or is turned.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``size2`` or ``angle``.
    """
    _check_name(symbol, size2, angle)
    first, turn = finite("size", size), finite("angle", angle)
    if size2 is None:
        return shape_symbol(symbol, None, turn)
    second = finite("size2", size2)
    if second <= 0 or first <= 0:
        raise bad_value("size2" if first > 0 else "size", f"a size of {min(first, second):g} draws nothing")
    return known_symbol(shape_symbol(symbol, second / first, turn))


def symbols_of_rows(
    symbol: Any, size: Any, size2: Any, angle: Any, count: int, system: System
) -> tuple[tuple[str, ...], Any]:
    """Return symbols and sizes of rows, each with its second radius and angle; a row without them has no size.

    Parameters
    ----------
    symbol : `str`
        One shape for all.
    size, size2, angle : `float` or array
        One for all, or one a row; gaps and units as in `mtv.arguments.quantities.column`, angles in degrees.
    count : `int`
        Number of rows.
    system : `str`
        ``sky`` or ``pixel``.

    Returns
    -------
    symbols : `tuple` of `str`
    sizes : `numpy.ndarray`
        ``(count,)``, NaN where nothing can be drawn.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``symbol``, ``size``, ``size2`` or ``angle``.
    """
    import numpy as np

    _check_name(symbol, size2, angle)
    sizes = _rows("size", column("size", size, system), count)
    turns = _rows(
        "angle", angle.to_value("deg") if hasattr(angle, "to_value") else column("angle", angle, system), count
    )
    with np.errstate(all="ignore"):
        ratios = None if size2 is None else _rows("size2", column("size", size2, system), count) / sizes
        good = np.isfinite(turns) & (True if ratios is None else np.isfinite(ratios) & (ratios > 0))
    each = [None] * count if ratios is None else ratios.tolist()
    symbols = tuple(
        shape_symbol(symbol, ratio, turn) if usable else symbol
        for usable, ratio, turn in zip(good.tolist(), each, turns.tolist(), strict=True)
    )
    for one in dict.fromkeys(symbols):
        known_symbol(one)
    return symbols, np.where(good, sizes, np.nan)


def _rows(where: str, values: Any, count: int) -> Any:
    import numpy as np

    if np.shape(values) not in {(), (count,)}:
        raise bad_value(where, f"{where} has the shape {np.shape(values)}, x has {count} rows")
    return np.broadcast_to(values, (count,))


def _check_name(symbol: Any, size2: Any, angle: Any) -> None:
    shape = shape_of(symbol) if isinstance(symbol, str) else None
    name = symbol if shape is not None and shape.name == symbol else ""
    if size2 is not None and name not in _WITH_SIZE2:
        raise bad_value("size2", f"{symbol!r} has one size", f"these have two: {', '.join(_WITH_SIZE2)}")
    if name not in _WITH_ANGLE and _is_given(angle):
        raise bad_value("angle", f"{symbol!r} is not turned", f"these are: {', '.join(_WITH_ANGLE)}")


def _is_given(angle: Any) -> bool:
    return not (isinstance(angle, int | float) and angle == 0)
