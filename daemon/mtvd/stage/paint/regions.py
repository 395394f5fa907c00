"""Markers as DS9 region text. Pure: text out.

Every marker is one region, because what DS9 takes for a region, not for its shape, is what 10,000 of them cost. So the
crosses are open polylines that retrace their centre, with arms in image pixels (DS9's own ``point=cross`` is measured
in screen pixels). Lengths are those of ``lsst.afw.display``: the size is the arm of ``+`` and ``*``, the radius
of ``o`` and half the diagonal of ``x``.

A colour stands before the regions that have it, not in each of them: a sixth less for DS9 to read. Each region carries
the tag of its overlay, made from a hash because names are free text; what has no tag of ours was
drawn by hand. Positions that are not numbers, or nowhere near a sky or detector, are skipped and counted. Shapes by
name, and regions of any shape, are written by `mtvd.stage.paint.shapes`.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from mtv.shared.regions.writing import quote
from mtv.wire.markers import SHAPES, is_text, moments_of, shape_of, words_of
from mtvd.scene.actions import Markers
from mtvd.stage.paint.digits import Floats, fixed_point, one_fixed_point, rows
from mtvd.stage.paint.shapes import Style, point_sizes, region_lines, shape_lines, shapes_at

TAG_PREFIX: Final = "mtv."
DEFAULT_FONT_POINTS: Final = 10
"""Font of a text whose size is 2, the default size of all symbols, as in ``lsst.afw.display``."""

_PIXEL_MAX: Final = 1e8
_SKY_MAX: Final = 1e3
_SIZE_MAX: Final = 1e6
_FIRST: Final = struct.Struct("<d")
_HALF: Final = math.sqrt(0.5)
_SIN60: Final = math.sqrt(0.75)

_ARMS: Final[dict[str, tuple[tuple[float, float], ...]]] = {
    "+": ((-1, 0), (1, 0), (0, 0), (0, -1), (0, 1)),
    "x": ((-_HALF, -_HALF), (_HALF, _HALF), (0, 0), (-_HALF, _HALF), (_HALF, -_HALF)),
    "*": ((-1, 0), (1, 0), (0, 0), (-0.5, -_SIN60), (0.5, _SIN60), (0, 0), (-0.5, _SIN60), (0.5, -_SIN60)),
}


class Drawn(NamedTuple):
    """Region text and what became of the markers."""

    text: str
    drawn: int
    """Regions in the text; for lines, unbroken pieces."""
    skipped: int
    """Markers without a usable position or size."""


_STYLES: Final = {
    "pixel": Style(system="physical", decimals=3, arcsec="", scale=1.0),
    "sky": Style(system="icrs", decimals=8, arcsec='"', scale=1 / 3600),
}


def tag_of(overlay: str) -> str:
    """Return the tag of an overlay: the same for the same name, letters, digits and a point only."""
    return TAG_PREFIX + hashlib.blake2b(overlay.encode(), digest_size=8).hexdigest()


def region_text(markers: Markers, overlay: str) -> Drawn:
    """Return the region file that draws markers, in ``physical`` or ``icrs``."""
    if (text := _single(markers, overlay)) is not None:
        return Drawn(text, 1, 0)
    if markers.regions:
        return Drawn(region_lines(markers.regions, tag_of(overlay)), len(markers.regions), 0)
    style = _STYLES[markers.system]
    x, y, size, good = _usable(markers)
    shift = 1.0 if markers.system == "pixel" else 0.0
    if markers.lines:
        return _lines(x + shift, y + shift, good, markers, style, tag_of(overlay))
    pieces = [
        _shapes(markers, colour, chosen, (x + shift, y + shift, size), style, tag_of(overlay))
        if symbol in SHAPES
        else _group(symbol, colour, x[chosen] + shift, y[chosen] + shift, size[chosen], style, tag_of(overlay))
        for symbol, colour, chosen in _groups(markers, good)
    ]
    drawn = int(np.count_nonzero(good))
    return Drawn(f"{style.system}\n{''.join(pieces)}", drawn, len(x) - drawn)


def _single(markers: Markers, overlay: str) -> str | None:
    """Return the same text for a single marker in pixels, of the usual symbols, without the columns: 10 us, not 80."""
    symbol = markers.symbols[0]
    if markers.count != 1 or markers.lines or markers.system != "pixel" or not (symbol in _ARMS or symbol == "o"):
        return None
    x, y, size = (_FIRST.unpack_from(column)[0] for column in (markers.x, markers.y, markers.size))
    if not (abs(x) < _PIXEL_MAX and abs(y) < _PIXEL_MAX and 0 < size < _SIZE_MAX):
        return None
    x, y = x + 1, y + 1
    if symbol == "o":
        shape = f"circle({one_fixed_point(x, 3)},{one_fixed_point(y, 3)},{one_fixed_point(size, 4)})"
    else:
        points = (number for dx, dy in _ARMS[symbol] for number in (x + dx * size, y + dy * size))
        shape = f"segment({','.join([one_fixed_point(number, 3) for number in points])})"
    return f'physical\nglobal color={markers.colours[0]}\n{shape} # tag="{tag_of(overlay)}"\n'


def radii(markers: Markers) -> tuple[float, float]:
    """Return the least and the most radius of markers that become points where they are too small to be seen.

    In pixels or arc seconds; both 0 for lines, texts alone, and markers whose size is exact.
    """
    if markers.lines or markers.exact or markers.regions or not markers.count:
        return 0.0, 0.0
    if len(markers.size) == _FIRST.size:
        least = most = _FIRST.unpack(markers.size)[0]
    else:
        size = np.frombuffer(markers.size, "<f8")
        size = size[(size > 0) & (size < _SIZE_MAX)]
        least, most = (float(size.min()), float(size.max())) if size.size else (0.0, 0.0)
    found = [_radii_of(symbol, least, most) for symbol in dict.fromkeys(markers.symbols)]
    sized = [pair for pair in found if pair is not None]
    if not sized:
        return 0.0, 0.0
    return min(pair[0] for pair in sized), max(pair[1] for pair in sized)


def _radii_of(symbol: str, least: float, most: float) -> tuple[float, float] | None:
    if symbol in _ARMS or symbol == "o":
        return (least, most) if math.isfinite(most) and most > 0 else None
    if not symbol.startswith("@:"):
        return None
    mxx, mxy, myy = moments_of(symbol)
    longest = math.sqrt((mxx + myy) / 2 + math.hypot((mxx - myy) / 2, mxy))
    return longest, longest


def drawn_rows(markers: Markers) -> list[tuple[int, ...]]:
    """Return the rows of each region of `region_text`, in the order in which they are drawn: several of a line's."""
    if markers.regions:
        return [(row,) for row in range(markers.count)]
    _, _, size, good = _usable(markers)
    if markers.lines:
        return [tuple(range(first, last)) for first, last in _runs(good)]
    found: list[tuple[int, ...]] = []
    for symbol, _, chosen in _groups(markers, good):
        rows_here = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        if symbol == "point":
            rows_here = rows_here[np.argsort(point_sizes(size[rows_here]), kind="stable")]
        elif symbol not in _ARMS and symbol != "o" and is_text(symbol):
            rows_here = rows_here[np.argsort(_points(size[rows_here]), kind="stable")]
        found += [(int(row),) for row in rows_here]
    return found


