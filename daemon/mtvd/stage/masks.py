"""Masks that follow the zooms of their frames: drawn anew, between batches, in the cells that suit them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio
import anyio.to_thread

from mtv.wire.errors import DaemonError, RequestError
from mtvd.stage.paint.layers import LayerFiles
from mtvd.stage.paint.script import relayering
from mtvd.stage.paint.zooms import FrameView
from mtvd.stage.port import WindowLost, WindowUnavailable
from mtvd.stage.talk.answer import read_views
from mtvd.stage.talk.channel import ScriptFailed

_LOG = logging.getLogger(__name__)
_DONE: Final = "done"
"""Result of ``::mtv::zooms::relayer`` where the frame still has its mask."""


class ZoomedMasks:
    """The masks of one window.

    Parameters
    ----------
    layers : `~mtvd.stage.paint.layers.LayerFiles`
        Of the window.
    drawing : `anyio.Lock`
        Held while anything is drawn.
    ask : callable
        Runs a script in DS9 and returns its result, or None where there is no window; raises as the stage does.
    """

    def __init__(self, layers: LayerFiles, drawing: anyio.Lock, ask: Callable[[bytes], Awaitable[str | None]]) -> None:
        self._layers = layers
        self._drawing = drawing
        self._ask = ask
        self._zoomed = anyio.Event()

    def look(self) -> None:
        """Have the zooms looked at soon."""
        self._zoomed.set()

    def tell(self, views: Mapping[int, FrameView]) -> None:
        """Take note of what DS9 shows."""
        self._layers.zooms.tell(views)
        if self._layers.misfits():
            self._zoomed.set()

    async def follow(self) -> None:
        """Draw masks anew when frames are zoomed, for ever."""
        while True:
            await self._zoomed.wait()
            self._zoomed = anyio.Event()
            with suppress(WindowLost):  # whoever draws next is told
                await self.suit()

    @asynccontextmanager
    async def suiting(self, frame: int, size: tuple[int, int]) -> AsyncIterator[None]:
        """Have a frame's mask suit a picture of another size while a body takes some of it.

        It stays so for the pieces that follow; where the body fails it is looked at soon.
        """
        try:
            await self.suit((frame, size))
            yield
        except BaseException:
            self.look()
            raise
        finally:
            self._layers.zooms.magnify(frame, None)

    async def suit(self, large: tuple[int, tuple[int, int]] | None = None) -> None:
        """Draw masks in the cells that suit the zooms of their frames; those that already are stay.

        Parameters
        ----------
        large : `tuple`, optional
            A frame that is about to be drawn for a picture of another size, and that size.

        Raises
        ------
        WindowLost
            The window is gone, or was put down.
        """
        async with self._drawing:
            if not self._layers.masked:
                return
            try:
                views = await self._ask(b"::mtv::zooms::all\n")
                if views is None:
                    return
                self._layers.zooms.tell(read_views(views))
                if large is not None:
                    self._layers.zooms.magnify(*large)
                for frame in self._layers.misfits():
                    await self._suit_one(frame)
            except (WindowUnavailable, ScriptFailed, RequestError, DaemonError, OSError, ValueError) as error:
                _LOG.warning("masks could not be drawn for another zoom: %s", error)

    async def _suit_one(self, frame: int) -> None:
        made, files = await anyio.to_thread.run_sync(self._layers.refine, frame)
        told: str | None = ""
        try:
            told = await self._ask(relayering(frame, files).encode())
        finally:
            self._layers.settle_refined(frame, made, loaded=told == _DONE)
