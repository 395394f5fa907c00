"""A feed: frames that a producer publishes without ever waiting for the display.

`Feed.publish` writes the frame where the daemon reads it (the byte swap is the only copy) and returns. A thread
(`mtv.streams.delivery`) hands the newest frame over, again and again: there is never a queue. What was replaced
meanwhile by a newer one is dropped, and counted. A daemon that is absent, restarts or stops costs frames, and nothing
else.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from mtv.arguments import checks, targets
from mtv.arguments.markers import positions
from mtv.session.ticket import overdue
from mtv.shared.log import Log
from mtv.streams.delivery import Delivery
from mtv.streams.handover import FeedFrame, hand_over, keep
from mtv.streams.newest import Counts, Newest
from mtv.streams.screen import Screen
from mtv.wire.errors import DaemonError, bad_value
from mtv.wire.limits import Limits
from mtv.wire.steps import DisplayName as Display  # the word of signatures that users see

_log: Final = Log()

CLOSE_SECS: Final = 5.0
"""How long closing waits for the last frame."""

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
        destination = self._delivery.destination
        limits = destination.limits if destination else _NOBODYS
        if title is not None or label:
            label = checks.title(label, title, limits.text_chars)
        image = targets.image_with(frame, mask=mask, planes=planes, xy0=xy0, wcs=wcs, label=label)
        image = targets.check_image(image, limits)
        columns = None if markers is None else positions(markers, limits)
        self._delivery.live()
        if self._newest.closed or (destination is None and self._delivery.error is not None):
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
            self._delivery.lose_daemon(error)
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
        return self._delivery.error

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
        self._delivery.stop(timeout_secs)
        if self._newest.is_shown:
            return True
        if self._delivery.is_busy:
            self._delivery.error = overdue()
        _log.warning("feed %s: the newest frame is not on the screen: %s", self.name, self.error)
        return False

    # Inside

    def _begin(self) -> None:
        """Begin anew, with nothing of the parent process."""
        self._newest = Newest[FeedFrame](every=self._every, timeout_secs=self._timeout_secs)
        self._delivery = Delivery(self.name, self._newest, self._screen, self._period_secs)


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
