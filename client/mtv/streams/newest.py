"""Place for the newest thing that a producer has for somebody slower, and counts of all the others.

Producers put, one consumer takes; nobody queues. No socket: `mtv.streams.feed` has that.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from mtv.pixels.discardable import Discardable

T = TypeVar("T", bound=Discardable)

_LATENCIES: Final = 1_000


class Counts(NamedTuple):
    """Counts of a feed's frames: ``published`` is ``shown + dropped + waiting``."""

    published: int
    shown: int
    """On the screen."""
    dropped: int
    """Replaced by a newer frame, or there was no daemon or window to show it."""
    waiting: int
    """On their way: the one that is being shown, the newest, and with ``every`` those that wait for their turn."""
    bytes: int
    """Size of all pixels that were shown."""
    latency_p50_secs: float | None
    """From `mtv.Feed.publish` to the screen, of the last 1,000 shown; None where none was."""
    latency_p99_secs: float | None


class Newest(Generic[T]):
    """One place, taken from by one thread.

    Parameters
    ----------
    every : `bool`
        True: what is put waits for the place to be free instead of replacing what is there, and is dropped where that
        takes longer than ``timeout_secs``.
    """

    def __init__(self, *, every: bool, timeout_secs: float) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self._every = every
        self._timeout_secs = timeout_secs
        self._next: T | None = None
        self._promised: T | None = None
        """Item that a waiting consumer will get. `reserve` does not withdraw it: a fast producer starves nobody."""
        self._hungry = False
        self._writing = False
        self._published = self._shown = self._dropped = self._bytes = 0
        self._latencies: collections.deque[float] = collections.deque(maxlen=_LATENCIES)
        self._last: T | None = None
        """The newest that was taken, until it is shown."""

    @property
    def is_shown(self) -> bool:
        """True where the newest that was taken is on the screen; also where none ever was."""
        with self.changed:
            return self._last is None

    @property
    def counts(self) -> Counts:
        """Counts of all so far."""
        with self.changed:
            latencies = sorted(self._latencies)
            return Counts(
                published=self._published,
                shown=self._shown,
                dropped=self._dropped,
                waiting=self._published - self._shown - self._dropped,
                bytes=self._bytes,
                latency_p50_secs=latencies[len(latencies) // 2] if latencies else None,
                latency_p99_secs=latencies[len(latencies) * 99 // 100] if latencies else None,
            )

    @property
    def totals(self) -> tuple[int, int]:
        """How many were published and dropped so far."""
        with self.changed:
            return self._published, self._dropped

    # For producers

    def reserve(self) -> bool:
        """Count one as published, and take the right to make and `put` it, which one producer has at a time.

        What is ready and not promised is withdrawn: there is never more than one that is promised or being shown, and
        one that is ready or being made. False where it is dropped: closed, or no place in time.
        """
        with self.changed:
            self._published += 1
            wait_secs = self._timeout_secs if self._every else None
            if not self.changed.wait_for(self._may_put, wait_secs) or self.closed:
                self._dropped += 1
                return False
            self._writing = True
            gone: T | None = self._next
            self._next = None
            self._dropped += gone is not None
        if gone is not None:
            gone.remove()
        return True

    def _may_put(self) -> bool:
        return self.closed or not (self._writing or (self._every and self._next is not None))

    def put(self, item: T) -> bool:
        """Offer what was made; tell whether it was taken, else it has been removed and counted."""
        with self.changed:
            self._writing = False
            refused = self.closed
            if refused:
                self._dropped += 1
            elif self._hungry:
                self._promised, self._hungry = item, False
            else:
                self._next = item
            if not refused:
                self._last = item
            self.changed.notify_all()
        if refused:
            item.remove()
        return not refused

    def abandon(self) -> None:
        """Count what could not be made."""
        with self.changed:
            self._writing = False
            self._dropped += 1
            self.changed.notify_all()

    def count_dropped(self) -> None:
        """Count one that was not even made."""
        with self.changed:
            self._published += 1
            self._dropped += 1

    def close(self) -> None:
        """Take nothing more; what is there may still be taken."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    # For the consumer

    def notify(self) -> None:
        """Have a waiting consumer ask again whether it is to go on waiting; for any thread."""
        with self.changed:
            self.changed.notify_all()

    def wait(self, secs: float) -> bool:
        """Wait so long, or until it is closed; tell whether it is."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed, secs)

    def take(self, unless: Callable[[], bool]) -> T | None:
        """Wait for an item and return it; None if it was closed while empty, or if ``unless()`` after a notice."""
        with self.changed:
            self._hungry = self._next is None and self._promised is None
            self.changed.wait_for(
                lambda: self._promised is not None or self._next is not None or self.closed or unless()
            )
            self._hungry = False
            taken: T | None = self._promised
            self._promised = None
            if taken is None:
                taken, self._next = self._next, None
            self.changed.notify_all()
            return taken

    def was_shown(self, item: T, size_bytes: int, latency_secs: float) -> None:
        """Count what was taken as shown."""
        with self.changed:
            if item is self._last:
                self._last = None
            self._shown += 1
            self._bytes += size_bytes
            self._latencies.append(latency_secs)

    def was_dropped(self) -> None:
        """Count what was taken as dropped."""
        with self.changed:
            self._dropped += 1

    def drop(self) -> None:
        """Remove what is there, and count it."""
        while (gone := self.take(lambda: True)) is not None:
            self.was_dropped()
            gone.remove()
