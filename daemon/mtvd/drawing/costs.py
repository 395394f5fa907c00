"""Estimate of the time that the window needs for a transaction: quick ones need not wait for slow ones. Pure.

Medians of DS9 8.4.1 on two busy cores: an image of 2048x4176 float32 is loaded in 15 ms and redrawn in 17, each colour
of its mask takes 10 ms, and a thousand markers 4. Beside 45 tiles a new frame takes 15 ms with its redraw, and deletion
takes 12 to 48, by the number of tiles that move up (`stage/talk/frames.tcl`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from mtv.wire.steps import DisplayName
from mtvd.scene import changes as ch

QUICK_SECS: Final = 0.005
"""A transaction that takes no longer never waits for its turn."""
_CHANGE_SECS: Final = 0.001
_PIXEL_SECS: Final = 4e-9
_MASK_PIXEL_SECS: Final = 1.2e-9
"""Time for one pixel of one plane."""
_MARKER_SECS: Final = 4e-6
_FRAME_SECS: Final = 0.015
_DELETION_SECS: Final = 0.02


def secs_of(changes: Iterable[ch.AnyChange], is_known: Callable[[DisplayName], bool]) -> float:
    """Return the seconds that DS9 should need for changes, with the redraw of images.

    Parameters
    ----------
    changes : iterable of changes
        Of one transaction.
    is_known : callable
        Tells whether there is a display; others get frames of their own.
    """
    secs, made = 0.0, set[DisplayName]()
    for change in changes:
        secs += _secs(change)
        if not isinstance(change, ch.Arrange) and change.display not in made and not is_known(change.display):
            made.add(change.display)
            secs += _FRAME_SECS
    return secs


def _secs(change: ch.AnyChange) -> float:
    if isinstance(change, ch.AddMarkers):
        return _CHANGE_SECS / 10 + _MARKER_SECS * change.markers.weight
    if isinstance(change, ch.DeleteDisplay):
        return _DELETION_SECS
    if not isinstance(change, ch.ShowImage):
        return _CHANGE_SECS
    secs = 10 * _CHANGE_SECS + _PIXEL_SECS * change.image.shape_yx[0] * change.image.shape_yx[1]
    if change.mask is not None:
        secs += _MASK_PIXEL_SECS * change.mask.shape_yx[0] * change.mask.shape_yx[1] * len(change.mask.planes)
    return secs
