"""Markers in the words of ``lsst.afw.display``: symbols, ellipses, sizes of texts, positions that are none."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from mtv.afw import LOCAL
from mtv.afw.notes import tell_once
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtv.wire.markers import POINT_SYMBOLS, TEXT, moments_of, plain

POINTS_OF_A_SIZE: Final = 5
"""Points of the font for a size of 1."""
_LEAST_POINTS: Final = 4
_NOWHERE: Final = "markers without a position or a size (NaN) are left out"
_NO_ELLIPSE: Final = "ellipses whose moments are none of an ellipse, or NaN, are left out"


class Glyph(NamedTuple):
    """A marker as `mtv.Display` takes it."""

    symbol: str
    size: float


def glyph_of(symb: Any, size: Any) -> Glyph | None:
    """Return a marker; None where nothing can be drawn of it, which a note says once.

    Parameters
    ----------
    symb : `str`, `int` or ellipse
        ``+`` ``x`` ``*`` ``o``, ``@:Mxx,Mxy,Myy``, an object with ``getA``, ``getB`` and ``getTheta`` or with
        ``getIxx``, ``getIxy`` and ``getIyy``; anything else is written.
    size : `float`
        Pixels; of a text, 5 points of its font.
    """
    number = float(size)
    if not math.isfinite(number) or number <= 0:
        tell_once(_NOWHERE)
        return None
    symbol = _moments(symb)
    if symbol.startswith("@:"):
        return Glyph(symbol, number) if _is_ellipse(symbol) else None
    if symbol in POINT_SYMBOLS:
        return Glyph(symbol, number)
    text = plain(symbol, Limits().text_chars)
    if not text.strip():
        return None
    return Glyph(f"{TEXT}{text}", points_of(number))


def points_of(size: float) -> float:
    """Return the points of a text's font. Less than 4 nobody reads, and of 2 `mtv.Display` would make 10."""
    return float(max(int(POINTS_OF_A_SIZE * size + 0.5), _LEAST_POINTS))


def position_of(c: Any, r: Any) -> tuple[float, float] | None:
    """Return a position; None for NaN or infinity, which a note says once."""
    x, y = float(c), float(r)
    if math.isfinite(x) and math.isfinite(y):
        return x, y
    tell_once(_NOWHERE)
    return None


def is_local(origin: Any) -> bool:
    """Tell whether an origin is ``LOCAL``: ours, or that of ``lsst.afw.image``."""
    return str(getattr(origin, "name", origin)).rpartition(".")[2] == LOCAL


def _moments(symb: Any) -> str:
    if hasattr(symb, "getIxx"):
        return _ellipse(symb.getIxx(), symb.getIxy(), symb.getIyy())
    if hasattr(symb, "getA") and hasattr(symb, "getTheta"):
        a2, b2, theta = symb.getA() ** 2, symb.getB() ** 2, symb.getTheta()
        cos, sin = math.cos(theta), math.sin(theta)
        return _ellipse(a2 * cos**2 + b2 * sin**2, (a2 - b2) * sin * cos, a2 * sin**2 + b2 * cos**2)
    return str(symb)


def _ellipse(*moments: float) -> str:
    return "@:" + ",".join(repr(float(moment)) for moment in moments)


def _is_ellipse(symbol: str) -> bool:
    try:
        moments_of(symbol)
    except RequestError:
        try:
            _, _, _ = (float(part) for part in symbol.removeprefix("@:").split(","))
        except ValueError:
            pass
        else:
            tell_once(_NO_ELLIPSE)
            return False
        raise
    return True
