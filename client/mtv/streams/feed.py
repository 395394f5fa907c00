"""A feed: frames that a producer publishes without ever waiting for the display.

`Feed.publish` writes the frame where the daemon reads it (the byte swap is the only copy) and returns. A thread of the
feed hands the newest frame over, waits until it is on the screen, and takes the next: a slow window has one frame at a
time and never a queue. What was replaced meanwhile by a newer one is dropped, and counted. A daemon that is absent,
restarts or stops costs frames, and nothing else.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from mtv.arguments import checks, targets
from mtv.arguments.markers import positions
from mtv.pixels.slots import Slots
from mtv.session.ticket import overdue
from mtv.shared.log import Log
from mtv.streams.handover import Destination, FeedFrame, hand_over, keep
from mtv.streams.newest import Counts, Newest
from mtv.streams.screen import Screen
from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, MtvError, RequestError, Unavailable, bad_value
from mtv.wire.limits import Limits
from mtv.wire.steps import DisplayName as Display  # the word of signatures that users see

_log: Final = Log()

CLOSE_SECS: Final = 5.0
"""How long closing waits for the last frame."""

_RETRY_SECS: Final = 0.5
_MOVES: Final = 3
"""So many daemons may come and go while one frame is on its way."""
_NOBODYS: Final = Limits()


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
    smooth_secs : `float`, optional
        The limits follow the pixels, averaged over about so many seconds, so that the picture does not flicker. Else
        they are the display's: fixed, or found anew in each frame (`mtv.Display.scale`).

    Raises
    ------
    RequestError
        ``bad_value`` naming ``name``, ``frame`` (of the display), ``endpoint``, ``timeout_secs``, ``most_fps`` or
        ``smooth_secs``.
    """

    _error: Exception | None

    def __init__(
        self,
        name: str,
        *,
        display: Display | None = None,
        endpoint: str | None = None,
        every: bool = False,
        timeout_secs: float = 1.0,
        most_fps: float | None = None,
        smooth_secs: float | None = None,
    ) -> None:
        self.name = checks.text("name", name)
        self.display: Display = name if display is None else checks.display_name(display)
        self._every = every
        self._timeout_secs = _positive("timeout_secs", timeout_secs)
        self._period_secs = 0.0 if most_fps is None else 1 / _positive("most_fps", most_fps)
        smooth = 0.0 if smooth_secs is None else _positive("smooth_secs", smooth_secs)
        self._screen = Screen(self.name, self.display, endpoint, smooth)
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
        markers: Any = None,
        label: str = "",
        title: str | None = None,
    ) -> bool:
        """Show a frame unless a newer one comes first; return whether it was taken, False where it is dropped already.

        Shape and type may change from one frame to the next. The array may be written over once this returns.

        Parameters
        ----------
        frame : array, `Exposure`, NDData, Cutout2D, HDU or HDUList
            A 2-D array ``(y, x)``, or what holds one; as in `mtv.Display.mtv`.
        mask, planes, xy0, wcs, label, title : optional
            As in `mtv.Display.mtv`.
        markers : array ``(n, 2)`` or mapping, optional
            Positions ``(x, y)``, 0-based parent pixels; or ``x``, ``y`` and, where wished, ``symbol``, ``size`` and
            ``colour`` as in `mtv.Display.overlay`. They go with the next frame; those without a position are left out.

        Returns
        -------
        taken : `bool`
            False where it is dropped already: no daemon, no space, or a closed feed.

        Raises
        ------
        RequestError
            For a frame that nobody could show, such as one of three dimensions; never because of daemon or window.
        """
        published_at = time.monotonic()
        destination = self._destination
        limits = destination.limits if destination else _NOBODYS
        if title is not None or label:
            label = checks.title(label, title, limits.text_chars)
        image = targets.image_with(frame, mask=mask, planes=planes, xy0=xy0, wcs=wcs, label=label)
        image = targets.check_image(image, limits)
        columns = None if markers is None else positions(markers, limits)
        self._live()
        if self._newest.closed or (destination is None and self._error is not None):
            self._newest.count_dropped()
            return False
        if not self._newest.reserve():
            return False
        try:
            if destination is None:
                made = keep(image, published_at, columns)
            else:
                made = hand_over(image, destination, published_at, columns)
        except (DaemonError, OSError) as error:  # no space, or the directory has gone with its daemon
            self._newest.abandon()
            self._lose_daemon(error)
            return False
        except BaseException:
            self._newest.abandon()
            raise
        return self._newest.put(made)

    @property
    def counts(self) -> Counts:
        """Counts of the frames so far: published, shown, dropped, waiting."""
        return self._newest.counts

    @property
    def error(self) -> Exception | None:
        """Why the last frame was not shown; None where it was."""
        return self._error

    def close(self, timeout_secs: float = CLOSE_SECS) -> bool:
        """Wait until the newest frame is on the screen, at most so long, and end. Closing twice is no error.

        Parameters
        ----------
        timeout_secs : `float`, optional
            How long to wait.

        Returns
        -------
        shown : `bool`
            True where the newest frame that was taken is on the screen, or none ever was. Where False, `error` tells
            why it is not, and so does the log.
        """
        _feeds.discard(self)
        with self._starting:
            self._newest.close()
        if self._thread is None:
            self._screen.connection.close()
        else:
            self._thread.join(timeout_secs)
        if self._newest.is_shown:
            return True
        if self._thread is not None and self._thread.is_alive():
            self._error = overdue()
        _log.warning("feed %s: the newest frame is not on the screen: %s", self.name, self._error)
        return False

    # Inside

    def _begin(self) -> None:
        """Begin anew, with nothing of the parent process."""
        self._newest = Newest[FeedFrame](every=self._every, timeout_secs=self._timeout_secs)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._destination: Destination | None = None
        """None: the daemon has not answered yet, or, where there is an error, is not there."""
        self._error = None
        self._earliest = 0.0
        self._left: list[Slots] = []
        """Slots of daemons that have gone: the last of their frames may still be on the screen."""

    def _live(self) -> None:
        """Have a thread from the first frame on."""
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._newest.closed:
                    thread = threading.Thread(target=self._run, name=f"mtv-feed-{self.name}", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError as error:  # no more threads; the next frame tries again
                        self._note_failure(error)
                    else:
                        self._thread = thread

    def _note_failure(self, error: Exception) -> None:
        """Take note why a frame is not shown; the first of a row is told."""
        if self._error is None:
            _log.warning("feed %s: frames are dropped: %s", self.name, error)
        self._error = error

    def _lose_daemon(self, error: Exception) -> None:
        """Take note that none can be shown now; the thread looks for the daemon again."""
        self._note_failure(error)
        self._go_to(None)

    def _go_to(self, destination: Destination | None) -> None:
        """Have frames go elsewhere from now on; what lies at the destination before is not written again."""
        with self._newest.changed:
            if self._destination is not None and self._destination.slots is not None:
                self._destination.slots.leave()
                self._left.append(self._destination.slots)
            self._destination = destination
            self._newest.changed.notify_all()

    # The thread

    def _run(self) -> None:
        try:
            while (destination := self._destination or self._find_daemon()) is not None:
                if self._period_secs:
                    self._newest.wait(max(0.0, self._earliest - time.monotonic()))
                frame = self._newest.take(unless=lambda: self._destination is None)
                if frame is not None:
                    self._show(frame, destination)
                elif self._newest.closed:
                    break
        except BaseException as error:
            self._note_failure(DaemonError(Error(code="internal", message=f"the feed broke: {error!r}")))
            raise
        finally:
            self._newest.close()  # whatever has ended this thread: nobody shows anything any more
            self._newest.drop()
            self._screen.connection.close(1.0)
            if self._destination is not None and self._destination.slots is not None:
                self._destination.slots.leave()

    def _find_daemon(self) -> Destination | None:
        """Wait until the daemon answers and return where frames go; None where the feed is closed first."""
        while True:
            try:
                destination = self._screen.find()
            except MtvError as error:
                self._lose_daemon(error)
                self._newest.drop()
            else:
                self._go_to(destination)
                return self._destination
            if self._newest.wait(_RETRY_SECS):
                return None

    def _show(self, taken: FeedFrame, destination: Destination) -> None:
        self._earliest = time.monotonic() + self._period_secs
        frame = taken
        try:
            if taken.image is not None:
                frame = hand_over(taken.image, destination, taken.published_at, taken.markers)
            else:
                frame = taken.move_to(destination)
            frame = self._bring(frame, destination)
        except (MtvError, OSError) as error:
            self._newest.was_dropped()
            if (
                isinstance(error, Unavailable | DeadlineExceeded | OSError)
                or error.code == "forbidden"  # our key was revoked: there may be no connection any more
                or not self._screen.is_at(destination)
            ):
                self._lose_daemon(error)
            else:
                self._note_failure(error)
                frame.remove()
        except Exception as error:  # noqa: BLE001 - a fault of ours costs this frame, not those that come
            _log.exception("feed %s: a frame could not be sent", self.name)
            self._newest.was_dropped()
            self._lose_daemon(error)
        else:
            self._error = None
            self._newest.was_shown(taken, frame.size_bytes, time.monotonic() - frame.published_at)
            self._settle(frame)

    def _bring(self, frame: FeedFrame, destination: Destination) -> FeedFrame:
        """Have a frame on the screen; return it as it was sent in the end.

        One that is refused is sent once more in new files, where another daemon has answered than the one that its
        files were made for, or where they are gone: who maps them has the pixels still.
        """
        sent = frame
        for moves_left in reversed(range(_MOVES + 1)):
            try:
                self._screen.draw(sent, *self._newest.totals)
            except (RequestError, DaemonError):
                if sent is not frame:
                    sent.remove()
                if not moves_left or (self._screen.is_at(destination) and sent.is_whole):
                    raise
                destination = self._screen.destination()
                self._go_to(destination)
                sent = sent.move_to(destination)
            else:
                break
        return sent

    def _settle(self, frame: FeedFrame) -> None:
        if frame.slots is not None and frame.slot is not None:
            frame.slots.show(frame.slot)
        with self._newest.changed:
            left, self._left = self._left, [slots for slots in self._left if slots is frame.slots]
        for slots in left:
            if slots is not frame.slots:
                slots.unlink()
            else:  # run out of space while this frame was on its way
                slots.leave()


def _positive(where: str, value: float) -> float:
    number = checks.finite(where, value)
    if number <= 0:
        raise bad_value(where, f"{number:g} is not above 0")
    return number


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
