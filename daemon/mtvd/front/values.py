"""Values of single pixels: of an image that a display shows, and the mask planes that are set there.

They are read from the pixel files, one pixel at a time, so that the window is not asked; a worker knows its sky.
"""

from __future__ import annotations

import logging
import math
import os
from typing import Final, NamedTuple

import msgspec
import numpy as np

from mtv.wire.errors import MtvError, RequestError, bad_value
from mtv.wire.messages import Event, PixelValue
from mtv.wire.requests import ReadValue
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import Repositories
from mtvd.scene.actions import ImageLayer, MaskLayer
from mtvd.scene.model import Display, Scene

_LOG = logging.getLogger(__name__)

_TOP_BITS: Final = {">u2": 1 << 15, ">u4": 1 << 31}
"""Bits that FITS turns over, of integers without a sign."""


class Pixel(NamedTuple):
    """A pixel of an image, by its 0-based parent pixel."""

    x: int
    y: int


async def tell(pixels: PixelStore, repositories: Repositories, display: Display, request: ReadValue) -> PixelValue:
    """Return the answer to a request for a pixel of the image that a display shows.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``display``, ``x``, ``y`` or ``sky``.
    """
    image = display.image
    if image is None:
        raise bad_value("display", "the display shows no image", "mtv show puts one there")
    x, y = request.x, request.y
    if request.sky is not None:
        x, y = await _position_of(pixels, repositories, image, request.sky)
    at = pixel_at(image, x, y)
    told = PixelValue(
        x=at.x,
        y=at.y,
        value=value_of(pixels, image, at),
        unit=image.unit,
        planes=planes_of(pixels, display.mask, at),
        label=image.label,
        position=None if request.sky is None else (x, y),
    )
    try:
        place = await repositories.sky(header_of(pixels, image), image.xy0, x, y)
    except MtvError as error:
        return msgspec.structs.replace(told, notes=(f"the place on the sky cannot be told: {error.error.message}",))
    return msgspec.structs.replace(told, ra_deg=place[0], dec_deg=place[1]) if place else told


async def _position_of(
    pixels: PixelStore, repositories: Repositories, image: ImageLayer, sky: tuple[float, float]
) -> tuple[float, float]:
    """Return where a place on the sky is in an image, in 0-based parent pixels."""
    words = f"{sky[0]:.7g} {sky[1]:.7g}"
    if not all(map(math.isfinite, sky)) or abs(sky[1]) > 90:
        raise bad_value("sky", f"{words} is no place on the sky", "right ascension and declination in degrees")
    header = header_of(pixels, image)
    found = await repositories.pixel(header, image.xy0, *sky)
    if found is None:
        why = "its projection does not reach there" if "RADESYS =" in header else "the image has no sky"
        raise bad_value("sky", f"{words} is nowhere in the image: {why}", "name a pixel")
    try:
        pixel_at(image, *found)
    except RequestError as refusal:
        message = f"{words} is outside of the image: {refusal.error.message}"
        raise bad_value("sky", message, refusal.error.hint) from None
    return found


def pixel_at(image: ImageLayer, x: float, y: float) -> Pixel:
    """Return the pixel that a position lies in.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``x`` or ``y``, with the extent of the image.
    """
    found = []
    for where, value, first, count in (
        ("x", x, image.xy0[0], image.shape_yx[1]),
        ("y", y, image.xy0[1], image.shape_yx[0]),
    ):
        if not math.isfinite(value) or not first <= math.floor(value + 0.5) < first + count:
            hint = f"{where} goes from {first} to {first + count - 1}"
            raise bad_value(where, f"{where} {value:g} is outside of the image", hint)
        found.append(math.floor(value + 0.5))
    return Pixel(*found)


def value_of(pixels: PixelStore, image: ImageLayer, at: Pixel) -> float | int | None:
    """Return the value of a pixel; None where it is no finite number.

    Raises
    ------
    MtvError
        The file cannot be read any more.
    """
    value = _read(pixels, image.file, image.header_bytes, image.shape_yx, image.dtype, image.xy0, at)
    if value.dtype.kind == "f":
        number = float(value)
        return number if math.isfinite(number) else None
    return int(value) ^ _TOP_BITS.get(image.dtype, 0)


def planes_of(pixels: PixelStore, mask: MaskLayer | None, at: Pixel) -> tuple[str, ...]:
    """Return the names of the mask planes that are set at a pixel, by bit; none where the mask does not reach it.

    Raises
    ------
    MtvError
        The file cannot be read any more.
    """
    if mask is None:
        return ()
    column, row = at.x - mask.xy0[0], at.y - mask.xy0[1]
    if not (0 <= row < mask.shape_yx[0] and 0 <= column < mask.shape_yx[1]):
        return ()
    bits = int(_read(pixels, mask.file, mask.offset, mask.shape_yx, mask.dtype, mask.xy0, at))
    return tuple(name for name, bit in mask.planes if bits >> bit & 1)


def header_of(pixels: PixelStore, image: ImageLayer) -> str:
    """Return the cards of an image's header, which its WCS is among; raises as `value_of`."""
    with pixels.open_file(image.file, image.header_bytes) as file:
        return os.pread(file.fileno(), image.header_bytes, 0).decode("ascii", "replace")


def add_planes(event: Event, scene: Scene, pixels: PixelStore) -> Event:
    """Return an event of a key with the names of the planes that are set under the pointer."""
    display = scene.displays.get(event.display) if event.display is not None else None
    if event.kind != "key" or event.x is None or event.y is None or display is None or display.mask is None:
        return event
    if display.image is None:
        return event
    try:
        names = planes_of(pixels, display.mask, pixel_at(display.image, event.x, event.y))
    except RequestError:  # beside the image
        return event
    except MtvError as error:
        _LOG.warning("the mask under the pointer cannot be read: %s", error)
        return event
    return msgspec.structs.replace(event, planes=names)


def _read(
    pixels: PixelStore,
    name: str,
    offset: int,
    shape_yx: tuple[int, int],
    dtype: str,
    xy0: tuple[int, int],
    at: Pixel,
) -> np.generic:
    kind = np.dtype(dtype)
    index = (at.y - xy0[1]) * shape_yx[1] + at.x - xy0[0]
    place = offset + index * kind.itemsize
    with pixels.open_file(name, place + kind.itemsize) as file:
        data = os.pread(file.fileno(), kind.itemsize, place)  # no wait: pixel files lie in memory
    return np.frombuffer(data, kind)[0]  # type: ignore[no-any-return]
