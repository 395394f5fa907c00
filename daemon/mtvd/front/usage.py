"""Usage of the pixel directory for those who ask for the status: counted seldom enough to hold nobody up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from mtvd.host.pixelstore import PixelStore, Usage

_SCANS_EVERY: Final = 20
_QUICK_SECS: Final = 0.004
"""Scans of the pixel directory that take a twentieth of this, 0.2 ms, are not worth sharing."""


class SharedUsage:
    """Usage of a pixel directory, counted anew unless that would take more than its share of the time.

    A scan of 1,000 files takes 3 ms, and nobody else is answered meanwhile. So a scan is good for twenty times as
    long as it took, less a little: that of a small directory is never used twice.

    Parameters
    ----------
    pixels : `~mtvd.host.pixelstore.PixelStore`
        The directory.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, pixels: PixelStore, clock: Callable[[], float]) -> None:
        self._pixels = pixels
        self._clock = clock
        self._known: Usage | None = None
        self._until = 0.0

    def look(self) -> Usage:
        """Return what the pixel directory holds.

        Raises
        ------
        DaemonError
            It cannot be read.
        """
        now = self._clock()
        if now >= self._until or self._known is None:
            began = time.perf_counter()
            self._known = self._pixels.usage()
            took = time.perf_counter() - began
            self._until = now + _SCANS_EVERY * took - _QUICK_SECS
        return self._known
