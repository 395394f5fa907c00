"""DS9 as a stage: what `mtvd.stage.port.Stage` asks for, put together from supervisor, channel, script and layers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskStatus

from mtv.wire.messages import Event
from mtv.wire.reports import WindowState
from mtvd.host.pixelstore import PixelStore
from mtvd.host.system import translate_refusals
from mtvd.scene import actions
from mtvd.stage.masks import ZoomedMasks
from mtvd.stage.paint.estimate import batch_secs
from mtvd.stage.paint.layers import LayerFiles, needs_file
from mtvd.stage.paint.listed import LISTED_SYSTEMS, no_sky
from mtvd.stage.paint.script import Preparations, quote, script
from mtvd.stage.port import Batch, PieceBox, PiecePlan, Pieces, SectionResult, UserMoved, WindowLost, WindowUnavailable
from mtvd.stage.settings import StageSettings
from mtvd.stage.talk.answer import Answer, read_answer
from mtvd.stage.talk.channel import NoAnswer, ScriptFailed
from mtvd.stage.talk.large import read_pieces, read_plan
from mtvd.stage.talk.listening import Listening
from mtvd.stage.window import process as windows
from mtvd.stage.window.room import make_room
from mtvd.stage.window.supervisor import Supervisor

_LOG = logging.getLogger(__name__)
_SNAPSHOT_SECS: Final = 60.0
_THREAD_MARKERS: Final = 2_000
_HELD: Final = "held"  # result of ``::mtv::hold`` where DS9 is held


class Ds9Stage:
    """One DS9 window.

    Parameters
    ----------
    settings : `~mtvd.stage.settings.StageSettings`
        Read once.
    pixels : `~mtvd.host.pixelstore.PixelStore`
        Where images and masks lie; the colour layers of masks are made there.
    directory : `~pathlib.Path`
        For the stage's own files, mode 0700; made where it does not exist. Its path must be short, for sockets.
    on_change : callable, optional
        Called with the new state whenever it changes; must not block.
    on_event : callable, optional
        Called with each `~mtv.wire.messages.Event` of the window; must not block.

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
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> None:
        if not windows.PLAIN_PATH.fullmatch(str(pixels.directory)):
            raise ValueError(f"{pixels.directory}: DS9 needs a path of letters, digits and . _ / + - only")
        self._settings = settings
        self._pixels = pixels
        self._layers = LayerFiles(pixels)
        self._prepared: Preparations = {}
        self._on_change = on_change
        self._on_event = on_event
        self._drawing = anyio.Lock(fast_acquire=True)
        self._masks = ZoomedMasks(self._layers, self._drawing, self._ask)
        self.listening = Listening(on_event, self._masks.look)
        self.supervisor = Supervisor(
            settings,
            directory,
            on_change=self._tell_change,
            on_open=lambda window: self.listening.attach(window.events),
            on_gone=self._layers.clear,
        )

    def _tell_change(self, state: WindowState) -> None:
        if self._on_change is not None:
            self._on_change(state)
        if state.state in {"ready", "lost"}:  # of the user's closing it the window tells itself
            action = "lost" if state.state == "lost" else "open"
            self._on_event(Event(kind="window", action=action, reason=state.reason))

    @property
    def state(self) -> WindowState:
        """State for status and Welcome."""
        return self.supervisor.state

    @property
    def colormaps(self) -> tuple[str, ...]:
        """Names of the window's colour maps; empty where there is no window, or it does not say them."""
        held = self.supervisor.held
        return held.window.colormaps if held else ()

    @property
    def environment(self) -> dict[str, str]:
        """Variables for X clients of the window's screen; empty where there is no window."""
        held = self.supervisor.held
        return held.window.screen.environment() if held else {}

    def offer_display(self, x_display: str, xauthority: str) -> None:
        """Tell of an X display of the same user that may be used where the daemon itself has none."""
        self.supervisor.offer_display(x_display, xauthority)

    async def serve(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch the window until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._masks.follow)
            await self.supervisor.serve(task_status=task_status)
            group.cancel_scope.cancel()

    async def ensure(self) -> int:
        """Open the window unless it is open, and return its generation.

        Raises
        ------
        WindowUnavailable
            With the reason and what would help.
        """
        return await self.supervisor.ensure()

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Draw a batch: one script, one round trip; the redraw is owed, unless the batch asks for it.

        Raises
        ------
        WindowLost
            The window is gone, or was put down because it hung or answered nonsense.
        """
        async with self._drawing:
            return await self._run(batch)

    async def _run(self, batch: Batch) -> tuple[SectionResult, ...]:
        deadline = self._settings.command_deadline_secs + 5 * batch_secs(batch)
        await make_room(self.supervisor, batch, lambda text: self._command(text, deadline), self._hold)
        text = await self._script(batch)
        if self._layers.writes:
            text = await self._write_while_held(batch)
        answer = await self._converse(text, deadline)
        if answer.differences:
            raise UserMoved(answer.differences)
        if answer.token != (batch.epoch, batch.number):
            await self.supervisor.lose(f"DS9 did not store the token of the batch, but {answer.token}")
        results = answer.results(batch)
        self._layers.settle(batch, results)
        if answer.views:
            self._masks.tell(answer.views)
        for trouble in answer.troubles:
            _LOG.warning("%s", trouble)
        return results

    async def adopt(self) -> tuple[str, int] | None:
        """Adopt the window that an earlier daemon left and return the token it holds; None where there is none.

        Raises
        ------
        WindowLost
            It does not answer, or the system does not let us ask; then `ensure` looks for it again.
        """
        try:
            await self.supervisor.recall()
        except WindowUnavailable as unavailable:
            raise WindowLost(str(unavailable)) from None
        if self.supervisor.held is None:
            return None
        answer = await self._converse(b"", self._settings.command_deadline_secs)
        self._masks.look()
        return answer.token if answer.token[0] else None

    async def sync(self) -> None:
        """Return when all that was drawn is on the screen; at once where there is no window.

        Raises
        ------
        WindowLost
            As `run`.
        """
        await self._masks.suit()
        if self.supervisor.held is not None:
            await self._converse(b"::mtv::sync\n", self._settings.command_deadline_secs + _SNAPSHOT_SECS)

    async def await_redraw(self) -> None:
        """Return when what batches have drawn is on the screen; the next batch may be prepared meanwhile.

        Raises
        ------
        WindowLost
            As `run`.
        """
        await self._converse(b"::mtv::redraw\n", self._settings.command_deadline_secs + _SNAPSHOT_SECS)

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        """Return a PNG or JPEG of the image area; ``frame`` is brought to the front first unless None.

        Raises
        ------
        WindowUnavailable
            The window cannot be opened, or cannot be seen.
        WindowLost
            As `run`.
        DaemonError
            The picture cannot be read from the disk.
        """
        async with self._written_by_window(f"snapshot.{image_format}", "picture", "take") as path:
            await self._masks.suit()
            taken = _photographing(frame, f"::mtv::snapshot {quote(str(path))} {quote(image_format)}")
            await self._command(taken, self._look_deadline_secs)
            return await anyio.Path(path).read_bytes()

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        """Return the regions of a frame as DS9 lists them, and change nothing of them; see the port.

        Raises
        ------
        RequestError
            ``unsupported`` for the sky of an image that has none.
        WindowUnavailable, WindowLost
            As `run`.
        DaemonError
            The list cannot be read from the disk.
        """
        async with self._written_by_window("regions.reg", "list of regions", "make") as path:
            if frame is None:
                return ""
            words = f"{frame} {quote(str(path))} {quote(LISTED_SYSTEMS[system])} {int(ours)}"
            if await self._command(f"::mtv::list_regions {words}\n".encode(), self._look_deadline_secs) == "no sky":
                raise no_sky("the image has no WCS, so that its regions have no place on the sky")
            return await anyio.Path(path).read_text("utf-8", "replace")

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        """Bring a frame to the front and return the pieces that a picture of it in another size needs; see the port.

        Raises
        ------
        WindowUnavailable, WindowLost, DaemonError
            As `pieces`.
        """
        async with self._written_by_window("look", "picture", "take") as path, self._masks.suiting(frame, size):
            look = _photographing(frame, f"::mtv::picture_look Frame{frame} {size[0]} {size[1]} {quote(str(path))}")
            told = await self._command(look, self._look_deadline_secs)
            return await anyio.to_thread.run_sync(read_plan, told, path, size)

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        """Bring a frame to the front and return pieces of a picture of it in another size; see the port.

        Raises
        ------
        WindowUnavailable
            The window cannot be opened, or cannot be seen.
        WindowLost
            As `run`.
        DaemonError
            The pieces cannot be read from the disk.
        """
        words = f"Frame{frame} {size[0]} {size[1]} {{{' '.join(str(n) for box in boxes for n in box)}}} {most_ms}"
        async with self._written_by_window("pieces", "picture", "take") as path, self._masks.suiting(frame, size):
            take = _photographing(frame, f"::mtv::picture_pieces {words} {quote(str(path))}")
            told = await self._command(take, self._look_deadline_secs)
            taken = await anyio.to_thread.run_sync(read_pieces, told, path, boxes)
        if self._layers.misfits() and len(taken.pixels) == len(boxes):
            self._masks.look()  # between pieces the mask stays as the picture needs it
        return taken

    @property
    def _look_deadline_secs(self) -> float:
        return self._settings.command_deadline_secs + _SNAPSHOT_SECS

    @contextlib.asynccontextmanager
    async def _written_by_window(self, name: str, what: str, verb: str) -> AsyncIterator[Path]:
        """Have a window, and a file for it to write, until a body has read it; failures are told as the port says."""
        await self.ensure()
        assert self.supervisor.held is not None
        path = Path(self.supervisor.held.window.directory) / name
        try:
            with translate_refusals(f"the {what} cannot be read"):
                yield path
        except ScriptFailed as error:
            raise WindowUnavailable(f"DS9 could not {verb} the {what}: {error}") from None
        finally:
            with suppress(OSError):  # the next one takes its place, and it goes with the window
                path.unlink(missing_ok=True)

    async def close(self, *, keep_window: bool) -> None:
        """Let go of the window: closed in order, or left for the next daemon."""
        await self.supervisor.close(keep_window=keep_window)

    async def _script(self, batch: Batch) -> bytes:
        """Write the batch's files and script; in a worker thread where that takes long."""
        steps = [action for section in batch.sections for action in section.actions]
        zooms = self._layers.masked and any(isinstance(action, actions.SetZoom) for action in steps)
        files = zooms or any(needs_file(action) for action in steps)
        masks = zooms or any(isinstance(action, actions.LoadMask) for action in steps)
        streams = any(isinstance(action, actions.LoadImage) and action.alike for action in steps)
        markers = sum(action.markers.count for action in steps if isinstance(action, actions.AddMarkers))

        def write() -> bytes:
            self._prepared = self._layers.prepare(batch) if files else {}
            return self._text(batch, self._prepared)

        if masks or streams or markers > _THREAD_MARKERS:
            return await anyio.to_thread.run_sync(write)
        return write()

    def _text(self, batch: Batch, prepared: Preparations) -> bytes:
        return script(batch, str(self._pixels.directory), prepared).encode()

    async def _hold(self, batch: Batch) -> None:
        """Have DS9 draw nothing; raises `UserMoved` where the batch heeds what the user has done."""
        deadline = self._settings.command_deadline_secs + 5 * batch_secs(batch)
        told = await self._command(f"::mtv::hold {int(batch.heeds)}\n".encode(), deadline)
        if told != _HELD:
            raise UserMoved(read_answer(told).differences)

    async def _write_while_held(self, batch: Batch) -> bytes:
        """Have DS9 draw nothing while what it has mapped is written over; return the script that follows."""
        await self._hold(batch)
        refused = await anyio.to_thread.run_sync(self._layers.carry_out)
        return self._text(msgspec.structs.replace(batch, heeds=False), {**self._prepared, **refused})

    async def _converse(self, script: bytes, deadline_secs: float) -> Answer:
        """Run a script and return what the agent tells; the window is put down where it does not."""
        try:
            return read_answer(await self._command(script + b"::mtv::answer\n", deadline_secs))
        except (ScriptFailed, ValueError) as error:
            await self.supervisor.lose(str(error))

    async def _ask(self, script: bytes) -> str | None:
        """Run a script where there is a window."""
        if self.supervisor.held is None:
            return None
        return await self._command(script, self._settings.command_deadline_secs)

    async def _command(self, script: bytes, deadline_secs: float) -> str:
        """Run a script; a DS9 that does not answer is put down."""
        held = self.supervisor.held
        if held is None:
            raise WindowLost(self.state.reason or "there is no window")
        try:
            return await held.run(script, deadline_secs=deadline_secs)
        except NoAnswer as silence:
            await self.supervisor.lose(str(silence))
        except OSError as error:
            raise WindowUnavailable(f"the script cannot be written: {error.strerror or error}") from error


def _photographing(frame: int | None, command: str) -> bytes:
    """Return a script that takes a picture, with a frame in front unless it is None."""
    return f"::mtv::photographed {{{'' if frame is None else frame}}} {command}\n".encode()
