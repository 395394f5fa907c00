"""A feed: frames that a producer publishes without ever waiting for the display.

`Feed.publish` writes the frame where the daemon reads it (the byte swap is the only copy) and returns. A thread of the
feed hands the newest frame over, waits until it is on the screen, and takes the next: a slow window has one frame at a
time and never a queue. What was replaced meanwhile by a newer one is dropped, and counted. A daemon that is absent,
restarts or stops costs frames, and nothing else.
"""

from __future__ import annotations

import atexit
import collections
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

from mtv import targets
from mtv.connection import Connection
from mtv.link import Timing
from mtv.pixels import FileSink, FrameSink, shared_directory
from mtv.transaction import Bundle
from mtv.wire.data import Exposure
from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError, Unavailable, bad_value
from mtv.wire.limits import Limits
from mtv.wire.messages import Status, Sync
from mtv.wire.steps import Display, Mtv

_log: Final = logging.getLogger("mtv")

CLOSE_SECS: Final = 5.0
"""How long closing waits for the last frame."""

_SHOW_SECS: Final = 60.0
_PROBE_SECS: Final = 5.0
_RETRY_SECS: Final = 0.5
_LATENCIES: Final = 1_000
_PATIENCE: Final = Timing(hello_secs=5.0, lost_secs=2.0)
"""Shorter than a script's: what waits for a daemon that has gone is stale when it comes back."""


class Counts(NamedTuple):
    """What became of a feed's frames: ``published`` is ``shown + dropped + waiting``."""

    published: int
    shown: int
    """On the screen."""
    dropped: int
    """Replaced by a newer frame, or there was no daemon or window to show it."""
    waiting: int
    """On their way: at most two, the one that is being shown and the newest."""
    bytes: int
    """Of all pixels that were handed over."""
    latency_p50_secs: float | None
    """From `Feed.publish` to the screen, of the last 1,000 shown; None where none was."""
    latency_p99_secs: float | None


class _Place(NamedTuple):
    """Where frames go, as the daemon's greeting says."""

    directory: Path | None
    limits: Limits

    def sink(self) -> FileSink | FrameSink:
        return FrameSink() if self.directory is None else FileSink(self.directory, self.limits)


class _Frame(NamedTuple):
    """A frame on its way: pixels handed over already, or kept here until the daemon has said where they go."""

    published_at: float
    image: targets.Image | None = None
    exposure: Exposure | None = None
    sink: FileSink | FrameSink | None = None

    def discard(self) -> None:
        if self.sink is not None:
            self.sink.remove()


