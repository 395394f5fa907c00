"""The axes of a header that are of the sky: reference values and matrix in degrees, whichever way they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mtv.shared.sky.cards import Header
from mtv.shared.sky.plane import Pair
from mtv.shared.sky.systems import Note

LATITUDES: Final = {"RA": "DEC", "GLON": "GLAT", "ELON": "ELAT", "SLON": "SLAT"}
"""Types of longitudes and of the latitudes beside them."""

_TYPE: Final = re.compile(r"(RA|DEC|[GES]LON|[GES]LAT)(?:-+([A-Z0-9]{3}))?(?:-([A-Z0-9]{1,3}))?")
_OTHER_SKY: Final = re.compile(r"([A-Z]LON|[A-Z]LAT|[A-Z]{2}L[NT])-.*|SOL[XY].*")
_DEGREES: Final = {
    "": 1.0, "deg": 1.0, "degree": 1.0, "arcmin": 1 / 60, "arcminute": 1 / 60, "arcsec": 1 / 3600,
    "arcsecond": 1 / 3600, "mas": 1 / 3.6e6, "uas": 1 / 3.6e9, "rad": math.degrees(1), "radian": math.degrees(1),
    "hour": 15.0, "h": 15.0, "hr": 15.0, "hourangle": 15.0,
}  # fmt: skip
_MOST_AXES: Final = 9


class Axes(NamedTuple):
    """The two axes of the sky, longitude first."""

    longitude: str
    """``RA``, ``GLON``, ``ELON`` or ``SLON``."""
    projection: str
    """Three letters as the header has them; empty for plain longitudes and latitudes."""
    numbers: tuple[int, int]
    """Numbers of the longitude and the latitude among the header's axes."""
    crpix: Pair
    crval: Pair
    """Degrees."""
    matrix: tuple[Pair, Pair]
    """Degrees of longitude and latitude for each pixel of x and y."""


def axes_of(header: Header, note: Note) -> Axes | None:
    """Return the axes of the sky; None where the image's two axes are not of the sky.

    Parameters
    ----------
    header : `Header`
        Its values.
    note : callable
        Called with what is guessed or left out, in words.
    """
    types = [header.text(f"CTYPE{axis}").upper() for axis in range(1, _MOST_AXES + 1)]
    if not all(types[:2]):
        return None
    parsed = [_TYPE.fullmatch(text) for text in types]
    kinds = [found[1] if found else "" for found in parsed]
    numbers = next(
        ((lon + 1, lat + 1) for lon in (0, 1) for lat in (1 - lon,) if kinds[lat] == LATITUDES.get(kinds[lon])), None
    )
    if numbers is None:
        _tell_why(types, kinds, note)
        return None
    longitude, latitude = (parsed[number - 1] for number in numbers)
    assert longitude is not None
    assert latitude is not None
    if longitude[2] != latitude[2]:
        note(f"the axes have two projections ({types[0]}, {types[1]}): the image is shown without its sky")
        return None
    _tell_crossed(header, note)
    return _numbers(header, longitude[1], longitude[2] or "", numbers, note)


def _tell_why(types: Sequence[str], kinds: Sequence[str], note: Note) -> None:
    if any(map(_OTHER_SKY.fullmatch, types[:2])) and not any(kinds[:2]):
        note(
            f"{types[0]} and {types[1]} are no places that can be turned into ICRS: the image is shown without its sky"
        )
    elif any(kind in LATITUDES for kind in kinds) or any(kind in LATITUDES.values() for kind in kinds):
        note(f"the image's axes are {types[0]} and {types[1]}, no plane of the sky: it is shown without its sky")


def _tell_crossed(header: Header, note: Note) -> None:
    for row in (1, 2):
        for column in range(3, _MOST_AXES + 1):
            if header.number(f"CD{row}_{column}") or header.number(f"PC{row}_{column}"):
                note(f"the image's sky changes along axis {column}: that of its reference pixel is shown")
                return


def _numbers(header: Header, longitude: str, projection: str, numbers: tuple[int, int], note: Note) -> Axes | None:
    units = [_unit(header, axis, note) for axis in numbers]
    crpix = [_value(header, f"CRPIX{axis}", 0.0, note) for axis in (1, 2)]
    if all(header.words(f"CRVAL{axis}") for axis in (1, 2)):
        note("CRVAL1 and CRVAL2 have no numbers: the image is shown without its sky")
        return None
    crval = [_value(header, f"CRVAL{axis}", 0.0, note) * unit for axis, unit in zip(numbers, units, strict=True)]
    if abs(crval[1]) > 90.0001:
        note(f"the reference point has the declination {crval[1]:g}: the image is shown without its sky")
        return None
    rows = _matrix(header, numbers, note)
    lon, lat = ((a * unit, b * unit) for (a, b), unit in zip(rows, units, strict=True))
    longitude_deg = crval[0] % 360 % 360  # of tiny negative numbers 360 is left once
    reference = longitude_deg, max(-90.0, min(90.0, crval[1]))
    return Axes(longitude, projection, numbers, (crpix[0], crpix[1]), reference, (lon, lat))


def _unit(header: Header, axis: int, note: Note) -> float:
    text = header.text(f"CUNIT{axis}").lower()
    factor = _DEGREES.get(text) or _DEGREES.get(text.removesuffix("s"))
    if factor is None:
        note(f"CUNIT{axis} is {text[:20]!r}, no unit of an angle: degrees are taken")
    return factor or 1.0


def _value(header: Header, keyword: str, missing: float, note: Note) -> float:
    value = header.number(keyword)
    if value is not None:
        return value
    what = header.words(keyword) or header.text(keyword)
    note(f"{keyword} is {f'{what[:20]!r}' if what else 'missing'}: {missing:g} is taken, as FITS has it")
    return missing


def _matrix(header: Header, numbers: tuple[int, int], note: Note) -> tuple[Pair, Pair]:
    """Return the rows of longitude and latitude in the header's units."""
    for form in ("CD{}_{}", "CD{:03d}{:03d}"):
        keys = [[form.format(row, column) for column in (1, 2)] for row in numbers]
        if any(key in header for row in keys for key in row):
            (a, b), (c, d) = ((_or(header, key, 0.0, note) for key in row) for row in keys)
            return (a, b), (c, d)
    if all(f"CDELT{axis}" not in header for axis in numbers):
        note("the header has no scale (CD, CDELT): 1 degree a pixel is taken, as FITS has it")
    lon, lat = (_or(header, f"CDELT{axis}", 1.0, note) for axis in numbers)
    for form in ("PC{}_{}", "PC{:03d}{:03d}"):
        keys = [[form.format(row, column) for column in (1, 2)] for row in numbers]
        if any(key in header for row in keys for key in row):
            (a, b), (c, d) = (
                [_or(header, key, float(row == column), note) for key, column in zip(both, (1, 2), strict=True)]
                for both, row in zip(keys, numbers, strict=True)
            )
            return (lon * a, lon * b), (lat * c, lat * d)
    angle = math.radians(_or(header, f"CROTA{numbers[1]}", 0.0, note))
    cosine, sine = math.cos(angle), math.sin(angle)
    longitudes, latitudes = (lon * cosine, -lat * sine), (lon * sine, lat * cosine)
    return (longitudes, latitudes) if numbers == (1, 2) else (longitudes[::-1], latitudes[::-1])


def _or(header: Header, keyword: str, missing: float, note: Note) -> float:
    value = header.number(keyword)
    if value is None and keyword in header:
        note(f"{keyword} has no number: {missing:g} is taken")
    return missing if value is None else value
