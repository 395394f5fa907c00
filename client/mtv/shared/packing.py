"""Masks on their way through a network: bytes sorted by significance, then zlib.

One zlib stream of blocks of 1 MiB of the array, the last one shorter. Within each block stand the first bytes of all
items, then all second bytes, and so on: of a mask most of these are zero. At 1 Gbit/s a mask of 2048x4176 arrives in
half of the time that it takes as it is; images of ``float32`` take longer packed, and are not.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

PACKING: Final = "shuffle-zlib"
BLOCK_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 16
_LEVEL: Final = 1
"""Higher levels cost more time than they save at 1 Gbit/s."""


class NotPacked(Exception):
    """The bytes are not what was said of them."""


def pack(pixels: np.ndarray[Any, Any]) -> bytes:
    """Return an array packed."""
    import numpy as np

    size = pixels.dtype.itemsize
    items = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).reshape(-1, size)
    rows = BLOCK_BYTES // size
    stream = zlib.compressobj(_LEVEL)
    parts = [
        stream.compress(np.ascontiguousarray(items[first : first + rows].T).data)
        for first in range(0, len(items), rows)
    ]
    return b"".join((*parts, stream.flush()))


def unpack(data: bytes | bytearray | memoryview, size_bytes: int, item_bytes: int) -> Iterator[memoryview]:
    """Yield the bytes of an array, a block at a time; no more than announced is ever unpacked.

    Parameters
    ----------
    size_bytes : `int`
        Of the array.
    item_bytes : `int`
        Of one of its items: 1, 2, 4 or 8.

    Raises
    ------
    NotPacked
        The data end early, are damaged, or hold more than announced.
    """
    import numpy as np

    stream = _Stream(data)
    for first in range(0, size_bytes, BLOCK_BYTES):
        block = stream.read(min(BLOCK_BYTES, size_bytes - first))
        shuffled = np.frombuffer(block, np.uint8).reshape(item_bytes, -1)
        yield np.ascontiguousarray(shuffled.T).data.cast("B")
    stream.end()


class _Stream:
    """A zlib stream that is read by wanted sizes."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self._at = 0
        self._rest: bytes | memoryview = b""
        self._inflating = zlib.decompressobj()

    def read(self, size: int) -> bytearray:
        block = bytearray()
        while len(block) < size:
            piece = self._piece(size - len(block))
            if not piece:
                raise NotPacked("the packed bytes end early")
            block += piece
        return block

    def end(self) -> None:
        if self._piece(1):
            raise NotPacked("the packed bytes hold more than announced")
        if not self._inflating.eof or self._inflating.unused_data or self._at < len(self._data):
            raise NotPacked("the packed bytes do not end where they should")

    def _piece(self, most: int) -> bytes:
        """Return some bytes, at least one; none at the end."""
        while not self._inflating.eof:
            exhausted = not self._rest and self._at >= len(self._data)
            if not self._rest and not exhausted:
                self._rest = self._data[self._at : self._at + _CHUNK_BYTES]
                self._at += len(self._rest)
            try:
                piece = self._inflating.decompress(self._rest, most)
            except zlib.error:
                raise NotPacked("the packed bytes are damaged") from None
            self._rest = self._inflating.unconsumed_tail
            if piece or exhausted:
                return piece
        return b""
