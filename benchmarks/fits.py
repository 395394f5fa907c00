"""FITS bytes of a plain image, with no library between: peers are not to be slowed by ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2880
_BITPIX = {"u1": 8, "i2": 16, "i4": 32, "f4": -32}


def header(shape_yx: tuple[int, int], kind: str, cell: int = 1) -> bytes:
    """Return the header of an image of ``u1``, ``i2``, ``i4`` or ``f4``, with a linear WCS "A" from (0, 0).

    A pixel is a cell of so many physical pixels along each axis.
    """
    height, width = shape_yx
    cards = [
        ("SIMPLE", "T"),
        ("BITPIX", str(_BITPIX[kind])),
        ("NAXIS", "2"),
        ("NAXIS1", str(width)),
        ("NAXIS2", str(height)),
        ("CTYPE1A", "'LINEAR  '"),
        ("CTYPE2A", "'LINEAR  '"),
        ("CRPIX1A", "1.0"),
        ("CRPIX2A", "1.0"),
        ("CRVAL1A", "0.0"),
        ("CRVAL2A", "0.0"),
        ("LTM1_1", repr(1 / cell)),
        ("LTM2_2", repr(1 / cell)),
    ]
    text = "".join(f"{name:<8}= {value:>20}".ljust(80) for name, value in cards) + "END".ljust(80)
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK).encode("ascii")


def image_bytes(pixels: NDArray[Any], cell: int = 1) -> bytes:
    """Return a whole FITS file of ``(y, x)`` pixels."""
    kind = f"{pixels.dtype.kind}{pixels.dtype.itemsize}"
    head = header((pixels.shape[0], pixels.shape[1]), kind, cell)
    tail = b"\0" * (-pixels.nbytes % _BLOCK)
    return b"".join((head, pixels.astype(np.dtype(f">{kind}")).data, tail))
