"""Reads what a window tells through its FIFO, for as long as the window lives: this one, and those that follow it."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import TaskStatus

from mtv.wire.messages import Event
from mtvd.host.system import Troubles
from mtvd.stage.talk.events import ZOOMED, Decoder

_LOG = logging.getLogger(__name__)
RETRY_SECS: Final = 10.0
_HEARING: Final = "hearing what is done in the window"
_READ_BYTES: Final = 1 << 16


class Listening:
    """The reader of a stage's windows.

    Parameters
    ----------
    on_event : callable
        Called with each event; must not block.
    on_zoom : callable
        Called where the user has zoomed, or something may have been missed; must not block.
    """

    def __init__(self, on_event: Callable[[Event], None], on_zoom: Callable[[], None] = lambda: None) -> None:
        self._on_event = on_event
        self._on_zoom = on_zoom
        self._attached: list[int] = []
        self._missed: Path | None = None
        """FIFO of the newest window, where it could not be opened."""
        self._troubles = Troubles(_LOG)
        self._changed = anyio.Event()

    def attach(self, fifo: Path) -> None:
        """Read another window's FIFO from now on; what the one before still holds is read first.

        Where it cannot be opened now, it is tried again for as long as it is there.
        """
        self._missed = None
        try:
            self._attached.append(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            self._troubles.note(_HEARING, error)
            self._missed = None if isinstance(error, FileNotFoundError) else fifo
        else:
            self._troubles.over(_HEARING)
        self._changed.set()

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Read until cancelled."""
        task_status.started()
        try:
            while True:
                with anyio.move_on_after(math.inf if self._missed is None else RETRY_SECS):
                    await self._changed.wait()
                self._changed = anyio.Event()
                if self._missed is not None and not self._attached:
                    self.attach(self._missed)
                while self._attached:
                    self._changed = anyio.Event()
                    try:
                        await self._listen(self._attached[0])
                    except OSError as error:
                        _LOG.error("the window cannot tell any more what is done in it: %s", error)
                    os.close(self._attached.pop(0))
        finally:
            for descriptor in self._attached:
                os.close(descriptor)
            self._attached.clear()

    async def _listen(self, descriptor: int) -> None:
        """Return when the window has gone, which ends its FIFO, or when another has come."""
        decoder = Decoder()
        while True:
            try:
                data = os.read(descriptor, _READ_BYTES)
            except BlockingIOError:
                if len(self._attached) > 1:
                    return
                await self._readable(descriptor)
                continue
            if not data:
                return
            for event in decoder.feed(data):
                if event is ZOOMED or event.kind == "gap":
                    self._on_zoom()
                if event is not ZOOMED:
                    self._on_event(event)

    async def _readable(self, descriptor: int) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_changed, group.cancel_scope)
            await anyio.wait_readable(descriptor)
            group.cancel_scope.cancel()

    async def _until_changed(self, scope: anyio.CancelScope) -> None:
        await self._changed.wait()
        scope.cancel()
