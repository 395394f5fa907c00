"""One movie: its frames, how far it has come, who waits for news of it, and the task that plays it.

Each of its frames is an ordinary transaction of a session of its own, drawn and redrawn before the next one, so that
its rate is the rate of the screen; the next ones are read ahead meanwhile. The scene knows of what movie an image is a
frame: a frame whose display has been deleted, or shows another image by then, is refused, whatever came in between.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from typing import Final

import anyio

from mtv.wire.data import Dataset, File
from mtv.wire.errors import Error, MtvError
from mtv.wire.reports import Movie
from mtv.wire.requests import Transaction
from mtv.wire.steps import DisplayName, Mtv
from mtvd.drawing.engine import Engine
from mtvd.drawing.sessions import Session
from mtvd.repo.port import Repositories
from mtvd.resolving.resolved import MovieFrame
from mtvd.streams.timeline import Timeline

_LOG = logging.getLogger(__name__)
_TIMES: Final = 50
"""Frames from which the rate is told."""
AHEAD: Final = 3
"""Frames that are decoded while one is shown."""
_FRAME_SECS: Final = 60.0
"""How long a frame may wait for its turn in the window."""
_HOPELESS: Final = frozenset({"no_window", "shutting_down"})
"""Errors that every other frame would have too."""


@dataclasses.dataclass(eq=False, kw_only=True)
class Playing:
    """One movie, until it is forgotten."""

    id: str
    display: DisplayName
    targets: tuple[Dataset | File, ...]
    timeline: Timeline
    session: Session
    sequence: int = 0
    place: int | None = None
    """Number of its display, once a frame was on it."""
    begun: int = 0
    """Frames that were set on their way to the screen."""
    settled: int = 0
    """Frames begun that have come to the screen, or failed."""
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

    def tell_change(self) -> None:
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
            self.tell_change()

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


class Player:
    """Plays movies, each in a task of its own.

    Parameters
    ----------
    engine : `~mtvd.drawing.engine.Engine`
        Draws their frames.
    repositories : `~mtvd.repo.port.Repositories`
        Are told what comes next.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, engine: Engine, repositories: Repositories, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._repositories = repositories
        self._clock = clock

    def end(self, movie: Playing, reason: str) -> None:
        """End a movie, and take its frame back that waits for its turn."""
        movie.end(reason)
        self._engine.cancel(f"{movie.session.id.hex()}-{movie.sequence}")

    def look(self, movie: Playing) -> None:
        """End a movie whose display was deleted, or shows another image."""
        if movie.place is None:
            return
        display = self._engine.scene.displays.get(movie.place)
        if display is None or display.movie != movie.id:
            self.end(movie, "deleted" if display is None else "replaced")

    async def run(self, movie: Playing) -> None:
        """Play a movie until it ends; a fault of the daemon's own ends it as well, and nothing else."""
        try:
            while not movie.reason:
                index = movie.timeline.take(self._clock())
                if index is not None:
                    await self._show(movie, index)
                elif movie.timeline.over:
                    movie.end("end" if movie.shown else "failed")
                else:
                    await self._wait_until_due(movie)
        except Exception:  # noqa: BLE001 - a fault in one movie must not end the daemon
            _LOG.exception("movie %s failed", movie.id)
            movie.error = Error(code="internal", message="the daemon failed", hint="its log tells more")
            movie.end("failed")

    async def _wait_until_due(self, movie: Playing) -> None:
        secs = movie.timeline.secs_to_next(self._clock())
        with anyio.move_on_after(None if math.isinf(secs) else secs):
            await movie.news.wait()

    async def _show(self, movie: Playing, index: int) -> None:
        coming: Sequence[int] = movie.timeline.coming(AHEAD)
        self._repositories.read_ahead([movie.targets[number] for number in coming], movie.id)
        movie.begun += 1
        try:
            await self._draw(movie, index)
        except MtvError as error:
            self._note_failure(movie, index, error)
        finally:
            movie.settled = movie.begun
            movie.timeline.settle(self._clock())
            movie.tell_change()

    async def _draw(self, movie: Playing, index: int) -> None:
        """Have a frame on the screen."""
        movie.sequence += 1
        shows = Mtv(display=movie.display, target=movie.targets[index])
        place = f"{index + 1} of {len(movie.targets)}"
        outcome = await self._engine.submit(
            Transaction(steps=(shows,), deadline_secs=_FRAME_SECS),
            (),
            movie.session,
            movie.sequence,
            redraws=True,
            frame=MovieFrame(movie=movie.id, place=place, begins=movie.place is None),
        )
        movie.place = outcome.steps[0].display
        movie.position = index
        movie.count(index, failed=False)
        movie.times.append(self._clock())
        self.look(movie)  # who was quicker than this task may have shown something else already
        if not movie.reason and movie.place is not None:
            image = self._engine.scene.displays[movie.place].image
            movie.label = image.label if image else ""

    def _note_failure(self, movie: Playing, index: int, error: MtvError) -> None:
        self.look(movie)
        if movie.reason:  # it was refused or cancelled for that
            return
        movie.count(index, failed=True)
        movie.error = error.error
        if error.code in _HOPELESS or movie.failed_in_a_row >= len(movie.targets):
            movie.end("failed")
