"""View steps: scale, zoom, pan, colours and their kin, checked and turned into changes. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from mtv.wire import colours, markers, steps
from mtv.wire.errors import bad_value
from mtvd.scene import changes as ch
from mtvd.scene.annotations import NAMES

_PAN_MAX_PX: Final = 1e8
_LEAST_PX, _MOST_PX = 100, 8192


def check_display(display: steps.DisplayName, where: str = "display") -> steps.DisplayName:
    """Return a display's number or name, or raise ``bad_value``."""
    if isinstance(display, int):
        if isinstance(display, bool) or not 0 <= display <= 99_999:
            raise bad_value(where, f"display {display!r} is no number from 0 to 99999")
        return display
    return markers.check_text(display, where, text_chars=100)


def _scale(step: steps.Scale, key: str) -> ch.SetScale:
    fixed = [limit for limit in (step.low, step.high) if limit is not None]
    if len(fixed) == 1:
        missing = "high" if step.high is None else "low"
        raise bad_value(missing, "limits come in pairs", "give low and high, or zscale or minmax")
    if fixed and step.mode is not None:
        raise bad_value("mode", "either a mode or limits can be given")
    for where, limit in (("low", step.low), ("high", step.high)):
        if limit is not None and not math.isfinite(limit):
            raise bad_value(where, f"the limit is {limit}, must be finite")
    if step.low is not None and step.high is not None and step.low >= step.high:
        raise bad_value("high", f"limits are reversed or equal: {step.low:g} to {step.high:g}", "low comes first")
    if isinstance(step.mode, float | int) and not 50 <= step.mode <= 100:
        raise bad_value("mode", f"{step.mode:g} is no per cent from 50 to 100")
    mode = f"{step.mode:g}" if isinstance(step.mode, float | int) else step.mode
    return ch.SetScale(
        display=check_display(step.display), stretch=step.stretch, mode=mode, low=step.low, high=step.high, key=key
    )


def _zoom(step: steps.Zoom, key: str) -> ch.SetZoom:
    if step.factor is not None and not (math.isfinite(step.factor) and 1e-3 <= step.factor <= 1e3):
        raise bad_value("factor", f"zoom {step.factor:g} is not between 0.001 and 1000")
    return ch.SetZoom(display=check_display(step.display), factor=step.factor, key=key)


def _pan(step: steps.Pan, key: str) -> ch.SetPan:
    for where, value in (("x", step.x), ("y", step.y)):
        if not math.isfinite(value):
            raise bad_value(where, f"{where} is {value}, must be finite")
        if abs(value) > _PAN_MAX_PX:
            raise bad_value(where, f"{where} is {value:g}, further than any image reaches")
    return ch.SetPan(display=check_display(step.display), x=step.x, y=step.y, key=key)


def _rotate(step: steps.Rotate, key: str) -> ch.SetRotation:
    if not math.isfinite(step.angle_deg):
        raise bad_value("angle_deg", f"the angle is {step.angle_deg}, must be finite")
    return ch.SetRotation(display=check_display(step.display), angle_deg=step.angle_deg % 360, key=key)


def _flip(step: steps.Flip, key: str) -> ch.SetFlip:
    return ch.SetFlip(display=check_display(step.display), axes=step.axes, key=key)


def _arrange(step: steps.Arrange, key: str) -> ch.Arrange:
    names = (
        *("tile", "lock_frame", "lock_scale", "lock_colormap", "size", "columns"),
        *("displays", "blink_secs", "lock_crosshair"),
    )
    wanted = {name: getattr(step, name) for name in names}
    if all(value is None for value in wanted.values()):
        raise bad_value("tile", "nothing is to be arranged", f"give one of {', '.join(names)}")
    if step.columns is not None and not 0 <= step.columns <= steps.MOST_COLUMNS:
        raise bad_value("columns", f"{step.columns} columns", f"1 to {steps.MOST_COLUMNS}, or 0 for DS9's own choice")
    if step.size is not None and not all(_LEAST_PX <= side <= _MOST_PX for side in step.size):
        raise bad_value("size", f"{step.size} is no size of a window", f"from {_LEAST_PX} to {_MOST_PX} pixels a side")
    _check_tiles(step)
    return ch.Arrange(**wanted, key=key)


