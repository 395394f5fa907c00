"""Check of strict transactions: they name displays, overlays and mask planes that are there. Pure.

In Python a setting may come before the first image, and an overlay may be erased that is not there. At the shell a name
that nothing has is a slip of the keyboard. So the shell asks for strict transactions, which are checked here when their
turn comes, and never again: the journal replays what was accepted.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence

from mtv.wire.errors import Code, Error, RequestError, within
from mtv.wire.hints import near
from mtv.wire.steps import DisplayName
from mtvd.scene import apply as sc
from mtvd.scene import changes as ch
from mtvd.scene import model
from mtvd.scene.naming import unknown_display

_FREE = (ch.ShowImage, ch.AddMarkers, ch.Arrange)
"""Changes that make what they name, or name nothing."""


def check(scene: model.Scene, changes: Sequence[ch.AnyChange], places: Sequence[int] = ()) -> None:
    """Check that all that changes name is there, or is made by one of them.

    Parameters
    ----------
    scene : `~mtvd.scene.model.Scene`
        Before the changes.
    changes : sequence of changes
        Of one transaction, in order: what one of them removes is not there for the next.
    places : sequence of `int`
        Index of each change's step, for errors; the change's own index where empty.

    Raises
    ------
    RequestError
        ``unknown_display``, ``unknown_overlay`` or ``unknown_plane``, with ``steps[i]`` in ``where``.
    """
    made = _Made(changes)
    for place, change in zip(places or range(len(changes)), changes, strict=True):
        if not isinstance(change, _FREE):
            with within(f"steps[{place}]"):
                _check_one(scene, change, made)
        scene, _ = sc.apply(scene, (change,), (place,))


def lacks(scene: model.Scene, changes: Sequence[ch.AnyChange]) -> bool:
    """Tell whether `check` would refuse."""
    try:
        check(scene, changes)
    except RequestError:
        return True
    return False


def unknown_planes(display: model.Display, change: ch.SetMaskColours | ch.SetMaskTransparency) -> list[str]:
    """Return the planes that a change names and the mask of a display does not have."""
    known = {plane for plane, _ in display.mask.planes} if display.mask else set()
    named = change.colours if isinstance(change, ch.SetMaskColours) else (change.plane,)
    return [plane for plane in named if plane is not None and plane not in known]


def unknown_planes_note(display: model.Display, change: ch.SetMaskColours | ch.SetMaskTransparency) -> str:
    """Return what people should know who have set planes that the mask that is shown lacks; empty where it has them."""
    if display.mask is None:
        return ""
    known = [plane for plane, _ in display.mask.planes]
    notes = [f"no plane {plane}; {near(plane, known)}".removesuffix("; ") for plane in unknown_planes(display, change)]
    return ", ".join(notes)


class _Made:
    """Things that a transaction makes, by the display's name as it stands there."""

    def __init__(self, changes: Iterable[ch.AnyChange]) -> None:
        self.displays: set[DisplayName] = set()
        self.overlays: dict[DisplayName, set[str]] = collections.defaultdict(set)
        self.planes: dict[DisplayName, set[str]] = collections.defaultdict(set)
        for change in changes:
            if isinstance(change, ch.ShowImage | ch.AddMarkers):
                self.displays.add(change.display)
            if isinstance(change, ch.AddMarkers):
                self.overlays[change.display].add(change.overlay)
            elif isinstance(change, ch.ShowImage) and change.mask is not None:
                self.planes[change.display] |= {plane for plane, _ in change.mask.planes}


def _check_one(scene: model.Scene, change: ch.AnyChange, made: _Made) -> None:
    number = scene.number_of(change.display)
    if number is None:
        if change.display not in made.displays:
            raise unknown_display(scene, change.display)
        display = model.new_display(0)  # it comes later, with what is made for it
    else:
        display = scene.displays[number]
    if isinstance(change, ch.EraseMarkers) and change.overlay is not None:
        _check_overlay(display, change.display, change.overlay, made.overlays[change.display])
    elif isinstance(change, ch.SetMaskColours | ch.SetMaskTransparency):
        _check_planes(display, change, made.planes[change.display])


def _check_overlay(display: model.Display, key: DisplayName, name: str, made: set[str]) -> None:
    known = [overlay.name for overlay in display.overlays] + [model.USER] * (display.user is not None)
    if name in known or name in made:
        return
    there = (
        f"there {'is' if len(known) == 1 else 'are'} {', '.join(map(repr, known))}" if known else "it has no markers"
    )
    raise _unknown(
        "unknown_overlay", f"no overlay {name!r} on display {key!r}", "name", near(name, known, otherwise=there)
    )


def _check_planes(display: model.Display, change: ch.SetMaskColours | ch.SetMaskTransparency, made: set[str]) -> None:
    known = [plane for plane, _ in display.mask.planes] if display.mask else []
    for plane in unknown_planes(display, change):
        if plane in made:
            continue
        there = f"there are {', '.join(known)}" if known else "it shows no mask"
        where = f"colours.{plane}" if isinstance(change, ch.SetMaskColours) else "plane"
        message = f"no mask plane {plane!r} on display {change.display!r}"
        raise _unknown("unknown_plane", message, where, near(plane, known, otherwise=there))


def _unknown(code: Code, message: str, where: str, hint: str) -> RequestError:
    return RequestError(Error(code=code, message=message, where=where, hint=hint))
