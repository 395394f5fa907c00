"""Arrays that go to the daemon: files of the pixel directory where both share a host, buffers of the message else.

An image goes into its file as FITS wants it, big-endian, with space for the header in front: one pass over the user's
array, the byte swap itself, in pieces that stay in the processor's cache. The bytes are written, not mapped: on a full
file system that is an error and not a SIGBUS, and it takes 15 ms for 2048x4176 ``float32``, where reserving the file,
mapping it and copying take 21. A file that is free is written over (`mtv.shared.freefiles`). A mask goes as the
narrowest integers that hold the bits of its planes: each byte less is one less to write here and to read at the other
end.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mtv.shared import freefiles
from mtv.shared.packing import PACKING, pack
from mtv.wire.data import Array
from mtv.wire.errors import DaemonError, Error, bad_value
from mtv.wire.frames import Buffer
from mtv.wire.limits import Limits

if TYPE_CHECKING:
    import numpy as np

FITS_BLOCK: Final = 2880

_STORED: Final = {
    "b1": ("u1", 0),
    "u1": ("u1", 0),
    "i1": ("i2", 0),
    "i2": ("i2", 0),
    "u2": ("u2", 1 << 15),
    "i4": ("i4", 0),
    "u4": ("u4", 1 << 31),
    "i8": ("i8", 0),
    "u8": ("f8", 0),
    "f2": ("f4", 0),
    "f4": ("f4", 0),
    "f8": ("f8", 0),
    "f12": ("f8", 0),
    "f16": ("f8", 0),
}
"""Type in which each type of pixel is stored, and the bit to turn over: FITS has BZERO instead of unsigned integers.

Unsigned integers of 64 bits go as floats, as those of files do: with BZERO, DS9 would round them before it adds that.
"""

_ADVICE: Final = {
    "c": "show a part of it: .real, .imag or abs()",
    "V": "choose one of its fields: array['name']",
    "M": "use .astype('int64')",
    "m": "use .astype('int64')",
    "U": "texts are no pixels",
    "S": "texts are no pixels",
}
"""By kind of type."""

_PIECE_BYTES: Final = 256 << 10
_TWO_THREADS_BYTES: Final = 4 << 20
"""Above this a second thread saves more than its start costs, because copying and writing let go of the GIL: 11 ms
instead of 16 for 2048x4176 ``float32`` on two cores."""


class Sink(Protocol):
    """Destination of outgoing arrays."""

    def image(self, pixels: np.ndarray[Any, Any], wcs: str = "", words: int = 0) -> Array:
        """Store the pixels of an image, with space for the header: these WCS cards, and a number of others."""
        ...

    def mask(self, pixels: np.ndarray[Any, Any], bits: int = 64) -> Array:
        """Store the lowest bits of the integers of a mask."""
        ...


class FileSink:
    """Puts arrays into new files of the pixel directory; they become the daemon's once a request names them."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._pid = os.getpid()
        self.names: list[str] = []

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """No buffers travel."""
        return ()

    def image(self, pixels: np.ndarray[Any, Any], wcs: str = "", words: int = 0) -> Array:
        """Write an image, the header's space in front, padded to a FITS block."""
        dtype, flip = stored_dtype(pixels.dtype)
        front = self._limits.header_room(wcs, words)
        name = self._write("mtv", "fits", pixels, dtype, flip, front)
        return Array(dtype=dtype.str, shape=pixels.shape, file=name, offset=front)

    def mask(self, pixels: np.ndarray[Any, Any], bits: int = 64) -> Array:
        """Write the lowest bits of a mask."""
        dtype = narrow_dtype(pixels.dtype, bits)
        return Array(dtype=dtype.str, shape=pixels.shape, file=self._write("mask", "raw", pixels, dtype, 0, 0))

    def remove(self) -> None:
        """Unlink the files again, where they still are; a child that was forked later leaves its parent's."""
        for name in self.names if self._pid == os.getpid() else ():
            (self._directory / name).unlink(missing_ok=True)

    def _write(
        self, kind: str, suffix: str, pixels: np.ndarray[Any, Any], dtype: np.dtype[Any], flip: int, front: int
    ) -> str:
        name = f"{kind}-{os.getpid()}-{os.urandom(8).hex()}.{suffix}"
        path = self._directory / name
        size = size_of(pixels, dtype)
        padding = -size % FITS_BLOCK if front else 0
        self.names.append(name)
        try:
            new = 0 if freefiles.take(path, front + size + padding) else os.O_CREAT | os.O_EXCL
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | new, 0o600)
            try:
                os.pwrite(descriptor, bytes(front), 0)
                _write_rows(descriptor, front, pixels, dtype, flip)
                os.pwrite(descriptor, bytes(padding), front + size)
            finally:
                os.close(descriptor)
        except OSError as error:
            self.remove()
            raise full_error(error, size) from None
        except BaseException:
            self.remove()
            raise
        return name