def _check_tiles(step: steps.Arrange) -> None:
    for display in step.displays or ():
        check_display(display)
    if step.displays is not None and len(step.displays) > steps.MOST_TILES:
        raise bad_value("displays", f"{len(step.displays)} displays are chosen", f"{steps.MOST_TILES} at most")
    if step.tile is False and step.displays and not step.blink_secs:
        raise bad_value("displays", "displays are chosen to be side by side, or to blink", "give tile or blink_secs")
    if not step.blink_secs:
        return
    if not steps.LEAST_BLINK_SECS <= step.blink_secs <= steps.MOST_BLINK_SECS:
        hint = f"from {steps.LEAST_BLINK_SECS:g} to {steps.MOST_BLINK_SECS:g} s, or 0 to end it"
        raise bad_value("blink_secs", f"{step.blink_secs:g} s is no period", hint)
    if step.tile:
        raise bad_value("blink_secs", "displays that are side by side do not blink", "leave tile out")


def _colormap(step: steps.Colormap, key: str) -> ch.SetColormap:
    """Take any name: which there are, the window says when it is there (`mtvd.scene.colormaps`)."""
    name = {"gray": "grey"}.get(step.name, markers.check_text(step.name, "name", text_chars=100))
    return ch.SetColormap(display=check_display(step.display), name=name, invert=step.invert, key=key)


def _annotate(step: steps.Annotate, _key: str) -> ch.Annotate:
    wanted = {name: getattr(step, name) for name in NAMES}
    if all(value is None for value in wanted.values()):
        raise bad_value("label", "nothing is to be annotated", f"give {', '.join(NAMES[:-1])} or {NAMES[-1]}")
    return ch.Annotate(display=check_display(step.display), **wanted)


def _mask_colours(step: steps.MaskColour, _key: str) -> ch.SetMaskColours:
    if not step.colours and step.distinct is None:
        raise bad_value("colours", "no plane is named")
    for plane, colour in step.colours.items():
        markers.check_text(plane, "colours", text_chars=100)
        if colour != colours.IGNORE:
            colours.hex_of(colour, f"colours.{plane}")
    return ch.SetMaskColours(display=check_display(step.display), colours=dict(step.colours), distinct=step.distinct)


def _transparency(step: steps.MaskTransparency, _key: str) -> ch.SetMaskTransparency:
    if not 0 <= step.percent <= 100:
        raise bad_value("percent", f"transparency {step.percent:g} is not between 0 and 100 per cent")
    return ch.SetMaskTransparency(display=check_display(step.display), percent=step.percent, plane=step.plane)


VIEW_STEPS: Final[Mapping[type, Callable[[Any, str], ch.AnyChange]]] = {
    steps.Erase: lambda step, key: ch.EraseMarkers(display=check_display(step.display), overlay=step.name, key=key),
    steps.Delete: lambda step, _: ch.DeleteDisplay(display=check_display(step.display)),
    steps.Show: lambda step, key: ch.BringToFront(display=check_display(step.display), key=key),
    steps.Scale: _scale,
    steps.Zoom: _zoom,
    steps.Pan: _pan,
    steps.Rotate: _rotate,
    steps.Flip: _flip,
    steps.Arrange: _arrange,
    steps.Colormap: _colormap,
    steps.MaskColour: _mask_colours,
    steps.MaskTransparency: _transparency,
    steps.Annotate: _annotate,
}
assert set(VIEW_STEPS) == set(steps.STEP_TYPES) - {steps.Query, steps.Load, steps.Mtv, steps.Overlay, steps.Regions}
