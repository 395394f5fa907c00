"""The files of a feed: three images, one in the window, one on its way, one to be written; each with its mask.

They are mapped once and written over from then on, so that the byte swap into the mapped file is the only copy of a
frame and costs no new page. Who may write one is told by the daemon's answers alone: a slot is free again when its
frame is answered and the window has a later one. The files are reserved before they are mapped: on a full file system
that is an error and not a SIGBUS. Their names have never been used; after a daemon has gone they are left, and new ones
made.
"""

from __future__ import annotations

import math
import mmap
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mtv.pixels.outgoing import FITS_BLOCK, full_error, narrow_dtype, size_of, stored_dtype
from mtv.wire.data import Array
from mtv.wire.limits import Limits

if TYPE_CHECKING:
    import numpy as np

COUNT: Final = 3


class _File(NamedTuple):
    """A mapped file."""

    name: str
    front: int
    """Bytes in front of its pixels."""
    memory: mmap.mmap


class Slot:
    """Space for one frame: a `~mtv.pixels.outgoing.Sink` that is written over again and again."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._directory = directory
        self._limits = limits
        self._files: dict[str, _File] = {}
        self._views: dict[str, np.ndarray[Any, Any]] = {}
        """Views of the frame before: the next one is like it, as a rule."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its files."""
        return tuple(file.name for file in self._files.values())

    def image(self, pixels: np.ndarray[Any, Any], wcs: str = "", words: int = 0) -> Array:
        """Write an image as FITS wants it, big-endian, the header's space in front, padded to a FITS block."""
        return self._image(pixels, *stored_dtype(pixels.dtype), wcs, words)

    def _image(self, pixels: np.ndarray[Any, Any], dtype: np.dtype[Any], flip: int, wcs: str, words: int) -> Array:
        import numpy as np

        front = self._limits.header_room(wcs, words)
        size = size_of(pixels, dtype)
        name, view = self._view("fits", front, size + -size % FITS_BLOCK, pixels.shape, dtype)
        if flip:
            np.bitwise_xor(pixels, pixels.dtype.type(flip), out=view, casting="unsafe")
        else:
            with np.errstate(all="ignore"):  # beyond a type's range is infinite
                np.copyto(view, pixels, casting="unsafe")
        return Array(dtype=dtype.str, shape=pixels.shape, file=name, offset=front)

    def mask(self, pixels: np.ndarray[Any, Any], bits: int = 64) -> Array:
        """Write the lowest bits of a mask."""
        import numpy as np

        dtype = narrow_dtype(pixels.dtype, bits)
        name, view = self._view("raw", 0, size_of(pixels, dtype), pixels.shape, dtype)
        np.copyto(view, pixels, casting="unsafe")
        return Array(dtype=dtype.str, shape=pixels.shape, file=name)

    @property
    def is_whole(self) -> bool:
        """True while its files are in the directory: somebody may have removed them, and what maps them goes on."""
        return all((self._directory / name).exists() for name in self.names)

    def read_back(self, array: Array) -> np.ndarray[Any, Any]:
        """Return the bytes of an array that was written here, as they are stored; also where its file is gone."""
        import numpy as np

        file = next(file for file in self._files.values() if file.name == array.file)
        dtype = np.dtype(array.dtype)
        return np.frombuffer(file.memory, dtype, math.prod(array.shape), array.offset).reshape(array.shape)

    def copy_image(self, stored: np.ndarray[Any, Any], wcs: str) -> Array:
        """Write an image that is stored as FITS wants it already."""
        return self._image(stored, stored.dtype, 0, wcs, 0)

    def unlink(self) -> None:
        """Remove its files; what maps them keeps them."""
        for name in self.names:
            (self._directory / name).unlink(missing_ok=True)

    def _view(
        self, suffix: str, front: int, size: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> tuple[str, np.ndarray[Any, Any]]:
        import numpy as np

        view, file = self._views.get(suffix), self._files.get(suffix)
        like = view is not None and (view.shape, view.dtype) == (shape, dtype)
        if like and view is not None and file is not None and file.front == front:
            return file.name, view
        self._views.pop(suffix, None)
        if file is None or (file.front, len(file.memory)) != (front, front + size):
            if file is not None:
                (self._directory / self._files.pop(suffix).name).unlink(missing_ok=True)
            file = self._files[suffix] = _make_slot(self._directory, suffix, front, front + size)
        self._views[suffix] = np.frombuffer(file.memory, dtype, int(np.prod(shape)), front).reshape(shape)
        return file.name, self._views[suffix]


class Slots:
    """The slots of one feed at one daemon. Any thread may use them."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self._all = [Slot(directory, limits) for _ in range(COUNT)]
        self._free = list(self._all)
        self._shown: Slot | None = None
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files."""
        return tuple(name for slot in self._all for name in slot.names)

    def take(self) -> Slot:
        """Return a slot that may be written."""
        with self._lock:
            return self._free.pop()

    def give(self, slot: Slot) -> None:
        """Put back a slot that was not shown, and will not be."""
        with self._lock:
            self._free.append(slot)

    def show(self, slot: Slot) -> None:
        """Take note that the window has a slot's pixels: the one before is free."""
        with self._lock:
            if self._shown is not None:
                self._free.append(self._shown)
            self._shown = slot

    def leave(self) -> None:
        """Remove the files that nobody can have: those of free slots."""
        with self._lock:
            for slot in self._free:
                slot.unlink()

    def unlink(self) -> None:
        """Remove all files: something else is shown in their place."""
        for slot in self._all:
            slot.unlink()


def _make_slot(directory: Path, suffix: str, front: int, size: int) -> _File:
    name = f"feed-{os.getpid()}-{os.urandom(8).hex()}.{suffix}"
    path = directory / name
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        return _File(name, front, mmap.mmap(descriptor, size))
    except OSError as error:
        path.unlink(missing_ok=True)
        raise full_error(error, size) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