class FrameSink:
    """Puts arrays into buffers of the message, for daemons that share no directory.

    Parameters
    ----------
    packs : `bool`, optional
        True: masks go packed, because a network is in between.
    """

    def __init__(self, *, packs: bool = False) -> None:
        self.buffers: tuple[Buffer, ...] = ()
        self._packs = packs

    def image(self, pixels: np.ndarray[Any, Any], wcs: str = "", words: int = 0) -> Array:  # noqa: ARG002
        """Keep a swapped copy of an image; the daemon makes space for its header."""
        return self._keep(pixels, *stored_dtype(pixels.dtype))

    def mask(self, pixels: np.ndarray[Any, Any], bits: int = 64) -> Array:
        """Keep a copy of the lowest bits of a mask."""
        dtype = narrow_dtype(pixels.dtype, bits)
        if self._packs:
            data = pack(pixels.astype(dtype, copy=False))
            if len(data) < size_of(pixels, dtype):
                self.buffers += (data,)
                return Array(dtype=dtype.str, shape=pixels.shape, buffer=len(self.buffers) - 1, packing=PACKING)
        return self._keep(pixels, dtype, 0)

    def remove(self) -> None:
        """Do nothing: buffers go when the message goes."""

    def _keep(self, pixels: np.ndarray[Any, Any], dtype: np.dtype[Any], flip: int) -> Array:
        data = bytearray(size_of(pixels, dtype))
        at = 0
        for piece in _pieces(pixels, dtype, flip):
            data[at : at + piece.nbytes] = piece
            at += piece.nbytes
        self.buffers += (data,)
        return Array(dtype=dtype.str, shape=pixels.shape, buffer=len(self.buffers) - 1)


def stored_dtype(dtype: np.dtype[Any], where: str = "image") -> tuple[np.dtype[Any], int]:
    """Return the big-endian type that pixels are stored as, and the bit to turn over.

    Raises
    ------
    RequestError
        ``bad_value`` with a hint for complex numbers, records, objects, texts and times.
    """
    import numpy as np

    key = f"{dtype.kind}{dtype.itemsize}"
    if key not in _STORED:
        raise bad_value(
            where, f"pixels of type {dtype} cannot be shown", _ADVICE.get(dtype.kind, "use .astype('float32')")
        )
    name, flip = _STORED[key]
    return np.dtype(name).newbyteorder(">"), flip


def narrow_dtype(dtype: np.dtype[Any], bits: int) -> np.dtype[Any]:
    """Return the narrowest integers, in this machine's byte order, that hold so many bits of a type."""
    import numpy as np

    narrow = next((size for size in (1, 2, 4) if bits <= 8 * size), 8)
    return np.dtype(f"u{narrow}") if narrow < dtype.itemsize else dtype.newbyteorder("=")


def size_of(pixels: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> int:
    """Bytes of an array in another type."""
    return int(pixels.size) * dtype.itemsize


def _pieces(pixels: np.ndarray[Any, Any], dtype: np.dtype[Any], flip: int) -> Iterable[memoryview]:
    """Yield the rows of an array in a type, a few at a time, always in the same memory."""
    import numpy as np

    rows = max(1, _PIECE_BYTES // max(1, pixels.shape[1] * dtype.itemsize))
    scratch = np.empty((rows, pixels.shape[1]), dtype)
    for first in range(0, pixels.shape[0], rows):
        source = pixels[first : first + rows]
        piece = scratch[: len(source)]
        if flip:
            np.bitwise_xor(source, source.dtype.type(flip), out=piece)
        else:
            with np.errstate(all="ignore"):  # beyond a type's range is infinite
                np.copyto(piece, source, casting="unsafe")
        yield piece.view(np.uint8).data.cast("B")


def _write_rows(descriptor: int, start: int, pixels: np.ndarray[Any, Any], dtype: np.dtype[Any], flip: int) -> None:
    """Write an array from a byte of a file on; the lower half of a large one on a thread of its own.

    That thread has ended when this returns or raises, an interrupt included: the descriptor is closed then, and its
    number may soon be another file's.
    """
    middle = pixels.shape[0] // 2 if size_of(pixels, dtype) > _TWO_THREADS_BYTES else 0
    failures: list[BaseException] = []

    def write(rows: np.ndarray[Any, Any], at: int) -> None:
        for piece in _pieces(rows, dtype, flip):
            _write_all(descriptor, piece, at)
            at += len(piece)

    def write_lower() -> None:
        try:
            write(pixels[:middle], start)
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            failures.append(error)

    other = threading.Thread(target=write_lower) if middle else None
    if other is not None:
        other.start()
    try:
        write(pixels[middle:], start + middle * pixels.shape[1] * dtype.itemsize)
    finally:
        if other is not None:
            other.join()
    if failures:
        raise failures[0]


def _write_all(descriptor: int, piece: memoryview, at: int) -> None:
    done = 0
    while done < len(piece):
        done += os.pwrite(descriptor, piece[done:], at + done)


def full_error(error: OSError, size: int) -> OSError | DaemonError:
    """Return the error to raise for one of a file system: ``storage_full`` where there is no space, else itself."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return error
    return DaemonError(
        Error(
            code="storage_full",
            message=f"the pixel directory has no room for {size} bytes",
            retryable=True,
            hint="delete a display, or set pixel_directory in the daemon's configuration",
        )
    )
