"""The budget: how many requests, and how many of their bytes, may be under way at once, and whose.

A session may have as many places as are still free. So whoever has many waits, and whoever has none always finds one:
n sessions that take all they can have an (n + 1)th of the places each, and as many stay free for the next one.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Final

import anyio
import anyio.lowlevel

from mtv.wire.errors import DaemonError, Error

_WAITING: Final = 8
"""Requests that may wait for a place, for each place; of one session half of them."""


def _patiently() -> AbstractContextManager[None]:
    return contextlib.nullcontext()


class Budget:
    """Counts what is under way, has what would be too much wait, and refuses what would be far too much.

    Parameters
    ----------
    requests : `int`
        Requests at once.
    size_bytes : `int`
        Bytes of their messages; one larger message is let through when no other is under way.
    """

    def __init__(self, *, requests: int, size_bytes: int) -> None:
        self._requests = requests
        self._size_bytes = size_bytes
        self._small_bytes = size_bytes // requests
        """A message up to this size comes with its place: it is never refused for its bytes."""
        self.requests_used = 0
        self.bytes_used = 0
        self.waiting = 0
        self._requests_of: collections.Counter[bytes] = collections.Counter()
        self._bytes_of: collections.Counter[bytes] = collections.Counter()
        self._queues: dict[bytes, collections.deque[anyio.Event]] = {}
        """Requests that wait for a place, by session."""
        self._called: dict[bytes, collections.deque[anyio.Event]] = {}
        """Requests that have waited and were given a place, until their task has gone on, by session."""

    @contextlib.asynccontextmanager
    async def admit(
        self, session: bytes, size_bytes: int, patiently: Callable[[], AbstractContextManager[None]] = _patiently
    ) -> AsyncIterator[None]:
        """Hold a place for a request, and wait for it where the session has its share; in the order of a session.

        Parameters
        ----------
        session : `bytes`
            Whose request it is.
        size_bytes : `int`
            Of its message.
        patiently : callable
            Returns what is entered while it waits for its place, and may end that.

        Raises
        ------
        DaemonError
            ``busy``, retryable, where there is no space for its bytes, or too many wait.
        """
        size_bytes = 0 if size_bytes <= self._small_bytes else size_bytes
        self._take_bytes(session, size_bytes)
        try:
            if session in self._queues or session in self._called or not self._has_place(session):
                await self._wait(session, patiently)
            else:
                self._take_place(session)
            try:
                yield
            finally:
                self._leave_place(session)
        finally:
            self._leave_bytes(session, size_bytes)

    def _has_place(self, session: bytes) -> bool:
        return self._requests_of[session] < self._requests - self.requests_used

    def _take_place(self, session: bytes) -> None:
        self.requests_used += 1
        self._requests_of[session] += 1

    def _leave_place(self, session: bytes) -> None:
        self.requests_used -= 1
        _lower(self._requests_of, session, 1)
        self._let_in()

    def _let_in(self) -> None:
        """Give free places to those that wait for one, first to the session that has the fewest."""
        while self._queues:
            session = min(self._queues, key=self._requests_of.__getitem__)
            if not self._has_place(session):
                return
            self._take_place(session)
            granted = self._queues[session].popleft()
            self._called.setdefault(session, collections.deque()).append(granted)
            granted.set()
            self._end_waiting(session)

    async def _wait(self, session: bytes, patiently: Callable[[], AbstractContextManager[None]]) -> None:
        queue = self._queues.get(session, ())
        if len(queue) >= self._requests * _WAITING - self.waiting:
            raise _busy(f"{self.requests_used} requests are under way, and {self.waiting} wait")
        granted = anyio.Event()
        self._queues.setdefault(session, collections.deque()).append(granted)
        self.waiting += 1
        self._let_in()
        try:
            with patiently():
                await granted.wait()
                while self._called[session][0] is not granted:  # tasks are not woken in the order of their events
                    await anyio.lowlevel.checkpoint()
        except BaseException:
            if granted.is_set():
                self._end_call(session, granted)
                self._leave_place(session)
            else:
                self._queues[session].remove(granted)
                self._end_waiting(session)
            raise
        self._end_call(session, granted)

    def _end_call(self, session: bytes, granted: anyio.Event) -> None:
        self._called[session].remove(granted)
        if not self._called[session]:
            del self._called[session]

    def _end_waiting(self, session: bytes) -> None:
        self.waiting -= 1
        if not self._queues[session]:
            del self._queues[session]

    def _take_bytes(self, session: bytes, size_bytes: int) -> None:
        free = self._size_bytes - self.bytes_used
        if size_bytes and self.bytes_used and self._bytes_of[session] + size_bytes > free:
            raise _busy(f"requests of {self.bytes_used} bytes are under way")
        if size_bytes:
            self.bytes_used += size_bytes
            self._bytes_of[session] += size_bytes

    def _leave_bytes(self, session: bytes, size_bytes: int) -> None:
        if size_bytes:
            self.bytes_used -= size_bytes
            _lower(self._bytes_of, session, size_bytes)


def _lower(counter: collections.Counter[bytes], session: bytes, change: int) -> None:
    counter[session] -= change
    if not counter[session]:
        del counter[session]


def _busy(message: str) -> DaemonError:
    hint = "wait for some outcomes before sending more"
    return DaemonError(Error(code="busy", message=message, retryable=True, hint=hint))
