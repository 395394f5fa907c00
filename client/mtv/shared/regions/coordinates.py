"""Numbers of region files: positions with their systems, sexagesimal ones too, and sizes with their units. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mtv.wire.regions import PIXEL_SYSTEMS, RegionSystem, SizeUnit

SYSTEMS: Final[dict[str, RegionSystem]] = {
    "physical": "pixel",
    "image": "image",
    "fk5": "fk5",
    "j2000": "fk5",
    "fk4": "fk4",
    "b1950": "fk4",
    "icrs": "icrs",
    "galactic": "galactic",
    "ecliptic": "ecliptic",
}
"""Systems of region files, and ours."""
OTHER_SYSTEMS: Final = frozenset(
    {"linear", "amplifier", "detector", "wcs", "tile", *(f"wcs{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")}
)
"""Systems that DS9 knows, and that are not read here."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PLAIN: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_COLONS: Final = re.compile(r"([+-]?)(\d+):(\d+):(\d+\.?\d*|\.\d+)")
_LETTERS: Final = re.compile(r"([+-]?)(\d+)([hd])(\d+)m(\d+\.?\d*|\.\d+)s")
_ARCSEC: Final = {'"': 1.0, "'": 60.0, "d": 3600.0, "r": math.degrees(1) * 3600}
_HOURS: Final = frozenset({"icrs", "fk5", "fk4"})
"""Systems whose first coordinate with colons is in hours."""


class Fault(ValueError):
    """Words of a region that are not understood; the text says why."""


class Position(NamedTuple):
    """A position in one system."""

    x: float
    y: float
    system: RegionSystem


def position(x: str, y: str, system: RegionSystem) -> Position:
    """Return a position; units of its own go before the system of the lines before.

    Raises
    ------
    Fault
        It is none.
    """
    first, its_system = _coordinate(x, system, longitude=True)
    second, other = _coordinate(y, system, longitude=False)
    if its_system != other:
        raise Fault("a position in two systems")
    if its_system in PIXEL_SYSTEMS:
        return Position(first - 1, second - 1, its_system)
    return Position(first, second, its_system)


def _coordinate(text: str, system: RegionSystem, *, longitude: bool) -> tuple[float, RegionSystem]:
    if ":" in text and (match := _COLONS.fullmatch(text)):
        sign, *parts = match.groups()
        return _sexagesimal(sign, parts, system, hours=longitude and system in _HOURS)
    if text[-1:] == "s" and (match := _LETTERS.fullmatch(text)):
        sign, first, letter, minutes, seconds = match.groups()
        return _sexagesimal(sign, (first, minutes, seconds), system, hours=letter == "h")
    value, unit = split_unit(text)
    if unit in {"p", "i"}:
        return value, "pixel" if unit == "p" else "image"
    if unit in {"d", "r"} and system not in PIXEL_SYSTEMS:
        return math.degrees(value) if unit == "r" else value, system
    if unit:
        raise Fault(f"{text[:40]} is no position here")
    return value, system


def _sexagesimal(sign: str, parts: Sequence[str], system: RegionSystem, *, hours: bool) -> tuple[float, RegionSystem]:
    if system in PIXEL_SYSTEMS:
        raise Fault("a position on the sky among pixels")
    first, minutes, seconds = map(float, parts)
    if minutes >= 60 or seconds >= 60:
        raise Fault(f"{':'.join(parts)} is no angle")
    value = (first + minutes / 60 + seconds / 3600) * (15 if hours else 1)
    return -value if sign == "-" else value, system


def split_unit(text: str) -> tuple[float, str]:
    """Return a number and the mark of its unit, which may be empty.

    Raises
    ------
    Fault
        It is no finite number.
    """
    if _PLAIN.fullmatch(text):  # nearly all are
        return float(text), ""
    match = _NUMBER.match(text)
    if match is None or text[match.end() :].lower() not in {"", '"', "'", "d", "r", "p", "i"}:
        raise Fault(f"{text[:40]!r} is no number")
    value = float(match[0])
    if not math.isfinite(value):
        raise Fault(f"{text[:40]} is too large")
    return value, text[match.end() :].lower()


def sizes(texts: Sequence[str], system: RegionSystem) -> tuple[tuple[float, ...], SizeUnit]:
    """Return sizes in one unit: arc seconds, or pixels of either system.

    Without a mark they are in the system's own unit: degrees on the sky.

    Raises
    ------
    Fault
        One is no number, or they are in units that do not go together.
    """
    found = [_size(text, system) for text in texts]
    units = {unit for _, unit in found}
    if len(units) > 1:
        raise Fault("sizes in pixels and on the sky")
    values = tuple(value for value, _ in found)
    return values, units.pop() if units else "pixel"


def _size(text: str, system: RegionSystem) -> tuple[float, SizeUnit]:
    value, unit = split_unit(text)
    if unit in _ARCSEC:
        return value * _ARCSEC[unit], "arcsec"
    if unit:
        return value, "pixel" if unit == "p" else "image"
    if system == "pixel" or system == "image":
        return value, system
    return value * 3600, "arcsec"


def angle(text: str) -> float:
    """Return an angle in degrees; raises as `split_unit`."""
    value, unit = split_unit(text)
    if unit in {'"', "'"}:
        raise Fault(f"{text[:40]} is no angle here")
    return math.degrees(value) if unit == "r" else value
