"""Images of ``lsst.afw.image`` in memory, known by their shape: pixels, planes, offset, sky, unit and name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mtv.arguments.objects import Image, image_of
from mtv.arguments.targets import check_image
from mtv.wire.limits import Limits

pytest.importorskip("astropy")
from tests.support import afw_objects as afw


def seen(target: object) -> Image:
    return check_image(image_of(target), Limits())


def points() -> np.ndarray[Any, Any]:
    """Return pixels ``(x, y)`` of the image, its corners among them."""
    height, width = afw.SHAPE_YX
    x, y = np.meshgrid(np.linspace(0, width - 1, 7), np.linspace(0, height - 1, 7))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def places_of(cards: str) -> np.ndarray[Any, Any]:
    """Return where the points are on the sky, by the image's cards."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    return np.asarray(WCS(Header.fromstring(cards)).all_pix2world(points(), 0))


def true_places(sky: afw.SkyWcs) -> np.ndarray[Any, Any]:
    x, y = (points() + afw.XY0).T
    radians: np.ndarray[Any, Any] = np.stack(sky.pixelToSkyArray(x, y), axis=1)
    return radians * (180 / np.pi)


def test_an_exposure_brings_pixels_planes_offset_sky_unit_and_name() -> None:
    sky = afw.SkyWcs()
    image = seen(afw.exposure(sky))
    assert np.array_equal(image.pixels, afw.image().array)
    assert (image.xy0, image.unit, image.label) == (afw.XY0, "nJy", "HSC, visit 23718, detector 41, HSC-R")
    assert dict(image.planes) == afw.PLANES
    assert (int(image.mask[3, 4]) >> 5 & 1, int(image.mask[10, 20]) >> 31 & 1) == (1, 1)
    assert (image.notes, image.wcs_notes) == ((), ())
    np.testing.assert_allclose(places_of(image.wcs), true_places(sky), rtol=0, atol=1e-9)


def test_an_exposure_that_knows_little_says_little() -> None:
    image = seen(afw.exposure(None, told=False))
    assert (image.label, image.unit, image.wcs, image.wcs_notes) == ("", "", "", ())


def test_a_sky_that_no_header_expresses_is_fitted_and_a_note_says_how_well() -> None:
    sky = afw.SkyWcs(bend=3.0)
    image = seen(afw.exposure(sky))
    (note,) = image.wcs_notes
    assert note.startswith("the WCS is an approximation, to ")
    worst_px = float(note.split()[-2])
    assert 0 < worst_px < 1
    apart_px = np.abs(places_of(image.wcs) - true_places(sky)).max() * 3600 / 0.17
    assert apart_px <= worst_px * 1.05
    assert np.abs(true_places(sky) - true_places(afw.SkyWcs())).max() * 3600 / 0.17 > 1, "the header alone is worse"


def test_a_sky_that_is_nowhere_near_a_header_is_left_out_with_a_note() -> None:
    image = seen(afw.exposure(afw.SkyWcs(bend=200.0, length=2.0)))
    assert image.wcs == ""
    assert "no sky is shown" in image.wcs_notes[0]


def test_a_sky_that_fails_costs_the_sky_and_not_the_picture() -> None:
    sky = afw.SkyWcs(bend=1.0, fails=True)
    image = seen(afw.exposure(sky))
    assert image.wcs == ""
    assert "no sky" in image.wcs_notes[0]
    assert "\n" not in image.wcs_notes[0]


@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8"])
def test_an_image_of_any_type_stands_alone(dtype: str) -> None:
    image = seen(afw.Image(np.ones(afw.SHAPE_YX, dtype)))
    assert (image.xy0, image.mask, image.pixels.dtype) == (afw.XY0, None, np.dtype(dtype))


def test_a_mask_stands_alone_and_a_masked_image_may_have_none() -> None:
    assert np.array_equal(seen(afw.mask()).pixels, afw.mask().array)
    image = seen(afw.MaskedImage(afw.image(), None))
    assert (image.mask, image.xy0) == (None, afw.XY0)


def test_a_decorated_image_has_the_sky_of_its_header() -> None:
    header = afw.PropertyList(**dict(afw.tan().to_header()), BUNIT="adu", OBJECT="M31")
    image = seen(afw.DecoratedImage(afw.image(), header))
    assert (image.unit, image.label, image.xy0) == ("adu", "M31", afw.XY0)
    assert "CRVAL1" in image.wcs
