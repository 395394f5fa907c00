from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from mtvd.demo.optics import Optics, optics_of
from mtvd.demo.plan import DETECTOR_POSITIONS, SIZES, VISITS

FULL_YX = SIZES["full"].shape_yx
POINTS = np.array([[0.0, 2047.0, 1000.5, 13.25, 2047.0], [0.0, 0.0, 2000.5, 4100.75, 4175.0]])


def written(optics: Optics) -> WCS:
    header = fits.Header()
    header["NAXIS"] = 2
    for key, value, comment in optics.header_cards():
        header[key] = (value, comment)
    return WCS(header)


@pytest.mark.parametrize("detector", DETECTOR_POSITIONS)
def test_the_written_wcs_agrees_with_the_optics_within_a_milliarcsecond(detector: int) -> None:
    optics = optics_of(VISITS[1], detector, FULL_YX)
    ra_deg, dec_deg = optics.sky(*POINTS)
    found = written(optics).all_pix2world(*POINTS, 0)
    assert np.allclose(found[0], ra_deg, rtol=0, atol=1e-3 / 3600)
    assert np.allclose(found[1], dec_deg, rtol=0, atol=1e-3 / 3600)


@pytest.mark.parametrize("detector", DETECTOR_POSITIONS)
def test_the_inverse_polynomial_in_the_header_undoes_the_distortion_to_a_thousandth_of_a_pixel(detector: int) -> None:
    optics = optics_of(VISITS[0], detector, FULL_YX)
    axis = np.array(optics.axis_xy)[:, None]
    big_u, big_v = np.asarray(written(optics).wcs_world2pix(*optics.sky(*POINTS), 0)) - axis
    found = np.stack([big_u, big_v]) + axis
    for key, value, _ in optics.header_cards():
        if key[:3] in ("AP_", "BP_") and key[3].isdigit():
            found["AB".index(key[0])] += float(value) * big_u ** int(key[3]) * big_v ** int(key[5])
    assert np.allclose(found, POINTS, rtol=0, atol=1e-3)


def test_pixels_undoes_sky() -> None:
    optics = optics_of(VISITS[0], 47, FULL_YX)
    assert np.allclose(optics.pixels(*optics.sky(*POINTS)), POINTS, rtol=0, atol=1e-6)


def test_detectors_do_not_overlap_on_the_sky() -> None:
    for one in DETECTOR_POSITIONS:
        for other in DETECTOR_POSITIONS:
            if one != other:
                x, y = optics_of(VISITS[0], other, FULL_YX).pixels(*optics_of(VISITS[0], one, FULL_YX).corners())
                assert not np.any((x > 0) & (x < FULL_YX[1] - 1) & (y > 0) & (y < FULL_YX[0] - 1))


def test_a_pixel_is_as_large_as_that_of_hsc() -> None:
    ra_deg, dec_deg = optics_of(VISITS[0], 49, FULL_YX).sky([1000, 1001], [2000, 2000])
    assert np.hypot(np.diff(ra_deg), np.diff(dec_deg)).item() * 3600 == pytest.approx(0.168, rel=2e-3)
