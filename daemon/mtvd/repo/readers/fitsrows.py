"""Rows of a FITS binary table: in the file, in one that was packed, or in tiles that ``fpack`` wrote."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from mtv.shared.tables.gaps import Values
from mtvd.repo.readers.failures import unreadable, unsupported
from mtvd.repo.readers.fitscolumns import Form
from mtvd.repo.readers.hdus import is_plain
from mtvd.repo.readers.unpacking import MOST_UNPACKED_BYTES, too_large_unpacked, unpack_part

_SHUFFLED: Final = {"I": 2, "J": 4, "E": 4, "K": 8, "D": 8}
"""Bytes of a value by the letter of its form, of which GZIP_2 has the first ones together, and so on.

CFITSIO writes GZIP_2 for complex columns too (4.2.0), and does not shuffle those.
"""
_WIDE_ROW_BYTES: Final = 1 << 18
_FEW: Final = 16
"""Factor by which a wide row must exceed the bytes wanted of it; then only the pages with those bytes are read."""
_RICE: Final = {"B": 8, "I": 16, "J": 32}
"""Bits of the integers that CFITSIO packs with RICE_1."""


class Rows(Protocol):
    """The rows of a table, column by column."""

    def columns(self, numbers: Sequence[int], *, heap: bool) -> tuple[dict[int, Values], Values | None]:
        """Return columns by their 1-based numbers, ``(rows,)`` of `Form.dtype`, and the bytes of the heap if wanted."""
        ...


@dataclass(frozen=True, kw_only=True)
class PlainRows:
    """Rows that stand one after the other, perhaps in a file that was packed as a whole."""

    path: Path
    forms: tuple[Form, ...]
    rows: int
    offset: int
    heap_offset: int
    """First byte of the heap in the (unpacked) file."""
    heap_bytes: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one row; fields are called ``c1``, ``c2``, ..."""
        return np.dtype([(f"c{number}", form.dtype) for number, form in enumerate(self.forms, 1)])

    def columns(self, numbers: Sequence[int], *, heap: bool) -> tuple[dict[int, Values], Values | None]:
        """See `Rows.columns`."""
        dtype = self.dtype
        size = self.rows * dtype.itemsize
        if not size:
            return {number: np.zeros(self.rows, self.forms[number - 1].dtype) for number in numbers}, _no_bytes()
        if is_plain(self.path):
            data: Any = np.memmap(self.path, dtype, "r", self.offset, (self.rows,))
            wanted_bytes = sum(self.forms[number - 1].dtype.itemsize for number in numbers)
            if are_few(wanted_bytes, dtype.itemsize):
                data.base.madvise(mmap.MADV_RANDOM)  # else the system reads on, over all that is between
            found = {number: data[f"c{number}"] for number in numbers}
            varying = heap and self.heap_bytes
            return found, np.memmap(self.path, "|u1", "r", self.heap_offset, (self.heap_bytes,)) if varying else None
        behind = self.heap_offset + self.heap_bytes if heap else self.offset + size
        if behind > MOST_UNPACKED_BYTES:
            raise too_large_unpacked()
        content = unpack_part(self.path, self.offset, behind - self.offset)
        if len(content) < behind - self.offset:
            raise unreadable("the table is truncated")
        data = np.frombuffer(content, dtype, self.rows)
        found = {number: data[f"c{number}"] for number in numbers}
        start = self.heap_offset - self.offset
        return found, np.frombuffer(content, "|u1")[start:] if heap else None


