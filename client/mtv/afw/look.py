"""Look of a display as it was asked for: kept until there is an image, and sent with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mtv.afw.canvas import Canvas
from mtv.afw.colours import colour_of_plane
from mtv.afw.notes import tell_once
from mtv.arguments import checks
from mtv.wire.errors import RequestError

if TYPE_CHECKING:
    import numpy as np

_STRETCHES: Final = {
    "histequ": "histogram",
    "equal": "histogram",
    "loglog": "log",
    "power": "pow",
    "powerlaw_gamma": "pow",
}
"""Stretches of DS9 and Firefly by the names that they have here; ``loglog`` and ``powerlaw_gamma`` are the nearest."""
_NAMED_LIMITS: Final = ("minmax", "zscale")
_PLAIN_UNITS: Final = ("", "absolute", "data", "none")


class Shown(NamedTuple):
    """An image that a display shows, as far as later settings need it."""

    planes: tuple[str, ...] = ()
    """Its mask planes by bit."""
    pixels: np.ndarray[Any, Any] | None = None
    """Some of its pixels; None where they never were in this process."""


class Stretch(NamedTuple):
    """Stretch and limits in the words of the caller, checked as far as they can be without the pixels."""

    name: str | None
    limits: tuple[Any, ...]
    unit: str = ""

    def send(self, canvas: Canvas, shown: Shown) -> None:
        """Set them; limits in per cent or standard deviations are those of the image."""
        limits = self.limits if self.unit in _PLAIN_UNITS else _limits_of(self, shown)
        if self.name is not None or limits:
            canvas.scale(self.name, *limits)


def read_stretch(algorithm: str | None, low: Any, high: Any, unit: str | None) -> Stretch:
    """Return what ``display.scale`` was given.

    Raises
    ------
    AssertionError
        Named limits have a second one, or a unit.
    RuntimeError
        There is a lower limit without an upper one.
    RequestError
        ``bad_value`` for a stretch that DS9 does not have, and for limits that are not in order.
    """
    name = _STRETCHES.get(algorithm.lower(), algorithm.lower()) if algorithm else None
    unit = "" if unit is None else str(unit).lower()
    if isinstance(low, str) and low.lower() in _NAMED_LIMITS:
        assert high is None, f"{low!r} has no second limit"
        assert not unit, f"{low!r} has no unit"
        limits: tuple[Any, ...] = (low.lower(),)
    elif high is None:
        raise RuntimeError("Please specify max")
    else:
        limits = (low, high)
    checks.scale(0, name, limits)
    if unit not in {*_PLAIN_UNITS, "percent", "sigma"}:
        tell_once(f"scale: unit={unit!r} is not known here; the limits are taken as values of pixels")
        unit = ""
    return Stretch(name, limits, unit)


def _limits_of(stretch: Stretch, shown: Shown) -> tuple[Any, ...]:
    import numpy as np

    low, high = (float(limit) for limit in stretch.limits)
    if shown.pixels is None or not shown.pixels.size:
        tell_once(f"scale: the pixels are not in this process: zscale instead of limits in {stretch.unit}")
        return ("zscale",)
    if stretch.unit == "percent":
        found = np.percentile(shown.pixels, np.clip((low, high), 0, 100))
    else:
        middle, deviation = np.median(shown.pixels), _deviation(shown.pixels)
        found = np.array([middle + low * deviation, middle + high * deviation])
    return (float(found[0]), float(found[1])) if found[0] < found[1] else ("minmax",)


def _deviation(pixels: np.ndarray[Any, Any]) -> float:
    """Return the standard deviation by the quartiles, which stars do not change."""
    import numpy as np

    lower, upper = np.percentile(pixels, (25, 75))
    return float(0.741 * (upper - lower))


class MaskLook:
    """Transparencies and colours of the planes of one display.

    Parameters
    ----------
    transparency : `float` or mapping, optional
        Per cent for all planes, or plane to per cent.
    colours : mapping
        Plane to colour.
    """

    def __init__(self, transparency: float | Mapping[str, float] | None, colours: Mapping[str, str]) -> None:
        self.colours = dict(colours)
        self.percent: float | None = None
        self.percent_of: dict[str, float] = {}
        if isinstance(transparency, Mapping):
            for plane, percent in transparency.items():
                self.set_transparency(percent, plane)
        elif transparency is not None:
            self.set_transparency(transparency, None)

    def set_transparency(self, percent: float, plane: str | None) -> None:
        """Take a transparency; one for all planes takes the place of those of single ones."""
        clipped = min(max(float(percent), 0.0), 100.0)
        if clipped != percent:
            tell_once(f"a transparency of {percent:g} is not from 0 to 100: it is {clipped:g}")
        if plane is None:
            self.percent, self.percent_of = clipped, {}
        else:
            self.percent_of.pop(plane, None)
            self.percent_of[plane] = clipped

    def transparency_of(self, plane: str | None) -> float | None:
        """Return what was asked for, of a plane or of all; None where nothing was."""
        return self.percent if plane is None else self.percent_of.get(plane, self.percent)

    def send_colours(self, canvas: Canvas, colours: Mapping[str, str], planes: Iterable[str]) -> None:
        """Give planes their colours."""
        wanted = {plane: colour_of_plane(plane, colours[plane]) for plane in planes if plane in colours}
        if wanted:
            canvas.set_mask_plane_color(wanted)

    def send_transparency(self, canvas: Canvas, planes: tuple[str, ...]) -> None:
        """Set the transparency of the mask and hide the planes that are wholly transparent.

        DS9 has one transparency for all planes that are not hidden. Where two are asked for, the one counts that was
        given last, and a note says so once.
        """
        wanted = {plane: self.transparency_of(plane) for plane in planes}
        given = [*reversed(self.percent_of.values()), self.percent]  # the newest first
        seen = [value for value in given if value is not None and value < 100 and value in wanted.values()]
        if len(set(seen)) > 1:
            tell_once(f"DS9 has one transparency for all mask planes that are seen: it is {seen[0]:g} per cent")
        value = seen[0] if seen else self.percent
        if value is not None:
            canvas.set_mask_transparency(value)  # which shows planes that were hidden
        if value != 100:
            for plane, percent in wanted.items():
                if percent == 100:
                    canvas.set_mask_transparency(100, plane)


def send_colormap(canvas: Canvas, cmap: Any) -> None:
    """Choose a colour map by the name that matplotlib or DS9 has for it; one that DS9 lacks is told.

    Parameters
    ----------
    canvas : `Canvas`
    cmap : `str` or colour map of matplotlib
        ``gray``, ``viridis``; ``_r`` at the end turns it round.
    """
    name = str(getattr(cmap, "name", cmap))
    plain = name.removesuffix("_r")
    try:
        canvas.colormap({"gray": "grey"}.get(plain, plain), invert=plain != name)
    except RequestError as error:
        tell_once(f"colour map {name!r}: {error}")
