"""Objects of the package ``regions`` as regions of ours. Known by the name of their class: nothing is imported.

Their pixel positions are 0-based pixels of the image that is shown, as the system ``image`` has them; their widths and
heights are whole ones, where DS9 has half of them for ellipses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mtv.wire.errors import bad_value
from mtv.wire.regions import Region, check_region

_CLASS: Final = re.compile(r"(\w+?)(Pixel|Sky)Region")
_FRAMES: Final = frozenset({"icrs", "fk5", "fk4", "galactic"})
_EQUINOXES: Final = {"fk5": "J2000.000", "fk4": "B1950.000"}
_SYMBOLS: Final = {"o": "circle", "s": "box", "D": "diamond", "d": "diamond", "+": "cross", "x": "x", "X": "x"}
"""Symbols of points as matplotlib calls them."""
_COLOURS: Final = {"b": "blue", "g": "green", "r": "red", "c": "cyan", "m": "magenta", "y": "yellow", "k": "black"}
"""Letters of matplotlib."""
_DASHED: Final = frozenset({"--", "dashed", ":", "dotted", "-.", "dashdot"})


def is_region(value: object) -> bool:
    """Tell whether a value is a region of the package ``regions``."""
    return _package(value) and _CLASS.fullmatch(_name_of(value)) is not None


def are_regions(value: object) -> bool:
    """Tell whether a value is a list of that package."""
    return _package(value) and type(value).__name__ == "Regions"


def region_of(value: Any, where: str) -> Region:
    """Return a region of ours.

    Raises
    ------
    RequestError
        ``bad_value`` for a shape that cannot be drawn, such as a compound one, or a frame that DS9 has no word for.
    """
    match = _CLASS.fullmatch(_name_of(value))
    read = _SHAPES.get(match[1]) if match else None
    if match is None or read is None:
        raise bad_value(where, f"a {type(value).__name__} cannot be drawn", "draw its parts")
    sky = match[2] == "Sky"
    look = _look(value)
    region = Region(**{**read(_Reading(value, where, sky=sky)), **look, "unit": "arcsec" if sky else "image"})
    check_region(region, where)
    return region


def _package(value: object) -> bool:
    return any(kind.__module__.split(".")[0] == "regions" for kind in type(value).__mro__)


def _name_of(value: object) -> str:
    """Return the name of the class, or of the nearest above it that is the package's own."""
    found = (kind.__name__ for kind in type(value).__mro__ if kind.__module__.split(".")[0] == "regions")
    return next((name for name in found if (m := _CLASS.fullmatch(name)) and m[1] in _SHAPES), type(value).__name__)


class _Reading:
    """Numbers of one region."""

    def __init__(self, value: Any, where: str, *, sky: bool) -> None:
        self._value, self._where, self._sky = value, where, sky

    def place(self, *names: str) -> dict[str, Any]:
        """Return positions and their system."""
        points: list[float] = []
        system = "image"
        for name in names:
            place = getattr(self._value, name)
            if self._sky:
                system = self._frame(place)
                points += [n for pair in self._pairs(place.spherical.lon.deg, place.spherical.lat.deg) for n in pair]
            else:
                points += [n for pair in self._pairs(place.x, place.y) for n in pair]
        return {"points": tuple(points), "system": system}

    def _pairs(self, x: Any, y: Any) -> list[tuple[float, float]]:
        try:
            return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
        except TypeError:  # a single one
            return [(float(x), float(y))]

    def _frame(self, place: Any) -> str:
        name = str(place.frame.name)
        equinox = str(getattr(place.frame, "equinox", ""))
        if (
            name not in _FRAMES
            or (name == "fk5" and equinox != "J2000.000")
            or (name == "fk4" and equinox != "B1950.000")
        ):
            hint = "transform it first: SkyCoord.icrs"
            raise bad_value(self._where, f"positions in the frame {name} {equinox}".rstrip() + " cannot be drawn", hint)
        return name

    def size(self, name: str, scale: float = 1.0) -> float:
        """Return a size in pixels, or arc seconds."""
        value = getattr(self._value, name)
        return float(value.to_value("arcsec") if self._sky else value) * scale

    def angle(self) -> float:
        """Return the angle in degrees."""
        return float(self._value.angle.to_value("deg"))


def _ring(inner: str, outer: str, half: float) -> Callable[[_Reading], dict[str, Any]]:
    def read(of: _Reading) -> dict[str, Any]:
        names = (f"{inner}_width", f"{inner}_height", f"{outer}_width", f"{outer}_height")
        return {**of.place("center"), "sizes": tuple(of.size(name, half) for name in names), "angle_deg": of.angle()}

    return read


def _whole(half: float) -> Callable[[_Reading], dict[str, Any]]:
    def read(of: _Reading) -> dict[str, Any]:
        sizes = (of.size("width", half), of.size("height", half))
        return {**of.place("center"), "sizes": sizes, "angle_deg": of.angle()}

    return read


_SHAPES: Final[dict[str, Callable[[_Reading], dict[str, Any]]]] = {
    "Circle": lambda of: {"shape": "circle", **of.place("center"), "sizes": (of.size("radius"),)},
    "Ellipse": lambda of: {"shape": "ellipse", **_whole(0.5)(of)},
    "Rectangle": lambda of: {"shape": "box", **_whole(1.0)(of)},
    "CircleAnnulus": lambda of: {
        "shape": "annulus",
        **of.place("center"),
        "sizes": (of.size("inner_radius"), of.size("outer_radius")),
    },
    "EllipseAnnulus": lambda of: {"shape": "ellipse", **_ring("inner", "outer", 0.5)(of)},
    "RectangleAnnulus": lambda of: {"shape": "box", **_ring("inner", "outer", 1.0)(of)},
    "Polygon": lambda of: {"shape": "polygon", **of.place("vertices")},
    "Line": lambda of: {"shape": "line", **of.place("start", "end")},
    "Point": lambda of: {"shape": "point", **of.place("center")},
    "Text": lambda of: {"shape": "text", **of.place("center")},
}


def _look(value: Any) -> dict[str, Any]:
    """Return colour, width, label and the like, as far as they are known; what is none of them is left to DS9."""
    visual, meta = dict(getattr(value, "visual", None) or {}), dict(getattr(value, "meta", None) or {})
    look: dict[str, Any] = {}
    for name in ("color", "edgecolor", "facecolor"):
        if isinstance(visual.get(name), str) and "colour" not in look:
            look["colour"] = _COLOURS.get(visual[name], visual[name])
    if isinstance(visual.get("linewidth"), int | float):
        look["width"] = max(round(visual["linewidth"]), 1)
    look["dash"] = str(visual.get("linestyle", "")) in _DASHED
    look["fill"] = bool(visual.get("fill", False))
    look["exclude"] = meta.get("include") in {False, "-"}
    text = getattr(value, "text", None) or meta.get("text") or meta.get("label") or ""
    look["text"] = str(text)
    if symbol := _SYMBOLS.get(str(visual.get("marker", ""))):
        look["symbol"] = symbol
    if isinstance(visual.get("fontsize"), int | float):
        look["font_size"] = round(visual["fontsize"])
    if isinstance(visual.get("rotation"), int | float) and hasattr(value, "text"):
        look["angle_deg"] = float(visual["rotation"])
    return look
