"""The planner: what must be done so that a window which shows one scene shows another. Pure.

Applied twice a plan changes nothing, because the plan from a scene to itself is empty; property tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mtvd.scene import actions as ac
from mtvd.scene.annotations import annotation_of
from mtvd.scene.model import Display, Overlay, Scene, new_display


def plan(shown: Scene, wanted: Scene) -> tuple[ac.AnyAction, ...]:
    """Return the actions that lead from a scene to another, in their order."""
    return tuple(_plan(shown, wanted))


def plan_display(display: Display) -> tuple[ac.AnyAction, ...]:
    """Return the actions that draw a display from nothing, whatever its frame holds."""
    reset = ac.ResetFrame(frame=display.number)
    return (reset, *_difference(new_display(display.number), display))


def plan_repair(numbers: set[int], scene: Scene) -> tuple[ac.AnyAction, ...]:
    """Return the actions that put displays back to the scene after one of them was drawn in part."""
    repaired: list[ac.AnyAction] = []
    for number in sorted(numbers):
        if number in scene.displays:
            repaired += plan_display(scene.displays[number])
        else:
            repaired.append(ac.DeleteFrame(frame=number))
    if scene.front is not None:
        repaired.append(ac.RaiseFrame(frame=scene.front))
    repaired.append(_arrange(scene, None))
    if scene.arrangement.tile:
        repaired += _fitted_again(scene)
    return tuple(repaired)


def plan_size(scene: Scene) -> tuple[ac.AnyAction, ...]:
    """Return the actions that give a window the size that was asked for; none where nobody has asked.

    Apart from `plan_repair`: a repair leaves alone what the user has made of the window, and a screen without
    space for the size refuses nothing but the size.
    """
    if scene.arrangement.size is None:
        return ()
    return (_arrange(scene, scene.arrangement.size), *_fitted_again(scene))


def _plan(shown: Scene, wanted: Scene) -> Iterator[ac.AnyAction]:
    for number, display in wanted.displays.items():
        old = shown.displays.get(number)
        if old is None:
            yield ac.CreateFrame(frame=number, name=display.name)
        if old is not display:
            yield from _difference(old or new_display(number), display)
    if wanted.front is not None and (wanted.front, wanted.front_key) != (shown.front, shown.front_key):
        yield ac.RaiseFrame(frame=wanted.front)
    for number in shown.displays:
        if number not in wanted.displays:
            yield ac.DeleteFrame(frame=number)
    before, after = shown.arrangement, wanted.arrangement
    resized = (before.size, before.size_key) != (after.size, after.size_key)
    made = after.displays and wanted.displays.keys() - shown.displays.keys()
    if after != before or made:  # a frame that is made is among the tiles, chosen or not
        yield _arrange(wanted, after.size if resized else None, was_chosen=bool(before.displays))
    if before.blink_secs and not after.blink_secs and wanted.front is not None:
        yield ac.RaiseFrame(frame=wanted.front)  # else that one stays in front which was seen last
    if before.lock_frame == "wcs" and after.lock_frame != "wcs":
        yield from _own_views(wanted)
    tiles = (after.displays or wanted.displays.keys(), after.columns)
    tiles_changed = after.tile and tiles != (before.displays or shown.displays.keys(), before.columns)
    if resized or tiles_changed or after.tile != before.tile:
        yield from _fitted_again(wanted)


def _arrange(scene: Scene, size: tuple[int, int] | None, *, was_chosen: bool = False) -> ac.Arrange:
    """Return the action for an arrangement; where displays were chosen before, all come back in their own order."""
    wanted = scene.arrangement
    return ac.Arrange(
        tile=wanted.tile,
        lock_frame=wanted.lock_frame,
        lock_scale=wanted.lock_scale,
        lock_colormap=wanted.lock_colormap,
        leader=wanted.leader if wanted.lock_frame == "wcs" else None,
        size=size,
        columns=wanted.columns,
        frames=wanted.displays or (tuple(scene.displays) if was_chosen else ()),
        chosen=bool(wanted.displays),
        blink_secs=wanted.blink_secs,
        lock_crosshair=wanted.lock_crosshair,
    )


def _own_views(scene: Scene) -> Iterator[ac.AnyAction]:
    """Give each image the view that the scene has for it: while views were aligned by WCS, DS9 chose others."""
    for number, display in scene.displays.items():
        if display.image is not None:
            yield ac.SetRotation(frame=number, angle_deg=display.rotation.angle_deg)
            yield ac.SetFlip(frame=number, axes=display.flip.axes)
            yield ac.SetZoom(frame=number, factor=display.zoom.factor)
            if display.pan is not None:
                yield ac.SetPan(frame=number, x=display.pan.x, y=display.pan.y)


def _fitted_again(scene: Scene) -> Iterator[ac.AnyAction]:
    """Fit images again that were fitted, where their frame has another size now; those aligned by WCS stay aligned."""
    for number, display in scene.displays.items():
        if display.image is not None and display.zoom.factor is None and display.pan is None:
            yield ac.FitAgain(frame=number)
    if scene.arrangement.lock_frame == "wcs" and scene.arrangement.leader is not None:
        yield _arrange(scene, None)  # each was fitted for itself: they follow the leader again


def _difference(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    if (old.image is None) != (new.image is None):
        if msgspec.structs.replace(old, name="") != new_display(old.number):
            yield ac.ResetFrame(frame=new.number)  # it may have been deleted and made again within one transaction
        # what was asked for while there was no image could not be shown: all of it is drawn with the first one
        old = new_display(new.number)
    yield from _removed_markers(old, new)
    yield from _image(old, new)
    yield from _mask(old, new)
    yield from _view(old, new)
    yield from _added_markers(old, new)
    yield from _user_regions(old, new)
    if (annotation := annotation_of(new)) != annotation_of(old):
        yield annotation


def _image(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    if new.image is not None and _reloads(old, new):
        yield ac.LoadImage(frame=new.number, image=new.image, alike=_alike(old.image, new.image))


def _reloads(old: Display, new: Display) -> bool:
    """Tell whether the image must be loaded: it is another one, or its mask must go."""
    return new.image != old.image or (old.mask is not None and new.mask is None)


def _alike(old: ac.ImageLayer | None, new: ac.ImageLayer) -> bool:
    """Tell whether an image only continues the one before, as the frames of a feed do."""
    if old is None or new.stream == 0:
        return False
    return msgspec.structs.replace(new, file=old.file, label=old.label, notes=old.notes, caption=old.caption) == old


def _mask(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    reloaded = _reloads(old, new)
    restyled = old.visible_colours() != new.visible_colours() or old.mask != new.mask
    if new.mask is not None and (reloaded or restyled):
        yield ac.LoadMask(
            frame=new.number,
            mask=new.mask,
            colours=new.visible_colours(),
            transparency_percent=new.transparency_percent,
        )
    elif old.transparency_percent != new.transparency_percent:
        yield ac.SetMaskTransparency(frame=new.number, percent=new.transparency_percent)


def _view(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    first_image = old.image is None and new.image is not None
    if new.scale != old.scale or first_image:
        low, high = new.scale.limits or (None, None)
        yield ac.SetScale(frame=new.number, stretch=new.scale.stretch, mode=new.scale.mode, low=low, high=high)
    if new.colormap != old.colormap:
        yield ac.SetColormap(frame=new.number, name=new.colormap.name, invert=new.colormap.invert)
    if new.rotation != old.rotation:
        yield ac.SetRotation(frame=new.number, angle_deg=new.rotation.angle_deg)
    if new.flip != old.flip:
        yield ac.SetFlip(frame=new.number, axes=new.flip.axes)
    unpanned = old.pan is not None and new.pan is None
    if new.zoom != old.zoom or unpanned or _has_moved(old, new):
        yield ac.SetZoom(frame=new.number, factor=new.zoom.factor)
        if new.pan is not None:
            yield ac.SetPan(frame=new.number, x=new.pan.x, y=new.pan.y)
    elif new.pan is not None and new.pan != old.pan:
        yield ac.SetPan(frame=new.number, x=new.pan.x, y=new.pan.y)


def _has_moved(old: Display, new: Display) -> bool:
    if new.image is None:
        return False
    if old.image is None:
        return True
    return (old.image.shape_yx, old.image.xy0) != (new.image.shape_yx, new.image.xy0)


def _removed_markers(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    if new.erased_key != old.erased_key:
        yield ac.DeleteMarkers(frame=new.number, overlay=None)
        return
    for overlay in old.overlays:
        if not _grown(overlay, new):
            yield ac.DeleteMarkers(frame=new.number, overlay=overlay.name)


def _added_markers(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    erased = new.erased_key != old.erased_key
    before = {} if erased else {overlay.name: overlay for overlay in old.overlays if _grown(overlay, new)}
    for overlay in new.overlays:
        known = len(before[overlay.name].batches) if overlay.name in before else 0
        for batch in overlay.batches[known:]:
            yield ac.AddMarkers(frame=new.number, overlay=overlay.name, markers=batch)


def _user_regions(old: Display, new: Display) -> Iterator[ac.AnyAction]:
    """Yield what is due to regions drawn by hand: only `erase` and a window that is new change them."""
    if new.user != old.user and (new.user or new.erased_key == old.erased_key):
        yield ac.DrawUserRegions(frame=new.number, text=new.user.text if new.user else "")


def _grown(overlay: Overlay, display: Display) -> bool:
    """Tell whether a display still has all that an overlay had, and perhaps more.

    Batches are only ever appended, or all of them replaced, and no two have one key: the last one speaks for all.
    """
    new = next((other for other in display.overlays if other.name == overlay.name), None)
    count = len(overlay.batches)
    if new is None or len(new.batches) < count:
        return False
    return new is overlay or not count or new.batches[count - 1].key == overlay.batches[-1].key
