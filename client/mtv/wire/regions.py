"""Regions of any shape, one by one, as region files have them: their fields, and the checks that both sides make."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import msgspec

from mtv.wire.colours import hex_of
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.limits import Limits
from mtv.wire.markers import check_text

Shape = Literal["circle", "ellipse", "box", "annulus", "polygon", "line", "segment", "vector", "point", "text"]
RegionSystem = Literal["pixel", "image", "icrs", "fk5", "fk4", "galactic", "ecliptic"]
SizeUnit = Literal["pixel", "image", "arcsec"]

POINTS: Final = ("circle", "box", "diamond", "cross", "x", "arrow", "boxcircle")
"""Symbols of a point, in DS9's words; ``cross`` is ``+``."""
PIXEL_SYSTEMS: Final = frozenset({"pixel", "image"})

_PIXEL_MAX: Final = 1e8
_SIZE_MAX: Final = 1e6
_ANGLE_MAX_DEG: Final = 1e4
_WIDTH_MAX: Final = 100
_SYMBOL_MAX: Final = 1_000
_FONT_MAX: Final = 200
_LENGTHS_MAX: Final = 1_000


class Region(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One region. Positions are 0-based parent pixels, or degrees on the sky."""

    shape: Shape
    points: tuple[float, ...]
    """``x, y`` of the centre, or of each vertex in turn; where a vector begins."""
    sizes: tuple[float, ...] = ()
    """Radius of a circle; semi-axes of an ellipse; width and height of a box; length of a vector; radii of an annulus
    from the inside. An ellipse or box with several pairs is an annulus too."""
    angle_deg: float = 0.0
    """Angle of an ellipse, a box, a vector or a text: from x to y; on the sky as DS9 measures it."""
    system: RegionSystem = "pixel"
    """``pixel``: parent pixels; ``image``: pixels of the array that is shown, 0-based too; else degrees on the sky."""
    unit: SizeUnit = "pixel"
    """Unit of the sizes, whatever the system of the position is."""
    colour: str = "green"
    width: int = 1
    """Width of its line, in pixels of the screen."""
    dash: bool = False
    fill: bool = False
    exclude: bool = False
    """True for what a region file marks with ``-``."""
    text: str = ""
    """Label; of a text, what is written."""
    symbol: str = ""
    """Symbol of a point: one of `POINTS`; ``boxcircle`` where empty."""
    symbol_size: int = 0
    """Size of a point's symbol, in pixels of the screen; DS9's own where 0."""
    font_size: int = 0
    """Size of its text, in points; DS9's own where 0."""
    arrows: tuple[bool, bool] = (False, False)
    """Arrows at both ends of a line."""
    overlay: str = ""
    """Overlay that it belongs to, of regions that were read from the window: ``user`` where it was drawn by hand."""

    @property
    def x(self) -> float:
        """First of the position, or of the first vertex."""
        return self.points[0]

    @property
    def y(self) -> float:
        """Second of the position, or of the first vertex."""
        return self.points[1]


VERTICES_MAX: Final = 10_000
"""Most vertices, or radii, of one region: DS9 redraws it in half a second."""
_FREE_SIZES: Final = 4
_DASHED: Final = 10
_MARKERS_A_VERTEX: Final = 5
"""A vertex of a polygon costs DS9 as much as some markers."""


def weight_of(region: Region) -> int:
    """Return what a region costs: 1, or the number of its vertices and further radii, ten times where it is dashed."""
    weight = len(region.points) // 2 + max(len(region.sizes) - _FREE_SIZES, 0)
    return weight * _DASHED if region.dash and weight > 2 else weight


def vertices_max(limits: Limits) -> int:
    """Return how many vertices and further radii the regions of a transaction may have, where they have several."""
    return limits.markers // _MARKERS_A_VERTEX


def check_vertices(regions: Iterable[Region], limits: Limits, where: str = "regions") -> None:
    """Refuse more vertices than DS9 redraws in a few seconds.

    Raises
    ------
    RequestError
        ``too_large``.
    """
    count = sum(weight for weight in map(weight_of, regions) if weight > 1)
    if count > vertices_max(limits):
        message = f"{count} vertices are over the limit of {vertices_max(limits)}"
        raise RequestError(Error(code="too_large", message=message, where=where, hint="draw fewer of them"))


class _Form(NamedTuple):
    """Numbers that a shape has."""

    fewest: int
    """Fewest vertices."""
    most: int | None
    sizes: tuple[int, int | None, int]
    """Fewest and most sizes, and the number that they come in."""


_FORMS: Final[dict[str, _Form]] = {
    "circle": _Form(1, 1, (1, 1, 1)),
    "ellipse": _Form(1, 1, (2, None, 2)),
    "box": _Form(1, 1, (2, None, 2)),
    "annulus": _Form(1, 1, (2, None, 1)),
    "polygon": _Form(3, None, (0, 0, 1)),
    "line": _Form(2, 2, (0, 0, 1)),
    "segment": _Form(2, None, (0, 0, 1)),
    "vector": _Form(1, 1, (1, 1, 1)),
    "point": _Form(1, 1, (0, 0, 1)),
    "text": _Form(1, 1, (0, 0, 1)),
}
SHAPES: Final = tuple(_FORMS)


def check_region(region: Region, where: str = "region", *, text_chars: int = 1_000) -> str:
    """Return the ``#rrggbb`` of a region that can be drawn, or raise.

    Raises
    ------
    RequestError
        ``bad_value`` naming the field: an unknown shape, too few or too many numbers for it, or one that is not finite
        or beyond any image.
    """
    form = _FORMS.get(region.shape)
    if form is None:
        raise bad_value(f"{where}.shape", f"there is no shape {region.shape!r}", near(region.shape, SHAPES))
    _check_points(region, form, where)
    _check_sizes(region, form, where)
    if not abs(region.angle_deg) <= _ANGLE_MAX_DEG:
        raise bad_value(f"{where}.angle_deg", f"an angle of {region.angle_deg:g} degrees is none")
    if not 1 <= region.width <= _WIDTH_MAX:
        raise bad_value(f"{where}.width", f"a line {region.width} pixels wide", f"from 1 to {_WIDTH_MAX}")
    if region.text or region.shape == "text":
        check_text(region.text, f"{where}.text", text_chars=text_chars)
    if region.symbol and region.symbol not in POINTS:
        raise bad_value(f"{where}.symbol", f"no point looks like {region.symbol!r}", near(region.symbol, POINTS))
    for field, size, most in (
        ("symbol_size", region.symbol_size, _SYMBOL_MAX),
        ("font_size", region.font_size, _FONT_MAX),
    ):
        if not 0 <= size <= most:
            raise bad_value(f"{where}.{field}", f"a size of {size}", f"from 1 to {most}")
    return hex_of(region.colour, f"{where}.colour")


def _check_points(region: Region, form: _Form, where: str) -> None:
    points = region.points
    count, odd = divmod(len(points), 2)
    if odd or count < form.fewest or (form.most is not None and count > form.most):
        several = form.most != form.fewest
        wanted = f"{form.fewest}{' or more' if several else ''} position{'s' * (several or form.fewest > 1)}"
        raise bad_value(f"{where}.points", f"{len(points)} numbers for a {region.shape}", f"x and y of {wanted}")
    if weight_of(region) > VERTICES_MAX:
        hint = f"at most {VERTICES_MAX}, or {VERTICES_MAX // _DASHED} where it is dashed"
        raise bad_value(f"{where}.points", f"a {region.shape} of {count} vertices and {len(region.sizes)} radii", hint)
    if region.system in PIXEL_SYSTEMS:
        if not max(map(abs, points)) < _PIXEL_MAX or not all(map(math.isfinite, points)):
            raise bad_value(f"{where}.points", "a position is not finite, or further than any image reaches")
    elif not all(-360 <= x <= 360 for x in points[::2]) or not all(-90 <= y <= 90 for y in points[1::2]):
        raise bad_value(f"{where}.points", "a position is not on the sky", "degrees: from -360 to 360, and -90 to 90")


def _check_sizes(region: Region, form: _Form, where: str) -> None:
    sizes = region.sizes
    fewest, most, step = form.sizes
    if len(sizes) < fewest or len(sizes) > (_LENGTHS_MAX if most is None else most) or len(sizes) % step:
        wanted = f"{fewest}{' or more' if most is None else ''}"
        raise bad_value(f"{where}.sizes", f"{len(sizes)} sizes for a {region.shape}", f"it has {wanted}")
    if not all(0 < size < _SIZE_MAX for size in sizes):
        raise bad_value(f"{where}.sizes", "a size is not above 0, or larger than any image")
    if any(size >= after for size, after in zip(sizes, sizes[step:], strict=False)):
        raise bad_value(f"{where}.sizes", "the radii do not grow", "they come from the inside to the outside")
