"""Decoding: strips of planes straight into files, several at once: CFITSIO is the one library that gains by threads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from mtvd.repo.readers.hdus import Box, Pixels

_THREADS_MOST: Final = 4
_WRITE_MOST: Final = 0x7FFF0000


class Source(Protocol):
    """Anything that can be read by strips: a `Plane`, or something made of several."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(y, x)``."""
        ...

    @property
    def raw_dtype(self) -> str | None:
        """See `Plane`."""
        ...

    @property
    def in_threads(self) -> bool:
        """See `Plane`."""
        ...

    def read(self, box: Box | None = None) -> Pixels:
        """See `Plane.read`."""
        ...

    def strips(self, box: Box | None = None) -> list[Box]:
        """See `Plane.strips`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Some rows of a plane, and where they go."""

    plane: Source
    box: Box
    descriptor: int
    offset: int
    """Byte in the file."""
    dtype: np.dtype[Any]
    """Type of the pixels as they are stored."""

    def decode(self) -> None:
        """Read the rows and write them."""
        write(self.descriptor, np.ascontiguousarray(self.plane.read(self.box), dtype=self.dtype), self.offset)


def decode(strips: Sequence[Strip]) -> Iterator[Strip]:
    """Decode strips, several at once where the library allows it, and yield each once it is in its file.

    For 2048x4176 pixels with GZIP_2, image and mask together: 0.48 s in two threads, 0.98 s plane after plane.

    Raises
    ------
    RequestError
        ``unreadable_file`` of the first strip that is damaged.
    """
    # astropy, which reads what was packed, changes warnings process-wide: not for threads. Scaling needs none.
    apart = [strip for strip in strips if not strip.plane.in_threads]
    together = [strip for strip in strips if strip not in apart]
    for strip in apart:
        strip.decode()
        yield strip
    if together:
        with ThreadPoolExecutor(_threads(len(together))) as pool:
            for strip, _ in zip(together, pool.map(Strip.decode, together), strict=True):
                yield strip


def write(descriptor: int, array: Pixels, offset: int) -> None:
    """Write an array's bytes at an offset."""
    data = array.reshape(-1).view(np.uint8).data
    while data:
        count = os.pwrite(descriptor, data[:_WRITE_MOST], offset)
        data = data[count:]
        offset += count


def _threads(strips: int) -> int:
    import fitsio

    reentrant = getattr(fitsio, "cfitsio_is_reentrant", lambda: False)()
    return min(strips, _THREADS_MOST, os.cpu_count() or 1) if reentrant else 1
