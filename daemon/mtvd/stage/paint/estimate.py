"""Estimate of the time that DS9 needs for a batch, generous: five times as long counts as a hang. Pure."""

from __future__ import annotations

from typing import Final

from mtvd.scene import actions
from mtvd.stage.port import Batch

_ACTION_SECS: Final = 0.01
_FRAME_SECS: Final = 0.15
_MARKER_SECS: Final = 30e-6
_PIXEL_SECS: Final = 15e-9


def batch_secs(batch: Batch) -> float:
    """Return the seconds that DS9 should need, on a slow machine, its owed redraw included."""
    return sum(_action_secs(action) for section in batch.sections for action in section.actions)


def _action_secs(action: actions.AnyAction) -> float:
    match action:
        case actions.LoadImage():
            return _FRAME_SECS + _PIXEL_SECS * _pixels(action.image.shape_yx)
        case actions.LoadMask():
            return _FRAME_SECS + _PIXEL_SECS * _pixels(action.mask.shape_yx) * len(action.colours)
        case actions.AddMarkers():
            return _ACTION_SECS + _MARKER_SECS * action.markers.weight
        case actions.CreateFrame() | actions.DeleteFrame() | actions.ResetFrame() | actions.RaiseFrame():
            return _FRAME_SECS
        case actions.DeleteMarkers():
            return _FRAME_SECS
        case _:
            return _ACTION_SECS


def _pixels(shape_yx: tuple[int, int]) -> int:
    return shape_yx[0] * shape_yx[1]
