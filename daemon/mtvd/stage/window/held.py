"""A window that we hold: its DS9, the virtual screen below it, and the lane to it. Used by the supervisor alone.

A DS9 of ours is continued where somebody stopped it, and ended when it is of no use; one that the user started is
neither: it is only let go, without our hooks. An ``imexam`` of somebody else, which blocks XPA for everybody (ds9
facts, section 5), is cancelled through the agent's own channel.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import anyio

from mtvd.host.children import Child, ChildError, ChildLost
from mtvd.stage.window import process as windows
from mtvd.stage.window.owned import Owned, wake
from mtvd.stage.window.screen import last_words, lost_connection

_NUDGE_SECS: Final = 0.25
_UNBLOCK_ROUNDS: Final = 2
_DYING_SECS: Final = 0.3
_RELEASE_SECS: Final = 5.0


class Held:
    """One window.

    Parameters
    ----------
    window : `~mtvd.stage.window.process.Window`
        What the state file says of it.
    lane : `~mtvd.host.children.Child` or None
        The way to it.

    Raises
    ------
    ProcessLookupError
        It has ended.
    """

    def __init__(self, window: windows.Window, lane: Child | None = None) -> None:
        self.window = window
        self.lane = lane
        self.process = Owned(window.pid, window.started)
        self.screen: Owned | None = None
        self.in_doubt = False
        """The lane died in the middle of a batch: nobody knows what the window shows, though it is well."""
        if window.screen.xvfb_pid:
            with suppress(ProcessLookupError):
                self.screen = Owned(window.screen.xvfb_pid, window.screen.xvfb_started)

    @property
    def alive(self) -> bool:
        """True as long as DS9 and its virtual screen are."""
        return self.process.alive and (self.screen is None or self.screen.alive)

    @property
    def reachable(self) -> bool:
        """True where the lane lives."""
        return self.lane is not None and self.lane.alive

    async def ended(self) -> None:
        """Return once DS9 or its virtual screen has ended."""
        async with anyio.create_task_group() as group:
            for process in filter(None, (self.process, self.screen)):
                group.start_soon(_cancel_when_ended, process, group.cancel_scope)

    async def connect(self, *, deadline_secs: float) -> None:
        """Connect the lane; what keeps DS9 from answering is done away with meanwhile.

        Raises
        ------
        ChildError, ChildLost
            It does not answer.
        """
        await self.ask("connect", {"socket": self.window.socket}, deadline_secs=deadline_secs)

    async def ask(self, method: str, params: Mapping[str, Any], *, deadline_secs: float) -> Any:
        """Call the lane; what keeps it or DS9 from answering is done away with meanwhile.

        Raises
        ------
        ChildError, ChildLost
            As `~mtvd.host.children.Child.call`.
        """
        assert self.lane is not None
        failure: ChildError | ChildLost | None = None
        answer: Any = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._nudge, self.lane)
            try:
                answer = await self.lane.call(method, params, deadline_secs=deadline_secs)
            except (ChildError, ChildLost) as error:
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return answer

    async def clear(self, *, deadline_secs: float) -> None:
        """Make a window in doubt as good as a new one; one of the user's keeps the frames that it has."""
        if not self.window.attached:
            await self.ask("run", {"script": b"::mtv::clear\n", "read_back": False}, deadline_secs=deadline_secs)
        self.in_doubt = False

    async def _nudge(self, lane: Child) -> None:
        rounds = 0
        while True:
            await anyio.sleep(_NUDGE_SECS)
            wake(lane.pid)
            if not self.window.attached:
                for process in filter(None, (self.process, self.screen)):
                    if process.stopped:
                        process.signal(signal.SIGCONT)
            rounds += 1
            if rounds % _UNBLOCK_ROUNDS == 0:
                self._unblock()

    def _unblock(self) -> None:
        """Have the agent cancel an imexam that is pending; nothing happens where none is."""
        with suppress(OSError):
            channel = os.open(self.window.channel, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(channel, b"unblock\n")
            finally:
                os.close(channel)

    async def end_of(self, reason: str) -> str:
        """Return why the window is gone, with the last words of whoever went; ``reason`` where it still lives."""
        with anyio.move_on_after(_DYING_SECS):
            await self.ended()
            # a virtual screen ends with its last client, and can be gone before the DS9 that is dying is
            await self.process.ended()
        words = "" if self.window.attached else last_words(self.window.log)
        if self.alive:
            return _with(reason, words)
        if self.screen is not None and not self.screen.alive and (self.process.alive or lost_connection(words)):
            return _with(f"the virtual screen {self.window.screen.x_display} {self.screen.fate}", self._screen_words())
        if lost_connection(words):
            return _with(f"the X display {self.window.screen.x_display} is gone", words)
        return _with(f"DS9 {self.process.fate}", words)

    def _screen_words(self) -> str:
        return last_words(Path(self.window.directory) / "xvfb.log")

    async def end(self, *, kindly: bool) -> None:
        """End DS9 and its screen, or let a DS9 of the user's go; remove what is left."""
        if self.window.attached:
            await self._release()
        await self.kill_lane()
        if not self.window.attached:
            await (self.process.end() if kindly else self.process.kill())
        self._close()
        await windows.discard(self.window)

    async def let_go(self) -> None:
        """Leave the window to a later daemon."""
        await self.kill_lane()
        self._close()

    async def kill_lane(self) -> None:
        """End the lane; the window does not notice."""
        lane, self.lane = self.lane, None
        if lane is not None:
            await lane.kill()

    async def _release(self) -> None:
        """Undo every hook of the agent, as far as DS9 listens."""
        if self.lane is None or not self.lane.alive or not self.process.alive or self.process.stopped:
            return
        with suppress(ChildError, ChildLost):
            script = {"script": b"::mtv::release\n", "read_back": False}
            await self.lane.call("run", script, deadline_secs=_RELEASE_SECS)

    def _close(self) -> None:
        for process in filter(None, (self.process, self.screen)):
            process.close()


async def _cancel_when_ended(process: Owned, scope: anyio.CancelScope) -> None:
    await process.ended()
    scope.cancel()


def _with(reason: str, words: str) -> str:
    return f"{reason} ({words})" if words else reason