@dataclass(frozen=True, kw_only=True)
class TiledRows:
    """Rows of a table that ``fpack`` has compressed: each cell holds one column of many rows."""

    cells: PlainRows
    """The compressed table itself: descriptors, and their heap."""
    forms: tuple[Form, ...]
    """Types of the columns before they were compressed."""
    codecs: tuple[str, ...]
    rows: int
    tile_rows: int

    def columns(
        self,
        numbers: Sequence[int],
        *,
        heap: bool,  # noqa: ARG002 - columns of variable length are not read
    ) -> tuple[dict[int, Values], Values | None]:
        """See `Rows.columns`; columns of variable length are not among them."""
        row_bytes = sum(self.forms[number - 1].dtype.itemsize for number in numbers)
        if self.rows * row_bytes > MOST_UNPACKED_BYTES:
            raise too_large_unpacked("choose fewer columns, or funpack it")
        raw, packed = self.cells.columns(numbers, heap=True)
        assert packed is not None
        wanted = (number for number in numbers if self.forms[number - 1].code not in "PQ")
        return {number: self._column(number, raw[number], packed) for number in wanted}, _no_bytes()

    def _column(self, number: int, cells: Values, heap: Values) -> Values:
        form, codec = self.forms[number - 1], self.codecs[number - 1]
        found = []
        for tile, (count, start) in enumerate(np.atleast_2d(cells).tolist()):
            rows = min(self.tile_rows, self.rows - tile * self.tile_rows)
            if rows <= 0:
                break
            if not 0 <= start <= start + count <= heap.size:
                raise unreadable("the table is damaged or truncated: a row ends behind its heap")
            found.append(_decode(bytes(heap[start : start + count]), rows, form, codec))
        data = b"".join(found)
        if len(data) != self.rows * form.dtype.itemsize:
            raise unreadable("the compressed table is damaged: it has fewer rows than it says")
        return np.frombuffer(data, form.dtype, self.rows) if form.dtype.itemsize else np.zeros(self.rows, form.dtype)


def are_few(wanted_bytes: int, row_bytes: int) -> bool:
    """Tell whether so little is wanted of each row, and rows are so wide, that what is between is better not read."""
    return row_bytes >= max(_WIDE_ROW_BYTES, _FEW * wanted_bytes)


def _decode(packed: bytes, rows: int, form: Form, codec: str) -> bytes:
    """Return the big-endian bytes of one column of one tile."""
    size = rows * form.dtype.itemsize
    if codec in {"GZIP_1", "GZIP_2"}:
        data = _gunzip(packed, size)
        width = _SHUFFLED.get(form.code, 1) if codec == "GZIP_2" else 1
        return data if width == 1 else np.frombuffer(data, "|u1").reshape(width, -1).T.tobytes()
    if codec == "RICE_1" and form.code in _RICE:
        return _unrice(packed, rows * form.count, _RICE[form.code])
    if codec == "NOCOMPRESS":
        return packed
    raise unsupported(f"columns of a table that are compressed with {codec[:20]} are not read", hint="funpack reads it")


def _gunzip(packed: bytes, size: int) -> bytes:
    try:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        data = unpacker.decompress(packed, size)
    except zlib.error as error:
        raise unreadable("the compressed table is damaged") from error
    if len(data) != size:
        raise unreadable("the compressed table is damaged: a tile has fewer bytes than it says")
    return data


def _unrice(packed: bytes, count: int, bits: int) -> bytes:
    """Return big-endian integers: the tile is given to astropy as the one tile of a compressed image."""
    import io

    from astropy.io import fits

    cell = fits.Column("COMPRESSED_DATA", "1PB()", array=np.array([np.frombuffer(packed, "|u1")], dtype=object))
    table = fits.BinTableHDU.from_columns([cell])
    table.header.update({
        "ZIMAGE": True, "ZTENSION": "IMAGE", "ZBITPIX": bits, "ZNAXIS": 1, "ZNAXIS1": count, "ZTILE1": count,
        "ZCMPTYPE": "RICE_1", "ZNAME1": "BLOCKSIZE", "ZVAL1": 32, "ZNAME2": "BYTEPIX", "ZVAL2": bits // 8,
        "ZPCOUNT": 0, "ZGCOUNT": 1,
    })  # fmt: skip
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(content)
    content.seek(0)
    with fits.open(content) as hdus:
        pixels = np.asarray(hdus[1].data)
    return pixels.astype("|u1" if bits == 8 else f">i{bits // 8}").tobytes()


def _no_bytes() -> Values:
    return np.empty(0, "|u1")
