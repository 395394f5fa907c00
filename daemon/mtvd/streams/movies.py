"""Movies: requests to play datasets on a display at a rate, to steer what plays, and to be told how it goes.

Each movie is a task (`mtvd.streams.movie`). It lives as long as the daemon, not longer, and not as long as the client
that asked for it.
"""

from __future__ import annotations

import collections
import math
import os
from collections.abc import Callable
from typing import Final

import anyio
import anyio.abc

from mtv.wire import proof
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.limits import Limits
from mtv.wire.reports import Movie
from mtv.wire.requests import Follow, Play, Steer
from mtv.wire.steps import DisplayName
from mtvd.drawing.engine import Engine
from mtvd.drawing.sessions import Session
from mtvd.repo.port import Repositories
from mtvd.resolving.view_steps import check_display
from mtvd.streams.movie import Player, Playing
from mtvd.streams.timeline import Timeline

MOST: Final = 16
"""Movies at once."""
FASTEST_FPS: Final = 1000.0
_REMEMBERED: Final = 64
"""Movies that have ended, and are told of."""
_SETTLE_SECS: Final = 300.0
"""How long a step is awaited on the screen."""
_FOLLOW_SECS: Final = 60.0


class Movies:
    """All movies.

    Parameters
    ----------
    engine : `Engine`
        Draws their frames.
    repositories : `Repositories`
        Are told what comes next.
    forget : callable
        Drops a session, by its id.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        repositories: Repositories,
        forget: Callable[[bytes], None],
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._repositories = repositories
        self._forget = forget
        self._limits = limits
        self._clock = clock
        self._player = Player(engine, repositories, clock)
        self._running: dict[str, Playing] = {}
        self._ended: collections.OrderedDict[str, Movie] = collections.OrderedDict()
        self._group: anyio.abc.TaskGroup | None = None

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Let movies play until cancelled; they end with it."""
        async with anyio.create_task_group() as self._group:
            task_status.started()
            await anyio.sleep_forever()

    # Requests

    def play(self, asked: Play, movie_id: str) -> Movie:
        """Begin a movie, in place of one that plays on its display; one that has begun already is told again.

        Raises
        ------
        RequestError
            ``bad_value`` or ``too_large``, naming the field.
        """
        if (known := self._find_known(movie_id)) is not None:
            return known
        movie = self._make(asked, movie_id)
        before = self._on(asked.display)
        if before is None and len(self.infos()) >= MOST:
            raise bad_value("display", f"{MOST} movies play", "stop some")
        if before is not None:
            self._player.end(before, "replaced")
        self._running[movie.id] = movie
        assert self._group is not None, "movies are played while `serve` runs"
        self._group.start_soon(self._run, movie)
        return movie.state()

    async def steer(self, asked: Steer) -> Movie:
        """Steer a movie; after a pause, a step or a seek return when the frame is on the screen.

        Raises
        ------
        RequestError
            ``not_found`` where there is none, or where it has ended; ``bad_value`` naming ``value``.
        """
        movie = self._running.get(asked.movie) if asked.movie else self._on(asked.display)
        if movie is None:
            ended = self._ended.get(asked.movie)
            if ended is not None and asked.action == "stop":
                return ended
            raise _no_movie(asked.display, ended)
        if movie.reason and asked.action != "stop":  # its last frame is still on its way
            raise _no_movie(asked.display, movie.state())
        _STEERING[asked.action](self, movie, asked.value)
        movie.tell_change()
        if asked.action in {"pause", "step", "seek", "stop"}:
            wanted = movie.begun + (movie.timeline.wish is not None)
            with anyio.move_on_after(_SETTLE_SECS):
                while movie.settled < (movie.begun if movie.reason else wanted):
                    await movie.news.wait()
        return movie.state()

    async def follow(self, asked: Follow) -> Movie:
        """Tell how a movie goes, when that has changed.

        Raises
        ------
        RequestError
            ``not_found`` where there is none.
        """
        movie = self._running.get(asked.movie) if asked.movie else self._on(asked.display)
        if movie is None:
            ended = self._ended.get(asked.movie)
            if ended is None:
                raise _no_movie(asked.display, None)
            return ended
        if not 0 <= asked.within_secs <= _FOLLOW_SECS:
            raise bad_value("within_secs", f"{asked.within_secs} is not from 0 to {_FOLLOW_SECS:g} s")
        with anyio.move_on_after(asked.within_secs):
            while movie.number == asked.seen and not movie.reason:
                await movie.news.wait()
        return movie.state()

    def infos(self) -> tuple[Movie, ...]:
        """Return what status tells: of those that have not ended."""
        return tuple(movie.state() for movie in self._running.values() if not movie.reason)

    # What becomes of the window

    def look(self) -> None:
        """End the movies whose display was deleted, or shows another image."""
        for movie in list(self._running.values()):
            self._player.look(movie)

    def window_closed(self) -> None:
        """End all: the user has closed the window, and the next frame would open it again."""
        for movie in list(self._running.values()):
            self._player.end(movie, "closed")

    # Inside

    def _make(self, asked: Play, movie_id: str) -> Playing:
        count = len(asked.targets)
        if not count:
            raise bad_value("targets", "there is nothing to play")
        if count > self._limits.movie_frames:
            message = f"{count} datasets are over the limit of {self._limits.movie_frames}"
            raise RequestError(Error(code="too_large", message=message, where="targets", hint="play fewer"))
        timeline = Timeline(count, fps=_fps("fps", asked.fps), loop=asked.loop, every=asked.every)
        timeline.seek(_index("start", asked.start, count))
        if not asked.paused:
            timeline.play(self._clock())
        return Playing(
            id=movie_id,
            display=check_display(asked.display),
            targets=asked.targets,
            timeline=timeline,
            session=Session(proof.daemons_own(os.urandom(8)), self._clock()),
        )

    def _find_known(self, movie_id: str) -> Movie | None:
        running = self._running.get(movie_id)
        return self._ended.get(movie_id) if running is None else running.state()

    def _on(self, display: DisplayName) -> Playing | None:
        """Return the movie on a display, which may be called by its number or its name.

        One that has ended is passed over, though its last frame may still be on its way.
        """
        number = self._engine.scene.number_of(display)
        for movie in self._running.values():
            is_there = movie.display == display or (number is not None and movie.place == number)
            if is_there and not movie.reason:
                return movie
        return None

    async def _run(self, movie: Playing) -> None:
        try:
            await self._player.run(movie)
        finally:
            self._leave(movie)

    def _leave(self, movie: Playing) -> None:
        """Keep what became of it, and nothing else."""
        del self._running[movie.id]
        self._ended[movie.id] = movie.state()
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        self._repositories.read_ahead((), movie.id)
        self._forget(movie.session.id)

    # Steering

    def _play(self, movie: Playing, _value: float) -> None:
        if not movie.timeline.playing:
            movie.times.clear()
            movie.timeline.play(self._clock())

    def _pause(self, movie: Playing, _value: float) -> None:
        movie.timeline.pause()

    def _step(self, movie: Playing, value: float) -> None:
        movie.timeline.step(_whole(value))

    def _seek(self, movie: Playing, value: float) -> None:
        movie.times.clear()
        movie.timeline.seek(_index("value", _whole(value), len(movie.targets)))

    def _speed(self, movie: Playing, value: float) -> None:
        movie.timeline.set_fps(_fps("value", value), self._clock())
        movie.times.clear()

    def _loop(self, movie: Playing, value: float) -> None:
        movie.timeline.loop = bool(value)

    def _stop(self, movie: Playing, _value: float) -> None:
        self._player.end(movie, "stopped")


