"""Looks of a marker: symbols, coordinate systems, and the checks that both sides make.

A symbol is a character, an ellipse by its moments, the name of a shape, or else a text. A word that is nearly the name
of a shape, or another program's name for one, is refused: it would be written in letters, which nobody means.
``@text:WORDS`` writes any words.
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from mtv.wire.errors import bad_value

POINT_SYMBOLS: Final = ("+", "x", "*", "o")
"""Symbols drawn as shapes; any other string is drawn as text, as in ``lsst.afw.display``, unless it is of `SHAPES`."""

SHAPES: Final = ("circle", "ellipse", "box", "diamond", "annulus", "vector", "line", "point")
"""Names of shapes. ``@NAME:RATIO,ANGLE`` gives the second radius in units of the first, and degrees from x to y."""

TEXT: Final = "@text:"
"""Head of a symbol whose rest is written, whatever it is."""

_ELLIPSE: Final = re.compile(r"@:([^,]+),([^,]+),([^,]+)")
_SHAPE: Final = re.compile(rf"@({'|'.join(SHAPES)}):([^,]*)(?:,(.*))?", re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RATIO_MAX: Final = 1e4

_OTHERS: Final = {
    **dict.fromkeys(("square", "rectangle", "rect", "rectangles", "squares"), "'box'"),
    **dict.fromkeys(("star", "asterisk", "stars"), "'*'"),
    **dict.fromkeys(("plus", "plusses"), "'+'"),
    **dict.fromkeys(("cross", "crosses"), "'+' or 'x'"),
    **dict.fromkeys(("oval", "ellipsoid"), "'ellipse'"),
    **dict.fromkeys(("ring", "donut", "doughnut"), "'annulus'"),
    **dict.fromkeys(("disc", "disk", "round"), "'circle'"),
    **dict.fromkeys(("arrow", "arrows"), "'vector'"),
    **dict.fromkeys(("segment", "polyline"), "'line', or line() with points"),
    **dict.fromkeys(("rhombus", "lozenge"), "'diamond'"),
    **dict.fromkeys(
        ("polygon", "triangle", "pentagon", "hexagon", "heptagon", "octagon", "trapezoid"),
        "polygon() with its vertices",
    ),
    **dict.fromkeys(("panda", "compass", "ruler", "projection", "composite"), "a shape that there is"),
}
"""Words for shapes that are no names here, and what is meant."""
_LONG: Final = 6
"""Letters of a name from which on a slip of the pen is looked for."""


class Moments(NamedTuple):
    """Second moments of an ellipse, in pixels squared."""

    mxx: float
    mxy: float
    myy: float


class Shape(NamedTuple):
    """A shape whose first radius is the size of its marker."""

    name: str
    ratio: float
    """Second radius in units of the first."""
    angle_deg: float


def is_text(symbol: str) -> bool:
    """Tell whether a symbol is drawn as text."""
    return symbol not in POINT_SYMBOLS and not symbol.startswith("@:") and shape_of(symbol) is None


def words_of(symbol: str) -> str:
    """Return what a symbol that is text writes."""
    return symbol.removeprefix(TEXT)


def shape_of(symbol: str) -> Shape | None:
    """Return the shape that a symbol names; None where it names none, or is no good one (`check_symbol`)."""
    if symbol in SHAPES:
        return Shape(symbol, 0.5 if symbol == "annulus" else 1.0, 0.0)
    if symbol[:1] != "@" or (match := _SHAPE.fullmatch(symbol)) is None:
        return None
    try:
        shape = Shape(match[1], float(match[2]), 0.0 if match[3] is None else float(match[3]))
    except ValueError:
        return None
    return shape if 0 < shape.ratio <= _RATIO_MAX and abs(shape.angle_deg) <= _RATIO_MAX else None


def shape_symbol(name: str, ratio: float | None, angle_deg: float) -> str:
    """Return the symbol of a shape; the shortest that says it."""
    if ratio is None and not angle_deg:
        return name
    base = shape_of(name)
    assert base is not None
    return f"@{name}:{base.ratio if ratio is None else ratio!r}" + (f",{angle_deg!r}" if angle_deg else "")


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
        ``bad_value`` for an empty symbol, a bad ellipse or shape, a word that is nearly a shape's name, or a text with
        a newline or other control character.
    """
    if symbol in POINT_SYMBOLS or symbol in SHAPES:
        return symbol
    if symbol.startswith("@:"):
        moments_of(symbol, where)
        return symbol
    if symbol.startswith(TEXT):
        check_text(words_of(symbol), where, text_chars=text_chars)
        return symbol
    if _SHAPE.fullmatch(symbol):
        if shape_of(symbol) is None:
            hint = f"@NAME:RATIO,ANGLE: numbers, a ratio above 0 and up to {_RATIO_MAX:g}"
            raise bad_value(where, f"{symbol[:60]!r} is no shape", hint)
        return symbol
    check_text(symbol, where, text_chars=text_chars)
    if meant := _guess_shape(symbol):
        message = f"symbol {symbol!r} is no shape"
        raise bad_value(where, message, f"did you mean {meant}? To write the word: text(), or {TEXT + symbol!r}")
    return symbol


def _guess_shape(text: str) -> str:
    """Return what a text is likely to be meant as; empty where it is a text like others."""
    word = text.strip().casefold()
    if not word.isascii() or not word.isalpha():
        return ""
    if word in _OTHERS:
        return _OTHERS[word]
    for name in SHAPES:
        if word in {name, f"{name}s", f"{name}es"} or (len(name) >= _LONG and _differs_by_a_slip(word, name)):
            return repr(name)
    return "polygon() with its vertices" if _differs_by_a_slip(word, "polygon") else ""


def _differs_by_a_slip(word: str, name: str) -> bool:
    """Tell whether a word differs by one letter more, less or other than the first, or by two that changed places."""
    if word[0] != name[0] or abs(len(word) - len(name)) > 1:
        return False
    same = next((n for n, (a, b) in enumerate(zip(word, name, strict=False)) if a != b), min(len(word), len(name)))
    a, b = word[same:], name[same:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def check_text(text: str, where: str, *, text_chars: int = 1_000, hint: str = "draw one marker a line") -> str:
    """Return a text that can be drawn, or raise: braces, quotes, semicolons and emoji are fine, newlines are not.

    The hint is for a text of several lines.
    """
    if not text.strip():
        of_a_marker = where.rpartition(".")[2].startswith("symbol")
        raise bad_value(where, "the text is empty", "use + x * o, @:Mxx,Mxy,Myy, or some text" if of_a_marker else "")
    if len(text) > text_chars:
        raise bad_value(where, f"the text has {len(text)} characters, at most {text_chars} are drawn")
    if _CONTROL.search(text):
        raise bad_value(where, "the text has a newline or another control character", hint)
    return text


def plain(text: str, chars: int) -> str:
    """Return a text from elsewhere on one line: control characters become blanks, the rest beyond ``chars`` goes."""
    return _CONTROL.sub(" ", text[:chars])
