"""Skies that no FITS header can express, as the TAN-SIP header that is nearest to them. Pure but for numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mtv.shared.wcs_cards import GivenWcs, wcs_cards

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]
    ToSky = Callable[[Floats, Floats], tuple[Floats, Floats]]

_ORDER: Final = 5
_POINTS: Final = 24
"""Points a side that the polynomials are fitted to."""
_WELL_PX: Final = 0.01
"""Error that needs no note."""
_NEAR_PX: Final = 1.0
"""Error of an object's own approximation up to which it is taken as it is."""
_WORST_PX: Final = 5.0
"""Error above which a header is no approximation."""


def fit_cards(to_sky: ToSky, shape_yx: tuple[int, int]) -> GivenWcs:
    """Return the header nearest to a sky, and a note of how far it is from it at worst.

    Parameters
    ----------
    to_sky : callable
        Takes arrays x, y of 0-based pixels of the image; returns right ascension and declination in degrees (ICRS).
    shape_yx : `tuple` [`int`, `int`]
        Of the image.

    Returns
    -------
    given : `~mtv.shared.wcs_cards.GivenWcs`
        Without cards where the sky is nowhere near one: its note says so.
    """
    import numpy as np

    height, width = shape_yx
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    centre = tuple(float(values[0]) for values in to_sky(np.array([middle_x]), np.array([middle_y])))
    if not all(map(math.isfinite, centre)):
        return _no_sky("its middle has no place on the sky")
    x, y = _grid(width, height, _POINTS)
    xi, eta = _to_plane(*to_sky(x, y), centre)
    u, v, there = x - middle_x, y - middle_y, np.isfinite(xi) & np.isfinite(eta)
    unit = max(width, height) / 2
    powers = [(p, q) for p in range(_ORDER + 1) for q in range(_ORDER + 1 - p)]
    if there.sum() < 2 * len(powers):
        return _no_sky("most of it has no place on the sky")
    terms = np.stack([(u / unit) ** p * (v / unit) ** q for p, q in powers], axis=1)
    with np.errstate(all="ignore"):
        found, *_ = np.linalg.lstsq(terms[there], np.stack([xi, eta], axis=1)[there], rcond=None)
    by_power = {power: found[index] / unit ** sum(power) for index, power in enumerate(powers)}
    matrix = np.stack([by_power[1, 0], by_power[0, 1]], axis=1)
    if not np.isfinite(matrix).all() or not np.linalg.det(matrix):
        return _no_sky("its pixels have no size")
    # The middle of the image is where the sky says, but for what the fit leaves of the constant term.
    distortion = {power: np.linalg.solve(matrix, value) for power, value in by_power.items() if sum(power) > 1}
    shift = np.linalg.solve(matrix, by_power[0, 0])
    header: dict[str, str | float | int] = {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "RADESYS": "ICRS", "CUNIT1": "deg", "CUNIT2": "deg",
        "CRVAL1": centre[0], "CRVAL2": centre[1],
        "CRPIX1": middle_x + 1 - float(shift[0]), "CRPIX2": middle_y + 1 - float(shift[1]),
        "CD1_1": float(matrix[0, 0]), "CD1_2": float(matrix[0, 1]),
        "CD2_1": float(matrix[1, 0]), "CD2_2": float(matrix[1, 1]),
        "A_ORDER": _ORDER, "B_ORDER": _ORDER,
    }  # fmt: skip
    for (p, q), (a, b) in distortion.items():
        header[f"A_{p}_{q}"], header[f"B_{p}_{q}"] = float(a), float(b)
    cards = wcs_cards(header).cards
    far_px = distance_px(to_sky, cards, shape_yx)
    if not far_px <= _WORST_PX:
        return _no_sky(f"the nearest header is {far_px:.2g} pixels from it")
    return GivenWcs(cards, _notes(far_px))


def nearest_cards(to_sky: ToSky, given: GivenWcs | None, shape_yx: tuple[int, int]) -> GivenWcs:
    """Return an object's own approximation of its sky where that is within a pixel of it, else the nearest header.

    Parameters
    ----------
    to_sky : callable
        As in `fit_cards`.
    given : `~mtv.shared.wcs_cards.GivenWcs` or None
        The approximation; None where it has none.
    shape_yx : `tuple` [`int`, `int`]
        Of the image.
    """
    if given is not None and given.cards:
        far_px = distance_px(to_sky, given.cards, shape_yx)
        if far_px <= _NEAR_PX:
            return GivenWcs(given.cards, (*given.notes, *_notes(far_px)))
    return fit_cards(to_sky, shape_yx)


def _notes(far_px: float) -> tuple[str, ...]:
    """Return the note of a header that is not the sky itself; none where nobody could see it."""
    return (f"the WCS is an approximation, to {far_px:.2g} pixels",) if far_px > _WELL_PX else ()


def distance_px(to_sky: ToSky, cards: str, shape_yx: tuple[int, int]) -> float:
    """Return how many pixels a header is from the sky of an image at worst; infinite where it has no place for one.

    Parameters
    ----------
    to_sky : callable
        As in `fit_cards`; it says how large a pixel is.
    cards : `str`
        The header.
    shape_yx : `tuple` [`int`, `int`]
        Of the image.
    """
    import numpy as np

    from mtv.shared.skywcs import mapping_of

    height, width = shape_yx
    x, y = _grid(width, height, 2 * _POINTS - 1)
    middle = np.array([(width - 1) / 2, (width - 1) / 2 + 1]), np.full(2, (height - 1) / 2)
    ra, dec = to_sky(*middle)
    (xi, eta), first = _to_plane(ra, dec, (float(ra[0]), float(dec[0]))), (float(ra[0]), float(dec[0]))
    pixel = float(np.hypot(xi[1] - xi[0], eta[1] - eta[0]))
    one = _to_plane(*to_sky(x, y), first)
    two = _to_plane(*mapping_of("", cards, (0, 0)).to_sky(x, y), first)
    apart = np.hypot(one[0] - two[0], one[1] - two[1])[np.isfinite(one[0])] / pixel
    return float(np.nan_to_num(apart, nan=math.inf).max()) if apart.size else math.inf


def _grid(width: int, height: int, points: int) -> tuple[Floats, Floats]:
    import numpy as np

    x, y = np.meshgrid(np.linspace(-0.5, width - 0.5, points), np.linspace(-0.5, height - 0.5, points))
    return x.ravel(), y.ravel()


def _to_plane(ra_deg: Floats, dec_deg: Floats, centre: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return the gnomonic projection in degrees; NaN on the far half of the sky."""
    import numpy as np

    ra, dec = np.radians(np.asarray(ra_deg, float) - centre[0]), np.radians(np.asarray(dec_deg, float))
    dec0 = math.radians(centre[1])
    with np.errstate(all="ignore"):
        depth = np.sin(dec) * math.sin(dec0) + np.cos(dec) * math.cos(dec0) * np.cos(ra)
        depth = np.where(depth > 0, depth, np.nan)
        xi = np.cos(dec) * np.sin(ra) / depth
        eta = (np.sin(dec) * math.cos(dec0) - np.cos(dec) * math.sin(dec0) * np.cos(ra)) / depth
    return np.degrees(xi), np.degrees(eta)


def _no_sky(why: str) -> GivenWcs:
    return GivenWcs("", (f"the WCS cannot be said in FITS, no sky is shown: {why}",))
