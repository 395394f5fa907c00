"""Zooms of frames: those that DS9 has told, and those that a batch will leave. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mtvd.scene import actions
from mtvd.stage.paint.reducing import cell_for
from mtvd.stage.port import Batch


class FrameView(NamedTuple):
    """How DS9 shows a frame."""

    zoom: float
    """Pixels of the screen in a pixel of the image; the smaller one of both axes."""
    width: float
    """Pixels of the screen."""
    height: float


_UNTOLD: Final = FrameView(1.0, 1000, 643)
"""A new frame in a window as DS9 opens it, at zoom 1."""


class Zooms:
    """Zooms and sizes of all frames of one window."""

    def __init__(self) -> None:
        self._told: dict[int, FrameView] = {}
        self._shapes_yx: dict[int, tuple[int, int]] = {}
        self._magnified: dict[int, float] = {}

    def magnify(self, frame: int, size: tuple[int, int] | None) -> None:
        """Have a frame's mask drawn for a picture of another size than the frame has on the screen; None ends that."""
        self._magnified.pop(frame, None)
        if size is not None:
            view = self._of(frame)
            self._magnified[frame] = min(size[0] / view.width, size[1] / view.height)

    def tell(self, views: Mapping[int, FrameView]) -> None:
        """Take note of what DS9 shows."""
        self._told.update(views)

    def cell(self, frame: int) -> int:
        """Return the cells in which a frame's mask should be drawn now."""
        return cell_for(self._of(frame).zoom * self._magnified.get(frame, 1.0))

    def expect(self, batch: Batch) -> dict[int, int]:
        """Return the cells of all frames whose mask a batch loads or zooms, as they should be when it is drawn.

        What DS9 makes of ``fit`` is worked out from the size that the frame has, or another one where it is new; where
        that is wrong, what DS9 tells afterwards puts it right.
        """
        zooms: dict[int, float] = {}
        masked = set()
        for action in (action for section in batch.sections for action in section.actions):
            match action:
                case actions.LoadImage():
                    self._shapes_yx[action.frame] = action.image.shape_yx
                case actions.LoadMask():
                    masked.add(action.frame)
                case actions.ResetFrame() | actions.CreateFrame():
                    zooms[action.frame] = 1.0
                case actions.SetZoom():
                    zooms[action.frame] = self._zoom_to_fit(action.frame) if action.factor is None else action.factor
        return {frame: cell_for(zooms.get(frame, self._of(frame).zoom)) for frame in {*masked, *zooms}}

    def clear(self) -> None:
        """Forget all: the window is gone."""
        self._told.clear()
        self._magnified.clear()
        self._shapes_yx.clear()

    def _of(self, frame: int) -> FrameView:
        return self._told.get(frame, _UNTOLD)

    def _zoom_to_fit(self, frame: int) -> float:
        view = self._told.get(frame) or next(iter(self._told.values()), _UNTOLD)
        height, width = self._shapes_yx.get(frame, (1, 1))
        return min(view.width / width, view.height / height)
