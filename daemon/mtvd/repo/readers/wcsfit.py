"""The TAN-SIP WCS that comes nearest to one that FITS cannot express. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from mtv.shared.sky.cards import card
from mtvd.repo.readers.sky import Floats, Sky

_POINTS_A_SIDE: Final = 24


class Fit(NamedTuple):
    """A WCS that comes near to another."""

    cards: str
    """80 characters each, concatenated."""
    worst_px: float
    """Largest distance from the other WCS, in pixels."""


def fit_wcs(sky: Sky, shape_yx: Sequence[int], order: int = 4) -> Fit:
    """Return the TAN-SIP WCS that comes nearest to another on an image.

    For a file whose WCS FITS cannot express: the picture still needs one. With order 4 the camera distortions that
    we know are met to a hundredth of a pixel.

    Parameters
    ----------
    sky : `Sky`
        The other.
    shape_yx : sequence of `int`
        Of the image.
    order : `int`, optional
        Of the polynomials.
    """
    rows, columns = shape_yx
    sides = (np.linspace(0, length - 1, _POINTS_A_SIDE) for length in (columns, rows))
    x, y = (grid.ravel() for grid in np.meshgrid(*sides))
    centre = np.array([(columns - 1) / 2]), np.array([(rows - 1) / 2])
    (ra0,), (dec0,) = sky.to_sky(*centre)
    planar = np.stack(_gnomonic(*sky.to_sky(x, y), float(ra0), float(dec0)), axis=-1)
    u, v = x - centre[0], y - centre[1]
    size = max(rows, columns) / 2
    powers = [(p, q) for total in range(order + 1) for p in range(total + 1) for q in (total - p,)]
    terms = np.stack([(u / size) ** p * (v / size) ** q for p, q in powers], axis=-1)
    found = np.linalg.lstsq(terms, planar, rcond=None)[0]
    by_power = {power: found[number] / size ** sum(power) for number, power in enumerate(powers)}
    matrix = np.stack([by_power[1, 0], by_power[0, 1]], axis=-1)
    offset = np.linalg.solve(matrix, by_power[0, 0])
    cards: list[tuple[str, Any]] = [("CTYPE1", "RA---TAN-SIP"), ("CTYPE2", "DEC--TAN-SIP")]
    cards += [
        ("CRVAL1", float(ra0)),
        ("CRVAL2", float(dec0)),
        ("CUNIT1", "deg"),
        ("CUNIT2", "deg"),
        ("RADESYS", "ICRS"),
    ]
    cards += [(f"CRPIX{axis + 1}", float(centre[axis][0] + 1 - offset[axis])) for axis in range(2)]
    cards += [(f"CD{row + 1}_{column + 1}", float(matrix[row, column])) for row in range(2) for column in range(2)]
    for name, axis in (("A", 0), ("B", 1)):
        cards.append((f"{name}_ORDER", order))
        for power, value in by_power.items():
            if sum(power) > 1:
                cards.append((f"{name}_{power[0]}_{power[1]}", float(np.linalg.solve(matrix, value)[axis])))
    apart = np.linalg.solve(matrix, (terms @ found - planar).T)
    return Fit(_as_text(cards), float(np.hypot(*apart).max()))


def _as_text(cards: Sequence[tuple[str, Any]]) -> str:
    return "".join(card(key, value) for key, value in cards)


def _gnomonic(ra_deg: Floats, dec_deg: Floats, ra0_deg: float, dec0_deg: float) -> tuple[Floats, Floats]:
    """Return the tangent plane's coordinates in degrees."""
    ra, dec, dec0 = np.radians(ra_deg - ra0_deg), np.radians(dec_deg), math.radians(dec0_deg)
    below = np.sin(dec) * math.sin(dec0) + np.cos(dec) * math.cos(dec0) * np.cos(ra)
    xi = np.cos(dec) * np.sin(ra) / below
    eta = (np.sin(dec) * math.cos(dec0) - np.cos(dec) * math.sin(dec0) * np.cos(ra)) / below
    return np.degrees(xi), np.degrees(eta)
