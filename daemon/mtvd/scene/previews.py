"""Previews: images shown before their masks have been read, and what each took the place of. Pure.

A preview is part of the scene like any other image; it is no outcome. When its transaction draws the mask, the preview
has become what was asked for. When its transaction comes to nothing, the display is put back.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from mtvd.scene import tiles
from mtvd.scene.actions import Value
from mtvd.scene.model import Display, Overlay, Scene

_VIEW: Final = ("scale", "zoom", "pan", "rotation", "flip", "colormap")


class Preview(Value, frozen=True, kw_only=True):
    """An image shown before its mask, and what it took the place of."""

    before: Display | None
    """None where the display was made for it."""
    shown: Display
    """The display as the preview left it."""
    front: int | None
    """Display that was in front before."""
    front_key: str

    def files(self) -> set[str]:
        """Names of the pixel files that are needed to complete it, or to put the display back."""
        displays = (self.shown, *(() if self.before is None else (self.before,)))
        layers = (layer for display in displays for layer in (display.image, display.mask))
        return {layer.file for layer in layers if layer is not None}


def preview_of(before: Scene, after: Scene, number: int) -> Preview:
    """Return the preview that a scene has on a display and the scene before had not."""
    return Preview(
        before=before.displays.get(number),
        shown=after.displays[number],
        front=before.front,
        front_key=before.front_key,
    )


def put_back(scene: Scene, preview: Preview) -> Scene:
    """Return the scene without a preview; the same scene where somebody else has changed the display's image since.

    What others have done to the display meanwhile stays: their overlays, and the view where they have set it.
    """
    before, shown = preview.before, preview.shown
    display = scene.displays.get(shown.number)
    if display is None or display.image != shown.image or display.mask != shown.mask:
        return scene
    displays = dict(scene.displays)
    if before is not None:
        displays[shown.number] = _restore(display, before, shown)
    elif display == shown:
        del displays[shown.number]
    else:
        displays[shown.number] = msgspec.structs.replace(display, image=None, mask=None)
    front = scene.front
    if front == shown.number and scene.front_key == preview.front_key and preview.front in displays:
        front = preview.front
    elif front not in displays:
        front = min(displays, default=None)
    return tiles.settle(msgspec.structs.replace(scene, displays=displays, front=front), scene.front)


def _restore(display: Display, before: Display, shown: Display) -> Display:
    erased = display.erased_key != shown.erased_key
    view = {name: getattr(before, name) for name in _VIEW if getattr(display, name) == getattr(shown, name)}
    return msgspec.structs.replace(
        display,
        image=before.image,
        mask=before.mask,
        overlays=display.overlays if erased else _together(before.overlays, display.overlays),
        **view,
    )


def _together(before: Collection[Overlay], now: Collection[Overlay]) -> tuple[Overlay, ...]:
    """Return the overlays that there are now, and those that went with the image that is put back."""
    left = {overlay.name: overlay for overlay in now}
    result = []
    for old in before:
        new = left.pop(old.name, None)
        if old.lasting:
            result += [new] if new is not None else []
        elif new is None:
            result.append(old)
        else:
            result.append(msgspec.structs.replace(old, batches=(*old.batches, *new.batches)))
    return (*result, *left.values())
