"""Image planes in FITS files: where they are, and their pixels, read as little as needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtvd.repo.readers.failures import check_file, unreadable

Pixels = npt.NDArray[Any]
Box = tuple[int, int, int, int]
"""``(x0, y0, x1, y1)`` in local 0-based pixels, the ends excluded."""

_RAW: Final = {8: "|u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One two-dimensional image of a file."""

    path: Path
    index: int
    """0-based HDU."""
    header: Any
    """astropy's header."""
    shape: tuple[int, ...]
    """As numpy has it: ``(y, x)``."""
    raw_dtype: str | None
    """Big-endian dtype where the file holds the pixels as they are; None where they must be decoded."""
    offset: int
    """First byte of the pixels, where raw."""
    compressed: bool

    @property
    def role(self) -> str:
        """``IMAGE``, ``MASK``, ``VARIANCE`` or whatever the file calls it; empty where it says nothing."""
        return str(self.header.get("EXTTYPE", self.header.get("EXTNAME", ""))).strip().upper()

    @property
    def is_mask(self) -> bool:
        """True where the header names mask planes."""
        return self.role == "MASK" or any(key.startswith(("MP_", "MSKN")) for key in self.header)

    def read(self, box: Box | None = None) -> Pixels:
        """Return pixels ``(y, x)``: a view of the file where raw, else decoded into native byte order.

        Raises
        ------
        RequestError
            ``unreadable_file`` for damaged or truncated pixels.
        """
        if self.raw_dtype is not None:
            return _cut(np.memmap(self.path, self.raw_dtype, "r", self.offset, self.shape), box)
        if self.compressed:
            return self._decompress(box)
        return _cut(self._scaled(), box)

    def _decompress(self, box: Box | None) -> Pixels:
        import fitsio

        try:
            with fitsio.FITS(str(self.path)) as file:
                if box is None:
                    pixels: Pixels = file[self.index].read()
                else:
                    pixels = file[self.index][box[1] : box[3], box[0] : box[2]]
        except (OSError, ValueError) as error:
            raise unreadable("the compressed pixels are damaged or truncated") from error
        return pixels

    def _scaled(self) -> Pixels:
        with opened(self.path) as hdus:
            hdu = hdus[self.index]
            try:
                pixels: Pixels = np.asarray(hdu.data)
            except (OSError, ValueError, TypeError) as error:
                raise unreadable("the pixels are damaged or truncated") from error
        return pixels


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a FITS file with astropy, quietly, its HDUs read when needed.

    Raises
    ------
    RequestError
        ``unreadable_file``.
    """
    from astropy.io import fits

    check_file(path)
    with warnings.catch_warnings():
        # A file of others has oddities; those that matter become errors here, the rest is nobody's business.
        warnings.simplefilter("ignore")
        try:
            hdus = fits.open(path, memmap=False, lazy_load_hdus=True)
        except (OSError, ValueError, EOFError) as error:
            raise unreadable("this is no FITS file, or a damaged one") from error
        with hdus:
            yield hdus


def planes(path: Path) -> Iterator[Plane]:
    """Go through the images of a file that have pixels, in their order.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a file that is no FITS file, or ends before its pixels do.
    """
    plain = is_plain(path)
    with opened(path) as hdus:
        for index in _indices(hdus):
            plane = _plane(path, index, hdus[index], plain=plain)
            if plane is not None:
                yield plane


def _indices(hdus: Any) -> Iterator[int]:
    index = 0
    while True:
        try:
            hdus[index]
        except IndexError:
            return
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise unreadable("the file's headers are damaged or truncated") from error
        yield index
        index += 1


def _plane(path: Path, index: int, hdu: Any, *, plain: bool) -> Plane | None:
    if not getattr(hdu, "is_image", False) or not hdu.header.get("NAXIS", 0):
        return None
    shape = tuple(int(hdu.header[f"NAXIS{axis}"]) for axis in range(int(hdu.header["NAXIS"]), 0, -1))
    if 0 in shape:
        return None
    compressed = type(hdu).__name__ == "CompImageHDU"
    raw_dtype = None if compressed or not plain or _is_scaled(hdu) else _RAW[int(hdu.header["BITPIX"])]
    offset = 0 if compressed else int(hdu.fileinfo()["datLoc"])
    if plain and not compressed:
        _check_length(path, offset + int(np.prod(shape, dtype=np.int64)) * abs(int(hdu.header["BITPIX"])) // 8)
    return Plane(
        path=path,
        index=index,
        header=hdu.header.copy(),
        shape=shape,
        raw_dtype=raw_dtype,
        offset=offset,
        compressed=compressed,
    )


def _is_scaled(hdu: Any) -> bool:
    # astropy takes BZERO and BSCALE out of the header of integer images once it has read their pixels.
    return bool(hdu.header.get("BZERO", 0) != 0 or hdu.header.get("BSCALE", 1) != 1)


def is_plain(path: Path) -> bool:
    """Return True for a FITS file whose bytes are the file's own: not one that was gzipped as a whole."""
    check_file(path)
    with path.open("rb") as file:
        return file.read(6) == b"SIMPLE"


def _check_length(path: Path, needed: int) -> None:
    size = path.stat().st_size
    if size < needed:
        raise unreadable(f"the file is truncated: it has {size} bytes, its pixels end at {needed}")


def _cut(pixels: Pixels, box: Box | None) -> Pixels:
    return pixels if box is None else pixels[box[1] : box[3], box[0] : box[2]]


__all__ = ["Box", "Pixels", "Plane", "opened", "planes"]
