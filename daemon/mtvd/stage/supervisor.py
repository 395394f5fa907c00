"""The supervisor: opens the window, watches it, brings it back, puts it down, and says in what state it is and why.

States: ``absent`` (not asked for yet, or closed by the user), ``starting``, ``ready``, ``lost`` (it crashed or hung),
``failed`` (it cannot be opened). Only `Supervisor.ensure` opens a window. `Supervisor.serve`, a task of the
application, notices a window that ends while nothing is drawn. Knows nothing of what is drawn.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import anyio
import msgspec
from anyio.abc import TaskStatus

from mtv.wire.messages import WindowState
from mtvd.children import Child, ChildError, ChildLost
from mtvd.stage import process as windows
from mtvd.stage.lane import ENVIRONMENT
from mtvd.stage.owned import Owned
from mtvd.stage.port import WindowLost, WindowUnavailable
from mtvd.stage.screen import Screen, end_virtual, existing, last_words, start_virtual
from mtvd.stage.settings import StageSettings

_CLOSED: Final = "the user closed the window; the next display request opens it again"


class Supervisor:
    """Holds the DS9 process and the lane to it.

    Parameters
    ----------
    settings : `~mtvd.stage.settings.StageSettings`
        Read once.
    directory : `~pathlib.Path`
        For the stage's own files, mode 0700; made where it does not exist. Its path must be short, for sockets.
    on_change : callable, optional
        Called with the new state whenever it changes; must not block.
    on_gone : callable, optional
        Called when a window has been put down; must not block.

    Attributes
    ----------
    window : `~mtvd.stage.process.Window` or None
        The window that is open.
    process : `~mtvd.stage.owned.Owned` or None
        Its process.
    lane : `~mtvd.children.Child` or None
        The way to it.
    """

    def __init__(
        self,
        settings: StageSettings,
        directory: Path,
        *,
        on_change: Callable[[WindowState], None] | None = None,
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.window: windows.Window | None = None
        self.process: Owned | None = None
        self.lane: Child | None = None
        self._settings = settings
        self._directory = directory
        self._on_change = on_change
        self._on_gone = on_gone
        self._state = WindowState()
        self._offered: tuple[str, str] | None = None
        self._generation = 0
        self._failures = 0
        self._recalled = False
        self._opening = anyio.Lock()
        self._opened = anyio.Event()

    @property
    def state(self) -> WindowState:
        """State for status and Welcome."""
        return self._state

    def offer_display(self, x_display: str, xauthority: str) -> None:
        """Tell of an X display of the same user that may be used where the daemon itself has none."""
        if x_display:
            self._offered = (x_display, xauthority)

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch the window until cancelled."""
        task_status.started()
        while True:
            process = self.process
            if process is None:
                self._opened = anyio.Event()
                await self._opened.wait()
                continue
            await process.ended()
            async with self._opening:
                if self.process is process:
                    await self._put_down("DS9 ended by itself")

    async def ensure(self) -> int:
        """Open the window unless it is open, and return its generation.

        Raises
        ------
        WindowUnavailable
            With the reason and what would help.
        """
        async with self._opening:
            if self.process is not None and not self.process.alive:
                await self._put_down("DS9 ended by itself")
            if self.process is None:
                await self._recall()
            if self.process is None:
                await self._open()
            elif self.lane is None or not self.lane.alive:
                await self._reconnect()
            return self._generation

    async def recall(self) -> None:
        """Adopt the window that an earlier daemon left, if any."""
        async with self._opening:
            await self._recall()

    def worked(self) -> None:
        """Tell that the window has drawn."""
        self._failures = 0

    async def lose(self, reason: str) -> NoReturn:
        """Put the window down and tell the caller.

        Raises
        ------
        WindowLost
            Always.
        """
        async with self._opening:
            await self._put_down(reason)
        raise WindowLost(self._state.reason)

    async def close(self, *, keep_window: bool) -> None:
        """Let go of the window: closed in order, or left for the next daemon."""
        async with self._opening:
            if keep_window and self.process is not None:
                await self._let_go()
                self._become("absent", "left open for the next daemon")
            elif self.process is not None:
                await self._end("", "absent")

    # Opening

    async def _recall(self) -> None:
        """Adopt what an earlier daemon left, once."""
        if self._recalled:
            return
        self._recalled = True
        screen = windows.stale_screen(self._directory)
        found = windows.recall(self._directory)
        if found is None:
            if screen is not None:
                await end_virtual(screen)
            return
        self.window, self.process = found
        if self.process.stopped:
            self.process.signal(signal.SIGCONT)
        try:
            await self._connect(await self._start_lane(self.window.xpa_directory), self.window)
        except (ChildError, ChildLost) as error:
            await self._put_down(f"the window of the daemon before did not answer: {error}")
            return
        self._is_open()

    async def _open(self) -> None:
        self._become("starting", "")
        pause = self._pause_secs()
        self._failures += 1
        await anyio.sleep(pause)
        directory = windows.new_directory(self._directory)
        screen: Screen | None = None
        try:
            screen = existing(self._settings, self._offered) or await start_virtual(self._settings, directory)
            lane = await self._start_lane(str(directory / "xpa"))
            self.window = await windows.launch(self._settings, self._directory, screen, directory)
            self.process = Owned(self.window.pid, self.window.started)
            windows.remember(self._directory, self.window)
            await self._connect(lane, self.window)
        except (WindowUnavailable, ChildError, ChildLost, OSError) as error:
            await self._abandon(directory, screen)
            self._become("failed", str(error))
            raise WindowUnavailable(str(error)) from error
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._abandon(directory, screen)
            raise
        self._is_open()

    async def _abandon(self, directory: Path, screen: Screen | None) -> None:
        """Clear away a window that did not open."""
        if self.process is not None:
            await self._end("", "failed")
            return
        await self._kill_lane()
        if screen is not None:
            await end_virtual(screen)
        windows.remove_directory(directory)

    async def _start_lane(self, xpa_directory: str) -> Child:
        environment = dict(os.environ) | ENVIRONMENT | {"XPA_TMPDIR": xpa_directory}
        log = self._directory / "lane.log"
        self.lane = await Child.start("mtvd.stage.lane", log=log, env=environment)
        return self.lane

    async def _connect(self, lane: Child, window: windows.Window) -> None:
        await lane.call("connect", {"socket": window.socket}, deadline_secs=self._settings.start_deadline_secs)

    async def _reconnect(self) -> None:
        assert self.window is not None
        try:
            await self._connect(await self._start_lane(self.window.xpa_directory), self.window)
        except (ChildError, ChildLost) as error:
            await self._put_down(f"DS9 does not answer: {error}")
            raise WindowUnavailable(f"DS9 does not answer: {error}") from None

    def _is_open(self) -> None:
        self._generation += 1
        self._become("ready", "")
        self._opened.set()

    def _pause_secs(self) -> float:
        """Two restarts at once, then pauses that double."""
        return min(0.5 * 2 ** (self._failures - 3), self._settings.backoff_max_secs) if self._failures > 2 else 0.0

    # Ending

    async def _put_down(self, reason: str) -> None:
        """End a window that is of no use, or gone, and say which."""
        if self.process is None or self.window is None:
            return
        if self.window.closed_mark.exists():
            self._failures = 0
            await self._end(_CLOSED, "absent")
            return
        words = last_words(self.window.log)
        await self._end(f"{reason} ({words})" if words else reason, "lost")

    async def _end(self, reason: str, state: str) -> None:
        with anyio.CancelScope(shield=True):
            process, window = self.process, self.window
            self.process = self.window = None
            await self._kill_lane()
            if process is not None:
                await (process.end() if state == "absent" else process.kill())
                process.close()
            if window is not None:
                await windows.discard(window)
            windows.forget(self._directory)
            self._on_gone()
        self._become(state, reason)

    async def _let_go(self) -> None:
        await self._kill_lane()
        if self.process is not None:
            self.process.close()
        self.process = self.window = None

    async def _kill_lane(self) -> None:
        lane, self.lane = self.lane, None
        if lane is not None:
            await lane.kill()

    def _become(self, state: Any, reason: str) -> None:
        window = self.window
        self._state = msgspec.structs.replace(
            self._state,
            state=state,
            reason=reason,
            title=window.title if window else "",
            pid=window.pid if window else 0,
            x_display=window.screen.x_display if window else "",
            headless=window.screen.headless if window else False,
            restarts=max(self._generation - 1, 0),
        )
        if self._on_change is not None:
            self._on_change(self._state)
