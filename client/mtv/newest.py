"""What a producer has for somebody slower: the newest thing alone, and what became of all the others.

Producers put, one consumer takes; nobody queues. No socket: `mtv.feed` has that.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from mtv.batch import Discardable

T = TypeVar("T", bound=Discardable)

_LATENCIES: Final = 1_000


class Counts(NamedTuple):
    """What became of a feed's frames: ``published`` is ``shown + dropped + waiting``."""

    published: int
    shown: int
    """On the screen."""
    dropped: int
    """Replaced by a newer frame, or there was no daemon or window to show it."""
    waiting: int
    """On their way: the one that is being shown, the newest, and with ``every`` those that wait for their turn."""
    bytes: int
    """Of all pixels that were shown."""
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
        self._published = self._shown = self._dropped = self._bytes = 0
        self._latencies: collections.deque[float] = collections.deque(maxlen=_LATENCIES)

    @property
    def counts(self) -> Counts:
        """What became of all so far."""
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

    # For producers

    def put(self, item: T) -> bool:
        """Offer the newest; tell whether it was taken, else it has been removed and counted."""
        with self.changed:
            self._published += 1
            if self._every:
                self.changed.wait_for(lambda: self._next is None or self.closed, self._timeout_secs)
            refused = self.closed or (self._every and self._next is not None)
            gone = item if refused else self._next
            if not refused:
                self._next = item
            self._dropped += gone is not None
            self.changed.notify_all()
        if gone is not None:
            gone.remove()
        return not refused

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

    def wait(self, secs: float) -> bool:
        """Wait so long, or until it is closed; tell whether it is."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed, secs)

    def take(self, unless: Callable[[], bool]) -> T | None:
        """Return the newest once there is one; None where it is closed without, or, after a notice, ``unless``."""
        with self.changed:
            self.changed.wait_for(lambda: self._next is not None or self.closed or unless())
            taken, self._next = self._next, None
            self.changed.notify_all()
            return taken

    def was_shown(self, size_bytes: int, latency_secs: float) -> None:
        """Count what was taken as shown."""
        with self.changed:
            self._shown += 1
            self._bytes += size_bytes
            self._latencies.append(latency_secs)

    def was_dropped(self) -> None:
        """Count what was taken as dropped."""
        with self.changed:
            self._dropped += 1

    def drop(self) -> None:
        """Remove what is there, and count it."""
        gone = self.take(lambda: True)
        if gone is not None:
            self.was_dropped()
            gone.remove()
