"""Many processes that do the same at the same time, made before the clock starts."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier, Event, Lock
from types import TracebackType
from typing import Any, Final, Self

_PATIENCE_SECS: Final = 120.0

Setup = Callable[..., Callable[[], object]]
"""A function at module level: gets one member's arguments, and returns what the member does in each run."""


class Crowd:
    """Processes that wait for `run`; ended by leaving the context.

    They are set up one after the other, and all are ready when the context is entered: DS9 refuses whom it cannot
    answer at once, and one that was ended while it asked keeps DS9 waiting for minutes.

    Parameters
    ----------
    setup : callable
        See `Setup`.
    arguments : sequence of tuples
        One a member.
    """

    def __init__(self, setup: Setup, arguments: Sequence[tuple[Any, ...]]) -> None:
        context = multiprocessing.get_context("spawn")  # forks would inherit sockets and libxpa's state
        self._go: Barrier = context.Barrier(len(arguments) + 1)
        self._done: Barrier = context.Barrier(len(arguments) + 1)
        self._over: Event = context.Event()
        self._turn: Lock = context.Lock()
        shared = (self._turn, self._go, self._done, self._over)
        self._members = [context.Process(target=_member, args=(setup, own, *shared)) for own in arguments]

    def __enter__(self) -> Self:
        for member in self._members:
            member.start()
        try:
            self._done.wait(_PATIENCE_SECS)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._go.abort()
        self._done.abort()
        for member in self._members:
            member.join(5)
            if member.is_alive():
                member.terminate()
                member.join()

    def run(self) -> None:
        """Let all begin, and return when all have finished.

        Raises
        ------
        threading.BrokenBarrierError
            A member failed; its traceback is on standard error.
        """
        self._go.wait(_PATIENCE_SECS)
        self._done.wait(_PATIENCE_SECS)


def _member(setup: Setup, arguments: tuple[Any, ...], turn: Lock, go: Barrier, done: Barrier, over: Event) -> None:
    try:
        with turn:
            work = setup(*arguments)
        while True:
            done.wait()
            go.wait()
            work()
    except BaseException:
        if over.is_set():
            return
        go.abort()
        done.abort()
        raise
