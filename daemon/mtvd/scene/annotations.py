"""Annotations of a display: what its picture says of itself, and what is drawn of that. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mtvd.scene.actions import Annotate, Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtvd.scene.model import Display

CAPTION_CHARS: Final = 300
"""Characters of a caption at most; DS9 cuts what its frame has no room for."""
UNIT_CHARS: Final = 30
PLANES_CHARS: Final = 60
"""Characters of a legend's row."""
LEGEND_ROWS: Final = 100
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_HARMFUL: Final = re.compile(
    r"[^ -~\u00a1-\u034f\u0370-\u0590\u1e00-\u1fff\u2010-\u2027\u2030-\u203b\u2070-\u218f"
    r"\u2190-\u2193\u2200-\u22ff\u3040-\u318f\u3400-\u9fff\uac00-\ud7a3]"
)


class Annotations(Value, frozen=True, kw_only=True):
    """Parts of a display's annotation that are shown."""

    label: bool = True
    """Name of the image: dataset, visit, detector and filter, or its label."""
    limits: bool = False
    """Stretch and limits, in words."""
    legend: bool = False
    """Mask planes that have a pixel, and their colours."""
    scale_bar: bool = False
    compass: bool = False
    """North and east."""
    grid: bool = False
    """Lines of right ascension and declination."""


NAMES: Final = ("label", "limits", "legend", "scale_bar", "compass", "grid")
"""Parts, by their names in steps and in the window."""


def annotation_of(display: Display) -> Annotate:
    """Return the action that draws the annotations of a display; its names are empty where nothing is to be drawn."""
    image = display.image
    if image is None:
        return Annotate(frame=display.number)
    caption = drawable(image.caption or image.label, CAPTION_CHARS).strip() if display.annotations.label else ""
    shown = tuple(name for name in NAMES if getattr(display.annotations, name) and (caption or name != "label"))
    unit = drawable(image.unit, UNIT_CHARS).strip() if "limits" in shown else ""
    return Annotate(frame=display.number, names=shown, caption=caption, unit=unit)


def legend_of(colours: Iterable[tuple[str, str]], present: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the rows of a legend, the topmost plane first: each colour that has a pixel, and its planes' names.

    Parameters
    ----------
    colours : iterable of (`str`, `str`)
        Visible planes and their ``#rrggbb``, from the bottom to the top.
    present : iterable of `str`
        Colours that have a pixel.
    """
    rows: dict[str, list[str]] = {}
    for plane, colour in reversed(tuple(colours)):
        rows.setdefault(colour, []).append(plane)
    there = set(present)
    found = [(colour, ", ".join(planes)) for colour, planes in rows.items() if colour in there]
    return tuple((colour, drawable(planes, PLANES_CHARS)) for colour, planes in found[:LEGEND_ROWS])


def drawable(text: str, chars: int) -> str:
    """Return a text that Tk can draw: one line of letters, digits and signs, no longer than ``chars``.

    Control characters become blanks. Question marks stand for signs that some Tk 8.6 dies of, those for which X takes a
    font of coloured pictures, and for those beyond 16 bits, which it cannot hold.
    """
    if len(text) > chars:
        text = text[: chars - 1] + _ELLIPSIS
    return _HARMFUL.sub(lambda found: "?" if found[0].isprintable() else " ", text)
