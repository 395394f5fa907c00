"""The supervisor: opens the window, watches it, brings it back, puts it down, and says in what state it is and why.

States: ``absent`` (not asked for yet, closed by the user, or, where we draw in a DS9 of the user's, gone),
``starting``, ``ready``, ``lost`` (it crashed or hung), ``failed`` (it cannot be opened). Only `Supervisor.ensure` opens
a window. `Supervisor.serve`, a task of the application, notices a window or a virtual screen that ends while nothing is
drawn. Knows nothing of what is drawn.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import anyio
import msgspec
from anyio.abc import TaskStatus

from mtv.wire.reports import WindowState
from mtvd.host.children import Child, ChildNotStarted
from mtvd.stage.port import WindowLost, WindowUnavailable
from mtvd.stage.settings import StageSettings
from mtvd.stage.talk.channel import NoAnswer, NoChannel, ScriptFailed
from mtvd.stage.window import attaching
from mtvd.stage.window import process as windows
from mtvd.stage.window.backoff import Backoff
from mtvd.stage.window.held import Held
from mtvd.stage.window.screen import Screen, end_virtual, existing, start_virtual

_LOG = logging.getLogger(__name__)
_CLOSED: Final = "the user closed the window; the next display request opens it again"
_NEXT: Final = "the next display request looks for it again"
_MUTE: Final = (NoAnswer, NoChannel, ScriptFailed)
"""Errors of a window that runs and does not answer us."""


class Supervisor:
    """Keeps one window alive.

    Parameters
    ----------
    settings : `~mtvd.stage.settings.StageSettings`
        Read once.
    directory : `~pathlib.Path`
        For the stage's own files, mode 0700; made where it does not exist. Its path must be short, for sockets.
    on_change : callable, optional
        Called with the new state whenever it changes; must not block.
    on_open : callable, optional
        Called with each window that opens or is adopted; must not block.
    on_gone : callable, optional
        Called when nothing is left of what a window showed; must not block.

    Attributes
    ----------
    held : `~mtvd.stage.window.held.Held` or None
        The window that is open.
    """

    def __init__(
        self,
        settings: StageSettings,
        directory: Path,
        *,
        on_change: Callable[[WindowState], None] | None = None,
        on_open: Callable[[windows.Window], None] = lambda _: None,
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.held: Held | None = None
        self._settings = settings
        self._directory = directory
        self._on_change = on_change
        self._on_open = on_open
        self._on_gone = on_gone
        self._state = WindowState()
        self._offered: tuple[str, str] | None = None
        self._generation = 0
        self._backoff = Backoff(stable_secs=settings.stable_secs, max_secs=settings.backoff_max_secs)
        self._last_loss = ""
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
            held = self.held
            if held is None:
                self._opened = anyio.Event()
                await self._opened.wait()
                continue
            await held.wait_for_end()
            async with self._opening:
                if self.held is held:
                    await self._put_down("")

    async def ensure(self) -> int:
        """Open the window unless it is open, and return its generation.

        Raises
        ------
        WindowUnavailable
            With the reason and what would help.
        """
        async with self._opening:
            with self._refusals():
                if self.held is not None and not self.held.alive:
                    await self._put_down("")
                if self.held is None:
                    await self._recall()
                if self.held is None:
                    await self._open()
                elif self.held.window.attached and self.held.process.stopped:
                    raise attaching.stopped_error(self.held.window.title, self.held.window.pid)
            return self._generation

    async def recall(self) -> None:
        """Adopt the window that an earlier daemon left, if any.

        Raises
        ------
        WindowUnavailable
            The system does not let us; it is tried again by `ensure`.
        """
        async with self._opening:
            with self._refusals():
                await self._recall()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what the system refuses into a window that is not there now: a window that lives is left alone."""
        try:
            yield
        except (OSError, ChildNotStarted) as error:
            reason = _words(error)
            if self.held is None:
                self._last_loss = reason
                self._become("failed", reason)
            raise WindowUnavailable(reason) from error

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

    async def change_screen(self, size_px: tuple[int, int]) -> NoReturn:
        """Put the window down, so that the next one opens on a virtual screen of this size, and tell the caller.

        Raises
        ------
        WindowLost
            Always.
        """
        self._settings = msgspec.structs.replace(self._settings, screen="{}x{}".format(*size_px))
        async with self._opening:
            await self._put_down("it opens again on a larger virtual screen")
            self._backoff.reset()
        raise WindowLost(self._state.reason)

    async def close(self, *, keep_window: bool) -> None:
        """Let go of the window: closed in order, or left for the next daemon; one of the user's stays as it is."""
        async with self._opening:
            if self.held is None:
                return
            if keep_window and not self.held.window.attached:
                held, self.held = self.held, None
                held.let_go()
                self._become("absent", "left open for the next daemon")
            else:
                await self._end("", "absent")

    # Opening

    async def _recall(self) -> None:
        """Adopt what an earlier daemon left, once."""
        if self._recalled:
            return
        left = windows.recall(self._directory)
        try:
            held = None if left is None else Held(left)
        except ProcessLookupError:
            held = None
        self._recalled = True
        if left is None:
            return
        if held is None:
            await self._mourn(left)
            return
        self.held = held
        if not held.alive:
            await self._put_down("")
            return
        greeting = attaching.holder().encode() if left.attached else b""
        try:
            await held.connect(greeting, deadline_secs=self._settings.start_deadline_secs)
        except OSError:
            self.held, self._recalled = None, False
            held.let_go()
            raise
        except _MUTE as error:
            await self._put_down(f"the window of the daemon before did not answer: {error}")
            return
        if not windows.has_our_agent(left):
            await self._put_down("the window has the agent of another release of mtvd")
            return
        if self._settings.attach != (left.title if left.attached else ""):
            await self._end("the daemon before drew in another window", "absent")
            return
        self._is_open()

    async def _mourn(self, left: windows.Window) -> None:
        """Clear away a window that ended while no daemon ran; it comes back unless the user closed it."""
        closed = left.closed_mark.exists()
        await windows.discard(left)
        windows.forget(self._directory)
        if left.attached:
            self._become("absent", f"the DS9 {left.title!r} has ended; {_NEXT}")
        elif closed:
            self._become("absent", _CLOSED)
        elif left.boot == windows.boot():
            self._become("lost", "DS9 ended while no daemon ran")

    async def _open(self) -> None:
        pause_secs = self._backoff.pause_secs()
        waits = f"waits {pause_secs:g} s before the next start: " if pause_secs else ""
        self._become("starting", f"{waits}{self._last_loss}")
        self._backoff.count_start()
        await anyio.sleep(pause_secs)
        try:
            self.held = await (self._attach() if self._settings.attach else self._launch())
        except (WindowUnavailable, ChildNotStarted, OSError, *_MUTE) as error:
            reason = self._last_loss = _words(error)
            self._become("failed", reason)
            raise WindowUnavailable(reason) from error
        try:
            windows.remember(self._directory, self.held.window)
        except OSError as error:
            _LOG.error("a later daemon will not find this window: %s", error)
        self._is_open()

    async def _attach(self) -> Held:
        self._backoff.reset()  # to look for it costs nothing
        return await attaching.attach(
            self._settings.attach,
            self._directory,
            self._start_lane,
            deadline_secs=self._settings.command_deadline_secs,
        )

    async def _launch(self) -> Held:
        directory = windows.new_directory(self._directory)
        screen: Screen | None = None
        held: Held | None = None
        try:
            screen = existing(self._settings, self._offered) or await start_virtual(self._settings, directory)
            held = Held(await windows.launch(self._settings, self._directory, screen, directory))
            await held.connect(deadline_secs=self._settings.start_deadline_secs)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await _abandon(held, screen, directory)
            raise
        return held

    async def _start_lane(self, variables: Mapping[str, str]) -> Child:
        return await Child.start(
            "mtvd.stage.window.lane", log=self._directory / "lane.log", env=os.environ | dict(variables)
        )

    def _is_open(self) -> None:
        self._generation += 1
        self._backoff.note_opening()
        self._become("ready", f"opened again: {self._last_loss}" if self._last_loss else "")
        if self.held is not None:
            self._on_open(self.held.window)
        self._opened.set()

    # Ending

    async def _put_down(self, reason: str) -> None:
        """End a window that is of no use, or gone, and say which."""
        if self.held is None:
            return
        window = self.held.window
        why = await self.held.end_of(reason)
        self._backoff.note_end()
        if window.attached:
            await self._end(f"the DS9 {window.title!r}: {why}; {_NEXT}", "absent")
        elif _was_closed(window):
            self._backoff.reset()
            await self._end(_CLOSED, "absent")
        else:
            await self._end(why, "lost")

    async def _end(self, reason: str, state: str) -> None:
        held, self.held = self.held, None
        with anyio.CancelScope(shield=True):
            try:
                if held is not None:
                    await held.end(kindly=state == "absent")
                windows.forget(self._directory)
            except OSError as error:
                _LOG.error("not all could be cleared away of a window that is gone: %s", error)
            self._on_gone()
        self._become(state, reason)

    def _become(self, state: Any, reason: str) -> None:
        window = self.held.window if self.held else None
        if state in {"absent", "lost"}:
            self._last_loss = reason if state == "lost" else ""
        self._state = msgspec.structs.replace(
            self._state,
            state=state,
            reason=reason,
            title=window.title if window else "",
            pid=window.pid if window else 0,
            x_display=window.screen.x_display if window else "",
            headless=window.screen.headless if window else False,
            attached=window.attached if window else False,
            version=window.version if window else "",
            restarts=max(self._generation - 1, 0),
        )
        if self._on_change is not None:
            self._on_change(self._state)


def _was_closed(window: windows.Window) -> bool:
    """Tell whether the user closed a window; where the system does not say, it is taken for a crash."""
    try:
        return window.closed_mark.exists()
    except OSError:
        return False


def _words(error: Exception) -> str:
    """Return what an error says, without a path."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


async def _abandon(held: Held | None, screen: Screen | None, directory: Path) -> None:
    """Clear away a window that did not open."""
    if held is not None:
        await held.end(kindly=False)
        return
    if screen is not None:
        await end_virtual(screen)
    windows.remove_directory(directory)
