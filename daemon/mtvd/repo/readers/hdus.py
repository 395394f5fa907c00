"""Image planes in FITS files: where they are, and their pixels, read as little as needed."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared.exposure_hdus import is_mask, role_of
from mtv.wire.errors import bad_value
from mtv.wire.hints import near
from mtvd.repo.readers import cards
from mtvd.repo.readers.compressed import Where, by_astropy, by_cfitsio, check_kind, for_cfitsio
from mtvd.repo.readers.failures import parsing, unreadable, unsupported
from mtvd.repo.readers.fitsfile import open_hdus, without_pixels
from mtvd.repo.readers.gziptiles import GzipTiles, gzip_tiles
from mtvd.repo.readers.scaling import Pixels, Scaling, scaling_of
from mtvd.repo.readers.unpacking import is_plain

Box = tuple[int, int, int, int]
"""``(x0, y0, x1, y1)`` in local 0-based pixels, the ends excluded."""
Hdu = int | str
"""0-based number, or EXTNAME, with EXTVER behind a comma where it has several of that name."""

_STRIP_BYTES: Final = 4 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plane:
    """One image of a file."""

    path: Path
    index: int
    """0-based HDU."""
    header: Any
    """astropy's header."""
    shape: tuple[int, ...]
    """Shape as numpy has it: ``(y, x)``; more axes for a cube that was not sliced."""
    scaling: Scaling
    """From the numbers that the file holds to pixels."""
    offset: int
    """First byte of the pixels, where they are not compressed."""
    plain: bool
    """True where the file was not packed as a whole."""
    compressed: bool
    tile_rows: int = 1
    """Rows that are compressed together."""
    cube_index: tuple[int, ...] = ()
    """Which slice of a cube this is."""

    @property
    def mapped(self) -> bool:
        """True where the numbers stand in the file as they are."""
        return self.plain and not self.compressed

    @property
    def raw_dtype(self) -> str | None:
        """Big-endian dtype where the file holds the pixels as they are; None where they must be decoded."""
        return self.scaling.stored.str if self.mapped and self.scaling.plain else None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the pixels that `read` returns, in native byte order."""
        return self.scaling.dtype

    @property
    def in_threads(self) -> bool:
        """True where several threads gain by reading strips at once: where tiles are decoded, and not by astropy."""
        return self.compressed and (self.tiles is not None or self._for_cfitsio)

    @property
    def role(self) -> str:
        """``IMAGE``, ``MASK``, ``VARIANCE`` or whatever the file calls it; empty where it says nothing."""
        return role_of(self.header)

    @property
    def is_mask(self) -> bool:
        """True where the header names mask planes."""
        return is_mask(self.header)

    def slice(self, wanted: tuple[int, ...]) -> Plane:
        """Return one ``(y, x)`` slice of a cube; axes of length one need not be named.

        Raises
        ------
        RequestError
            ``bad_value`` or ``unsupported`` with ``where`` ``cube_index``.
        """
        axes = self.shape[:-2]
        if len(self.shape) < 2:
            raise unsupported(f"the image has {len(self.shape)} dimensions, not two")
        if not wanted and math.prod(axes) > 1:
            message = f"the image has {len(self.shape)} dimensions, not two: its shape is {_by(self.shape)}"
            raise unsupported(message, hint=f"choose a slice: cube_index={(0,) * len(axes)}; or another HDU")
        chosen = wanted or (0,) * len(axes)
        if len(chosen) != len(axes) or any(not 0 <= at < length for at, length in zip(chosen, axes, strict=True)):
            found = f"the image has the shape {_by(self.shape)}"
            hint = "one number, from 0, for each axis before (y, x)"
            raise bad_value("cube_index", f"{found}, so {chosen} is no slice of it", hint)
        if not axes:
            return self
        number = int(np.ravel_multi_index(chosen, axes))
        size = math.prod(self.shape[-2:]) * self.scaling.stored.itemsize if self.mapped else 0
        return dataclasses.replace(self, shape=self.shape[-2:], offset=self.offset + number * size, cube_index=chosen)

    def strips(self, box: Box | None = None) -> list[Box]:
        """Return boxes that together are all of a box, or of the image; each may be read by a thread of its own."""
        x0, y0, x1, y1 = box or (0, 0, self.shape[1], self.shape[0])
        if not (self.mapped or self.in_threads):
            return [(x0, y0, x1, y1)]
        step = max(self.tile_rows, _STRIP_BYTES // (4 * self.shape[1]) // self.tile_rows * self.tile_rows)
        edges = [y0, *range((y0 // step + 1) * step, y1, step), y1]
        return [(x0, low, x1, high) for low, high in itertools.pairwise(edges)]

    def read(self, box: Box | None = None) -> Pixels:
        """Return pixels ``(y, x)``: a view of the file where raw, else decoded into native byte order.

        Raises
        ------
        RequestError
            ``unreadable_file`` for damaged or truncated pixels; ``unsupported`` for a compression that is not read.
        """
        if self.mapped:
            stored = np.memmap(self.path, self.scaling.stored, "r", self.offset, self.shape)
            return self.scaling.pixels(_cut(stored, box))
        x0, y0, x1, y1 = box or (0, 0, self.shape[1], self.shape[0])
        if self.tiles is not None:
            return self.scaling.pixels(self.tiles.read(y0, y1)[:, x0:x1])
        where = (*self.cube_index, slice(y0, y1), slice(x0, x1))
        pixels = self._decompress(where) if self.compressed else self._unpack(where)
        return pixels.reshape(y1 - y0, x1 - x0)

    @property
    def tiles(self) -> GzipTiles | None:
        """Tiles of the image, where it is compressed without loss row by row."""
        return self._layout[0] if self.compressed else None

    @property
    def _for_cfitsio(self) -> bool:
        return self._layout[1] and self.plain and (self.scaling.whole or self.scaling.plain)

    @functools.cached_property
    def _layout(self) -> tuple[GzipTiles | None, bool]:
        """Tiles for zlib, and whether CFITSIO reads the others; by the table that the image is compressed into."""
        with open_hdus(self.path, disable_image_compression=True) as hdus:
            table = hdus[self.index]
            check_kind(table.header)
            tiles = gzip_tiles(self.path, table) if self.plain and not self.cube_index else None
            return tiles, for_cfitsio(table.header)

    def _decompress(self, where: Where) -> Pixels:
        with parsing("the compressed pixels are damaged or truncated"):
            if self._for_cfitsio:
                return self.scaling.put_blanks(by_cfitsio(self.path, self.index, where))
            # Never what CFITSIO has refused: astropy's HCOMPRESS writes beyond its memory over damaged tiles.
            return self.scaling.pixels(by_astropy(self._leave_unscaled, self.index, where))

    def _unpack(self, where: Where) -> Pixels:
        # astropy's section unpacks a packed file anew for each row: 0.15 s each, where the whole takes a second.
        rows = where[-2].stop - where[-2].start
        with self._leave_unscaled() as hdus, parsing("the pixels are damaged or truncated"):
            hdu = hdus[self.index]
            return self.scaling.pixels(np.asarray(hdu.section[where] if rows == 1 else hdu.data[where]))

    def _leave_unscaled(self) -> AbstractContextManager[Any]:
        return open_hdus(self.path, do_not_scale_image_data=True)


def planes(path: Path) -> Iterator[Plane]:
    """Go through the images of a file that have pixels, in their order.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a file that is no FITS file, or ends before its pixels do.
    """
    plain = is_plain(path)
    with open_hdus(path) as hdus:
        for index in _indices(hdus):
            plane = _plane(path, index, hdus[index], plain=plain)
            if plane is not None:
                yield plane


def plane_at(path: Path, wanted: Hdu) -> Plane:
    """Return the image of one HDU.

    Raises
    ------
    RequestError
        With ``where`` ``hdu``: ``bad_value`` where there is no such HDU, or it has no image; ``unsupported`` for an
        image without pixels, and for random groups.
    """
    plain = is_plain(path)
    with open_hdus(path) as hdus:
        index = index_of(hdus, wanted)
        plane = _plane(path, index, hdus[index], plain=plain)
    if plane is None:
        raise without_pixels(path, index) or bad_value("hdu", f"HDU {wanted} has no image")
    return plane


def index_of(hdus: Any, wanted: Hdu) -> int:
    """Return the 0-based number of an HDU; raises as `plane_at`."""
    name, _, version = str(wanted).partition(",")
    if isinstance(wanted, int) or (name.strip().isdigit() and not version):
        number = int(wanted)
        if any(index == number for index in _indices(hdus)):
            return number
        raise bad_value("hdu", f"there is no HDU {number}", f"the file has HDUs 0 to {len(hdus) - 1}")
    for index in _indices(hdus):
        header = hdus[index].header
        same = cards.text(header, "EXTNAME", "PRIMARY" if index == 0 else "").upper() == name.strip().upper()
        if same and (not version.strip() or cards.text(header, "EXTVER", "1") == version.strip()):
            return index
    names = [called for hdu in hdus if (called := cards.text(hdu.header, "EXTNAME"))]
    there = f"there are {', '.join(names[:12])}" if names else "this file's HDUs have no names; use a number"
    raise bad_value("hdu", f"there is no HDU called {wanted!r}", near(name, names, otherwise=there))


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
    tiled = type(hdu).__name__ == "CompImageHDU"
    header = hdu.header  # no copy: nobody reads pixels of this HDU, so astropy leaves BZERO in it
    offset = 0 if tiled else int(hdu.fileinfo()["datLoc"])
    if plain and not tiled:
        _check_length(path, offset + math.prod(shape) * abs(int(header["BITPIX"])) // 8)
    return Plane(
        path=path,
        index=index,
        header=header,
        shape=shape,
        scaling=scaling_of(header, bits="BLANK" in header and is_mask(header)),
        offset=offset,
        plain=plain,
        compressed=tiled,
        tile_rows=int(hdu.tile_shape[-2]) if tiled and len(shape) > 1 else 1,
    )


def _check_length(path: Path, needed: int) -> None:
    size = path.stat().st_size
    if size < needed:
        raise unreadable(f"the file is truncated: it has {size} bytes, its pixels end at {needed}")


def _cut(pixels: Pixels, box: Box | None) -> Pixels:
    return pixels if box is None else pixels[box[1] : box[3], box[0] : box[2]]


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


__all__ = ["Box", "Hdu", "Pixels", "Plane", "index_of", "is_plain", "open_hdus", "plane_at", "planes"]
