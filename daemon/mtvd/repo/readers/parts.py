"""Parts of a file that are wanted: an HDU, a slice, a component, a cut-out by pixels or on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mtv.wire.data import SkyBox
from mtv.wire.errors import bad_value
from mtvd.repo.readers.hdus import Box, Hdu
from mtvd.repo.readers.sky import Sky, arcsec_per_pixel

Wanted = tuple[int, int, int, int]
"""``(x_min, y_min, width, height)`` in 0-based parent pixels."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Part of an image that is wanted; all of it where nothing is said."""

    hdu: Hdu | None = None
    cube_index: tuple[int, ...] = ()
    component: str = ""
    component_field: str = "component"
    """The field of the request that names the component."""
    bbox: Wanted | None = None
    sky: SkyBox | None = None


def box_of_pixels(wanted: Wanted, xy0: tuple[int, int], shape: tuple[int, ...]) -> Box:
    """Return the local pixels of a cut-out by parent pixels.

    Raises
    ------
    RequestError
        ``bad_value`` with ``where`` ``bbox``, where it is empty or not wholly inside the image.
    """
    (x_min, y_min, width, height), (x0, y0), (rows, columns) = wanted, xy0, shape
    local = (x_min - x0, y_min - y0, x_min - x0 + width, y_min - y0 + height)
    if width <= 0 or height <= 0:
        raise bad_value("bbox", "the cut-out is empty", "give (x_min, y_min, width, height)")
    if local[0] < 0 or local[1] < 0 or local[2] > columns or local[3] > rows:
        raise bad_value("bbox", f"the cut-out leaves the image, which is ({x0}, {y0}, {columns}, {rows})")
    return local


def box_on_sky(wanted: SkyBox, sky: Sky | None, shape: tuple[int, ...]) -> Box:
    """Return the local pixels of a cut-out around a point of the sky, its sides along the rows and columns.

    What of it lies outside the image is left away.

    Raises
    ------
    RequestError
        ``bad_value`` with ``where`` ``sky`` or a field of it: no WCS, or nothing of the cut-out is on the image.
    """
    check_sky(wanted)
    if sky is None:
        raise bad_value("sky", "the image has no WCS of the sky", "cut it out by pixels: bbox")
    x, y = sky.to_pixel(wanted.ra_deg, wanted.dec_deg)
    rows, columns = shape
    if not (math.isfinite(x) and math.isfinite(y)):
        raise bad_value("sky", "this point of the sky is far outside the image")
    scale = arcsec_per_pixel(sky, x, y)
    (x0, x1), (y0, y1) = (
        _side(x, wanted.width_arcsec / scale, columns),
        _side(y, wanted.height_arcsec / scale, rows),
    )
    if x0 >= x1 or y0 >= y1:
        raise bad_value("sky", f"the cut-out lies outside the image: its centre is at pixel ({x:.0f}, {y:.0f}) of it")
    return x0, y0, x1, y1


def _side(centre: float, size: float, length: int) -> tuple[int, int]:
    pixels = max(1, round(size))
    first = round(centre - (pixels - 1) / 2)
    return max(0, first), min(length, first + pixels)


def check_sky(wanted: SkyBox) -> None:
    """Refuse impossible values, naming the field."""
    if not math.isfinite(wanted.ra_deg):
        raise bad_value("sky.ra_deg", "the right ascension is no number")
    if not -90 <= wanted.dec_deg <= 90:
        raise bad_value("sky.dec_deg", "the declination is not from -90 to 90 degrees")
    for name in ("width_arcsec", "height_arcsec"):
        if not 0 < getattr(wanted, name) <= 648_000:
            raise bad_value(f"sky.{name}", "a side of the cut-out is longer than 0 arc seconds")
