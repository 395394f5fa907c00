"""Waiting for another host that may never answer: the work runs on a thread, and is left to itself when it is late.

The libraries that talk to file stores and servers retry for minutes, and none of them can be interrupted. So a
deadline that holds must be ours: who waits gives up, the thread ends when its library does, and the worker lives on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from mtv.wire.errors import DaemonError, DeadlineExceeded, Error

_T = TypeVar("_T")
_LOOK_SECS: Final = 0.25
_ABANDONED_AT_MOST: Final = 8


class Patience:
    """Gives up on a peer that is silent for too long.

    Parameters
    ----------
    silence_secs : `float`
        How long a peer may show no sign of life.
    """

    def __init__(self, silence_secs: float) -> None:
        self._silence_secs = silence_secs
        self._abandoned: list[threading.Thread] = []

    @property
    def abandoned(self) -> int:
        """Calls that were given up and have not ended yet."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_alive()]
        return len(self._abandoned)

    def wait_for(
        self,
        work: Callable[[], _T],
        who: str,
        *,
        moved: Callable[[], int] = lambda: 0,
        told: Callable[[int], object] = lambda _figure: None,
    ) -> _T:
        """Return what ``work`` returns, or raise what it raises.

        Parameters
        ----------
        work : callable
            Runs on a thread of its own, and must leave nothing half done that matters when it is abandoned.
        who : `str`
            Who is waited for, in the words of the error: ``the file store``.
        moved : callable, optional
            A figure that changes while there is progress, such as bytes: each change is a sign of life.
        told : callable, optional
            Called in this thread with each new figure, and with the last one if there was one before.

        Raises
        ------
        DeadlineExceeded
            ``deadline``: there was no sign of life for ``silence_secs``.
        DaemonError
            ``repository_failed``: too many calls hang already.
        """
        if self.abandoned >= _ABANDONED_AT_MOST:
            raise _given_up(who)
        call = _Call(work)
        call.thread.start()
        try:
            self._watch(call, who, moved, told)
        except BaseException:
            self._abandoned.append(call.thread)
            raise
        return call.result()

    def _watch(self, call: _Call[_T], who: str, moved: Callable[[], int], told: Callable[[int], object]) -> None:
        first = last = moved()
        since = time.monotonic()
        while not call.done(_LOOK_SECS):
            if (now := moved()) != last:
                last, since = now, time.monotonic()
                told(now)
            elif time.monotonic() - since >= self._silence_secs:
                raise _silent(who, self._silence_secs)
        if last != first:
            told(moved())


class _Call(Generic[_T]):
    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._outcome: list[tuple[Any, BaseException | None]] = []
        self._over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="patience", daemon=True)

    def done(self, within_secs: float) -> bool:
        return self._over.wait(within_secs)

    def result(self) -> _T:
        value, error = self._outcome[0]
        if error is not None:
            raise error
        result: _T = value
        return result

    def _run(self) -> None:
        try:
            self._outcome.append((self._work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again by who waits
            self._outcome.append((None, error))
        self._over.set()


def _silent(who: str, silence_secs: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        Error(
            code="deadline",
            message=f"{who} was silent for {silence_secs:g} s",
            where="repo",
            retryable=True,
            hint="try again when it is back; the daemon goes on serving other repositories",
        )
    )


def _given_up(who: str) -> DaemonError:
    return DaemonError(
        Error(
            code="repository_failed",
            message=f"{who} does not answer, and too many calls wait for it already",
            where="repo",
            retryable=True,
            hint="try again when it is back",
        )
    )
