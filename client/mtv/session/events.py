"""Events of the window, for programs: an iterator with a time-out, or a function that is called with each.

Made by `mtv.events`, `mtv.on_event` and the methods of `Display`. An `Events` keeps the newest thousand that nobody has
taken; of those before it tells a ``gap``.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

from mtv.session.hearing import Hearing
from mtv.shared.log import Log
from mtv.wire.errors import Error, MtvError, Unavailable, bad_value
from mtv.wire.messages import Event
from mtv.wire.steps import DisplayName as Display  # the word of signatures that users see

_log: Final = Log()

KINDS: Final = ("key", "frame", "region", "window", "gap")
"""Kinds of events; a gap is told whatever was asked for."""

NO_THREAD: Final = "end some threads or processes, or allow more with 'ulimit -u'"
"""Hint for a system that starts no more threads."""

_KEPT: Final = 1000


class Events:
    """An iterator over events, and a context manager. Any thread may use it; a forked child needs one of its own.

    Parameters
    ----------
    hearing : `~mtv.session.hearing.Hearing`
        Brings the events.
    kinds : `str` or sequence of `str`, optional
        ``key``, ``frame``, ``region``, ``window``; all where empty. A ``gap`` is always told.
    display : `int` or `str`, optional
        Only events of this display, or of the window.
    timeout_secs : `float`, optional
        The iteration ends when nothing has come for so long; it waits for ever where not given.
    on_close : callable, optional
        Called when the last listener of the session is closed.

    Raises
    ------
    RequestError
        ``bad_value`` for a kind that there is not.
    """

    def __init__(
        self,
        hearing: Hearing,
        *,
        kinds: Sequence[str] | str = (),
        display: Display | None = None,
        timeout_secs: float | None = None,
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        self._kinds = _check_kinds((kinds,) if isinstance(kinds, str) else tuple(kinds))
        self._display = display
        self._timeout_secs = timeout_secs
        self._hearing = hearing
        self._on_close = on_close
        self._changed = threading.Condition()
        self._kept: collections.deque[Event] = collections.deque()
        self._lost = 0
        self._ended = False
        self._error: MtvError | None = None
        hearing.add(self)

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Event:
        event = self.get(self._timeout_secs)
        if event is None:
            raise StopIteration
        return event

    @property
    def closed(self) -> bool:
        """True when no more will come."""
        return self._ended

    def get(self, timeout_secs: float | None = None) -> Event | None:
        """Wait for the next event and return it.

        Parameters
        ----------
        timeout_secs : `float`, optional
            How long to wait; for ever where not given.

        Returns
        -------
        event : `Event` or `None`
            None where nothing came in time, or nothing will: it is closed.

        Raises
        ------
        MtvError
            The connection has ended with this.
        """
        deadline = None if timeout_secs is None else time.monotonic() + timeout_secs
        with self._changed:
            while not self._kept and not self._ended:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            if self._lost:
                lost, self._lost = self._lost, 0
                return Event(kind="gap", count=lost, reason="this program did not take them in time")
            if self._kept:
                return self._kept.popleft()
            if self._error is not None:
                raise self._error
            return None

    def calling(self, call: Callable[[Event], object]) -> Events:
        """Have a function called with each event from now on, in a thread of its own, until `close`; return self.

        Parameters
        ----------
        call : callable
            Called with each `~mtv.wire.messages.Event`, in a thread of its own; what it raises is logged.

        Returns
        -------
        events : `Events`
            Itself.

        Raises
        ------
        Unavailable
            No thread can be started.
        """
        thread = threading.Thread(target=self._call, args=(call,), name="mtv-events", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self.close()
            message = f"events cannot be told: {error}"
            raise Unavailable(Error(code="no_daemon", message=message, retryable=True, hint=NO_THREAD)) from error
        return self

    def close(self) -> None:
        """Hear no more. Closing twice is no error."""
        if self._hearing.remove(self):
            self._on_close()
        self.end(None)

    # Called by `Hearing`

    def put(self, event: Event) -> None:
        """Take an event, if it is one of those asked for.

        Parameters
        ----------
        event : `Event`
        """
        if not self._wants(event):
            return
        with self._changed:
            self._kept.append(event)
            if len(self._kept) > _KEPT:
                self._kept.popleft()
                self._lost += 1
            self._changed.notify_all()

    def end(self, error: MtvError | None) -> None:
        """Take note that no more will come; what is kept can still be taken.

        Parameters
        ----------
        error : `MtvError` or `None`
            Why, where it is a failure; whoever waits for events gets it.
        """
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
            self._changed.notify_all()

    def _wants(self, event: Event) -> bool:
        if event.kind == "gap":
            return True
        if self._kinds and event.kind not in self._kinds:
            return False
        return self._display is None or event.kind == "window" or self._display in {event.display, event.name}

    def _call(self, call: Callable[[Event], object]) -> None:
        try:
            while (event := self.get()) is not None:
                try:
                    call(event)
                except Exception:  # noqa: BLE001 - the next event may be one that it can do something with
                    _log.exception("a function that was to hear of events failed")
        except MtvError as error:
            _log.warning("no more events: %s", error)
        finally:
            self.close()  # also where the function has ended this thread: nobody takes them any more


def _check_kinds(kinds: tuple[str, ...]) -> frozenset[str]:
    for kind in kinds:
        if kind not in KINDS:
            raise bad_value("kinds", f"there are no events of kind {kind!r}", f"there are {', '.join(KINDS)}")
    return frozenset(kinds)
