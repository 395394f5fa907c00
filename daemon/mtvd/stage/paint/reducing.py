"""A mask in cells, for views that show several of its pixels as one. Pure numpy.

Zoomed out DS9 shows every n-th pixel of an image, and so of a mask: a bad column is there at one zoom and gone at the
next. A cell has the planes of all of its pixels; with cells at least as large as a pixel of the screen none is passed
over.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

_GROUPS: Final = 32
"""Groups of rows at a time: they are read once, and what they are added to stays in the cache. 4176x2048 ``int32`` in
cells of 2 take 15 ms, of 4 10 ms; group by group 23 and 15."""
LARGEST_CELL: Final = 64
"""At zooms below 1/64 an image is smaller than 64 pixels of the screen for each 4096 of its own."""


def cell_for(zoom: float) -> int:
    """Return how many mask pixels a cell has along each axis: a power of two, so that few zooms need other cells.

    Parameters
    ----------
    zoom : `float`
        Pixels of the screen in a pixel of the image.
    """
    if not 0 < zoom < 1:
        return 1
    return min(1 << math.ceil(math.log2(1 / zoom) - 1e-9), LARGEST_CELL)


def reduce_mask(mask: np.ndarray[Any, Any], cell: int) -> np.ndarray[Any, Any]:
    """Return the mask in cells.

    Parameters
    ----------
    mask : `numpy.ndarray`
        Integers of any size and byte order, ``(y, x)``.
    cell : `int`
        Mask pixels of a cell along each axis, counted from the first pixel; the last cells may have fewer.

    Returns
    -------
    cells : `numpy.ndarray`
        Of the same type; each has all bits of its pixels. The mask itself where a cell is one pixel.
    """
    if cell == 1:
        return mask
    bits = mask.view(f"=u{mask.dtype.itemsize}")  # of any order of bytes: bits alone are looked at
    return _or_columns(_or_rows(bits, cell), cell).view(mask.dtype)


def _or_rows(bits: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """OR so many rows together each time; the last group may be shorter."""
    made = np.zeros((-(-len(bits) // count), bits.shape[1]), bits.dtype)
    for first in range(0, len(made), _GROUPS):
        groups = bits[first * count : (first + _GROUPS) * count]
        for at in range(count):
            rows = groups[at::count]
            made[first : first + len(rows)] |= rows
    return made


def _or_columns(bits: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """OR so many columns together each time, a power of two; the last group may be narrower."""
    while count > 1:
        halved = bits[:, ::2].copy()
        halved[:, : bits.shape[1] // 2] |= bits[:, 1::2]
        bits, count = halved, count // 2
    return bits
