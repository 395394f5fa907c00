"""Blame: the step of a transaction that asked for an action which the window refused. Pure.

A plan is made of the difference between two scenes, not step by step, so the step is found by what it must lead to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mtvd.scene import actions as ac
from mtvd.scene import changes as ch
from mtvd.scene.chunks import is_piece

_CAUSES: Final[Mapping[type[object], tuple[type[ch.Change], ...]]] = {
    ac.DeleteFrame: (ch.DeleteDisplay,),
    ac.LoadImage: (ch.ShowImage,),
    ac.LoadMask: (ch.SetMaskColours, ch.SetMaskTransparency, ch.ShowImage),
    ac.SetMaskTransparency: (ch.SetMaskTransparency,),
    ac.DeleteMarkers: (ch.EraseMarkers, ch.AddMarkers),
    ac.SetScale: (ch.SetScale,),
    ac.SetColormap: (ch.SetColormap,),
    ac.SetZoom: (ch.SetZoom,),
    ac.SetPan: (ch.SetPan,),
    ac.SetRotation: (ch.SetRotation,),
    ac.SetFlip: (ch.SetFlip,),
    ac.Arrange: (ch.Arrange,),
    ac.RaiseFrame: (ch.BringToFront,),
    ac.Annotate: (ch.Annotate,),
}
"""Kinds of changes that lead to an action. Where there is none of them an image was shown: it brings all with it."""


def step_of(
    action: ac.AnyAction, changes: Sequence[ch.AnyChange], places: Sequence[int], numbers: Sequence[int | None]
) -> int | None:
    """Return the index of the step that an action comes from; None where none can be told.

    Parameters
    ----------
    changes, places, numbers
        The transaction's changes, the index of each one's step, and the number of each one's display.
    """
    frame = None if isinstance(action, ac.Arrange) else action.frame
    here = [index for index, number in enumerate(numbers) if number == frame]
    if isinstance(action, ac.AddMarkers):
        found = [i for i in here if _has_markers(changes[i], action.markers.key)]
    else:
        found = [i for kind in _CAUSES.get(type(action), ()) for i in reversed(here) if isinstance(changes[i], kind)]
    shown = [i for i in reversed(here) if isinstance(changes[i], ch.ShowImage)]
    return next((places[index] for index in [*found, *shown, *here]), None)


def _has_markers(change: ch.AnyChange, key: str) -> bool:
    return isinstance(change, ch.AddMarkers) and is_piece(key, change.markers.key)
