"""Reading ahead: what will be asked for next is decoded while the client still looks at what came before.

One target at a time, so that who waits always finds a worker; and nobody decodes what is being decoded already.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import anyio
import msgspec

from mtv.wire.data import Dataset, File
from mtv.wire.errors import MtvError
from mtvd.repo.port import OnProgress

_log = logging.getLogger(__name__)

MOST: Final = 4
"""Targets of one owner that wait; of more the first ones count, for they are asked for first."""

OWNERS: Final = 64
"""Owners whose targets wait; of more the last ones count. What is not read ahead is read when it is asked for."""


class ReadAhead:
    """The targets of one daemon.

    Parameters
    ----------
    read : async callable
        Reads one target into the cache, and reports how far it has come to the function that it is given. What it
        raises is nobody's business yet: who asks for the target gets it.
    """

    def __init__(self, read: Callable[[Dataset | File, OnProgress], Awaitable[None]]) -> None:
        self._read = read
        self._wanted: dict[str, deque[Dataset | File]] = {}
        self._changed = anyio.Event()
        self._busy: dict[bytes, _Reading] = {}

    def want(self, targets: Sequence[Dataset | File], owner: str = "") -> None:
        """Say what will be asked for next, instead of what the same owner has said before; owners take turns."""
        if targets:
            self._wanted[owner] = deque(targets[:MOST])
            while len(self._wanted) > OWNERS:
                self._wanted.pop(next(iter(self._wanted)))
        else:
            self._wanted.pop(owner, None)
        self._changed.set()

    async def serve(self) -> None:
        """Read what is wanted, until cancelled."""
        while True:
            while self._wanted:
                target = self._next()
                if _key(target) in self._busy:
                    continue
                async with self.alone(target) as told:
                    await self._try(target, told)
            self._changed = anyio.Event()
            await self._changed.wait()

    @asynccontextmanager
    async def alone(self, target: Dataset | File, on_progress: OnProgress | None = None) -> AsyncIterator[OnProgress]:
        """Wait until nobody reads this target; others wait until the caller has done so.

        Who waits hears how far it has come from who reads, who reports to what is given here.
        """
        key = _key(target)
        while key in self._busy:
            with self._busy[key].heard_by(on_progress) as reading:
                await reading.over.wait()
        self._busy[key] = _Reading()
        try:
            with self._busy[key].heard_by(on_progress) as reading:
                yield reading.report
        finally:
            self._busy.pop(key).over.set()

    def _next(self) -> Dataset | File:
        owner = next(iter(self._wanted))
        targets = self._wanted.pop(owner)
        target = targets.popleft()
        if targets:
            self._wanted[owner] = targets  # behind the others
        return target

    async def _try(self, target: Dataset | File, told: OnProgress) -> None:
        try:
            await self._read(target, told)
        except MtvError:
            return
        except Exception:  # noqa: BLE001 - a fault in what nobody waits for must not end the daemon
            _log.exception("reading ahead failed")


class _Reading:
    """A target that is being read, and who hears of it."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self._heard_by: list[OnProgress] = []

    @contextmanager
    def heard_by(self, on_progress: OnProgress | None) -> Iterator[_Reading]:
        if on_progress is None:
            yield self
            return
        self._heard_by.append(on_progress)
        try:
            yield self
        finally:
            self._heard_by.remove(on_progress)

    def report(self, done: int, total: int, unit: str) -> None:
        for tell in list(self._heard_by):
            tell(done, total, unit)


def _key(target: Dataset | File) -> bytes:
    return msgspec.json.encode(target)
