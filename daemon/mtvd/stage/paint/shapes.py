"""Shapes by name, and regions of any shape, as DS9 region text. Pure: text out.

A marker's size is the first radius of its shape: half the sides of a box, half the diagonals of a diamond, the length
of a vector, half that of a line. The sky's angles are DS9's: from west to north.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mtv.shared.regions.writing import SYSTEM_WORDS, line_of
from mtv.wire.markers import Shape, shape_of
from mtv.wire.regions import Region
from mtvd.stage.paint.digits import Floats, fixed_point, rows

DEFAULT_POINT_PX: Final = 11
"""Symbol of a point whose size is 2, the default size of all markers: DS9's own."""
_POINT_PX_MAX: Final = 1_000
_LENGTH_DECIMALS: Final = 4
_LEAST: Final = 1e-4
"""Least second radius: a smaller one would be written as nothing."""


class Style(NamedTuple):
    """How a system writes positions and lengths."""

    system: str
    decimals: int
    arcsec: str
    """Unit mark behind a length."""
    scale: float
    """Units of a position in one unit of length."""


def region_lines(regions: Sequence[Region], tag: str) -> str:
    """Return the lines that draw regions, in their order, each behind its system where that changes."""
    lines: list[str] = []
    system = None
    for region in regions:
        if region.system != system:
            system = region.system
            lines.append(f"{SYSTEM_WORDS[system]}\n")
        lines.append(line_of(region, tag=tag))
    return "".join(lines)


def shape_lines(shapes: Sequence[Shape], x: Floats, y: Floats, size: Floats, style: Style, tail: str) -> str:
    """Return the lines of markers of one shape; points in the order of `point_sizes`.

    Parameters
    ----------
    shapes : sequence of `Shape`
        One, or one a row; all of one name.
    x, y : `numpy.ndarray`
        Positions as DS9 has them.
    size : `numpy.ndarray`
        First radii.
    tail : `str`
        End of each line: a blank, a ``#`` and its tag.
    """
    name = shapes[0].name
    if name == "point":
        return _points(x, y, size, style, tail)
    ratio, angle = (np.broadcast_to(np.array([shape[field] for shape in shapes], "f8"), x.shape) for field in (1, 2))
    at = [fixed_point(x, style.decimals), ",", fixed_point(y, style.decimals), ","]
    other, turned = np.maximum(size * ratio, _LEAST), fixed_point(angle % 360, 4)
    if name in {"ellipse", "box"}:
        radii = (size, other) if name == "ellipse" else (2 * size, 2 * other)
        parts = [f"{name}(", *at, *_lengths(style, *radii), turned, ")", tail]
    elif name == "annulus":
        radii = np.minimum(size, other), np.maximum(size, other)
        parts = [f"{name}(", *at, *_lengths(style, *radii)[:-1], ")", tail]
    elif name == "vector":
        parts = [f"{name}(", *at, *_lengths(style, size), turned, ")", tail.replace("#", "# vector=1", 1)]
    else:
        parts = _vertices(name, x, y, size, other, angle, style, tail)
    return rows(parts, len(x)).decode()


def _lengths(style: Style, *lengths: Floats) -> list[Any]:
    return [part for length in lengths for part in (fixed_point(length, _LENGTH_DECIMALS), f"{style.arcsec},")]


def _vertices(
    name: str, x: Floats, y: Floats, size: Floats, other: Floats, angle_deg: Floats, style: Style, tail: str
) -> list[Any]:
    """Return the parts of a line or a diamond, whose vertices are worked out here."""
    turn = np.radians(angle_deg)
    along, across = (size, turn), (other, turn + math.pi / 2)
    ends = [(along, 1), (along, -1)] if name == "line" else [(along, 1), (across, 1), (along, -1), (across, -1)]
    stretch = -1 / np.maximum(np.cos(np.radians(y)), 1e-6) if style.arcsec else 1.0
    points: list[Any] = []
    for (length, direction), sign in ends:
        reach = sign * length * style.scale
        points += [fixed_point(x + reach * np.cos(direction) * stretch, style.decimals), ","]
        points += [fixed_point(y + reach * np.sin(direction), style.decimals), ","]
    if name == "line":
        return ["line(", *points[:-1], ")", tail.replace("#", "# line=0 0", 1)]
    return ["polygon(", *points[:-1], ")", tail]


def _points(x: Floats, y: Floats, size: Floats, style: Style, tail: str) -> str:
    """Return points, whose symbols have sizes in pixels of the screen: those of one size together."""
    sizes = point_sizes(size)
    lines = []
    for one in np.unique(sizes):
        chosen = sizes == one
        at: list[Any] = [fixed_point(x[chosen], style.decimals), ",", fixed_point(y[chosen], style.decimals)]
        looks = tail.replace("#", f"# point=boxcircle {int(one)}", 1)
        lines.append(rows(["point(", *at, ")", looks], int(np.count_nonzero(chosen))).decode())
    return "".join(lines)


def point_sizes(size: Floats) -> Floats:
    """Return the sizes of the symbols of points."""
    return np.where(size == 2, DEFAULT_POINT_PX, np.clip(np.rint(size), 1, _POINT_PX_MAX))


def shapes_at(symbols: Sequence[str], chosen: Any) -> Sequence[Shape]:
    """Return the shapes that rows have; one where all have the same symbol."""
    if len(symbols) == 1:
        found = [shape_of(symbols[0])]
    else:
        numbers = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        found = [shape_of(symbols[row]) for row in numbers.tolist()]
    return [shape for shape in found if shape is not None]
