"""DS9 as a stage: what `mtvd.stage.port.Stage` asks for, put together from process, lane, script and layers.

States: ``absent`` (not asked for yet, or closed by the user), ``starting``, ``ready``, ``lost`` (it crashed or hung),
``failed`` (it cannot be opened). Only `ensure` opens a window. `serve`, a task of the application, notices a
window that ends while nothing is drawn.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus

from mtv.wire.messages import WindowState
from mtvd import actions
from mtvd.children import Child, ChildError, ChildLost
from mtvd.pixelstore import PixelStore
from mtvd.stage import process as windows
from mtvd.stage.answer import Answer, read_answer
from mtvd.stage.estimate import batch_secs
from mtvd.stage.lane import ENVIRONMENT
from mtvd.stage.layers import LayerFiles, needs_file
from mtvd.stage.owned import Owned
from mtvd.stage.port import Batch, SectionResult, WindowLost, WindowUnavailable
from mtvd.stage.screen import Screen, end_virtual, existing, last_words, start_virtual
from mtvd.stage.script import Prepared, quote, script
from mtvd.stage.settings import StageSettings

_NUDGE_SECS: Final = 0.25
_SNAPSHOT_SECS: Final = 60.0
_THREAD_MARKERS: Final = 2_000
_CLOSED: Final = "the user closed the window; the next display request opens it again"


class Ds9Stage:
    """One DS9 window.

    Parameters
    ----------
    settings : `~mtvd.stage.settings.StageSettings`
        Read once.
    pixels : `~mtvd.pixelstore.PixelStore`
        Where images and masks lie; the colour layers of masks are made there.
    directory : `~pathlib.Path`
        For the stage's own files, mode 0700; made where it does not exist. Its path must be short, for sockets.
    on_change : callable, optional
        Called with the new state whenever it changes; must not block.

    Raises
    ------
    ValueError
        The pixel directory's path has characters that DS9 would misread.
    """

    def __init__(
        self,
        settings: StageSettings,
        pixels: PixelStore,
        directory: Path,
        *,
        on_change: Callable[[WindowState], None] | None = None,
    ) -> None:
        if not windows.PLAIN_PATH.fullmatch(str(pixels.directory)):
            raise ValueError(f"{pixels.directory}: DS9 needs a path of letters, digits and . _ / + - only")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings = settings
        self._directory = directory
        self._pixels = pixels
        self._on_change = on_change
        self._layers = LayerFiles(pixels)
        self._state = WindowState()
        self._offered: tuple[str, str] | None = None
        self._window: windows.Window | None = None
        self._process: Owned | None = None
        self._lane: Child | None = None
        self._generation = 0
        self._failures = 0
        self._recalled = False
        self._opening = anyio.Lock()
        self._opened = anyio.Event()

    @property
    def state(self) -> WindowState:
        """State for status and Welcome."""
        return self._state

    @property
    def environment(self) -> dict[str, str]:
        """Variables for X clients of the window's screen; empty where there is no window."""
        return self._window.screen.environment() if self._window else {}

    def offer_display(self, x_display: str, xauthority: str) -> None:
        """Tell of an X display of the same user that may be used where the daemon itself has none."""
        if x_display:
            self._offered = (x_display, xauthority)

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch the window until cancelled."""
        task_status.started()
        while True:
            process = self._process
            if process is None:
                self._opened = anyio.Event()
                await self._opened.wait()
                continue
            await process.ended()
            async with self._opening:
                if self._process is process:
                    await self._put_down("DS9 ended by itself")

    async def ensure(self) -> int:
        """Open the window unless it is open, and return its generation.

        Raises
        ------
        WindowUnavailable
            With the reason and what would help.
        """
        async with self._opening:
            if self._process is not None and not self._process.alive:
                await self._put_down("DS9 ended by itself")
            if self._process is None:
                await self._recall()
            if self._process is None:
                await self._open()
            elif self._lane is None or not self._lane.alive:
                await self._reconnect()
            return self._generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Draw a batch: one script, one round trip, the redraw owed and not awaited.

        Raises
        ------
        WindowLost
            The window is gone, or was put down because it hung or answered nonsense.
        """
        text = await self._script(batch)
        deadline = self._settings.command_deadline_secs + 5 * batch_secs(batch)
        answer = await self._converse(text, deadline)
        if answer.token != (batch.epoch, batch.number):
            await self._lose(f"DS9 did not store the token of the batch, but {answer.token}")
        results = answer.results(batch)
        self._layers.settle(batch, results)
        self._failures = 0
        return results

    async def committed(self) -> tuple[str, int] | None:
        """Adopt the window that an earlier daemon left and return the token it holds; None where there is none."""
        async with self._opening:
            await self._recall()
        if self._process is None:
            return None
        answer = await self._converse("", self._settings.command_deadline_secs)
        return answer.token if answer.token[0] else None

    async def sync(self) -> None:
        """Return when all that was drawn is on the screen; at once where there is no window.

        Raises
        ------
        WindowLost
            As `run`.
        """
        if self._process is not None:
            await self._converse("::mtv::redraw\n", self._settings.command_deadline_secs + _SNAPSHOT_SECS)

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        """Return a PNG or JPEG of the image area; ``frame`` is brought to the front first unless None.

        Raises
        ------
        WindowUnavailable
            The window cannot be opened, or cannot be seen.
        WindowLost
            As `run`.
        """
        await self.ensure()
        assert self._window is not None
        path = Path(self._window.directory) / f"snapshot.{image_format}"
        deadline = self._settings.command_deadline_secs + _SNAPSHOT_SECS
        raised = "" if frame is None else f"if {{[catch {{::mtv::do::raise {frame}}} r]}} {{::mtv::quiet; error $r}}\n"
        try:
            await self._command(f"{raised}::mtv::snapshot {quote(str(path))} {quote(image_format)}\n", deadline)
            return await anyio.Path(path).read_bytes()
        except ChildError as error:
            raise WindowUnavailable(f"DS9 could not take the picture: {error}") from None
        finally:
            path.unlink(missing_ok=True)

    async def close(self, *, keep_window: bool) -> None:
        """Let go of the window: closed in order, or left for the next daemon."""
        async with self._opening:
            if keep_window and self._process is not None:
                await self._let_go()
                self._become("absent", "left open for the next daemon")
            elif self._process is not None:
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
        self._window, self._process = found
        if self._process.stopped:
            self._process.signal(signal.SIGCONT)
        try:
            await self._connect(await self._start_lane(self._window.xpa_directory), self._window)
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
            self._window = await windows.launch(self._settings, self._directory, screen, directory)
            self._process = Owned(self._window.pid, self._window.started)
            windows.remember(self._directory, self._window)
            await self._connect(lane, self._window)
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
        if self._process is not None:
            await self._end("", "failed")
            return
        await self._kill_lane()
        if screen is not None:
            await end_virtual(screen)
        windows.remove_directory(directory)

    async def _start_lane(self, xpa_directory: str) -> Child:
        environment = dict(os.environ) | ENVIRONMENT | {"XPA_TMPDIR": xpa_directory}
        log = self._directory / "lane.log"
        self._lane = await Child.start("mtvd.stage.lane", log=log, env=environment)
        return self._lane

    async def _connect(self, lane: Child, window: windows.Window) -> None:
        await lane.call("connect", {"socket": window.socket}, deadline_secs=self._settings.start_deadline_secs)

    async def _reconnect(self) -> None:
        assert self._window is not None
        try:
            await self._connect(await self._start_lane(self._window.xpa_directory), self._window)
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

    # Talking

    async def _script(self, batch: Batch) -> bytes:
        """Write the batch's files and script; in a worker thread where that takes long."""
        steps = [action for section in batch.sections for action in section.actions]
        files = any(needs_file(action) for action in steps)
        markers = sum(action.markers.count for action in steps if isinstance(action, actions.AddMarkers))

        def write() -> bytes:
            prepared: dict[tuple[int, int], Prepared] = self._layers.prepare(batch) if files else {}
            return script(batch, str(self._pixels.directory), prepared).encode()

        if files or markers > _THREAD_MARKERS:
            return await anyio.to_thread.run_sync(write)
        return write()

    async def _converse(self, text: str | bytes, deadline_secs: float) -> Answer:
        """Run a script and return what the agent tells; the window is put down where it does not."""
        try:
            return read_answer(await self._command(text, deadline_secs, read_back=True))
        except (ChildError, ValueError) as error:
            await self._lose(str(error))
            raise

    async def _command(self, text: str | bytes, deadline_secs: float, *, read_back: bool = False) -> str:
        """Run a script; a stopped DS9 is continued, a hung one put down."""
        if self._process is None or self._lane is None or not self._lane.alive:
            raise WindowLost(self._state.reason or "there is no window")
        params = {"script": text.encode() if isinstance(text, str) else text, "read_back": read_back}
        answer: Any = None
        failure: ChildError | ChildLost | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._nudge, self._process)
            try:
                answer = await self._lane.call("run", params, deadline_secs=deadline_secs)
            except (ChildError, ChildLost) as error:
                failure = error
            finally:
                group.cancel_scope.cancel()
        if isinstance(failure, ChildLost):
            await self._lose(str(failure))
        if failure is not None:
            raise failure
        return str(answer)

    async def _nudge(self, process: Owned) -> None:
        """Continue a DS9 that somebody stopped while it is asked something."""
        while True:
            await anyio.sleep(_NUDGE_SECS)
            if process.stopped:
                process.signal(signal.SIGCONT)

    # Ending

    async def _lose(self, reason: str) -> None:
        """Put the window down and tell the caller."""
        async with self._opening:
            await self._put_down(reason)
        raise WindowLost(self._state.reason)

    async def _put_down(self, reason: str) -> None:
        """End a window that is of no use, or gone, and say which."""
        if self._process is None or self._window is None:
            return
        if self._window.closed_mark.exists():
            self._failures = 0
            await self._end(_CLOSED, "absent")
            return
        words = last_words(self._window.log)
        await self._end(f"{reason} ({words})" if words else reason, "lost")

    async def _end(self, reason: str, state: str) -> None:
        with anyio.CancelScope(shield=True):
            process, window = self._process, self._window
            self._process = self._window = None
            await self._kill_lane()
            if process is not None:
                await (process.end() if state == "absent" else process.kill())
                process.close()
            if window is not None:
                await windows.discard(window)
            windows.forget(self._directory)
            self._layers.clear()
        self._become(state, reason)

    async def _let_go(self) -> None:
        await self._kill_lane()
        if self._process is not None:
            self._process.close()
        self._process = self._window = None

    async def _kill_lane(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.kill()

    def _become(self, state: Any, reason: str) -> None:
        window = self._window
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
