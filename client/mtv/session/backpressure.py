"""Backpressure: how many requests of a client may be unanswered, and how long it pauses after a busy daemon. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_FIRST_PAUSE_SECS: Final = 0.005
_LONGEST_PAUSE_SECS: Final = 1.0
"""Before what a busy daemon has put off goes out again; each pause in a row is twice as long."""


class Backpressure:
    """Window and pauses of one session.

    Parameters
    ----------
    spread : callable
        Returns a factor for the next pause, so that clients that were put off together do not come back together.
    """

    def __init__(self, spread: Callable[[], float]) -> None:
        self.window = 0
        """How many requests may be unanswered now."""
        self._widest = 0
        self._spread = spread
        self._pause_secs = 0.0
        self._pause_until = -math.inf

    def start(self, widest: int) -> None:
        """Begin anew with a daemon that takes so many unanswered requests."""
        self.window = self._widest = widest
        self._pause_secs, self._pause_until = 0.0, -math.inf

    def slow_down(self, now: float) -> None:
        """Pause, each time in a row longer, and send half as many at once. Within a pause nothing changes."""
        if now >= self._pause_until:  # else they were sent together
            self.window = max(1, self.window // 2)
            self._pause_secs = min(2 * self._pause_secs or _FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS)
            self._pause_until = now + self._pause_secs * self._spread()

    def speed_up(self) -> None:
        """Take note of an answer: one more may be unanswered, and the next pause is short again."""
        self.window = min(self._widest, self.window + 1)
        self._pause_secs = 0.0

    def pause_left(self, now: float) -> float:
        """Return the seconds until something may go out; 0 where it may now."""
        return max(0.0, self._pause_until - now)
