"""Reading ahead: what will be asked for next is decoded while the client still looks at what came before.

One target at a time, so that who waits always finds a worker; and nobody decodes what is being decoded already.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import msgspec

from mtv.wire.data import Dataset, File
from mtv.wire.errors import MtvError

_log = logging.getLogger(__name__)

MOST: Final = 4
"""Targets that wait; of more the first ones count, for they are asked for first."""


class ReadAhead:
    """The targets of one daemon.

    Parameters
    ----------
    read : async callable
        Reads one target into the cache. What it raises is nobody's business yet: who asks for the target gets it.
    """

    def __init__(self, read: Callable[[Dataset | File], Awaitable[None]]) -> None:
        self._read = read
        self._wanted: deque[Dataset | File] = deque()
        self._changed = anyio.Event()
        self._busy: dict[bytes, anyio.Event] = {}

    def want(self, targets: Sequence[Dataset | File]) -> None:
        """Say what will be asked for next, instead of what was said before."""
        self._wanted = deque(targets[:MOST])
        self._changed.set()

    async def serve(self) -> None:
        """Read what is wanted, until cancelled."""
        while True:
            while self._wanted:
                target = self._wanted.popleft()
                if _key(target) in self._busy:
                    continue
                async with self.alone(target):
                    await self._try(target)
            self._changed = anyio.Event()
            await self._changed.wait()

    @asynccontextmanager
    async def alone(self, target: Dataset | File) -> AsyncIterator[None]:
        """Wait until nobody reads this target; others wait until the caller has done so."""
        key = _key(target)
        while key in self._busy:
            await self._busy[key].wait()
        self._busy[key] = anyio.Event()
        try:
            yield
        finally:
            self._busy.pop(key).set()

    async def _try(self, target: Dataset | File) -> None:
        try:
            await self._read(target)
        except MtvError:
            return
        except Exception:  # noqa: BLE001 - a fault in what nobody waits for must not end the daemon
            _log.exception("reading ahead failed")


def _key(target: Dataset | File) -> bytes:
    return msgspec.json.encode(target)
