"""A watch: shows the newest of what comes, one at a time, and counts the rest. Whose things come, and from where, is
for others to tell: `mtv.streams.datasets` for repositories, `mtv.streams.directory` for files.

It is an iterator without a thread: all is done while somebody waits for the next. It looks again after a pause that is
at least nine times as long as looking takes, so that a slow place is asked less often.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from mtv.arguments import checks
from mtv.shared.log import Log
from mtv.wire.errors import DaemonError, DeadlineExceeded, MtvError, RequestError, Unavailable, bad_value

_log: Final = Log()

EVERY_SECS: Final = 0.5
PATIENCE_SECS: Final = 60.0
"""How long what cannot be read yet is tried again, unless something newer comes."""

_LEAST_SECS: Final = 0.01
_WORK_TO_REST: Final = 9.0
_NOT_THERE_YET: Final = frozenset({"unknown_repository", "unknown_dataset_type", "unknown_collection", "not_found"})
_NOT_WHOLE_YET: Final = frozenset({"unreadable_file", "not_found"})

T = TypeVar("T")
OnNote = Callable[[str], object]
"""Called with a sentence for people: what is waited for, why something is not shown."""


class WatchCounts(NamedTuple):
    """Counts of all that came: ``seen`` is ``shown + passed_over + failed + waiting``."""

    seen: int
    shown: int
    passed_over: int
    """Something newer came before it was shown, or the watch ended."""
    failed: int
    """It could not be read or drawn."""
    waiting: int
    """1 while the newest is to be shown once it is whole, or the daemon is back."""
    catalogs: int
    """Overlays drawn on what was shown."""


class Arrivals(Protocol[T]):
    """Source of things that come."""

    def look(self) -> Sequence[T]:
        """Return what has come since the last look, oldest first. Raises `MtvError`."""
        ...

    def show(self, item: T) -> None:
        """Show one. Raises `MtvError`."""
        ...

    def follow(self, item: T) -> bool:
        """Draw what goes with what is shown; False where it has not come. Raises `MtvError`."""
        ...


class Watch(Generic[T]):
    """An iterator over what was shown, as it is shown; made by `mtv.Repository.watch` and `mtv.watch_directory`.

    Also a context manager. ``close`` ends it from another thread.

    Parameters
    ----------
    arrivals : `Arrivals`
    follows : `bool`
        True: something goes with each thing that is shown.
    every_secs : `float`
        Pause between looks at least.
    timeout_secs : `float`, optional
        The iteration ends when nothing was shown for so long.
    limit : `int`, optional
        It ends when so many were shown.
    on_note : callable, optional
        See `OnNote`; notes are logged where it is not given.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``every_secs``, ``timeout_secs`` or ``limit``.
    """

    def __init__(
        self,
        arrivals: Arrivals[T],
        *,
        follows: bool = False,
        every_secs: float = EVERY_SECS,
        timeout_secs: float | None = None,
        limit: int | None = None,
        on_note: OnNote | None = None,
    ) -> None:
        self._arrivals, self._follows, self._limit = arrivals, follows, _count(limit)
        self._every_secs = max(_LEAST_SECS, checks.finite("every_secs", every_secs))
        self._timeout_secs = None if timeout_secs is None else checks.finite("timeout_secs", timeout_secs)
        self._notes = _Notes(on_note or _log_note)
        self._closing, self._inside = threading.Event(), threading.Lock()
        self._looked = False
        self._looks_secs = (0.0, 0.0)
        self._earliest = 0.0
        self._next: T | None = None
        self._patient_until = 0.0
        self._followed: T | None = None
        self._seen = self._shown = self._passed = self._failed = self._catalogs = 0

    def __repr__(self) -> str:
        counts = self.counts
        return f"<mtv.Watch: {counts.shown} shown, {counts.passed_over} passed over, {counts.failed} failed>"

    def __enter__(self) -> Watch[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """Wait until one more is shown, and return it.

        Raises
        ------
        RequestError
            What is asked for makes no sense, whatever may come.
        Unavailable
            There is no daemon when the watch begins; one that goes later is waited for.
        """
        with self._inside:
            if self._limit is not None and self._shown >= self._limit:
                self._closing.set()
            deadline = None if self._timeout_secs is None else time.monotonic() + self._timeout_secs
            while self._wait(deadline):
                self._look()
                shown = self._show()
                if shown is not None:
                    return shown
                self._follow()
            self._closing.set()
            self._pass_over()
            raise StopIteration

    @property
    def counts(self) -> WatchCounts:
        """Counts of all that came so far."""
        waiting = int(self._next is not None)
        return WatchCounts(self._seen, self._shown, self._passed, self._failed, waiting, self._catalogs)

    def close(self) -> None:
        """End; what still waits is passed over. Closing twice is no error."""
        self._closing.set()
        if self._inside.acquire(blocking=False):  # else who iterates sees to it, once what is being shown is shown
            self._pass_over()
            self._inside.release()

    # Inside

    def _wait(self, deadline: float | None) -> bool:
        """Wait until it is time to look again; False where the watch ends before."""
        until = self._earliest if deadline is None else min(self._earliest, deadline)
        closed = self._closing.wait(max(0.0, until - time.monotonic()))
        return not closed and (deadline is None or time.monotonic() < deadline)

    def _look(self) -> None:
        began = time.monotonic()
        self._earliest = began + self._every_secs
        try:
            found = self._arrivals.look()
        except MtvError as error:
            if not self._goes_on_after(error):
                raise
            self._notes.tell("look", f"waiting: {error}")
            return
        finally:
            self._looked = True
        self._notes.over("look")
        self._looks_secs = (self._looks_secs[1], time.monotonic() - began)
        # The shorter of the last two: that of the first, which opens the repository, says nothing.
        self._earliest = began + max(self._every_secs, min(self._looks_secs) * (1 + _WORK_TO_REST))
        if found:
            self._seen += len(found)
            self._pass_over()
            self._passed += len(found) - 1
            self._next = found[-1]
            self._patient_until = time.monotonic() + PATIENCE_SECS

    def _goes_on_after(self, error: MtvError) -> bool:
        if isinstance(error, Unavailable):
            return self._looked
        return not isinstance(error, RequestError) or error.code in _NOT_THERE_YET

    def _show(self) -> T | None:
        if self._next is None:
            return None
        item = self._next
        try:
            self._arrivals.show(item)
        except MtvError as error:
            if self._may_come(error):
                self._notes.tell("show", f"{_name(item)} is not shown yet: {error}")
            else:
                self._next = None
                self._failed += 1
                self._notes.tell("show", f"{_name(item)} is not shown: {error}")
            return None
        self._notes.over("show", silently=True)
        self._next = None
        self._shown += 1
        self._followed = item if self._follows else None
        self._follow()
        return item

    def _may_come(self, error: MtvError) -> bool:
        if error.code in _NOT_WHOLE_YET:
            return time.monotonic() < self._patient_until
        return _passes(error)

    def _follow(self) -> None:
        if self._followed is None:
            return
        try:
            if self._arrivals.follow(self._followed):
                self._catalogs += 1
                self._followed = None
                self._notes.over("catalog", silently=True)
        except MtvError as error:
            if error.code not in _NOT_WHOLE_YET:
                self._notes.tell("catalog", f"the catalog of {_name(self._followed)} is not drawn: {error}")
            if not (error.code in _NOT_WHOLE_YET | _NOT_THERE_YET or _passes(error)):
                self._followed = None

    def _pass_over(self) -> None:
        self._passed += self._next is not None
        self._next = None


class _Notes:
    """Tells of what goes on once, and when it is over."""

    def __init__(self, tell: OnNote) -> None:
        self._tell = tell
        self._told: dict[str, str] = {}

    def tell(self, subject: str, text: str) -> None:
        if self._told.get(subject) != text:
            self._told[subject] = text
            self._tell(text)

    def over(self, subject: str, *, silently: bool = False) -> None:
        if self._told.pop(subject, "") and not silently:
            self._tell("going on")


def _passes(error: MtvError) -> bool:
    """Tell whether the same may well be possible later: a daemon, a window, a repository that is away or busy."""
    away = isinstance(error, Unavailable | DeadlineExceeded) or error.code in {"unknown_repository", "shutting_down"}
    return away or (isinstance(error, DaemonError) and error.error.retryable)


def _name(item: object) -> str:
    return str(item) if isinstance(item, os.PathLike) else repr(item)


def _log_note(text: str) -> None:
    _log.warning("watch: %s", text)


def _count(limit: int | None) -> int | None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise bad_value("limit", f"{limit!r} is no number of things to show")
    return limit
