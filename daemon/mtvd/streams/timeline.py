"""The timeline of a movie: which frame is due when, which are skipped, what stepping, seeking and looping mean. Pure.

Frame n is due n / fps after the movie was set going. Whoever comes too late for a frame by more than a period gets the
one that is due by then, and those between are skipped; with ``every`` he gets the next one, and the time slips instead.
"""

from __future__ import annotations

import math
from typing import Final

_EARLY: Final = 1e-6
"""Share of a period by which a frame may be too early and is in time all the same, for times are sums of fractions."""


class Timeline:
    """Frames and times of one movie. Times are seconds of the caller's clock.

    Parameters
    ----------
    count : `int`
        Frames.
    fps : `float`
        Frames a second.
    loop : `bool`
        True: the first follows the last.
    every : `bool`
        True: none is skipped.
    start : `int`
        Index of the first one to take.
    """

    def __init__(self, count: int, *, fps: float, loop: bool = False, every: bool = False, start: int = 0) -> None:
        self.count = count
        self.fps = fps
        self.loop = loop
        self.every = every
        self.playing = False
        self.skipped = 0
        self.wish: int | None = None
        """Index of a frame that is wanted now, whatever the time."""
        self._wished = False
        """The newest frame was wished for, and has not come to the screen."""
        self._taken = start - 1
        """Index of the newest frame."""
        self._next = start
        """Number of the next frame; at ``count`` it is the first of the next round."""
        self._stride = 1
        self._origin = (0.0, start)
        """A time, and the number of the frame that is due then."""

    @property
    def over(self) -> bool:
        """True: it plays, and has no frame left."""
        return self.playing and not self.loop and self._next >= self.count

    @property
    def is_wish(self) -> bool:
        """True: the newest frame was wished for, and has not come to the screen yet."""
        return self._wished

    def play(self, now: float) -> None:
        """Set it going: the next frame is due now."""
        self.playing = True
        self._origin = now, self._next

    def pause(self) -> None:
        """Stand still."""
        self.playing = False

    def step(self, frames: int) -> None:
        """Stand still, so many frames from the newest, or from the one that is wanted already."""
        self.playing = False
        index = (self._taken if self.wish is None else self.wish) + frames
        self._want(index % self.count if self.loop else min(max(index, 0), self.count - 1))

    def seek(self, index: int) -> None:
        """Go on from a frame, or stand still on it."""
        self._want(index)

    def set_fps(self, fps: float, now: float) -> None:
        """Change the rate; the next frame is due one new period after the newest one was, or now."""
        newest_at = max(self._due() - 1 / self.fps, now - 1 / fps)
        self.fps = fps
        self._origin = newest_at, self._next - 1

    def secs_to_next(self, now: float) -> float:
        """Return the time until a frame is due; infinite where none is."""
        if self.wish is not None:
            return 0.0
        if not self.playing or self.over:
            return math.inf
        return max(0.0, self._due() - now)

    def take(self, now: float) -> int | None:
        """Return the index of the frame that is due, and go on to the next; None where none is due."""
        if self.wish is not None:
            index, self.wish = self.wish, None
            self._wished, self._stride = True, 1
            return self._took(index)
        if not self.playing or self.over:
            return None
        late = (now - self._due()) * self.fps
        if late < -_EARLY:
            return None
        self._stride = 1
        if late >= 1:
            self._catch_up(math.floor(late), now)
        return self._took(self._next)

    def settle(self, now: float) -> None:
        """Tell that the newest frame is on the screen, or has failed: after one that was wished for, time begins."""
        if self._wished:
            self._wished = False
            self._origin = now, self._taken

    def coming(self, most: int) -> list[int]:
        """Return indices of the frames that will probably be taken next: while it stands still, those around."""
        if not self.playing:
            around = [self._taken + 1, self._taken - 1, self._taken + 2]
            found = [self._wrap(index) for index in around]
        else:
            found = [self._wrap(self._taken + self._stride * ahead) for ahead in range(1, most + 1)]
        indices = dict.fromkeys(index for index in found if index is not None and index != self._taken)
        return list(indices)[:most]

    def _due(self) -> float:
        time, number = self._origin
        return time + (self._next - number) / self.fps

    def _want(self, index: int) -> None:
        self.wish = index
        self._next = index

    def _catch_up(self, frames: int, now: float) -> None:
        if self.every:
            self._origin = now, self._next
            return
        if not self.loop:
            frames = min(frames, self.count - 1 - self._next)  # the last one is shown in any case
        self._next += frames
        self.skipped += frames
        self._stride = 1 + frames

    def _took(self, number: int) -> int:
        self._taken = number % self.count
        self._origin = self._origin[0], self._origin[1] - (number - self._taken)
        self._next = self._taken + 1
        return self._taken

    def _wrap(self, number: int) -> int | None:
        if self.loop:
            return number % self.count
        return number if 0 <= number < self.count else None
