"""Pauses between the starts of a window that ends again and again. Knows when things happened, never waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_AT_ONCE: Final = 2
"""Restarts without a pause: a crash should be seen by nobody."""
_FIRST_SECS: Final = 0.5


class Backoff:
    """Counts starts that came to nothing; a window that lived for a stable while clears the count.

    Parameters
    ----------
    stable_secs : `float`
        How long that is. What the window has drawn does not matter: what kills it may come with each restart.
    max_secs : `float`
        Longest pause.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, *, stable_secs: float, max_secs: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stable_secs = stable_secs
        self._max_secs = max_secs
        self._clock = clock
        self._starts = 0
        self._began: float | None = None

    def pause_secs(self) -> float:
        """Return how long to wait before the next start."""
        over = self._starts - _AT_ONCE - 1
        return min(_FIRST_SECS * 2.0 ** min(over, 60), self._max_secs) if over >= 0 else 0.0

    def count_start(self) -> None:
        """Count a start; it came to nothing unless its window turns out to be stable."""
        self._starts += 1

    def note_opening(self) -> None:
        """Note that a window is open."""
        self._began = self._clock()

    def note_end(self) -> None:
        """Note that the window is gone."""
        if self._began is not None and self._clock() - self._began >= self._stable_secs:
            self.reset()
        self._began = None

    def reset(self) -> None:
        """Forget all starts: what ended the window was no fault of its own."""
        self._starts = 0
