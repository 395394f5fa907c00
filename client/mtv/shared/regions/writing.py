"""Regions as lines of a region file, for DS9 and for files that DS9 and astropy read. Pure.

Positions become 1-based where they are pixels. Nothing of a file is handed on: each line is made of checked numbers,
known words, and texts in quotes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from mtv.wire.colours import hex_of
from mtv.wire.regions import PIXEL_SYSTEMS, Region, RegionSystem

HEAD: Final = "# Region file format: DS9 version 4.1\n"
"""First line of a region file."""
SYSTEM_WORDS: Final[dict[RegionSystem, str]] = {
    "pixel": "physical",
    "image": "image",
    "icrs": "icrs",
    "fk5": "fk5",
    "fk4": "fk4",
    "galactic": "galactic",
    "ecliptic": "ecliptic",
}
_MARKS: Final = {"pixel": "p", "image": "i", "arcsec": '"'}
_TURNED: Final = frozenset({"ellipse", "box", "vector"})
_HASHED: Final = frozenset({"vector", "text", "segment"})
"""Shapes that DS9 itself writes behind a ``#``, for programs that do not know them."""


def quote(text: str) -> str:
    """Quote a text for a region file, which knows three pairs of quotes and no escapes.

    A text with all of ``"`` ``'`` and ``}`` cannot be written; its ``'`` are drawn as typographic ones.
    """
    if '"' not in text:
        return f'"{text}"'
    if "}" not in text:
        return f"{{{text}}}"
    return "'" + text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") + "'"


def line_of(region: Region, *, tag: str = "", hashed: bool = False) -> str:
    """Return the line of a region, whose system another line says.

    Parameters
    ----------
    region : `Region`
        Checked.
    tag : `str`, optional
        Last of its properties.
    hashed : `bool`, optional
        True: vectors, texts and segments stand behind a ``#``, as DS9 writes them.
    """
    shape = f"{region.shape}({','.join(_numbers(region))})"
    properties = " ".join(_properties(region))
    if tag:
        properties += f" tag={quote(tag)}"
    sign = "-" if region.exclude else ""
    if hashed and region.shape in _HASHED:
        return f"# {sign}{shape} {properties}\n"
    return f"{sign}{shape} # {properties}\n"


def file_of(regions: Iterable[Region]) -> str:
    """Return a region file; the overlay of each is its tag."""
    lines = [HEAD]
    system: RegionSystem | None = None
    for region in regions:
        if region.system != system:
            system = region.system
            lines.append(f"{SYSTEM_WORDS[system]}\n")
        lines.append(line_of(region, tag=region.overlay, hashed=True))
    return "".join(lines)


def _numbers(region: Region) -> list[str]:
    in_pixels = region.system in PIXEL_SYSTEMS
    shift, decimals = (1.0, 4) if in_pixels else (0.0, 9)
    found = [number(value + shift, decimals) for value in region.points]
    mark = "" if region.unit == region.system else _MARKS[region.unit]
    found += [f"{_size(size)}{mark}" for size in region.sizes]
    if region.shape in _TURNED:
        found.append(number(region.angle_deg, 6))
    return found


def _size(size: float) -> str:
    """Return a size with seven digits at least, so that a small one does not become nothing."""
    return number(size, 6 if size >= 0.1 else 6 - math.floor(math.log10(size)))


def number(value: float, decimals: int) -> str:
    """Return a finite number in plain digits, without zeros at its end."""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _properties(region: Region) -> Iterable[str]:
    if region.shape == "line":
        yield "line={:d} {:d}".format(*region.arrows)
    elif region.shape == "vector":
        yield "vector=1"
    elif region.shape == "point":
        size = f" {region.symbol_size}" if region.symbol_size else ""
        yield f"point={region.symbol or 'boxcircle'}{size}"
    elif region.shape == "text" and region.angle_deg:
        yield f"textangle={number(region.angle_deg % 360, 6)}"
    yield f"color={hex_of(region.colour)}"
    if region.width != 1:
        yield f"width={region.width}"
    if region.dash:
        yield "dash=1"
    if region.fill:
        yield "fill=1"
    if region.text:
        if region.font_size:
            yield f'font="helvetica {region.font_size} normal roman"'
        yield f"text={quote(region.text)}"
