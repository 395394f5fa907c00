"""Reports: what status and describe tell of the scene. Pure."""

from __future__ import annotations

import msgspec

from mtv.wire.reports import Arrangement, DisplayReport, MaskState
from mtv.wire.steps import DisplayName
from mtvd.scene import model
from mtvd.scene.annotations import NAMES
from mtvd.scene.model import Display, Scene, new_display
from mtvd.scene.naming import unknown_display


def display_report(display: Display) -> DisplayReport:
    """Tell what a display is meant to show."""
    image = display.image
    return DisplayReport(
        number=display.number,
        name=display.name,
        label=image.label if image else "",
        shape=image.shape_yx if image else (),
        xy0=image.xy0 if image else (0, 0),
        mask=MaskState(
            planes=dict(display.mask.planes) if display.mask else {},
            colours={**display.mask_colours, **display.shown_colours()},
            transparency_percent=display.transparency_percent,
            distinct=display.distinct,
        ),
        overlays=_overlays(display),
        stretch=display.scale.stretch,
        mode="" if display.scale.limits else display.scale.mode,
        limits=display.scale.limits,
        zoom=display.zoom.factor,
        pan=(display.pan.x, display.pan.y) if display.pan else None,
        rotation_deg=display.rotation.angle_deg,
        flip=display.flip.axes,
        colormap=display.colormap.name,
        notes=image.notes if image else (),
        caption=image.caption if image else "",
        annotations=tuple(name for name in NAMES if getattr(display.annotations, name)),
    )


def _overlays(display: Display) -> dict[str, int]:
    counts = {overlay.name: overlay.count for overlay in display.overlays}
    if display.user is not None:
        counts[model.USER] = counts.get(model.USER, 0) + display.user.count
    return counts


def describe(scene: Scene, key: DisplayName) -> DisplayReport:
    """Tell what a display is meant to show, or would show: one that does not exist has the defaults.

    Raises
    ------
    RequestError
        ``unknown_display`` for a name that nobody has used.
    """
    number = scene.number_of(key)
    if number is not None:
        return display_report(scene.displays[number])
    if isinstance(key, str):
        raise unknown_display(scene, key)
    return msgspec.structs.replace(display_report(new_display(key)), exists=False)


def display_reports(scene: Scene) -> tuple[DisplayReport, ...]:
    """Tell of all displays, by number."""
    return tuple(display_report(display) for _, display in sorted(scene.displays.items()))


def arrangement(scene: Scene) -> Arrangement:
    """Tell how the displays are arranged."""
    shown = scene.arrangement
    return Arrangement(
        tile=shown.tile,
        lock_frame=shown.lock_frame,
        lock_scale=shown.lock_scale,
        lock_colormap=shown.lock_colormap,
        size=shown.size,
        columns=shown.columns,
        displays=tuple(scene.displays[number].name or number for number in shown.displays),
        blink_secs=shown.blink_secs,
        lock_crosshair=shown.lock_crosshair,
    )
