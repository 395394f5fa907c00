"""The user's hand: what is other in the window than it was after the last batch, as changes of the scene. Pure.

The stage compares DS9's words of then and now, so a value that comes here was changed by somebody, and one that nobody
has changed never comes. What cannot be read is left out: the window says what it likes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from mtv.wire.steps import FlippedAxes
from mtvd.scene import changes as ch
from mtvd.scene.model import Display, Overlay, Scene, new_display
from mtvd.stage.paint.regions import drawn_rows, tag_of
from mtvd.stage.port import Difference

_ORDER: Final = (
    "deleted",
    "made",
    "stretch",
    "limits",
    "zoom",
    "pan",
    "colormap",
    "transparency",
    "gone",
    "user",
    "front",
)
_STRETCHES: Final[Mapping[str, str]] = {"histequ": "histogram"}
"""Where DS9's name for a stretch is not ours."""
_FRAME_MAX: Final = 1 << 31


def changes_of(scene: Scene, differences: Iterable[Difference], key: str) -> tuple[ch.AnyChange, ...]:
    """Return the changes that bring a scene to what the user has made of it.

    Parameters
    ----------
    scene : `Scene`
        What the window showed after the last batch.
    differences
        What is other now.
    key : `str`
        Stands for the request in the settings that are changed.
    """
    known = set(scene.displays)
    found: list[ch.AnyChange] = []
    for one in sorted(differences, key=_order):
        if not 0 <= one.frame < _FRAME_MAX or (one.frame not in known and one.what != "made"):
            continue
        if one.what == "deleted":
            known.discard(one.frame)
            found.append(ch.DeleteDisplay(display=one.frame))
        elif one.what == "made":
            known.add(one.frame)
            found.append(ch.AdoptDisplay(display=one.frame))
        elif one.what == "front":
            found.append(ch.BringToFront(display=one.frame, key=key))
        elif one.what in _READ:
            display = scene.displays.get(one.frame, new_display(one.frame))
            found += _read(one, display, key)
    return tuple(found)


def _order(one: Difference) -> int:
    return _ORDER.index(one.what) if one.what in _ORDER else len(_ORDER)


def _read(one: Difference, display: Display, key: str) -> list[ch.AnyChange]:
    try:
        return list(_READ[one.what](one.value, display, key))
    except (ValueError, IndexError, OverflowError):
        return []


def _zoom(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    factor = _number(value.split()[0])
    if factor > 0:
        yield ch.SetZoom(display=display.number, factor=factor, key=key)


def _rotation(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    yield ch.SetRotation(display=display.number, angle_deg=_number(value), key=key)


def _flip(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    yield ch.SetFlip(display=display.number, axes=msgspec.convert(value, FlippedAxes), key=key)


def _pan(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    """Read DS9's image coordinates, where the first pixel is 1: its physical ones follow a new image only later."""
    x, y = map(_number, value.split())
    x0, y0 = display.image.xy0 if display.image else (0, 0)
    yield ch.SetPan(display=display.number, x=x - 1 + x0, y=y - 1 + y0, key=key)


def _stretch(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    if value:
        stretch = _STRETCHES.get(value, value)
        yield ch.SetScale(display=display.number, stretch=stretch, mode=None, low=None, high=None, key=key)


def _limits(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    mode, *limits = value.split()
    if mode == "user":
        low, high = map(_number, limits)
        yield ch.SetScale(display=display.number, stretch=None, mode=None, low=low, high=high, key=key)
    else:
        yield ch.SetScale(display=display.number, stretch=None, mode=mode, low=None, high=None, key=key)


def _colormap(value: str, display: Display, key: str) -> Iterator[ch.AnyChange]:
    inverted, name = value.split(" ", 1)
    if name:
        yield ch.SetColormap(display=display.number, name=name, invert=inverted == "1", key=key)


def _transparency(value: str, display: Display, _key: str) -> Iterator[ch.AnyChange]:
    percent = _number(value)
    if 0 <= percent <= 100:
        yield ch.SetMaskTransparency(display=display.number, percent=percent, plane=None)


def _user(value: str, display: Display, _key: str) -> Iterator[ch.AnyChange]:
    count = sum(map(_is_region, value.split("\n")))
    text = value if count else ""
    if text != (display.user.text if display.user else ""):
        yield ch.SetUserRegions(display=display.number, text=text, count=count)


def _is_region(line: str) -> bool:
    return "(" in line and not line.startswith(("# Region", "global"))


def _removal(value: str, display: Display, _key: str) -> Iterator[ch.AnyChange]:
    """Read ``tag index …;tag index …``: regions of ours, each counted among those of its tag as they were then."""
    overlays = {tag_of(overlay.name): overlay for overlay in display.overlays}
    left: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    lost: dict[tuple[str, str], set[int]] = {}
    for part in value.split(";"):
        tag, *indices = part.split()
        if tag not in overlays:
            continue
        regions = left.setdefault(tag, _regions(overlays[tag]))
        for index in sorted({int(word) for word in indices}, reverse=True):
            if 0 <= index < len(regions):
                batch, rows = regions.pop(index)
                lost.setdefault((overlays[tag].name, batch), set()).update(rows)
    for (overlay, batch), gone in lost.items():
        yield ch.RemoveMarkers(display=display.number, overlay=overlay, batch=batch, rows=tuple(sorted(gone)))


def _regions(overlay: Overlay) -> list[tuple[str, tuple[int, ...]]]:
    """Return batch and rows of each region of an overlay, in the order in which they were drawn."""
    return [(batch.key, rows) for batch in overlay.batches for rows in drawn_rows(batch)]


_READ: Final[Mapping[str, Callable[[str, Display, str], Iterator[ch.AnyChange]]]] = {
    "zoom": _zoom,
    "rotation": _rotation,
    "flip": _flip,
    "pan": _pan,
    "stretch": _stretch,
    "limits": _limits,
    "colormap": _colormap,
    "transparency": _transparency,
    "user": _user,
    "gone": _removal,
}


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number
