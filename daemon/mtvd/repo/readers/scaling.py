"""Conversion of stored numbers to pixels: unsigned integers, scale and zero, blanks. Nothing else knows blanks.

Whole reads, cut-outs, compressed tiles and packed files all end here, so that they agree. FITS standard 4.0, 4.4.2.4-5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtvd.repo.readers import cards

Pixels = npt.NDArray[Any]
STORED: Final = {8: "|u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX to the big-endian dtype of the file."""


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """The way from the numbers that a file holds to pixels."""

    stored: np.dtype[Any]
    """Type of the numbers in the file, big-endian."""
    scale: float = 1
    zero: float = 0
    blank: int | None = None
    """Stored integer that stands for no value; None where there is none."""

    @property
    def plain(self) -> bool:
        """True where the stored numbers are the pixels."""
        return self.scale == 1 and self.zero == 0 and self.blank is None

    @property
    def shifted(self) -> bool:
        """True for integers that FITS stores with their highest bit turned over: unsigned ones, and signed bytes."""
        return self.stored.kind in "iu" and self.scale == 1 and self.zero == _turn(self.stored)

    @property
    def whole(self) -> bool:
        """True where pixels without a blank are integers."""
        return self.stored.kind in "iu" and self.scale == 1 and (self.zero == 0 or self.shifted)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in native byte order."""
        if self.blank is not None or not (self.plain or self.whole):
            return self._float()
        native = self.stored.newbyteorder("=")
        if not self.shifted:
            return native
        return np.dtype(np.int8) if native.itemsize == 1 else np.dtype(f"u{native.itemsize}")

    def pixels(self, stored: Pixels) -> Pixels:
        """Return the pixels of stored numbers.

        Integers with a blank, or that are scaled, become ``float32`` up to 16 bits, which holds them exactly, else
        ``float64``; so the dtype follows from the header alone, and a cut-out has that of the whole. A blank is NaN.

        Parameters
        ----------
        stored : `numpy.ndarray`
            In any byte order, of any shape.
        """
        if self.plain:
            return stored
        if self.whole and stored.dtype.kind in "iu":  # a library makes floats of integers with blanks of each tile
            pixels = self._turn(stored) if self.shifted else stored
            return pixels if self.blank is None else self._without(pixels, stored == self.blank)
        pixels = stored.astype(self._float())
        with np.errstate(all="ignore"):  # a header may scale beyond all bounds
            if self.scale != 1:
                np.multiply(pixels, self.scale, out=pixels, casting="unsafe")
            if self.zero != 0:
                np.add(pixels, self.zero, out=pixels, casting="unsafe")
        return pixels if self.blank is None else self._without(pixels, stored == self.blank)

    def put_blanks(self, pixels: Pixels) -> Pixels:
        """Return pixels that a library has scaled already, their blanks as NaN. Only where they are `whole`."""
        if self.blank is None:
            return pixels
        return self._without(pixels, pixels == self.blank + int(self.zero))

    def _without(self, pixels: Pixels, blank: Pixels) -> Pixels:
        made = pixels.astype(self._float(), copy=False)
        made[blank] = np.nan
        return made

    def _float(self) -> np.dtype[Any]:
        if self.stored.kind == "f":
            return self.stored.newbyteorder("=")
        return np.dtype(np.float32 if self.stored.itemsize <= 2 else np.float64)

    def _turn(self, stored: Pixels) -> Pixels:
        native = stored.astype(self.stored.newbyteorder("="))
        size = native.itemsize
        if size == 1:
            return (native ^ np.uint8(0x80)).view(np.int8)
        bits = native.view(f"u{size}")
        bits ^= np.array(1 << (8 * size - 1), bits.dtype)
        return bits


def scaling_of(header: Any, *, bits: bool = False) -> Scaling:
    """Return the scaling that a header asks for. Cards that are no numbers count for nothing, as with CFITSIO.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
        Of the image, before anything took its BZERO away.
    bits : `bool`
        True for mask planes, which stay integers: their BLANK is not looked at.
    """
    stored = np.dtype(STORED[int(header["BITPIX"])])
    blank = cards.number(header, "BLANK", math.nan)
    zero = cards.number(header, "BZERO", 0)
    known = stored.kind in "iu" and not bits and blank == blank // 1 and _holds(stored, blank)
    return Scaling(
        stored=stored,
        scale=cards.number(header, "BSCALE", 1),
        zero=zero,
        blank=int(blank) if known else None,
    )


def _turn(stored: np.dtype[Any]) -> int:
    return -128 if stored.itemsize == 1 else 1 << (8 * stored.itemsize - 1)


def _holds(stored: np.dtype[Any], value: float) -> bool:
    limits = np.iinfo(stored)
    return int(limits.min) <= value <= int(limits.max)