# ruff: noqa: SLF001 - the table stands outside the class, so that it is a literal
_STEERING: Final[dict[str, Callable[[Movies, Playing, float], None]]] = {
    "play": Movies._play,
    "pause": Movies._pause,
    "step": Movies._step,
    "seek": Movies._seek,
    "speed": Movies._speed,
    "loop": Movies._loop,
    "stop": Movies._stop,
}


def _fps(where: str, value: float) -> float:
    if not 0 < value <= FASTEST_FPS:
        raise bad_value(where, f"{value} frames a second are not above 0 and at most {FASTEST_FPS:g}")
    return value


def _index(where: str, value: int, count: int) -> int:
    if not -count <= value < count:
        raise bad_value(where, f"there is no frame {value}: they are 0 to {count - 1}")
    return value % count


def _whole(value: float) -> int:
    if not math.isfinite(value) or value != int(value):
        raise bad_value("value", f"{value} is no whole number")
    return int(value)


def _no_movie(display: DisplayName, ended: Movie | None) -> RequestError:
    if ended is not None:
        message = f"the movie has ended: {ended.error.message if ended.error else ended.reason}"
        return RequestError(Error(code="not_found", message=message, where="movie", hint="play it again"))
    hint = "it ends with the daemon, and where another image takes its place"
    return RequestError(Error(code="not_found", message=f"no movie plays on {display!r}", where="display", hint=hint))
