"""Delivery of a feed's frames: the thread that hands the newest over, and what it knows of the daemon.

It waits until the window has a frame's pixels, and takes the next: while one frame is drawn the next is made ready.
Whether a frame is on the screen is told later; its files are written again once that is known, and the window has the
pixels of the frame after it.
"""

from __future__ import annotations

import threading
import time
from typing import Final, NamedTuple

from mtv.pixels.slots import Slots
from mtv.session.begun import Begun
from mtv.shared.log import Log
from mtv.streams.handover import Destination, FeedFrame, hand_over
from mtv.streams.newest import Newest
from mtv.streams.screen import Screen
from mtv.wire.errors import DaemonError, DeadlineExceeded, Error, MtvError, RequestError, Unavailable

_log: Final = Log()

_RETRY_SECS: Final = 0.5
_MOVES: Final = 3
"""So many daemons may come and go while one frame is on its way."""


class _Drawn(NamedTuple):
    """A frame that the window draws: as it was taken and as it was sent."""

    taken: FeedFrame
    frame: FeedFrame
    begun: Begun
    destination: Destination
    moves_left: int

    @property
    def is_settled(self) -> bool:
        return self.begun.settled_at is not None


class Delivery:
    """Delivery of one feed's frames.

    Parameters
    ----------
    name : `str`
        Of the feed, for the log.
    newest : `~mtv.streams.newest.Newest`
        Where frames come from.
    screen : `~mtv.streams.screen.Screen`
        Where they go.
    period_secs : `float`
        Time from one frame to the next at least.
    """

    def __init__(self, name: str, newest: Newest[FeedFrame], screen: Screen, period_secs: float) -> None:
        self.destination: Destination | None = None
        """None: the daemon has not answered yet, or, where there is an error, is not there."""
        self.error: Exception | None = None
        """Why the last frame was not shown; None where it was."""
        self._name = name
        self._newest = newest
        self._screen = screen
        self._period_secs = period_secs
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._earliest = 0.0
        self._drawn: _Drawn | None = None
        """Frame that the window draws."""
        self._left: list[Slots] = []
        """Slots of daemons that have gone: the last of their frames may still be on the screen."""

    def live(self) -> None:
        """Have a thread, from the first frame on."""
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._newest.closed:
                    thread = threading.Thread(target=self._run, name=f"mtv-feed-{self._name}", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError as error:  # no more threads; the next frame tries again
                        self._note_failure(error)
                    else:
                        self._thread = thread

    def stop(self, timeout_secs: float) -> None:
        """Take nothing more, and wait until the newest frame is on the screen, at most so long."""
        with self._starting:
            self._newest.close()
        if self._thread is None:
            self._screen.connection.close()
        else:
            self._thread.join(timeout_secs)

    @property
    def is_busy(self) -> bool:
        """True while a frame may still come on the screen."""
        return self._thread is not None and self._thread.is_alive()

    def _note_failure(self, error: Exception) -> None:
        """Take note why a frame is not shown; the first of a row is told."""
        if self.error is None:
            _log.warning("feed %s: frames are dropped: %s", self._name, error)
        self.error = error

    def lose_daemon(self, error: Exception) -> None:
        """Take note that none can be shown now; the thread looks for the daemon again."""
        self._note_failure(error)
        self._go_to(None)

    def _go_to(self, destination: Destination | None) -> None:
        """Have frames go elsewhere from now on; what lies at the destination before is not written again."""
        with self._newest.changed:
            if self.destination is not None and self.destination.slots is not None:
                self.destination.slots.leave()
                self._left.append(self.destination.slots)
            self.destination = destination
            self._newest.changed.notify_all()

    def _run(self) -> None:
        try:
            while (destination := self.destination or self._find_daemon()) is not None:
                if self._period_secs:
                    self._finish(alone=True)
                    self._newest.wait(max(0.0, self._earliest - time.monotonic()))
                frame = self._newest.take(unless=self._has_news)
                if frame is not None:
                    self._show(frame, destination)
                elif self._drawn is not None and (self._drawn.is_settled or self._newest.closed):
                    self._finish(alone=True)
                elif self._newest.closed:
                    break
        except BaseException as error:
            self._note_failure(DaemonError(Error(code="internal", message=f"the feed broke: {error!r}")))
            raise
        finally:
            self._newest.close()  # whatever has ended this thread: nobody shows anything any more
            self._newest.drop()
            self._screen.connection.close(1.0)
            if self.destination is not None and self.destination.slots is not None:
                self.destination.slots.leave()

    def _has_news(self) -> bool:
        return self.destination is None or (self._drawn is not None and self._drawn.is_settled)

    def _find_daemon(self) -> Destination | None:
        """Wait until the daemon answers and return where frames go; None where the feed is closed first."""
        while True:
            try:
                destination = self._screen.find()
            except MtvError as error:
                self.lose_daemon(error)
                self._newest.drop()
            else:
                self._go_to(destination)
                return self.destination
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
            drawn = self._bring(taken, frame, destination, _MOVES)
        except (MtvError, OSError) as error:
            self._finish(alone=False)
            if not self._fail(error, destination):
                frame.remove()
        except Exception as error:  # noqa: BLE001 - a fault of ours costs this frame, not those that come
            self._finish(alone=False)
            self._stumble(error)
        else:
            self._finish(alone=False)
            self._drawn = drawn
            self._settle(drawn.frame)

    def _fail(self, error: Exception, destination: Destination) -> bool:
        """Count a frame that is not shown; return whether its daemon is lost with it."""
        self._newest.was_dropped()
        if (
            isinstance(error, Unavailable | DeadlineExceeded | OSError)
            or (isinstance(error, MtvError) and error.code == "forbidden")  # our key was revoked
            or not self._screen.is_at(destination)
        ):
            self.lose_daemon(error)
            return True
        self._note_failure(error)
        return False

    def _stumble(self, error: Exception) -> None:
        """Log a fault of ours, and count its frame; to be called where the fault is handled."""
        _log.exception("feed %s: a frame could not be sent", self._name)
        self._newest.was_dropped()
        self.lose_daemon(error)

    def _finish(self, *, alone: bool) -> None:
        """Wait until the frame that the window draws is on the screen.

        Where it is not, and has no successor, it is sent once more to the daemon that has come since then.
        """
        drawn, self._drawn = self._drawn, None
        if drawn is None:
            return
        try:
            try:
                self._screen.finish(drawn.begun)
            except (RequestError, DaemonError):
                if not alone or not drawn.moves_left or self._is_there(drawn.frame, drawn.destination):
                    raise
                destination = self._follow_daemon()
                moved = drawn.frame.move_to(destination)
                self._drawn = self._bring(drawn.taken, moved, destination, drawn.moves_left - 1)
                self._settle(self._drawn.frame)
                return
        except (MtvError, OSError) as error:
            self._fail(error, drawn.destination)
        except Exception as error:  # noqa: BLE001 - as for one that is sent
            self._stumble(error)
        else:
            self.error = None
            settled_at = drawn.begun.settled_at or time.monotonic()
            self._newest.was_shown(drawn.taken, drawn.frame.size_bytes, settled_at - drawn.frame.published_at)

    def _bring(self, taken: FeedFrame, frame: FeedFrame, destination: Destination, moves: int) -> _Drawn:
        """Have the window take a frame; return it as it was sent in the end.

        One that is refused is sent once more in new files, where another daemon has answered than the one that its
        files were made for, or where they are gone: who maps them has the pixels still.
        """
        sent = frame
        while True:
            try:
                begun = self._screen.draw(sent, *self._newest.totals, self._newest.notify)
            except (RequestError, DaemonError):
                if sent is not frame:
                    sent.remove()
                if not moves or self._is_there(sent, destination):
                    raise
                moves -= 1
                destination = self._follow_daemon()
                sent = sent.move_to(destination)
            else:
                return _Drawn(taken, sent, begun, destination, moves)

    def _is_there(self, frame: FeedFrame, destination: Destination) -> bool:
        return self._screen.is_at(destination) and frame.is_whole

    def _follow_daemon(self) -> Destination:
        destination = self._screen.destination()
        self._go_to(destination)
        return destination

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
