"""Worker processes: started when needed, one call at a time each, sent home when idle, replaced when lost."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskStatus

from mtv.wire.errors import Code, DaemonError, DeadlineExceeded, Error
from mtvd.host.children import Child, ChildError, ChildLost, ChildNotStarted
from mtvd.host.system import TOO_MUCH

_log = logging.getLogger(__name__)
_GRACE_SECS = 5.0
OnProgress = Callable[[int, int, str], None]


class WorkerPool:
    """At most ``size`` children, each with one call at a time.

    Parameters
    ----------
    start : async callable
        Given a slot number from 0, starts a child.
    on_lost : callable
        Told the pid of a child that was killed or died in the middle of a call, so that what it left can be removed.
    size, kept, waiting : `int`
        Children at most, those that stay when idle, and calls that may wait for one.
    idle_secs, queue_deadline_secs : `float`
    start_secs : `float`
        What the first call of a child gets on top of its deadline: Butler's import takes seconds, many on a busy host.
    """

    def __init__(
        self,
        start: Callable[[int], Awaitable[Child]],
        *,
        size: int,
        kept: int = 1,
        waiting: int = 256,
        idle_secs: float = 20.0,
        queue_deadline_secs: float = 60.0,
        start_secs: float = 120.0,
        on_lost: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        self._start = start
        self._on_lost = on_lost
        self._kept, self._waiting, self._idle_secs = kept, waiting, idle_secs
        self._queue_deadline_secs, self._start_secs = queue_deadline_secs, start_secs
        self._proven: set[int] = set()  # pids that have answered
        self._turn = anyio.Semaphore(size, max_value=size)
        self._free_slots = list(range(size))[::-1]
        self._busy: dict[int, Child] = {}
        self._idle: list[tuple[float, int, Child]] = []  # the last used at the end, and taken first
        self._queued = 0
        self._changed = anyio.Event()
        self._closed = False

    @property
    def alive(self) -> int:
        """Children alive."""
        return len(self._busy) + len(self._idle)

    @property
    def queued(self) -> int:
        """Calls that wait for a child."""
        return self._queued

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        deadline_secs: float,
        on_progress: OnProgress | None = None,
        on_part: Callable[[Any], None] | None = None,
    ) -> Any:
        """Call a handler in any child; ``on_part`` as in `Child.call`.

        Raises
        ------
        ChildError
            The handler raised.
        DaemonError
            ``busy`` where too many wait or none can be started, ``repository_failed`` where the child died,
            ``shutting_down``.
        DeadlineExceeded
            ``deadline``: the child was too slow, and is gone.
        """
        async with self._my_turn(), self._child() as child:
            allowed_secs = deadline_secs + (0 if child.pid in self._proven else self._start_secs)
            try:
                with anyio.fail_after(allowed_secs):
                    answer = await child.call(
                        method,
                        params,
                        deadline_secs=allowed_secs + _GRACE_SECS,
                        on_progress=on_progress,
                        on_part=on_part,
                    )
            except TimeoutError:
                raise _late(method, allowed_secs) from None
            except ChildLost as error:
                _log.warning("repository worker %d is lost: %s", child.pid, error)
                raise _death_error(method) from None
            self._proven.add(child.pid)
            return answer

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Send idle children home until cancelled; then end them all."""
        task_status.started()
        try:
            while True:
                self._changed = anyio.Event()
                with anyio.move_on_after(self._secs_to_next_leave()):
                    await self._changed.wait()
                await self._send_home()
        finally:
            await self.close()

    async def close(self) -> None:
        """End all children; calls from now on are refused."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for child in [*self._busy.values(), *(child for _, _, child in self._idle)]:
                await child.kill()
        self._idle.clear()

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        if self._queued >= self._waiting:
            raise _busy("too many requests wait for the repositories")
        self._queued += 1
        try:
            with anyio.fail_after(self._queue_deadline_secs):
                await self._turn.acquire()
        except TimeoutError:
            raise _busy("the repositories had no time for this request") from None
        finally:
            self._queued -= 1
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[Child]:
        slot, child = await self._take()
        self._busy[slot] = child
        sound = False
        try:
            yield child
            sound = True
        except ChildError:
            sound = True
            raise
        finally:
            del self._busy[slot]
            self._give_back(slot, child, sound=sound)

    async def _take(self) -> tuple[int, Child]:
        if self._closed:
            raise _stopping()
        while self._idle:
            _, slot, child = self._idle.pop()
            if child.alive:
                return slot, child
            self._forget(slot, child)
        slot = self._free_slots.pop()
        try:
            child = await self._start(slot)
        except (ChildNotStarted, OSError) as error:
            self._free_slots.append(slot)
            raise _not_started_error(error) from error
        except BaseException:
            self._free_slots.append(slot)
            raise
        if self._closed:  # meanwhile
            await child.kill()
            self._forget(slot, child)
            raise _stopping()
        return slot, child

    def _give_back(self, slot: int, child: Child, *, sound: bool) -> None:
        if sound and child.alive and not self._closed:
            self._idle.append((anyio.current_time(), slot, child))
            self._changed.set()
        else:
            self._forget(slot, child)

    def _forget(self, slot: int, child: Child) -> None:
        self._free_slots.append(slot)
        self._proven.discard(child.pid)
        try:
            self._on_lost(child.pid)
        except OSError as error:
            _log.error("what repository worker %d has left cannot be removed: %s", child.pid, error)

    def _secs_to_next_leave(self) -> float:
        if len(self._idle) <= self._kept:
            return float("inf")
        return max(0.0, self._idle[0][0] + self._idle_secs - anyio.current_time())

    async def _send_home(self) -> None:
        """Let idle workers leave. Each takes a turn while it does: nobody may count on its place before it has gone."""
        while len(self._idle) > self._kept and self._secs_to_next_leave() <= 0:
            try:
                self._turn.acquire_nowait()
            except anyio.WouldBlock:  # all have work, or are about to
                return
            _, slot, child = self._idle.pop(0)
            try:
                await child.kill()
            finally:
                self._forget(slot, child)
                self._turn.release()


def _stopping() -> DaemonError:
    return DaemonError(Error(code="shutting_down", message="the daemon is stopping"))


def _busy(message: str) -> DaemonError:
    return DaemonError(Error(code="busy", message=message, where="repo", retryable=True, hint="try again in a moment"))


def _late(method: str, deadline_secs: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        Error(
            code="deadline",
            message=f"the repository did not answer the {method} within {deadline_secs:g} s",
            retryable=True,
            hint="ask for less, or raise the deadline in the configuration",
        )
    )


def _not_started_error(error: ChildNotStarted | OSError) -> DaemonError:
    """Return the error for a worker that is missing: ``busy`` where the system may have space for it in a moment."""
    _log.error("a repository worker is missing: %s", error)
    cause = error if isinstance(error, OSError) else error.__cause__
    crowded = isinstance(cause, OSError) and cause.errno in TOO_MUCH
    message = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    hint = "the daemon's host has too little of something: memory, processes or open files"
    code: Code = "busy" if crowded else "repository_failed"
    return DaemonError(
        Error(code=code, message=f"no repository worker: {message}", where="repo", retryable=True, hint=hint)
    )


def _death_error(method: str) -> DaemonError:
    return DaemonError(
        Error(
            code="repository_failed",
            message=f"the worker died during the {method}",
            retryable=True,
            hint="the next request gets a new worker; the daemon's log has its last words",
        )
    )
