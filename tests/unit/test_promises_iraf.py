"""What `docs/formats.md` promises of skies that neither DS9 nor astropy shows, against formulas written anew."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.polynomial import chebyshev, legendre, polynomial
from tests.support.ast_sky import Floats, apart_arcsec, sky_of
from tests.support.odd_headers import NX, NY, iraf, tan

import mtv
from mtv.shared.sky.cards import card
from mtv.shared.sky.celestial import celestial_of

X, Y = np.array([3.0, 60.0, 100.0, 181.0]), np.array([140.0, 20.0, 75.0, 9.0])
LOW, HIGH = np.array([-0.3, -0.2]), np.array([0.2, 0.4])
VALUES: dict[int, Any] = {1: chebyshev.chebval2d, 2: legendre.legval2d, 3: polynomial.polyval2d}
PIXEL_ARCSEC = 3.6
FRAME = "".join(
    card(*pair) for pair in (("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", NX), ("NAXIS2", NY))
)


def ours(cards: str) -> tuple[Floats, Floats]:
    found: tuple[Floats, Floats] = mtv.Exposure(np.zeros((NY, NX)), wcs=cards).pixel_to_sky(X, Y)
    return found


def header(kind: int, factors: Floats, cross: int) -> str:
    """Return a TNX header of a surface: factors[i, j] is that of function i along x and j along y; NaN has no place."""
    order_x, order_y = factors.shape
    written = [f"{value!r}" for value in factors.T.ravel().tolist() if np.isfinite(value)]
    numbers = [f"{kind}.", f"{order_x}.", f"{order_y}.", f"{cross}.", *map(str, np.stack([LOW, HIGH], 1).ravel())]
    text = " ".join([*numbers, *written])
    return iraf("tnx", f'lngcor = "{text}"', f'latcor = "{text}"', RADESYS="ICRS")


def skies(cards: str, kind: int, factors: Floats) -> tuple[Floats, Floats]:
    """Return the sky of the pixels: the surface is added on the tangent plane, astropy does the rest."""
    head = fits.Header.fromstring(cards)
    matrix = np.array([[head[f"CD{i}_{j}"] for j in (1, 2)] for i in (1, 2)])
    plane = matrix @ np.array([X + 1 - head["CRPIX1"], Y + 1 - head["CRPIX2"]])
    where = plane if kind == 3 else (2 * plane.T - (HIGH + LOW)).T / (HIGH - LOW)[:, None]
    moved = plane + VALUES[kind](*where, np.nan_to_num(factors))
    of_plane = WCS(fits.Header.fromstring(tan(CRPIX1=0.0, CRPIX2=0.0, CDELT1=1.0, CDELT2=1.0, RADESYS="ICRS")))
    ra, dec = of_plane.all_pix2world(*moved, 1)
    return ra, dec


def surface(order_x: int, order_y: int, cross: int) -> Floats:
    """Return factors of a surface, all of them different."""
    i, j = np.indices((order_x, order_y))
    has_place = {0: (i == 0) | (j == 0), 1: i >= 0, 2: i + j < max(order_x, order_y)}[cross]
    return np.where(has_place, (1 + i + 2.5 * j) * 1e-4 * (-1.0) ** i, np.nan)


@pytest.mark.parametrize("cross", [0, 1, 2])
@pytest.mark.parametrize("kind", VALUES)
def test_a_surface_of_tnx_is_applied_with_every_kind_of_series_and_of_cross_terms(kind: int, cross: int) -> None:
    factors = surface(4, 3, cross)
    cards = header(kind, factors, cross)
    assert celestial_of(cards).notes == ()
    assert apart_arcsec(ours(cards), skies(cards, kind, factors)) < 1e-4 * PIXEL_ARCSEC
    plain = cards.replace("TNX", "TAN")
    assert apart_arcsec(ours(cards), ours(plain)) > 0.1 * PIXEL_ARCSEC


@pytest.mark.parametrize(
    ("kind", "orders", "cross", "is_read"),
    [
        *((kind, (order, order), 2, True) for kind in (1, 3) for order in range(2, 8)),
        *((kind, (3, 3), cross, False) for kind in VALUES for cross in (0, 1)),
        *((kind, orders, 2, False) for kind in VALUES for orders in ((3, 4), (4, 3), (8, 8))),
        (2, (3, 3), 2, False),
    ],
)
def test_ds9_reads_the_surfaces_of_tnx_that_the_page_says_and_no_others(
    kind: int, orders: tuple[int, int], cross: int, *, is_read: bool
) -> None:
    cards = header(kind, surface(*orders, cross), cross)
    ds9, without = sky_of(FRAME + cards, X, Y), sky_of(FRAME + cards.replace("TNX", "TAN"), X, Y)
    assert ds9 is not None
    assert without is not None
    assert (apart_arcsec(ds9, ours(cards)) < 0.01 * PIXEL_ARCSEC) == is_read
    assert (apart_arcsec(ds9, without) < 1e-6) != is_read


@pytest.mark.parametrize("orders", [(4, 5), (8, 1), (1, 8)])
def test_a_surface_of_tnx_of_the_seventh_degree_together_counts(orders: tuple[int, int]) -> None:
    factors = surface(*orders, 1)
    cards = header(2, factors, 1)
    assert celestial_of(cards).notes == ()
    assert apart_arcsec(ours(cards), skies(cards, 2, factors)) < 1e-4 * PIXEL_ARCSEC


@pytest.mark.parametrize("orders", [(5, 5), (8, 2), (2, 8)])
def test_a_surface_of_tnx_of_the_eighth_degree_is_left_out_with_a_note(orders: tuple[int, int]) -> None:
    cards = header(2, surface(*orders, 1), 1)
    (note,) = celestial_of(cards).notes
    assert "does not count" in note
    assert apart_arcsec(ours(cards), ours(cards.replace("TNX", "TAN"))) < 1e-6


@pytest.mark.parametrize("reference", [1.0, 4.0, -2.5])
def test_a_sky_that_changes_along_a_third_axis_is_that_of_its_reference_pixel(reference: float) -> None:
    values = {"CRPIX3": reference, "CRVAL3": 1.4e9, "CDELT3": 1e6, "CTYPE3": "FREQ", "PC1_3": 40.0, "PC2_3": -7.0}
    cards = card("WCSAXES", 3) + tan(CDELT1=-0.001, CDELT2=0.001, RADESYS="ICRS", **values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = WCS(fits.Header.fromstring(cards), naxis=3)
    at, beside = (tuple(whole.all_pix2world(X, Y, np.full(4, z), 0)[:2]) for z in (reference - 1, reference))
    (note,) = celestial_of(cards).notes
    assert "axis 3" in note
    assert apart_arcsec(ours(cards), at) < 1e-4 * PIXEL_ARCSEC
    assert apart_arcsec(ours(cards), beside) > PIXEL_ARCSEC