class Feed:
    """A stream of frames from one producer into one display.

    Any thread may publish. A child made by ``fork`` has counters and a connection of its own. Close it, or use it as a
    context manager: leaving the interpreter does so too.

    Parameters
    ----------
    name : `str`
        Name of the feed, and of its display where none is given.
    display : `int` or `str`, optional
        Display that shows it.
    endpoint : `str`, optional
        As in `mtv.connect`.
    every : `bool`, optional
        True: a frame waits for the one before instead of replacing it, at most ``timeout_secs``, and is dropped then.
    timeout_secs : `float`, optional
        Only for ``every``.
    most_fps : `float`, optional
        Frames a second at most; the newest counts.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``name``, ``timeout_secs`` or ``most_fps``.
    """

    def __init__(
        self,
        name: str,
        *,
        display: Display | None = None,
        endpoint: str | None = None,
        every: bool = False,
        timeout_secs: float = 1.0,
        most_fps: float | None = None,
    ) -> None:
        if not name or not isinstance(name, str):
            raise bad_value("name", f"{name!r} is no name of a feed", 'for example "guider"')
        for where, value in (("timeout_secs", timeout_secs), ("most_fps", 1.0 if most_fps is None else most_fps)):
            if not 0 < value < math.inf:
                raise bad_value(where, f"{value} is not positive and finite")
        self.name = name
        self.display: Display = name if display is None else display
        self._every = every
        self._timeout_secs = timeout_secs
        self._period_secs = 1 / most_fps if most_fps else 0.0
        self._connection = Connection(endpoint, timing=_PATIENCE)
        self._begin()
        _feeds.add(self)

    def __repr__(self) -> str:
        counts = self.counts
        return f"<mtv.Feed {self.name!r}: {counts.published} published, {counts.shown} shown, {counts.dropped} dropped>"

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # For the producer

    def publish(
        self,
        frame: object,
        *,
        mask: Any = None,
        planes: Mapping[str, int] | None = None,
        xy0: tuple[int, int] | None = None,
        wcs: Any = None,
        label: str = "",
    ) -> bool:
        """Show a frame unless a newer one comes first; return whether it was taken, False where it is dropped already.

        Shape and type may change from one frame to the next. The array may be written over once this returns.

        Parameters
        ----------
        frame : array, `Exposure`, NDData or HDU
            A 2-D array ``(y, x)``, or what holds one.
        mask, planes, xy0, wcs, label : optional
            As in `mtv.Display.mtv`.

        Raises
        ------
        RequestError
            For a frame that nobody could show, such as one of three dimensions; never because of daemon or window.
        """
        published_at = time.monotonic()
        image = targets.image_with(frame, mask=mask, planes=planes, xy0=xy0, wcs=wcs, label=label)
        place = self._place
        pixels = targets.checked_pixels(image.pixels, place.limits if place else Limits())
        targets.checked_mask(image.mask, image.planes, pixels.shape)
        self._live()
        if self._closing or (place is None and self._absent):
            return self._count_dropped()
        try:
            made = _kept(image, published_at) if place is None else _handed_over(image, place, published_at)
        except (DaemonError, OSError) as error:  # no room, or the directory has gone with its daemon
            self._lost(error)
            return self._count_dropped()
        return self._put(made)

    @property
    def counts(self) -> Counts:
        """What became of the frames so far."""
        with self._changed:
            latencies = sorted(self._latencies)
            waiting = self._published - self._shown - self._dropped
            return Counts(
                self._published,
                self._shown,
                self._dropped,
                waiting,
                self._bytes,
                latencies[len(latencies) // 2] if latencies else None,
                latencies[len(latencies) * 99 // 100] if latencies else None,
            )

    @property
    def error(self) -> Exception | None:
        """Why the last frame was not shown; None where it was."""
        return self._error

    def close(self, timeout_secs: float = CLOSE_SECS) -> None:
        """Wait until the newest frame is on the screen, at most so long, and end. Closing twice is no error."""
        _feeds.discard(self)
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join(timeout_secs)
        else:
            self._connection.close()

    # Inside

    def _begin(self) -> None:
        """Begin anew, with nothing of the parent process."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._place: _Place | None = None
        self._absent = False
        self._closing = False
        self._next: _Frame | None = None
        self._error: Exception | None = None
        self._published = self._shown = self._dropped = self._bytes = 0
        self._latencies: collections.deque[float] = collections.deque(maxlen=_LATENCIES)
        self._earliest = 0.0

    def _live(self) -> None:
        """Have a thread from the first frame on."""
        if self._thread is None:
            with self._changed:
                if self._thread is None and not self._closing:
                    self._thread = threading.Thread(target=self._run, name=f"mtv-feed-{self.name}", daemon=True)
                    self._thread.start()

    def _count_dropped(self) -> bool:
        with self._changed:
            self._published += 1
            self._dropped += 1
        return False

    def _put(self, frame: _Frame) -> bool:
        with self._changed:
            self._published += 1
            if self._every:
                self._changed.wait_for(lambda: self._next is None or self._closing, self._timeout_secs)
            refused = self._closing or (self._every and self._next is not None)
            gone = frame if refused else self._next
            if not refused:
                self._next = frame
            self._dropped += gone is not None
            self._changed.notify_all()
        if gone is not None:
            gone.discard()
        return not refused

    def _lost(self, error: Exception) -> None:
        """Take note that frames cannot be shown now; the thread looks for the daemon again."""
        with self._changed:
            if self._error is None:
                _log.warning("feed %s: frames are dropped: %s", self.name, error)
            self._error = error
            self._place, self._absent = None, True
            self._changed.notify_all()

    # The thread

    def _run(self) -> None:
        try:
            while (place := self._place or self._found()) is not None:
                frame = self._take()
                if frame is not None:
                    self._show(frame, place)
                elif self._closing:
                    break
        finally:
            self._drop_next()
            self._connection.close(1.0)

    def _found(self) -> _Place | None:
        """Wait until the daemon answers and return where frames go; None where the feed is closed first."""
        while True:
            try:
                self._connection.request(Status(), timeout_secs=_PROBE_SECS)
                welcome = self._connection.welcome
            except MtvError as error:
                self._lost(error)
                self._drop_next()
            else:
                place = _Place(shared_directory(welcome), welcome.limits)
                with self._changed:
                    self._place, self._absent = place, False
                return place
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, _RETRY_SECS):
                    return None

    def _take(self) -> _Frame | None:
        """Return the newest frame once there is one and its time has come; None where there is none to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._closing or self._place is None)
            self._changed.wait_for(lambda: self._closing, max(0.0, self._earliest - time.monotonic()))
            frame, self._next = self._next, None
            self._changed.notify_all()
            return frame

    def _show(self, frame: _Frame, place: _Place) -> None:
        self._earliest = time.monotonic() + self._period_secs
        try:
            size = self._draw(frame, place)
        except (MtvError, OSError) as error:
            with self._changed:
                self._dropped += 1
            if isinstance(error, Unavailable | DeadlineExceeded | OSError):
                self._lost(error)
            else:
                _log.warning("feed %s: a frame was not shown: %s", self.name, error)
                self._error = error
            return
        with self._changed:
            self._shown += 1
            self._bytes += size
            self._latencies.append(time.monotonic() - frame.published_at)
            self._error = None

    def _draw(self, frame: _Frame, place: _Place) -> int:
        """Have a frame on the screen; return the bytes of its pixels.

        The redraw is awaited: DS9 redraws when it is idle, and frame upon frame would leave it no time for that.
        """
        if frame.image is not None:
            frame = _handed_over(frame.image, place, frame.published_at)
        assert frame.exposure is not None
        assert frame.sink is not None
        bundle = Bundle((Mtv(display=self.display, target=frame.exposure),), tuple(frame.sink.buffers))
        self._connection.execute(bundle, prepared=[frame.sink], timeout_secs=_SHOW_SECS)
        self._connection.request(Sync(), timeout_secs=_SHOW_SECS)
        return _size_of(frame.exposure)

    def _drop_next(self) -> None:
        with self._changed:
            frame, self._next = self._next, None
            self._dropped += frame is not None
            self._changed.notify_all()
        if frame is not None:
            frame.discard()


def _handed_over(image: targets.Image, place: _Place, published_at: float) -> _Frame:
    """Write the pixels where the daemon reads them; what was written before a failure is removed."""
    sink = place.sink()
    try:
        return _Frame(published_at, exposure=targets.source_of(image, sink, place.limits), sink=sink)
    except BaseException:
        sink.remove()
        raise


def _kept(image: targets.Image, published_at: float) -> _Frame:
    """Keep a copy of the first frame, while the connection is being made."""
    import numpy as np

    mask = None if image.mask is None else np.array(image.mask)
    return _Frame(published_at, image=image._replace(pixels=np.array(image.pixels), mask=mask))


def _size_of(exposure: Exposure) -> int:
    import numpy as np

    arrays = (array for array in (exposure.image, exposure.mask) if array is not None)
    return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in arrays)


# The process

_feeds: weakref.WeakSet[Feed] = weakref.WeakSet()


def _close_all() -> None:
    for feed in list(_feeds):
        feed.close()


def _after_fork() -> None:
    for feed in list(_feeds):
        feed._begin()  # noqa: SLF001 - the module's own


atexit.register(_close_all)  # before the connections close, which were registered earlier
os.register_at_fork(after_in_child=_after_fork)
