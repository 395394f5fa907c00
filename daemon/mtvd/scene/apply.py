"""Rules of the scene: how a change leads to the next scene, or is refused. Pure; DS9 is only the scene's picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from mtv.wire.errors import Error, RequestError, within
from mtv.wire.steps import DisplayName
from mtvd.scene import changes as ch
from mtvd.scene import chunks, naming, tiles
from mtvd.scene.annotations import NAMES
from mtvd.scene.model import (
    USER,
    Colormap,
    Display,
    Flip,
    Overlay,
    Pan,
    Rotation,
    Scale,
    Scene,
    UserRegions,
    Zoom,
    new_display,
)

FIRST_NAMED: Final = 1001
"""Displays with a name take numbers from here up."""

_VIEW: Final = ch.SetZoom | ch.SetPan | ch.SetRotation | ch.SetFlip
_NOBODY: Final[Mapping[str, int]] = {}


def apply(
    scene: Scene, changes: Sequence[ch.AnyChange], places: Sequence[int] = (), given: Mapping[str, int] = _NOBODY
) -> tuple[Scene, tuple[int | None, ...]]:
    """Return the scene after a transaction, and the number of each change's display; None where it concerns all.

    Parameters
    ----------
    scene : `Scene`
        Stays as it is.
    changes : sequence of changes
        Applied one after the other.
    places : sequence of `int`
        Index of each change's step, for errors; the change's own index where empty.
    given : mapping of `str` to `int`
        Numbers that displays get which are made under a name, as `numbers_for` has chosen them; any other name gets
        the next number above all displays of the scene.

    Returns
    -------
    scene : `Scene`
        The next one.
    numbers : tuple of `int` or None
        One a change.

    Raises
    ------
    RequestError
        ``unknown_display`` or ``unsupported``, with ``steps[i]`` in ``where``; the scene given is as it was.
    """
    numbers = []
    for index, change in zip(places or range(len(changes)), changes, strict=True):
        with within(f"steps[{index}]"):
            front = scene.front
            scene, number = _apply_one(scene, change, given)
            scene = tiles.settle(scene, front, change)
        numbers.append(number)
    return scene, tuple(numbers)


def numbers_for(changes: Sequence[ch.AnyChange], scene: Scene, taken: Iterable[int]) -> dict[str, int]:
    """Choose numbers for the displays that changes may make under a name.

    A transaction that is drawn in parts is not in the scene yet, but its displays have their frames: what comes in
    between must not be given the same numbers, and afterwards the transaction must get those that it was drawn with.

    Parameters
    ----------
    changes : sequence of changes
        Of one transaction.
    scene : `Scene`
        What it is applied to.
    taken : iterable of `int`
        Numbers of other displays that there are, or will be.
    """
    deleted = {change.display for change in changes if isinstance(change, ch.DeleteDisplay)}
    named = dict.fromkeys(change.display for change in changes if isinstance(change.display, str) and change.display)
    first = max([FIRST_NAMED - 1, *scene.displays, *taken]) + 1
    new = [name for name in named if name in deleted or scene.number_of(name) is None]
    return {name: first + index for index, name in enumerate(new)}


def _apply_one(scene: Scene, change: ch.AnyChange, given: Mapping[str, int]) -> tuple[Scene, int | None]:
    if isinstance(change, ch.Arrange):
        return _arrange(scene, change), None
    if isinstance(change, ch.DeleteDisplay):
        return _delete(scene, change)
    if isinstance(change, ch.ShowImage) and change.movie and not change.begins:
        _check_goes_on(scene, change)
    scene, number = _with_display(scene, change.display, given)
    if isinstance(change, ch.BringToFront):
        return msgspec.structs.replace(scene, front=number, front_key=change.key), number
    if isinstance(change, ch.ShowImage) and change.completes and scene.displays[number].image == change.image:
        return _complete(scene, number, change), number
    display = _EDITS[type(change)](scene.displays[number], change)
    scene = msgspec.structs.replace(scene, displays={**scene.displays, number: display})
    if scene.front is None or (isinstance(change, ch.ShowImage) and change.to_front):
        scene = msgspec.structs.replace(scene, front=number)
    if isinstance(change, ch.SetScale | ch.SetColormap | _VIEW):
        scene = _share(scene, number, isinstance(change, _VIEW), change.key)
    if isinstance(change, ch.ShowImage):
        scene = _join(scene, number, change.image.file)
    return scene, number


def _complete(scene: Scene, number: int, change: ch.ShowImage) -> Scene:
    """Add the mask to an image that is shown already: what was done since then stays."""
    display = msgspec.structs.replace(scene.displays[number], mask=change.mask)
    return msgspec.structs.replace(scene, displays={**scene.displays, number: display})


def _check_goes_on(scene: Scene, frame: ch.ShowImage) -> None:
    """Refuse a frame of a movie that has lost its display to another image meanwhile."""
    number = scene.number_of(frame.display)
    if number is None or scene.displays[number].movie != frame.movie:
        message = "the movie's display was deleted, or shows another image"
        raise RequestError(Error(code="cancelled", message=message, where="display"))


def _arrange(scene: Scene, change: ch.Arrange) -> Scene:
    names = ("lock_frame", "lock_scale", "lock_colormap", "lock_crosshair", "columns")
    wanted = {name: getattr(change, name) for name in names if getattr(change, name) is not None}
    wanted |= tiles.choose(scene, change)
    if change.size is not None:
        wanted |= {"size": change.size, "size_key": change.key}
    arrangement = msgspec.structs.replace(scene.arrangement, **wanted, key=change.key)
    scene = msgspec.structs.replace(scene, arrangement=arrangement)
    return scene if scene.front is None else _share(scene, scene.front, True, change.key)


def _join(scene: Scene, number: int, key: str) -> Scene:
    """Let a display with a new image take what the others share."""
    others = [n for n, display in scene.displays.items() if n != number and display.image is not None]
    if not others:
        return scene
    return _share(scene, scene.front if scene.front in others else others[0], True, key, followers={number})


def _share(scene: Scene, number: int, view: bool, key: str, followers: Collection[int] | None = None) -> Scene:
    """Let displays share what is locked, with the values of one of them: all, or those that follow it."""
    locks, leader = scene.arrangement, scene.displays[number]
    shared: dict[str, Any] = {}
    if locks.lock_scale:
        shared["scale"] = leader.scale
    if locks.lock_colormap:
        shared["colormap"] = leader.colormap
    if locks.lock_frame in {"image", "physical"}:
        shared |= {name: getattr(leader, name) for name in ("zoom", "pan", "rotation", "flip")}
    if shared:
        displays = {
            n: display if followers is not None and n not in followers else msgspec.structs.replace(display, **shared)
            for n, display in scene.displays.items()
        }
        scene = msgspec.structs.replace(scene, displays=displays)
    if locks.lock_frame == "wcs" and view:
        scene = msgspec.structs.replace(scene, arrangement=msgspec.structs.replace(locks, leader=number, key=key))
    return scene


def _with_display(scene: Scene, key: DisplayName, given: Mapping[str, int]) -> tuple[Scene, int]:
    known = scene.number_of(key)
    if known is not None:
        return scene, known
    if isinstance(key, int):
        new = new_display(key)
    else:
        free = max([FIRST_NAMED - 1, *scene.displays]) + 1
        chosen = given.get(key, free)
        new = new_display(free if chosen in scene.displays else chosen, key)
    return msgspec.structs.replace(scene, displays={**scene.displays, new.number: new}), new.number


def _delete(scene: Scene, change: ch.DeleteDisplay) -> tuple[Scene, int]:
    number = scene.number_of(change.display)
    if number is None:
        raise naming.unknown_display(scene, change.display)
    displays = {key: display for key, display in scene.displays.items() if key != number}
    front = scene.front if scene.front != number else min(displays, default=None)
    arrangement = scene.arrangement
    if arrangement.leader == number:
        arrangement = msgspec.structs.replace(arrangement, leader=front)
    return msgspec.structs.replace(scene, displays=displays, front=front, arrangement=arrangement), number


def _show_image(display: Display, change: ch.ShowImage) -> Display:
    same_place = display.image is not None and (
        (display.image.shape_yx, display.image.xy0) == (change.image.shape_yx, change.image.xy0)
    )
    return msgspec.structs.replace(
        display,
        image=change.image,
        mask=change.mask,
        movie=change.movie,
        overlays=tuple(overlay for overlay in display.overlays if overlay.lasting),
        zoom=display.zoom if same_place else Zoom(),
        pan=display.pan if same_place else None,
    )


def _add_markers(display: Display, change: ch.AddMarkers) -> Display:
    old = next((overlay for overlay in display.overlays if overlay.name == change.overlay), None)
    before = old.batches if old and not change.replace else ()
    new = Overlay(
        name=change.overlay,
        lasting=change.lasting or (old is not None and old.lasting and not change.replace),
        batches=(*before, *chunks.split(change.markers)),
    )
    if old is None:
        return msgspec.structs.replace(display, overlays=(*display.overlays, new))
    overlays = tuple(new if overlay is old else overlay for overlay in display.overlays)
    return msgspec.structs.replace(display, overlays=overlays)


def _erase(display: Display, change: ch.EraseMarkers) -> Display:
    if change.overlay is None:
        return msgspec.structs.replace(display, overlays=(), user=None, erased_key=change.key)
    if change.overlay == USER:
        display = msgspec.structs.replace(display, user=None)
    kept = tuple(overlay for overlay in display.overlays if overlay.name != change.overlay)
    return msgspec.structs.replace(display, overlays=kept)


def _remove_markers(display: Display, change: ch.RemoveMarkers) -> Display:
    overlays = tuple(
        _without_rows(overlay, change) if overlay.name == change.overlay else overlay for overlay in display.overlays
    )
    return msgspec.structs.replace(display, overlays=tuple(overlay for overlay in overlays if overlay.batches))


def _without_rows(overlay: Overlay, change: ch.RemoveMarkers) -> Overlay:
    batches = (batch.without(change.rows) if batch.key == change.batch else batch for batch in overlay.batches)
    return msgspec.structs.replace(overlay, batches=tuple(batch for batch in batches if batch.count))


def _user_regions(display: Display, change: ch.SetUserRegions) -> Display:
    user = UserRegions(text=change.text, count=change.count) if change.count else None
    return msgspec.structs.replace(display, user=user)


def _adopt(display: Display, _change: ch.AdoptDisplay) -> Display:
    return display


def _scale(display: Display, change: ch.SetScale) -> Display:
    limits = display.scale.limits
    if change.mode is not None:
        limits = None
    elif change.low is not None and change.high is not None:
        limits = (change.low, change.high)
    scale = Scale(
        stretch=change.stretch or display.scale.stretch,
        mode=change.mode or display.scale.mode,
        limits=limits,
        key=change.key,
    )
    return msgspec.structs.replace(display, scale=scale)


def _zoom(display: Display, change: ch.SetZoom) -> Display:
    pan = None if change.factor is None else display.pan
    return msgspec.structs.replace(display, zoom=Zoom(factor=change.factor, key=change.key), pan=pan)


def _pan(display: Display, change: ch.SetPan) -> Display:
    return msgspec.structs.replace(display, pan=Pan(x=change.x, y=change.y, key=change.key))


def _rotation(display: Display, change: ch.SetRotation) -> Display:
    return msgspec.structs.replace(display, rotation=Rotation(angle_deg=change.angle_deg, key=change.key))


def _flip(display: Display, change: ch.SetFlip) -> Display:
    return msgspec.structs.replace(display, flip=Flip(axes=change.axes, key=change.key))


def _colormap(display: Display, change: ch.SetColormap) -> Display:
    return msgspec.structs.replace(display, colormap=Colormap(name=change.name, invert=change.invert, key=change.key))


def _mask_colours(display: Display, change: ch.SetMaskColours) -> Display:
    shown = tuple(plane for plane in display.hidden_planes if plane not in change.colours)
    return msgspec.structs.replace(
        display,
        mask_colours={**display.mask_colours, **change.colours},
        hidden_planes=shown,
        distinct=display.distinct if change.distinct is None else change.distinct,
    )


def _annotate(display: Display, change: ch.Annotate) -> Display:
    wanted = {name: getattr(change, name) for name in NAMES if getattr(change, name) is not None}
    return msgspec.structs.replace(display, annotations=msgspec.structs.replace(display.annotations, **wanted))


def _mask_transparency(display: Display, change: ch.SetMaskTransparency) -> Display:
    if change.plane is None:
        return msgspec.structs.replace(display, transparency_percent=change.percent, hidden_planes=())
    hidden = [plane for plane in display.hidden_planes if plane != change.plane]
    if change.percent == 100:
        return msgspec.structs.replace(display, hidden_planes=(*hidden, change.plane))
    if change.percent == display.transparency_percent:
        return msgspec.structs.replace(display, hidden_planes=tuple(hidden))
    raise RequestError(
        Error(
            code="unsupported",
            message="DS9 has one transparency for all planes of a display",
            where="percent",
            hint="give 100 to hide this plane, or leave the plane out to set all of them",
        )
    )


_EDITS: Final[Mapping[type, Callable[[Display, Any], Display]]] = {
    ch.ShowImage: _show_image,
    ch.AddMarkers: _add_markers,
    ch.EraseMarkers: _erase,
    ch.RemoveMarkers: _remove_markers,
    ch.SetUserRegions: _user_regions,
    ch.AdoptDisplay: _adopt,
    ch.SetScale: _scale,
    ch.SetZoom: _zoom,
    ch.SetPan: _pan,
    ch.SetRotation: _rotation,
    ch.SetFlip: _flip,
    ch.SetColormap: _colormap,
    ch.SetMaskColours: _mask_colours,
    ch.SetMaskTransparency: _mask_transparency,
    ch.Annotate: _annotate,
}
