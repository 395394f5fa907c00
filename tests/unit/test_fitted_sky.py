"""Skies that no header expresses: an object's own approximation where it is near enough, else one that is fitted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mtv.arguments.objects import Image, image_of

pytest.importorskip("astropy")
from astropy.io.fits import Header
from astropy.wcs import WCS
from tests.support import afw_objects as afw

HEIGHT, WIDTH = afw.SHAPE_YX
PIXEL_DEG = 0.17 / 3600


def image(sky: afw.SkyWcs, own: WCS | None) -> Image:
    """Return what is seen of an Image of ``lsst.images`` with a sky of its own, in radians as the package tells it."""

    def to_world(x: Any, y: Any) -> Any:
        return sky.pixelToSkyArray(x + afw.XY0[0], y + afw.XY0[1])

    box = SimpleNamespace(x=SimpleNamespace(size=WIDTH), y=SimpleNamespace(size=HEIGHT))
    return image_of(
        SimpleNamespace(
            array=np.zeros(afw.SHAPE_YX, "f4"),
            yx0=SimpleNamespace(x=afw.XY0[0], y=afw.XY0[1]),
            bbox=box,
            fits_wcs=own,
            sky_projection=SimpleNamespace(as_fits_wcs=lambda _box: None),
            astropy_wcs=SimpleNamespace(pixel_to_world_values=to_world),
        )
    )


def local_tan(shift_px: float = 0.0) -> WCS:
    wcs = afw.tan()
    wcs.wcs.crpix = [41 + shift_px, 31]
    return wcs


def error_px(cards: str, sky: afw.SkyWcs) -> float:
    """Return how far a header is from a sky at worst."""
    x, y = (values.ravel() for values in np.meshgrid(*(np.linspace(-0.5, n - 0.5, 3 * n) for n in (WIDTH, HEIGHT))))
    ra, dec = np.degrees(sky.pixelToSkyArray(x + afw.XY0[0], y + afw.XY0[1]))
    found = WCS(Header.fromstring(cards)).all_pix2world(np.stack([x, y], 1), 0)
    apart = np.hypot((found[:, 0] - ra) * np.cos(np.radians(dec)), found[:, 1] - dec)
    return float(apart.max() / PIXEL_DEG)


def told_px(seen: Image) -> float:
    (note,) = seen.wcs_notes
    assert note.startswith("the WCS is an approximation, to ")
    return float(note.split()[-2])


@pytest.mark.parametrize("own", [None, local_tan(), local_tan(2.0)], ids=["none", "its own", "a far one"])
def test_a_sky_is_fitted_where_the_objects_own_header_is_more_than_a_pixel_off(own: WCS | None) -> None:
    sky = afw.SkyWcs(bend=3.0, length=22.0)
    assert error_px(_cards(own or local_tan()), sky) > 1
    seen = image(sky, own)
    assert "SIP" in seen.wcs
    true_px = error_px(seen.wcs, sky)
    assert 0.01 < true_px < 1
    assert told_px(seen) == pytest.approx(true_px, rel=0.2), "it is measured at some 2,000 points"


def test_the_objects_own_header_stays_where_it_is_within_a_pixel() -> None:
    sky = afw.SkyWcs(bend=0.3)
    seen = image(sky, local_tan())
    assert "SIP" not in seen.wcs
    assert told_px(seen) == pytest.approx(error_px(seen.wcs, sky), rel=0.2), "it is measured at some 2,000 points"


def test_a_header_that_has_no_place_for_a_pixel_is_no_approximation() -> None:
    sky = afw.SkyWcs(bend=0.3)
    far_side = local_tan()
    far_side.wcs.cdelt = [-3.0, 3.0]
    seen = image(sky, far_side)
    assert "SIP" in seen.wcs
    assert error_px(seen.wcs, sky) < 1


def _cards(wcs: WCS) -> str:
    return str(wcs.to_header().tostring())
