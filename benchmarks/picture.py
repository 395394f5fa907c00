"""Pictures of the image area, and how like two of them are."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""``(y, x, 3)``: red, green, blue."""

LEVEL_TOLERANCE = 8
"""Grey levels that a channel may differ: DS9's colour table has that many steps' worth of rounding between builds."""

PIXEL_TOLERANCE = 0.005
"""Share of pixels that may differ. All ways are drawn by one DS9, at one size, zoom and stretch, so pictures are equal
but for a column or row at the border, where centring may round the other way."""


def decode(png: bytes) -> Picture:
    """Return the pixels of a PNG or JPEG."""
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def encode(picture: Picture) -> bytes:
    """Return a PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "png")
    return stream.getvalue()


def difference(one: Picture, other: Picture) -> float:
    """Return the share of pixels that differ visibly: of all, or of those with colour, whichever is more.

    A few markers are a small part of a picture; without the second share they could be missing unseen. Pictures of
    different sizes have nothing in common: 1.
    """
    if one.shape != other.shape:
        return 1.0
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16)).max(axis=2) > LEVEL_TOLERANCE
    coloured = _coloured(one) | _coloured(other)
    return max(float(apart.mean()), float(apart[coloured].mean()) if coloured.any() else 0.0)


def colours(picture: Picture) -> int:
    """Return the number of pixels that are not grey: masks and markers are, the sky is not."""
    return int(_coloured(picture).sum())


def _coloured(picture: Picture) -> NDArray[np.bool_]:
    levels = picture.astype(np.int16)
    found: NDArray[np.bool_] = levels.max(axis=2) - levels.min(axis=2) > LEVEL_TOLERANCE
    return found
