"""Distortions of other conventions, written as TPV: IRAF's TNX and ZPX, plates of the Digitized Sky Survey. Pure.

TPV has all polynomials up to the seventh degree in intermediate degrees, and DS9 and astropy read it alike; of the
others astropy reads none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from mtv.shared.sky.cards import Header, number_of
from mtv.shared.sky.plane import PlaneWcs
from mtv.shared.sky.polynomials import Polynomial, in_place_of, multiple, product, series, total

MOST_DEGREE: Final = 7
RADIAL: Final = (3, 11, 23, 39)
"""Numbers of the TPV terms of the radius, which are in no polynomial."""

_NUMBERS: Final = {
    (total_degree - j, j): number
    for total_degree, first in enumerate((0, 1, 4, 7, 12, 17, 24, 31))
    for j, number in enumerate(range(first, first + total_degree + 1))
}
"""TPV's number of each product of powers."""

_WORD: Final = re.compile(r"(\w+)\s*=\s*(\"[^\"]*\"?|[^\s\"]+)")
_X: Final[Polynomial] = {(1, 0): 1.0}
_Y: Final[Polynomial] = {(0, 1): 1.0}


def as_pv(longitude: Polynomial, latitude: Polynomial) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Return the factors of TPV of two polynomials in degrees; TPV counts the axis itself first."""
    found = (
        {_NUMBERS[power]: value for power, value in longitude.items()},
        {_NUMBERS[power[1], power[0]]: value for power, value in latitude.items()},
    )
    for factors in found:
        factors.setdefault(1, 0.0)  # where it is not written 1 is meant
    return found


# TNX and ZPX


def words_of(header: Header, axis: int) -> Mapping[str, str]:
    """Return what the WAT cards of an axis say."""
    numbers = range(1, 1000)
    parts = []
    for number in numbers:
        part = header.value(f"WAT{axis}_{number:03d}")
        if not isinstance(part, str):
            break
        parts.append(part)
    return {key.lower(): value.strip('"').strip() for key, value in _WORD.findall("".join(parts))}


def surface(words: Mapping[str, str], name: str) -> Polynomial:
    """Return the correction of an axis in degrees; empty where there is none, or it makes no sense."""
    numbers = [number_of(word) for word in words.get(name, "").split()]
    if len(numbers) < 8 or None in numbers:
        return {}
    kind, order_x, order_y, cross, *rest = (number for number in numbers if number is not None)
    (x_low, x_high, y_low, y_high), factors = rest[:4], list(rest[4:])
    if kind not in (1, 2, 3) or not (1 <= order_x <= 8 and 1 <= order_y <= 8) or x_low == x_high or y_low == y_high:
        return {}
    functions_x = series(int(kind), int(order_x), x_low, x_high)
    functions_y = series(int(kind), int(order_y), y_low, y_high)
    found: Polynomial = {}
    for (i, j), factor in zip(_places(int(order_x), int(order_y), int(cross)), factors, strict=False):
        term = product(_of(functions_x[i], 0), _of(functions_y[j], 1), 2 * MOST_DEGREE)
        found = total(found, multiple(term, factor))
    return {power: value for power, value in found.items() if value}


def _places(order_x: int, order_y: int, cross: int) -> Sequence[tuple[int, int]]:
    """Return which functions an IRAF surface has factors of: no cross terms (0), all (1), or half of them (2)."""
    most = max(order_x, order_y)
    return [
        (i, j)
        for j in range(order_y)
        for i in range(order_x)
        if cross == 1 or (cross == 0 and (not i or not j)) or (cross == 2 and i + j < most)
    ]


def _of(factors: Sequence[float], variable: int) -> Polynomial:
    return {(0, power) if variable else (power, 0): value for power, value in enumerate(factors)}


def iraf(header: Header, kind: str, axes: tuple[int, int]) -> tuple[Polynomial, Polynomial] | None:
    """Return the polynomials of TNX or ZPX in degrees on the tangent plane; None where TPV cannot say them.

    Parameters
    ----------
    header : `Header`
        With the WAT cards.
    kind : `str`
        ``TNX`` or ``ZPX``.
    axes : `tuple` [`int`, `int`]
        Numbers of the axes of longitude and latitude.
    """
    words = [words_of(header, axis) for axis in axes]
    x, y = total(_X, surface(words[0], "lngcor")), total(_Y, surface(words[1], "latcor"))
    if max(i + j for polynomial in (x, y) for i, j in polynomial) > MOST_DEGREE:
        return None
    if kind == "TNX":
        return x, y
    radial = radial_of(words[1]) or radial_of(words[0]) or {1: 1.0}
    if any(power % 2 == 0 for power in radial) or not radial.get(1):
        return None
    stretch = {(0, 0): 0.0}
    square: Polynomial = {(0, 0): 1.0}
    for factor in _tangent(radial):
        stretch = total(stretch, multiple(square, factor))
        square = product(square, {(2, 0): 1.0, (0, 2): 1.0}, MOST_DEGREE - 1)
    return tuple(in_place_of(product(axis, stretch, MOST_DEGREE), x, y, MOST_DEGREE) for axis in (_X, _Y))  # type: ignore[return-value]


def radial_of(words: Mapping[str, str]) -> dict[int, float]:
    """Return ZPX's factors of the powers of the distance from the pole, in radians."""
    found = {int(key[5:]): number_of(value) for key, value in words.items() if re.fullmatch(r"projp\d", key)}
    return {power: value for power, value in found.items() if value}


