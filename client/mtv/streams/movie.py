"""A movie that the daemon plays: steered, followed and saved from here, or from any other process.

The daemon has the movie; an object of this module only names it. It goes on when this process ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple

from mtv.arguments import checks
from mtv.data.datasets import html_pairs
from mtv.session.connection import Connection
from mtv.session.ticket import OnProgress
from mtv.wire import data, messages, requests, steps
from mtv.wire import reports as wire
from mtv.wire.errors import DeadlineExceeded, Error, RequestError, bad_value, exception_for

_FOLLOW_SECS: Final = 10.0
"""How long one request waits for a change; shorter than anybody's patience with a silent daemon."""

OnState = Callable[[wire.Movie], object]


class Saved(NamedTuple):
    """File that was written."""

    path: Path
    frames: int
    failed: int
    """Datasets that could not be read or drawn, and are not in it."""


class Movie:
    """A movie that the daemon plays; `mtv.Repository.movie` begins one.

    What is asked of it raises `~mtv.RequestError` ``not_found`` once it has ended, except `state`, `wait` and `stop`.
    As a context manager it is stopped at the end.

    Parameters
    ----------
    begun : `~mtv.wire.reports.Movie`
        The daemon's answer when it began.
    connection : `Connection`

    Attributes
    ----------
    id : `str`
        The daemon's name for it.
    display : `int` or `str`
        Where it plays.
    count : `int`
        Frames.
    """

    def __init__(self, begun: wire.Movie, connection: Connection) -> None:
        self.id = begun.movie
        self.display = begun.display
        self.count = begun.count
        self._known = begun
        self._connection = connection

    def __repr__(self) -> str:
        return f"<mtv.Movie of {self.count} frames on display {self.display!r}>"

    def _repr_html_(self) -> str:
        known = self._known  # a cell that is shown asks nothing of the daemon
        rows = {
            "display": self.display,
            "frames": self.count,
            "state, as last heard": f"{known.state} ({known.reason})" if known.reason else known.state,
            "frame": f"{known.position + 1}: {known.label}" if known.position >= 0 else "",
            "speed": f"{known.fps:g} frames a second{', in a loop' if known.loop else ''}",
        }
        return html_pairs("mtv.Movie", {name: str(value) for name, value in rows.items() if value != ""})

    def __enter__(self) -> Movie:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # How it goes

    @property
    def state(self) -> wire.Movie:
        """How it goes: ``state`` (``playing``, ``paused`` or ``ended``), ``reason`` of its end, position, counters."""
        return self._request_state(requests.Follow(movie=self.id))

    def wait(self, timeout_secs: float | None = None, on_state: OnState | None = None) -> wire.Movie:
        """Wait until it has ended, and return how it went.

        Parameters
        ----------
        timeout_secs : `float`, optional
            For ever where not given: one that loops or is paused ends only when somebody ends it.
        on_state : callable, optional
            Called in this thread with each new state.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            With the ``reason`` of its end, and counts of frames.

        Raises
        ------
        DeadlineExceeded
            It has not ended by then, and goes on.
        """
        deadline = float("inf") if timeout_secs is None else time.monotonic() + timeout_secs
        state = self.state
        while True:
            if on_state is not None:
                on_state(state)
            if state.state == "ended":
                return state
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded(Error(code="deadline", message=f"the movie goes on after {timeout_secs} s"))
            state = self._request_state(
                requests.Follow(movie=self.id, seen=state.number, within_secs=min(left, _FOLLOW_SECS))
            )

    # Steering

    def play(self) -> wire.Movie:
        """Go on after a pause.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``not_found`` once the movie has ended.
        """
        return self._steer("play")

    def pause(self) -> wire.Movie:
        """Stand still on the frame that is on the screen, or on its way there.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``not_found`` once the movie has ended.
        """
        return self._steer("pause")

    def step(self, n: int = 1) -> wire.Movie:
        """Pause, and show the frame so many after the newest one; before it where negative.

        Parameters
        ----------
        n : `int`, optional
            Frames.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``n``; ``not_found`` once the movie has ended.
        """
        return self._steer("step", _whole("n", n))

    def seek(self, n: int) -> wire.Movie:
        """Show a frame, by its index from 0, or from the end where negative; then play on, if it plays.

        Parameters
        ----------
        n : `int`
            Index.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``n``; ``not_found`` once the movie has ended.
        """
        return self._steer("seek", _whole("n", n))

    def speed(self, fps: float) -> wire.Movie:
        """Set the frames a second.

        Parameters
        ----------
        fps : `float`
            Above 0.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``fps``; ``not_found`` once the movie has ended.
        """
        return self._steer("speed", checks.finite("fps", fps))

    def loop(self, on: bool = True) -> wire.Movie:  # noqa: FBT001, FBT002, RUF100 - as people say it
        """Begin again after the last frame, or end there.

        Parameters
        ----------
        on : `bool`, optional
            False: it ends after the last frame.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``not_found`` once the movie has ended.
        """
        return self._steer("loop", float(on))

    def stop(self) -> wire.Movie:
        """End it; the frame on the screen stays. Stopping what has ended is no error.

        Returns
        -------
        state : `~mtv.wire.reports.Movie`
            How it goes, once the frame is on the screen.

        Raises
        ------
        RequestError
            ``not_found`` where the daemon has forgotten the movie: 64 others have ended since.
        Unavailable
            There is no daemon.
        """
        return self._steer("stop")

    # Keeping

    def save(
        self, path: str | os.PathLike[str], *, fps: float | None = None, on_progress: OnProgress | None = None
    ) -> Saved:
        """Write pictures of all frames as a movie; afterwards it stands still on the last one.

        The pictures are those of the window as it is: with stretch, colours, zoom and lasting overlays; the display
        comes to the front for them. Nothing is left of a file that could not be written to its end.

        Parameters
        ----------
        path : `str` or path
            ``.gif``, ``.mp4``, or the name of a directory, new or empty, for ``00000.png``, ``00001.png`` ...; GIF and
            MP4 need ``pip install 'mtv[movie]'``.
        fps : `float`, optional
            Frames a second of the file; the movie's own where not given.
        on_progress : callable, optional
            Called with a `~mtv.wire.messages.Progress` after each frame.

        Returns
        -------
        saved : `~mtv.streams.movie.Saved`
            Path, frames written, and datasets that failed.

        Raises
        ------
        RequestError
            ``bad_value`` naming ``path`` or ``fps``; ``unsupported`` where a package is missing; ``not_found`` where
            the movie has ended, ``cancelled`` where it has shown nothing.
        MtvError
            The last dataset's error where none could be shown.
        OSError
            The file cannot be written.
        """
        from mtv.streams.moviefile import writer_of

        state = self.state
        with writer_of(path, state.fps if fps is None else fps) as file:
            self.pause()
            for index in range(self.count):
                state = self.seek(index)
                if state.position == index:
                    file.add(self._picture())
                if on_progress is not None:
                    on_progress(messages.Progress(done=index + 1, total=self.count, unit="frames"))
            if not file.frames:
                raise exception_for(state.error) if state.error else _lost_movie(state)
        return Saved(Path(path), file.frames, self.count - file.frames)

    # Inside

    def _picture(self) -> bytes:
        answer = self._connection.ask(requests.Snapshot(display=self.display, format="png"))
        state = self.state
        if state.state == "ended":  # before the picture was taken, perhaps
            raise _lost_movie(state)
        return bytes(answer.buffers[0])

    def _steer(
        self, action: Literal["play", "pause", "step", "seek", "speed", "loop", "stop"], value: float = 1.0
    ) -> wire.Movie:
        return self._request_state(requests.Steer(display=self.display, movie=self.id, action=action, value=value))

    def _request_state(self, request: requests.Steer | requests.Follow) -> wire.Movie:
        reply = self._connection.request(request)
        assert isinstance(reply, wire.Movie)
        self._known = reply
        return reply


