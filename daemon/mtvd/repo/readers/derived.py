"""Planes made of the plane of a file, pixel by pixel: the pixels that a mask marks, the variance of an uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared.exposure_hdus import BITS_A_HDU
from mtvd.repo.readers.amplifiers import Mosaic
from mtvd.repo.readers.hdus import Box, Pixels, Plane


@dataclass(frozen=True)
class JoinedMask:
    """The HDUs of one mask as one plane of 64-bit integers."""

    parts: tuple[Plane, ...]

    @property
    def path(self) -> Path:
        return self.parts[0].path

    @property
    def index(self) -> int:
        return self.parts[0].index

    @property
    def header(self) -> Any:
        return self.parts[0].header

    @property
    def headers(self) -> tuple[Any, ...]:
        """Headers of all parts."""
        return tuple(part.header for part in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    @property
    def in_threads(self) -> bool:
        """See `Plane.in_threads`."""
        return all(part.in_threads for part in self.parts)

    raw_dtype: str | None = None
    """None: the pixels must be put together."""

    def slice(self, wanted: tuple[int, ...]) -> JoinedMask:
        """See `Plane.slice`."""
        return JoinedMask(tuple(part.slice(wanted) for part in self.parts))

    def strips(self, box: Box | None = None) -> list[Box]:
        """See `Plane.strips`."""
        return self.parts[0].strips(box)

    def read(self, box: Box | None = None) -> Pixels:
        """See `Plane.read`."""
        joined = np.zeros((1, 1), np.int64)
        for number, part in enumerate(self.parts):
            joined = joined | (part.read(box).astype(np.int64) << (BITS_A_HDU * number))
        return joined


@dataclass(frozen=True)
class Derived:
    """A plane whose pixels are made of those of another."""

    plane: Plane | JoinedMask
    """The plane that is in the file."""
    make: Callable[[Pixels], Pixels]
    """Returns the pixels of this plane, in an array of the same shape."""

    @property
    def path(self) -> Path:
        return self.plane.path

    @property
    def index(self) -> int:
        return self.plane.index

    @property
    def header(self) -> Any:
        return self.plane.header

    @property
    def shape(self) -> tuple[int, ...]:
        return self.plane.shape

    @property
    def in_threads(self) -> bool:
        """See `Plane.in_threads`."""
        return self.plane.in_threads

    @property
    def raw_dtype(self) -> str | None:
        """Type of the plane in the file: None where its pixels must be decoded first."""
        return self.plane.raw_dtype

    def strips(self, box: Box | None = None) -> list[Box]:
        """See `Plane.strips`."""
        return self.plane.strips(box)

    def read(self, box: Box | None = None) -> Pixels:
        """See `Plane.read`."""
        return self.make(self.plane.read(box))


AnyPlane = Plane | JoinedMask | Derived | Mosaic


def mark(pixels: Pixels) -> Pixels:
    """Return 1 for the pixels that are not 0, NaN among them, and 0 for the others, as ``uint8``."""
    marks: Pixels = (pixels != 0).view(np.uint8)
    return marks


def _whole(pixels: Pixels) -> Pixels:
    with np.errstate(invalid="ignore"):
        return pixels.astype(np.int64)


def _square(pixels: Pixels) -> Pixels:
    with np.errstate(all="ignore"):
        squares: Pixels = np.square(pixels.astype(np.result_type(pixels, np.float32)))
    return squares


def _invert(pixels: Pixels) -> Pixels:
    with np.errstate(all="ignore"):
        return 1 / pixels.astype(np.result_type(pixels, np.float32))


VARIANCE_OF: Final[dict[str, Callable[[Pixels], Pixels] | None]] = {
    "STDDEVUNCERTAINTY": _square,
    "VARIANCEUNCERTAINTY": None,
    "INVERSEVARIANCE": _invert,
}
"""Functions that make a variance of an uncertainty of `astropy.nddata`, by its kind; None where it is one already."""


def of_bits(plane: Plane | JoinedMask) -> AnyPlane:
    """Return a mask whose bits have names as integers, also where a file has them as floats."""
    if isinstance(plane, Plane) and plane.dtype.kind == "f":
        return Derived(plane, _whole)
    return plane
