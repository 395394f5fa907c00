"""How long the window needs for a transaction, roughly: so that what is quick need not wait for what is slow. Pure.

Medians of DS9 8.4.1 on two busy cores: an image of 2048x4176 float32 is loaded in 15 ms and redrawn in 17, each colour
of its mask takes 10 ms, and a thousand markers 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mtvd import changes as ch

QUICK_SECS: Final = 0.005
"""What takes no longer never waits for its turn."""
_CHANGE_SECS: Final = 0.001
_PIXEL_SECS: Final = 4e-9
_MASK_PIXEL_SECS: Final = 1.2e-9
"""Of each plane."""
_MARKER_SECS: Final = 4e-6


def secs_of(changes: Iterable[ch.AnyChange]) -> float:
    """Return the seconds that DS9 should need for changes, with the redraw of images."""
    return sum(map(_secs, changes))


def _secs(change: ch.AnyChange) -> float:
    if isinstance(change, ch.AddMarkers):
        return _CHANGE_SECS / 10 + _MARKER_SECS * change.markers.count
    if not isinstance(change, ch.ShowImage):
        return _CHANGE_SECS
    secs = 10 * _CHANGE_SECS + _PIXEL_SECS * change.image.shape_yx[0] * change.image.shape_yx[1]
    if change.mask is not None:
        secs += _MASK_PIXEL_SECS * change.mask.shape_yx[0] * change.mask.shape_yx[1] * len(change.mask.planes)
    return secs
