"""The sky of odd files, read by path: picture, `get`, cut-out and component say one thing, and tell the same notes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.support.odd_headers import HEADERS, NX, NY, tan

import mtv
from mtv.shared.sky.celestial import celestial_of
from mtv.wire.data import SkyBox
from mtv.wire.errors import RequestError
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.sky import pixel_of, place_of

MOST = 10_000_000
SHOWN = [name for name, odd in HEADERS.items() if odd.follows != "none"]
ROUND = [name for name in SHOWN if not name.startswith(("TNX", "ZPX", "CDELT missing", "SIP of one"))]


def write(path: Path, cards: str) -> Path:
    frame = fits.PrimaryHDU(np.zeros((NY, NX), "f4")).header.tostring(endcard=False, padding=False)
    head = (frame + cards + "END".ljust(80)).encode()
    path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880) + bytes(-(-4 * NX * NY // 2880) * 2880))
    return path


@pytest.fixture(autouse=True)
def quiet() -> None:
    warnings.simplefilter("ignore")  # astropy's, of odd cards


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_says_what_its_cards_mean_and_what_is_left_out(tmp_path: Path, out: Output, name: str) -> None:
    path, wanted = write(tmp_path / "odd.fits", HEADERS[name].cards), celestial_of(HEADERS[name].cards)
    for found in (read_display(path, out, most=MOST), read_all(path, out, most=MOST).data):
        assert found is not None
        assert (found.wcs, found.notes) == (wanted.cards, wanted.notes)
    part = read_all(path, out, bbox=(10, 20, 30, 40), most=MOST).data
    assert part is not None
    assert (part.xy0, part.notes) == ((10, 20), wanted.notes)
    component = read_all(path, out, component="wcs", most=MOST)
    assert (component.value, component.notes) == (wanted.cards, wanted.notes)


@pytest.mark.parametrize("name", ROUND)
def test_a_cut_out_on_the_sky_lies_around_the_pixel_that_shows_its_centre(
    tmp_path: Path, out: Output, name: str
) -> None:
    path = write(tmp_path / "odd.fits", HEADERS[name].cards)
    exposure = mtv.Exposure(np.zeros((NY, NX)), wcs=HEADERS[name].cards)
    (ra, dec), (_, above) = exposure.pixel_to_sky(100, 75), exposure.pixel_to_sky(100, 76)
    if not np.isfinite([ra, dec, above]).all():
        pytest.skip("no sky there")
    assert exposure.sky_to_pixel(ra, dec) == pytest.approx((100, 75), abs=1e-3)
    side = 11 * 3600 * np.sqrt(abs(celestial_scale(exposure)))
    cut = read_display(path, out, sky=SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=side, height_arcsec=side), most=MOST)
    assert (cut.xy0, cut.image.shape) == ((95, 70), (11, 11))


def celestial_scale(exposure: mtv.Exposure) -> float:
    """Return the square degrees of pixel (100, 75)."""
    (ra, x, y), (dec, above, right) = zip(
        *(exposure.pixel_to_sky(*at) for at in ((100, 75), (101, 75), (100, 76))), strict=True
    )
    a, b = ((value - ra + 180) % 360 - 180 for value in (x, y))
    return float(np.cos(np.radians(dec)) * (a * (right - dec) - b * (above - dec)))


@pytest.mark.parametrize("name", ["CRVAL undefined", "the sun", "singular"])
def test_a_cut_out_on_the_sky_of_an_image_without_one_is_refused_by_its_field(
    tmp_path: Path, out: Output, name: str
) -> None:
    path = write(tmp_path / "odd.fits", HEADERS[name].cards)
    with pytest.raises(RequestError) as caught:
        read_display(path, out, sky=SkyBox(ra_deg=1, dec_deg=2, width_arcsec=3, height_arcsec=3), most=MOST)
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "sky")


@pytest.mark.parametrize("name", ROUND)
def test_a_place_that_a_pixel_has_is_found_at_that_pixel(name: str) -> None:
    cards = celestial_of(HEADERS[name].cards).cards
    for x, y in ((110.25, 83.0), (12.0, 140.5)):
        place = place_of(cards, (10, 20), x, y)
        found = pixel_of(cards, (10, 20), *place)
        np.testing.assert_allclose(found, (x, y), atol=1e-3)


def test_a_place_behind_the_plane_or_without_a_sky_is_nowhere() -> None:
    cards = celestial_of(tan(CDELT1=-1e-3, CDELT2=1e-3)).cards
    assert pixel_of(cards, (0, 0), 150.0, 30.0) == pytest.approx([99.0, 74.0])
    assert pixel_of(cards, (0, 0), 330.0, -30.0) == []
    assert pixel_of("", (0, 0), 150.0, 30.0) == []