def begin(
    connection: Connection,
    sources: Sequence[data.Dataset | data.File],
    *,
    display: steps.DisplayName = 0,
    fps: float = 2.0,
    loop: bool = False,
    every: bool = False,
    start: int = 0,
    paused: bool = False,
) -> Movie:
    """Have the daemon play; see `mtv.Repository.movie`."""
    check_count(len(sources), connection.limits.movie_frames)
    request = requests.Play(
        display=checks.display_name(display),
        targets=tuple(sources),
        fps=checks.finite("fps", fps),
        loop=bool(loop),
        every=bool(every),
        start=_whole("start", start),
        paused=bool(paused),
    )
    reply = connection.request(request)
    assert isinstance(reply, wire.Movie)
    return Movie(reply, connection)


def on_display(connection: Connection, display: steps.DisplayName) -> Movie:
    """Return the movie that plays on a display.

    Raises
    ------
    RequestError
        ``not_found`` where there is none.
    """
    reply = connection.request(requests.Follow(display=checks.display_name(display)))
    assert isinstance(reply, wire.Movie)
    return Movie(reply, connection)


def check_count(count: int, most: int) -> None:
    """Refuse a movie of nothing, and one of too much."""
    if not count:
        raise RequestError(
            Error(code="not_found", message="there is nothing to play", hint="what does the query find?")
        )
    if count > most:
        message = f"a movie has at most {most} frames"
        raise RequestError(Error(code="too_large", message=message, where="limit", hint="say limit=, or ask for less"))


def _whole(where: str, value: Any) -> int:
    number = checks.finite(where, value)
    if number != int(number):
        raise bad_value(where, f"{value!r} is no whole number")
    return int(number)


def _lost_movie(state: wire.Movie) -> RequestError:
    return RequestError(Error(code="cancelled", message=f"the movie has ended: {state.reason or 'nothing was shown'}"))
