"""Looks of a marker: symbols, coordinate systems, and the checks that both sides make."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from mtv.wire.errors import bad_value

POINT_SYMBOLS: Final = ("+", "x", "*", "o")
"""Symbols drawn as shapes; any other string is drawn as text, as in ``lsst.afw.display``."""

_ELLIPSE: Final = re.compile(r"@:([^,]+),([^,]+),([^,]+)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Moments(NamedTuple):
    """Second moments of an ellipse, in pixels squared."""

    mxx: float
    mxy: float
    myy: float


def is_text(symbol: str) -> bool:
    """Tell whether a symbol is drawn as text."""
    return symbol not in POINT_SYMBOLS and not symbol.startswith("@:")


def moments_of(symbol: str, where: str = "symbol") -> Moments:
    """Read ``@:Mxx,Mxy,Myy``.

    Raises
    ------
    RequestError
        ``bad_value`` where the three numbers are not finite, or are not the moments of an ellipse.
    """
    match = _ELLIPSE.fullmatch(symbol)
    try:
        moments = Moments(*(float(text) for text in match.groups())) if match else None
    except ValueError:
        moments = None
    if moments is None or not all(map(math.isfinite, moments)):
        raise bad_value(where, f"symbol {symbol!r} is no ellipse", "write it as @:Mxx,Mxy,Myy, three numbers")
    if moments.mxx <= 0 or moments.myy <= 0 or moments.mxy**2 >= moments.mxx * moments.myy:
        raise bad_value(where, f"symbol {symbol!r} has moments of no ellipse", "needs Mxx Myy > Mxy^2")
    return moments


def check_symbol(symbol: str, where: str = "symbol", *, text_chars: int = 1_000) -> str:
    """Return a symbol that can be drawn, or raise.

    Raises
    ------
    RequestError
        ``bad_value`` for an empty symbol, a bad ellipse, or a text with a newline or other control character.
    """
    if symbol in POINT_SYMBOLS:
        return symbol
    if symbol.startswith("@:"):
        moments_of(symbol, where)
        return symbol
    return check_text(symbol, where, text_chars=text_chars)


def check_text(text: str, where: str, *, text_chars: int = 1_000) -> str:
    """Return a text that can be drawn, or raise: braces, quotes, semicolons and emoji are fine, newlines are not."""
    if not text.strip():
        of_a_marker = where.rpartition(".")[2].startswith("symbol")
        raise bad_value(where, "the text is empty", "use + x * o, @:Mxx,Mxy,Myy, or some text" if of_a_marker else "")
    if len(text) > text_chars:
        raise bad_value(where, f"the text has {len(text)} characters, at most {text_chars} are drawn")
    if _CONTROL.search(text):
        raise bad_value(where, "the text has a newline or another control character", "draw one marker a line")
    return text


def plain(text: str, chars: int) -> str:
    """Return a text from elsewhere on one line: control characters become blanks, the rest beyond ``chars`` goes."""
    return _CONTROL.sub(" ", text[:chars])
