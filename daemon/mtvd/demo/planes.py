"""The three planes of an exposure, and the bits of its mask, numbered as `lsst.afw` numbers them for HSC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]
Bits = npt.NDArray[np.int32]
Where = npt.NDArray[np.bool_]
Spots = npt.NDArray[np.intp]
"""Flat indices of pixels of a (y, x) array: what is marked is rare, and a mask of eight million is slow to make."""

MASK_PLANES: Final[Mapping[str, int]] = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
    "CROSSTALK": 9,
    "UNMASKEDNAN": 10,
}
"""Name to bit number. The last two are declared, as in a pipeline's files, and set nowhere."""


def bits(*names: str) -> int:
    """Return the mask value with these planes set."""
    value = 0
    for name in names:
        value |= 1 << MASK_PLANES[name]
    return value


@dataclass(frozen=True, kw_only=True)
class Planes:
    """One exposure; all arrays are (y, x) and have one shape."""

    image: Pixels
    """Counts above the sky, float32."""

    mask: Bits
    """Planes of `MASK_PLANES`, int32."""

    variance: Pixels
    """Counts squared, float32."""

    def flag(self, spots: Spots, *names: str) -> None:
        """Set planes at `spots`."""
        self.mask.reshape(-1)[spots] |= bits(*names)

    def has(self, spots: Spots, *names: str) -> Where:
        """Return for each of `spots` whether any of the planes is set, (n,)."""
        found: Where = (self.mask.reshape(-1)[spots] & bits(*names)) != 0
        return found


def grown(spots: Spots, radius_px: int, shape_yx: tuple[int, int]) -> Where:
    """Return which pixels of an array of this shape, (y, x), lie within a disc around one of `spots`."""
    rows, columns = shape_yx
    width = columns + 2 * radius_px
    near = np.zeros((rows + 2 * radius_px, width), bool)
    marks, y = near.reshape(-1), spots // columns
    centres = spots + 2 * radius_px * y + radius_px * (width + 1)
    for dy in range(-radius_px, radius_px + 1):
        reach = int(np.sqrt(radius_px**2 - dy**2))
        for dx in range(-reach, reach + 1):
            marks[centres + (dy * width + dx)] = True
    return near[radius_px : radius_px + rows, radius_px : radius_px + columns]
