"""A stage without a window, for the tests of other rooms: a simple model of frames, and faults by name.

It obeys the contract of `mtvd.stage.port` and refuses what DS9 refuses: actions on a frame that does not exist. Fault
names are attributes; each fault happens once, then clears itself, so that the next call can be seen to work.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Final, Literal

import anyio
import msgspec
from tests.support.grey_pieces import grey_piece, one_piece

from mtv.wire.reports import WindowState
from mtvd.scene import actions
from mtvd.stage.paint.listed import no_sky
from mtvd.stage.paint.regions import region_text
from mtvd.stage.port import (
    Batch,
    Difference,
    PieceBox,
    PiecePlan,
    Pieces,
    Section,
    SectionResult,
    UserMoved,
    WindowLost,
    WindowUnavailable,
)

PICTURES: Final = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}


class FakeFrame(msgspec.Struct, kw_only=True):
    """What a frame shows."""

    image: actions.ImageLayer | None = None
    mask: actions.LoadMask | None = None
    transparency_percent: float = 0.0
    markers: list[tuple[str, actions.Markers]] = msgspec.field(default_factory=list)
    """Overlay and markers, in the order they were added."""
    user: str = ""
    scale: actions.SetScale | None = None
    colormap: actions.SetColormap | None = None
    zoom: float | None = 1.0
    pan: tuple[float, float] | None = None
    rotation_deg: float = 0.0
    flip: str = "none"
    annotation: actions.Annotate | None = None


class FakeStage:
    """A stage that remembers instead of drawing.

    Parameters
    ----------
    on_change : callable, optional
        As `mtvd.stage.ds9.Ds9Stage` calls it.

    Attributes
    ----------
    batches : `list` [`Batch`]
        All that were drawn, whole or in part.
    frames : `dict` [`int`, `FakeFrame`]
        What the window shows.
    fail_action : callable or None
        Given an action, returns the window's words if it is to be refused, else an empty text. Stays until removed.
    lose_at_run : ``before``, ``after`` or None
        The window dies at the next `run`, before or after the batch took effect.
    hang_at_run : `bool`
        The next `run` never returns; what waits for it must have a deadline.
    differences : tuple of `~mtvd.stage.port.Difference`
        What the next batch that heeds it finds changed by the user.
    lose_at_committed : `bool`
        The window that was left dies, or hangs and is put down, at the next `adopt`.
    unavailable : `str`
        Reason for which `ensure` fails; stays until removed.
    left_token : `tuple` [`str`, `int`] or None
        What `adopt` finds in a window of an earlier daemon.
    colormaps : `tuple` [`str`, ...]
        Names of the colour maps that the window has; empty for one that does not say them.
    size, room : `tuple` [`int`, `int`]
        Width and height of the image area, and the most that the screen has room for.
    """

    def __init__(self, *, on_change: Callable[[WindowState], None] | None = None) -> None:
        self.batches: list[Batch] = []
        self.frames: dict[int, FakeFrame] = {}
        self.front: int | None = None
        self.arrangement: actions.Arrange | None = None
        self.size = (1000, 629)
        self.room = (1280, 900)
        self.token: tuple[str, int] | None = None
        self.syncs = 0
        self.offered: list[tuple[str, str]] = []
        self.fail_action: Callable[[actions.AnyAction], str] | None = None
        self.lose_at_run: Literal["before", "after"] | None = None
        self.hang_at_run = False
        self.lose_at_committed = False
        self.unavailable = ""
        self.differences: tuple[Difference, ...] = ()
        self.left_token: tuple[str, int] | None = None
        self.colormaps: tuple[str, ...] = ("grey", "heat", "viridis")
        self._on_change = on_change
        self._generation = 0
        self._state = WindowState()

    @property
    def state(self) -> WindowState:
        """State for status and Welcome."""
        return self._state

    def offer_display(self, x_display: str, xauthority: str) -> None:
        """Remember the offer."""
        self.offered.append((x_display, xauthority))

    async def ensure(self) -> int:
        """Open the window unless it is open."""
        if self.unavailable:
            self._become("failed", self.unavailable)
            raise WindowUnavailable(self.unavailable)
        if self._state.state != "ready":
            self._generation += 1
            self._become("ready", "")
        return self._generation

    async def run(self, batch: Batch) -> tuple[SectionResult, ...]:
        """Apply a batch to the frames."""
        if self._state.state != "ready":
            raise WindowLost(self._state.reason or "there is no window")
        if self.hang_at_run:
            self.hang_at_run = False
            await anyio.sleep_forever()
        fault, self.lose_at_run = self.lose_at_run, None
        if fault == "before":
            self.crash()
            raise WindowLost("the window died")
        if batch.heeds and self.differences:
            differences, self.differences = self.differences, ()
            raise UserMoved(differences)
        results = tuple(self._section(section) for section in batch.sections)
        self.batches.append(batch)
        self.syncs += batch.redraws
        self.token = (batch.epoch, batch.number)
        if fault == "after":
            self.crash()
            raise WindowLost("the window died")
        return results

    async def adopt(self) -> tuple[str, int] | None:
        """Return `left_token`, and adopt its window where it is given."""
        if self.lose_at_committed:
            self.lose_at_committed = False
            self.crash()
            raise WindowLost("the window died")
        if self.left_token is not None and self._state.state != "ready":
            await self.ensure()
        return self.left_token

    async def sync(self) -> None:
        """Count."""
        self.syncs += 1

    async def await_redraw(self) -> None:
        """Count, unless the window is gone."""
        if self._state.state != "ready":
            raise WindowLost(self._state.reason or "there is no window")
        self.syncs += 1

    async def snapshot(self, frame: int | None, image_format: str) -> bytes:
        """Return something that begins like a picture of the format."""
        await self.ensure()
        if frame is not None:
            self.front = frame
        return PICTURES[image_format]

    async def list_regions(self, frame: int | None, system: str, *, ours: bool) -> str:
        """Return `FakeFrame.user`, and the text of the markers where they are asked for too."""
        await self.ensure()
        if frame is None:
            return ""
        shown = self.frames[frame]
        if system == "sky":
            raise no_sky("a fake has no sky")
        drawn = [region_text(markers, overlay).text for overlay, markers in shown.markers] if ours else []
        return "\n".join([shown.user, *drawn])

    async def survey(self, frame: int, size: tuple[int, int]) -> PiecePlan:
        """Return one piece that has all."""
        await self.ensure()
        self.front = frame
        return one_piece(size)

    async def pieces(self, frame: int, size: tuple[int, int], boxes: Sequence[PieceBox], most_ms: int) -> Pieces:
        """Return it, grey."""
        await self.ensure()
        self.front = frame
        return grey_piece(size)

    async def close(self, *, keep_window: bool) -> None:
        """Forget the window; kept ones can be found by `adopt`."""
        self.left_token = self.token if keep_window else None
        self._become("absent", "")

    def left_by_a_dead_daemon(self) -> FakeStage:
        """Return the stage of the next daemon: it finds this window as it is, half a batch included."""
        later = FakeStage(on_change=self._on_change)
        later.frames, later.front, later.token = copy.deepcopy(self.frames), self.front, self.token
        later.left_token = self.token or ("", -1) if self._state.state == "ready" else None
        return later

    def crash(self, reason: str = "the window died") -> None:
        """End the window as a crash would."""
        self._empty("lost", reason)

    def user_closes(self) -> None:
        """End the window as the user would."""
        self._empty("absent", "the user closed the window")

    def _empty(self, state: Literal["absent", "lost"], reason: str) -> None:
        self.frames = {}
        self.front = None
        self.token = None
        self._become(state, reason)

    def _become(self, state: Literal["absent", "ready", "lost", "failed"], reason: str) -> None:
        self._state = WindowState(state=state, reason=reason, restarts=max(self._generation - 1, 0))
        if self._on_change is not None:
            self._on_change(self._state)

    def _section(self, section: Section) -> SectionResult:
        for index, action in enumerate(section.actions):
            message = (self.fail_action(action) if self.fail_action else "") or self._apply(action)
            if message:
                return SectionResult(key=section.key, failed_action=index, message=message)
        return SectionResult(key=section.key)

    def _apply(self, action: actions.AnyAction) -> str:
        """Do an action; return why not, if not."""
        match action:
            case actions.CreateFrame():
                self.frames.setdefault(action.frame, FakeFrame())
            case actions.ResetFrame():
                self.frames[action.frame] = FakeFrame()
            case actions.DeleteFrame():
                self.frames.pop(action.frame, None)
            case actions.Arrange():
                if action.size is not None and any(
                    side > most for side, most in zip(action.size, self.room, strict=True)
                ):
                    return "the screen has room for an image area of {}x{}, not of {}x{}".format(
                        *self.room, *action.size
                    )
                self.arrangement, self.size = action, action.size or self.size
            case _ if action.frame not in self.frames:
                return f"display {action.frame} has no frame"
            case actions.RaiseFrame():
                self.front = action.frame
            case _:
                _change(self.frames[action.frame], action)
        return ""


def _change(frame: FakeFrame, action: actions.AnyAction) -> None:
    match action:
        case actions.LoadImage():
            frame.image, frame.mask = action.image, None
        case actions.LoadMask():
            frame.mask, frame.transparency_percent = action, action.transparency_percent
        case actions.SetMaskTransparency():
            frame.transparency_percent = action.percent
        case actions.AddMarkers():
            frame.markers.append((action.overlay, action.markers))
        case actions.DeleteMarkers():
            frame.markers = [m for m in frame.markers if action.overlay is not None and m[0] != action.overlay]
            frame.user = "" if action.overlay is None else frame.user
        case actions.DrawUserRegions():
            frame.user = action.text
        case actions.SetScale():
            frame.scale = action
        case actions.SetColormap():
            frame.colormap = action
        case actions.SetZoom():
            frame.zoom = action.factor
        case actions.FitAgain():
            frame.zoom, frame.pan = None, None
        case actions.SetPan():
            frame.pan = action.x, action.y
        case actions.SetRotation():
            frame.rotation_deg = action.angle_deg
        case actions.SetFlip():
            frame.flip = action.axes
        case actions.Annotate():
            frame.annotation = action
        case _:
            raise AssertionError(f"no model of {action}")
