"""Writer of pixels into the pixel directory. A file bears the worker's pid until it is complete, then its parent's.

So what a killed worker leaves behind can be told from what it has handed over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from mtv.wire.data import Array
from mtvd.host.pixel_names import new_name
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.answers import rename
from mtvd.repo.readers.decode import Source, Strip, decode, write
from mtvd.repo.readers.hdus import Box, Pixels, Plane

FITS_BLOCK: Final = 2880
_ALIGN: Final = 64
_SENDFILE_MOST: Final = 0x7FFF0000
_DISPLAYABLE: Final = {"b1": "|u1", "i1": ">i2", "u2": ">i4", "u4": ">i8", "u8": ">f8", "f2": ">f4"}


class Output:
    """Writes arrays into new files of the pixel directory.

    Parameters
    ----------
    store : `PixelStore`
    header_bytes : `int`
        Bytes left free in front of pixels that are to be displayed.
    """

    def __init__(self, store: PixelStore, header_bytes: int) -> None:
        self._store = store
        self._header_bytes = header_bytes
        self._written: list[str] = []
        self._open: list[int] = []
        self._strips: list[Strip] = []
        self.decoded = False
        """True where pixels were decoded that another request need not decode again."""

    def image(self, plane: Source, box: Box | None) -> Array:
        """Write an image in big-endian pixels, space for a header in front; `fill` brings what must be decoded."""
        if isinstance(plane, Plane) and plane.raw_dtype is not None and box is None:
            return self._copy(plane, "img", "fits", self._header_bytes)
        return self._later(plane, box, "img", "fits", self._header_bytes, displayable)

    def mask(self, plane: Source, box: Box | None, bits: int) -> Array:
        """Write the lowest bits of a mask, as the narrowest integers that hold them, in either byte order; see `image`.

        Each byte less is one less to write here, and to read for the layers of its colours.
        """

        def narrowest(dtype: np.dtype[Any]) -> np.dtype[Any]:
            narrow = next((size for size in (1, 2, 4) if bits <= 8 * size), 8)
            return np.dtype(f"u{narrow}") if narrow < dtype.itemsize else dtype

        return self._later(plane, box, "mask", "raw", 0, narrowest)

    def native(self, plane: Source, box: Box | None) -> Array:
        """Write pixels in native byte order; see `image`."""
        return self._later(plane, box, "get", "raw", 0, _native)

    @property
    def planned(self) -> int:
        """Number of strips that `fill` has to decode."""
        return len(self._strips)

    def fill(self, first: int = 0, on_first: Callable[[], None] | None = None) -> None:
        """Decode what was promised, several strips of all planes at once, straight into the files.

        Parameters
        ----------
        first : `int`
            How many of the strips ``on_first`` waits for.
        on_first : callable, optional
            Called while the others are being decoded.

        Raises
        ------
        RequestError
            ``unreadable_file``.
        """
        waited_for = set(map(id, self._strips[:first]))
        try:
            for strip in decode(self._strips):
                waited_for.discard(id(strip))
                if on_first is not None and not waited_for:
                    on_first()
                    on_first = None
        finally:
            self._close()

    def lend(self, array: Array) -> None:
        """Leave an array's file to whoever is told of it: here it is neither named anew nor removed."""
        self._written = [name for name in self._written if name != array.file]

    def together(self, arrays: Sequence[Pixels], kind: str = "get") -> list[Array]:
        """Write arrays in native byte order into one file, each aligned to 64 bytes."""
        native = [np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")) for array in arrays]
        starts, end = [], 0
        for array in native:
            starts.append(end)
            end += -(-array.nbytes // _ALIGN) * _ALIGN
        name, descriptor = self._create(kind, end, "raw")
        try:
            for array, start in zip(native, starts, strict=True):
                write(descriptor, array, start)
        finally:
            os.close(descriptor)
        return [
            Array(dtype=array.dtype.str, shape=array.shape, file=name, offset=start)
            for array, start in zip(native, starts, strict=True)
        ]

    def hand_over(self, answer: Any) -> Any:
        """Give the files of an answer their final names, and return the answer with these.

        Parameters
        ----------
        answer
            Plain maps and lists, as `msgspec.to_builtins` makes them.
        """
        final = {name: new_name_of_parent(name) for name in self._written}
        for name, new in final.items():
            os.rename(self._store.path(name), self._store.path(new))  # noqa: PTH104 - within one directory
        self._written = list(final.values())
        return rename(answer, final)

    def discard(self) -> None:
        """Remove all that was written: the request has failed."""
        self._close()
        self._store.remove(self._written)

    def _close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open, self._strips = [], []

    def _copy(self, plane: Plane, kind: str, suffix: str, offset: int) -> Array:
        assert plane.raw_dtype is not None
        dtype = np.dtype(plane.raw_dtype)
        size = int(np.prod(plane.shape, dtype=np.int64)) * dtype.itemsize
        name, descriptor = self._create(kind, offset + size, suffix)
        try:
            with plane.path.open("rb") as file:
                _copy_bytes(file.fileno(), plane.offset, descriptor, offset, size)
        finally:
            os.close(descriptor)
        return Array(dtype=plane.raw_dtype, shape=plane.shape, file=name, offset=offset)

    def _later(
        self,
        plane: Source,
        box: Box | None,
        kind: str,
        suffix: str,
        offset: int,
        stored: Callable[[np.dtype[Any]], np.dtype[Any]],
    ) -> Array:
        x0, y0, x1, y1 = box or (0, 0, plane.shape[1], plane.shape[0])
        found = plane.dtype if isinstance(plane, Plane) else plane.read((x0, y0, x0 + 1, y0 + 1)).dtype
        dtype = stored(found)
        row_bytes = (x1 - x0) * dtype.itemsize
        name, descriptor = self._create(kind, offset + (y1 - y0) * row_bytes, suffix)
        self._open.append(descriptor)
        for strip in plane.strips(box):
            at = offset + (strip[1] - y0) * row_bytes
            self._strips.append(Strip(plane=plane, box=strip, descriptor=descriptor, offset=at, dtype=dtype))
        self.decoded |= plane.raw_dtype is None
        return Array(dtype=dtype.str, shape=(y1 - y0, x1 - x0), file=name, offset=offset)

    def _create(self, kind: str, size: int, suffix: str) -> tuple[str, int]:
        # As a whole FITS file where it is to be one: so it has the size of files that others leave behind.
        padding = -size % FITS_BLOCK if suffix == "fits" else 0
        whole = size + padding
        name, descriptor = self._store.reuse(kind, whole, suffix) or self._store.create(kind, whole, suffix)
        self._written.append(name)
        os.pwrite(descriptor, bytes(padding), size)
        return name, descriptor


def displayable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the big-endian dtype, one that FITS has without scaling, that holds all values of another."""
    return np.dtype(_DISPLAYABLE.get(dtype.str[1:], dtype.newbyteorder(">").str))


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("=")


def new_name_of_parent(name: str) -> str:
    """Return a new name for a file of ours that says it belongs to the process that started us."""
    kind, _, rest = name.split("-")
    fresh = new_name(kind, rest.rpartition(".")[2])
    return "-".join((kind, str(os.getppid()), fresh.split("-")[2]))


def _copy_bytes(source: int, source_offset: int, target: int, target_offset: int, size: int) -> None:
    os.lseek(target, target_offset, os.SEEK_SET)
    while size:
        count = os.sendfile(target, source, source_offset, min(size, _SENDFILE_MOST))
        if count == 0:
            raise OSError("the file ended while it was read")
        source_offset += count
        size -= count