def _tangent(radial: Mapping[int, float]) -> list[float]:
    """Return the factors of 1, R**2, ... of tan(theta) / R, with R in degrees and R = radial(theta)."""
    most = MOST_DEGREE
    straight = radial[1]
    theta: Polynomial = {(1, 0): 1 / straight}
    for _ in range(most):  # each turn brings one more degree
        rest = {(power, 0): -value / straight for power, value in radial.items() if power != 1}
        theta = total({(1, 0): 1 / straight}, in_place_of(rest, theta, {}, most))
    tangent = in_place_of({(1, 0): 1.0, (3, 0): 1 / 3, (5, 0): 2 / 15, (7, 0): 17 / 315}, theta, {}, most)
    return [tangent.get((power, 0), 0.0) * math.radians(1) ** (power - 1) for power in range(1, most + 1, 2)]


# Plates


def is_plate(header: Header) -> bool:
    """Tell whether a header has the solution of a Schmidt plate; it counts before all else, as in DS9."""
    return all(header.number(key) is not None for key in ("PLTRAH", "PLTDECD", "AMDX1", "AMDY1", "XPIXELSZ", "PPO3"))


def plate(header: Header) -> PlaneWcs | None:
    """Return the WCS of a plate; None where it makes no sense."""
    x_factors, y_factors = ([header.number(f"AMD{axis}{n}") or 0.0 for n in range(1, 14)] for axis in "XY")
    sizes = [header.number(f"{axis}PIXELSZ") or 0.0 for axis in "XY"]
    if not x_factors[0] or not y_factors[0] or not all(sizes):
        return None
    corner = [header.number(f"CNPIX{axis}") or 0.0 for axis in (1, 2)]
    centre = [header.number(f"PPO{number}") or 0.0 for number in (3, 6)]
    k = abs(x_factors[0]) / 3600  # degrees of one millimetre
    pv_lon, pv_lat = as_pv(_plate_axis(x_factors, k), _plate_axis(y_factors, k, turned=True))
    sign = -1.0 if header.text("PLTDECSN") == "-" else 1.0
    declination = sign * _sexagesimal(header, "PLTDEC", "DMS")
    if abs(declination) > 90:
        return None
    return PlaneWcs(
        projection="TPV",
        crpix=(centre[0] / sizes[0] - corner[0] + 0.5, centre[1] / sizes[1] - corner[1] + 0.5),
        crval=(15 * _sexagesimal(header, "PLTRA", "HMS") % 360 % 360, declination),
        matrix=((-k * sizes[0] / 1000, 0.0), (0.0, k * sizes[1] / 1000)),
        pv_lon=pv_lon,
        pv_lat=pv_lat,
    )


def _plate_axis(factors: Sequence[float], k: float, *, turned: bool = False) -> Polynomial:
    """Return the polynomial of one axis: degrees from degrees."""
    u, v = (_Y, _X) if turned else (_X, _Y)
    square = {(2, 0): 1.0, (0, 2): 1.0}
    powers = [
        u, v, {(0, 0): 1.0}, _times(u, u), _times(u, v), _times(v, v), square, _times(u, u, u), _times(u, u, v),
        _times(u, v, v), _times(v, v, v), _times(u, square), _times(u, square, square),
    ]  # fmt: skip
    arcsec = total(*(multiple(power, factor) for power, factor in zip(powers, factors, strict=True)))
    return {(i, j): value / 3600 / k ** (i + j) for (i, j), value in arcsec.items() if value}


def _times(*parts: Polynomial) -> Polynomial:
    found: Polynomial = {(0, 0): 1.0}
    for part in parts:
        found = product(found, part, MOST_DEGREE)
    return found


def _sexagesimal(header: Header, stem: str, letters: str) -> float:
    return math.fsum((header.number(f"{stem}{letter}") or 0.0) / 60**power for power, letter in enumerate(letters))