def _usable(markers: Markers) -> tuple[Floats, Floats, Floats, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return positions and sizes, and which of them can be drawn."""
    x, y, size = (np.frombuffer(column, "<f8") for column in (markers.x, markers.y, markers.size))
    limit = _PIXEL_MAX if markers.system == "pixel" else _SKY_MAX
    with np.errstate(invalid="ignore"):
        good = (np.abs(x) < limit) & (np.abs(y) < (limit if markers.system == "pixel" else 90.0000001))
        if markers.lines:
            return x, y, size, good
        size = np.broadcast_to(size, x.shape)
        return x, y, size, good & (size > 0) & (size < _SIZE_MAX)


def _runs(good: np.ndarray[Any, np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Return first and past-the-last row of each unbroken piece of a line."""
    ends = np.flatnonzero(np.diff(np.concatenate(([False], good, [False]))))
    return [(int(a), int(b)) for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > 1]


def _points(size: Floats) -> Floats:
    """Return the points of the font of texts."""
    return np.where(size == 2, DEFAULT_FONT_POINTS, np.clip(np.rint(size), 4, 200))


def _groups(markers: Markers, good: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[tuple[str, str, Any]]:
    """Yield symbol, colour, and which rows have them; of shapes the name, whatever ratios and angles the rows have."""
    symbols, colours = markers.symbols, markers.colours
    if len(symbols) == 1 and len(colours) == 1:
        yield _family(symbols[0]), colours[0], good
        return
    families = {symbol: _family(symbol) for symbol in set(symbols)}
    found: dict[tuple[str, str], list[int]] = {}
    for row in np.flatnonzero(good).tolist():
        key = families[symbols[row % len(symbols)]], colours[row % len(colours)]
        found.setdefault(key, []).append(row)
    for (symbol, colour), chosen in found.items():
        yield symbol, colour, np.array(chosen)


def _family(symbol: str) -> str:
    shape = shape_of(symbol)
    return symbol if shape is None else "o" if shape.name == "circle" else shape.name


def _shapes(markers: Markers, colour: str, chosen: Any, columns: tuple[Floats, ...], style: Style, tag: str) -> str:
    x, y, size = (column[chosen] for column in columns)
    if not len(x):
        return ""
    lines = shape_lines(shapes_at(markers.symbols, chosen), x, y, size, style, f' # tag="{tag}"\n')
    return f"global color={colour}\n{lines}"


def _group(symbol: str, colour: str, x: Floats, y: Floats, size: Floats, style: Style, tag: str) -> str:
    tail = f' # tag="{tag}"\n'
    head = f"global color={colour}\n" if len(x) else ""
    if symbol in _ARMS:
        points = _arms(symbol, x, y, size, style)
        return head + _text(["segment(", *points, ")", tail], len(x))
    at = [fixed_point(x, style.decimals), ",", fixed_point(y, style.decimals), ","]
    if symbol == "o":
        return head + _text(["circle(", *at, fixed_point(size, 4), f"{style.arcsec})", tail], len(x))
    if is_text(symbol):
        return head + _words(symbol, at, size, tail)
    return head + _text(["ellipse(", *at, _ellipse(symbol, style), tail], len(x))


def _arms(symbol: str, x: Floats, y: Floats, size: Floats, style: Style) -> list[Any]:
    length = size * style.scale
    stretch = 1 / np.maximum(np.cos(np.radians(y)), 1e-6) if style.arcsec else 1.0
    points: list[Any] = []
    for dx, dy in _ARMS[symbol]:
        points += [fixed_point(x + dx * length * stretch, style.decimals), ","]
        points += [fixed_point(y + dy * length, style.decimals), ","]
    return points[:-1]


def _ellipse(symbol: str, style: Style) -> str:
    """Return radii and angle of the ellipse of one standard deviation; the angle is from x to y."""
    mxx, mxy, myy = moments_of(symbol)
    middle, half = (mxx + myy) / 2, math.hypot((mxx - myy) / 2, mxy)
    a, b = math.sqrt(middle + half), math.sqrt(max(middle - half, 0.0))
    angle = math.degrees(math.atan2(2 * mxy, mxx - myy) / 2)
    return f"{a:.4f}{style.arcsec},{b:.4f}{style.arcsec},{angle:.4f})"


def _words(text: str, at: list[Any], size: Floats, tail: str) -> str:
    points = _points(size)
    head = f") # text={quote(words_of(text))}"
    lines = []
    for one in np.unique(points):
        chosen = points == one
        here = [part if isinstance(part, str) else part[chosen] for part in at[:-1]]
        font = f' font="helvetica {int(one)} normal roman"{tail.removeprefix(" #")}'
        lines.append(_text(["text(", *here, head, font], int(np.count_nonzero(chosen))))
    return "".join(lines)


def _lines(
    x: Floats, y: Floats, good: np.ndarray[Any, np.dtype[np.bool_]], markers: Markers, style: Style, tag: str
) -> Drawn:
    runs = _runs(good)
    tail = f' # tag="{tag}"\n'
    pieces = [f"global color={markers.colours[0]}\n"] if runs else []
    for first, last in runs:
        both = np.stack([x[first:last], y[first:last]], axis=1).ravel()
        numbers = _text([fixed_point(both, style.decimals), ","], len(both))
        pieces.append(f"segment({numbers[:-1]}){tail}")
    drawn = sum(last - first for first, last in runs)
    return Drawn(f"{style.system}\n{''.join(pieces)}", len(runs), len(x) - drawn)


def _text(parts: list[Any], count: int) -> str:
    return rows(parts, count).decode()
