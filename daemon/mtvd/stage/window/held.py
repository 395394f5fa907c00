"""A window that we hold: its DS9, the virtual screen below it, and the channel to it. Used by the supervisor alone.

A DS9 of ours is continued where somebody stopped it, and ended when it is of no use; one that the user started is
neither: it is only let go, without our hooks.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio

from mtvd.stage.talk.channel import Channel, NoAnswer, ScriptFailed
from mtvd.stage.window import process as windows
from mtvd.stage.window.owned import Owned
from mtvd.stage.window.screen import last_words, lost_connection

_DYING_SECS: Final = 0.3
_RELEASE_SECS: Final = 5.0


class Held:
    """One window.

    Parameters
    ----------
    window : `~mtvd.stage.window.process.Window`
        What the state file says of it.

    Attributes
    ----------
    channel : `~mtvd.stage.talk.channel.Channel` or None
        The way to it, once it is connected.

    Raises
    ------
    ProcessLookupError
        It has ended.
    """

    def __init__(self, window: windows.Window) -> None:
        self.window = window
        self.channel: Channel | None = None
        self.process = Owned(window.pid, window.started)
        self.screen: Owned | None = None
        if window.screen.xvfb_pid:
            with suppress(ProcessLookupError):
                self.screen = Owned(window.screen.xvfb_pid, window.screen.xvfb_started)

    @property
    def alive(self) -> bool:
        """True as long as DS9 and its virtual screen are."""
        return self.process.alive and (self.screen is None or self.screen.alive)

    async def wait_for_end(self) -> None:
        """Wait until DS9 or its virtual screen has ended."""
        async with anyio.create_task_group() as group:
            for process in filter(None, (self.process, self.screen)):
                group.start_soon(_cancel_when_ended, process, group.cancel_scope)

    async def connect(self, script: bytes = b"", *, deadline_secs: float) -> None:
        """Open the channel and have a script run, which shows that the agent is there.

        Raises
        ------
        NoChannel, ChannelTaken, OSError
            As `~mtvd.stage.talk.channel.Channel`.
        NoAnswer, ScriptFailed
            As `run`.
        """
        self.channel = Channel(Path(self.window.directory), self._continue)
        await self.run(script, deadline_secs=deadline_secs)

    async def run(self, script: bytes, *, deadline_secs: float) -> str:
        """Have a script run and return its result; a DS9 or screen of ours that was stopped is continued meanwhile.

        Raises
        ------
        NoAnswer, ScriptFailed, OSError
            As `~mtvd.stage.talk.channel.Channel.run`.
        """
        if self.channel is None:
            raise NoAnswer("the window was let go of")
        return await self.channel.run(script, deadline_secs=deadline_secs)

    def _continue(self) -> None:
        if self.window.attached:
            return
        for process in filter(None, (self.process, self.screen)):
            if process.stopped:
                process.signal(signal.SIGCONT)

    async def end_of(self, reason: str) -> str:
        """Return why the window is gone, with the last words of whoever went; ``reason`` where it still lives."""
        with anyio.move_on_after(_DYING_SECS):
            await self.wait_for_end()
            # a virtual screen ends with its last client, and can be gone before the DS9 that is dying is
            await self.process.wait_for_end()
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
        else:
            await (self.process.end() if kindly else self.process.kill())
        self.let_go()
        await windows.discard(self.window)

    def let_go(self) -> None:
        """Leave the window to a later daemon."""
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.close()
        for process in filter(None, (self.process, self.screen)):
            process.close()

    async def _release(self) -> None:
        """Undo every hook of the agent, as far as DS9 listens."""
        if self.channel is None or not self.process.alive or self.process.stopped:
            return
        with suppress(NoAnswer, ScriptFailed), anyio.move_on_after(_RELEASE_SECS):
            # when it is idle: the answer itself goes through one of the hooks
            await self.channel.run(b"after idle ::mtv::release\n", deadline_secs=_RELEASE_SECS)
            await self.channel.await_end(deadline_secs=_RELEASE_SECS)


async def _cancel_when_ended(process: Owned, scope: anyio.CancelScope) -> None:
    await process.wait_for_end()
    scope.cancel()


def _with(reason: str, words: str) -> str:
    return f"{reason} ({words})" if words else reason
