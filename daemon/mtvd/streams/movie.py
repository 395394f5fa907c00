"""One movie: its frames, how far it has come, and who waits for news of it. `mtvd.streams.movies` draws it."""

from __future__ import annotations

import collections
import dataclasses
import logging
from typing import Final

import anyio

from mtv.wire.data import Dataset, File
from mtv.wire.errors import Error
from mtv.wire.reports import Movie
from mtv.wire.steps import Display
from mtvd.drawing.sessions import Session
from mtvd.streams.timeline import Timeline

_LOG = logging.getLogger(__name__)
_TIMES: Final = 50
"""Frames from which the rate is told."""


@dataclasses.dataclass(eq=False, kw_only=True)
class Playing:
    """One movie, until it is forgotten."""

    id: str
    display: Display
    targets: tuple[Dataset | File, ...]
    timeline: Timeline
    session: Session
    sequence: int = 0
    place: int | None = None
    """Number of its display, once a frame was on it."""
    begun: int = 0
    """Frames that were set on their way to the screen."""
    settled: int = 0
    """Those of them that have come there, or failed."""
    position: int = -1
    label: str = ""
    shown: int = 0
    """Frames that came to the screen; one that was wished for again while it was the newest counts once."""
    failed: int = 0
    newest: tuple[int, bool] | None = None
    """Index of the newest frame that has come to the screen or failed, and whether it failed."""
    failed_in_a_row: int = 0
    error: Error | None = None
    reason: str = ""
    """Why it has ended; empty while it goes on."""
    number: int = 0
    times: collections.deque[float] = dataclasses.field(default_factory=lambda: collections.deque(maxlen=_TIMES))
    news: anyio.Event = dataclasses.field(default_factory=anyio.Event)
    """Set, and replaced, with each change."""

    def changed(self) -> None:
        """Wake its task and all who follow it."""
        self.number += 1
        self.news.set()
        self.news = anyio.Event()

    def count(self, index: int, *, failed: bool) -> None:
        """Count a frame; in place of the newest one where that is wished for again."""
        if self.timeline.is_wish and self.newest is not None and self.newest[0] == index:
            self._add(-1, failed=self.newest[1])
        self._add(1, failed=failed)
        if not failed:
            self.failed_in_a_row = 0
        self.newest = index, failed

    def _add(self, frames: int, *, failed: bool) -> None:
        if failed:
            self.failed += frames
            self.failed_in_a_row = max(self.failed_in_a_row + frames, 0)
        else:
            self.shown += frames

    def end(self, reason: str) -> None:
        """End it, once."""
        if not self.reason:
            self.reason = reason
            _LOG.info("movie %s has ended: %s", self.id, reason)
            self.changed()

    def state(self) -> Movie:
        """Return how it goes."""
        elapsed = self.times[-1] - self.times[0] if self.times else 0.0
        return Movie(
            movie=self.id,
            display=self.display,
            state="ended" if self.reason else "playing" if self.timeline.playing else "paused",
            reason=self.reason,
            count=len(self.targets),
            position=self.position,
            label=self.label,
            fps=self.timeline.fps,
            loop=self.timeline.loop,
            every=self.timeline.every,
            shown=self.shown,
            skipped=self.timeline.skipped,
            failed=self.failed,
            shown_fps=(len(self.times) - 1) / elapsed if elapsed else 0.0,
            error=self.error,
            number=self.number,
        )
