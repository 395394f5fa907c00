"""WCS objects of gWCS itself, whole, wrapped and sliced: the same places to 0.01 pixel, or a note."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import coordinates, units
from astropy.modeling import models
from astropy.nddata import NDData, NDDataRef
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS

import mtv
from mtv.arguments.objects import image_of
from mtv.shared.wcs_cards import GivenWcs, wcs_cards

gwcs = pytest.importorskip("gwcs")
NY, NX = 150, 200
X, Y = (grid.ravel().astype(float) for grid in np.meshgrid([0, 60, 100, 199], [0, 75, 149]))
DEG_PX = 0.001


def made(frame: Any = None, *, ripple_px: float = 0.0, bounded: bool = True, second_order: float = 1e-5) -> Any:
    """Return a WCS with a distortion of second order, and perhaps one that no polynomial follows."""
    names = gwcs.coordinate_frames
    sky = names.CelestialFrame(
        reference_frame=coordinates.ICRS() if frame is None else frame, unit=(units.deg, units.deg), name="sky"
    )
    pixels = names.Frame2D(name="detector", unit=(units.pix, units.pix))
    bent = models.Polynomial2D(2, c1_0=1, c2_0=second_order) & models.Polynomial2D(2, c0_1=1, c1_1=second_order)
    wave = models.Sine1D(ripple_px, 1 / 20) & models.Identity(2)
    steps = models.Mapping((0, 0, 1)) | wave | models.Polynomial2D(1, c1_0=1, c0_1=1) & models.Identity(1)
    steps = steps | models.Shift(-90) & models.Shift(-70) | models.Mapping((0, 1, 0, 1)) | bent
    steps = steps | models.Scale(-DEG_PX) & models.Scale(DEG_PX) | models.Pix2Sky_TAN()
    found = gwcs.WCS([(pixels, steps | models.RotateNative2Celestial(150.0, 30.0, 180.0)), (sky, None)])
    if bounded:
        found.bounding_box = ((-0.5, NX - 0.5), (-0.5, NY - 0.5))
    return found


def apart_px(given: GivenWcs, wcs: Any, first: tuple[int, int] = (0, 0)) -> float:
    """Return how far the cards are at worst from the object, which counts from another first pixel ``(x, y)``."""
    ra, dec = mtv.Exposure(np.zeros((NY, NX)), wcs=given.cards).pixel_to_sky(X - first[0], Y - first[1])
    place = coordinates.SkyCoord(ra, dec, unit="deg")
    return float(place.separation(wcs.pixel_to_world(X, Y).transform_to("icrs")).deg.max() / DEG_PX)


FRAMES = {
    "ICRS": coordinates.ICRS(),
    "FK5": coordinates.FK5(),
    "FK5 of 1975": coordinates.FK5(equinox="J1975"),
    "FK4": coordinates.FK4(equinox="B1950"),
    "FK4 without E-terms": coordinates.FK4NoETerms(equinox="B1950"),
    "galactic": coordinates.Galactic(),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_gwcs_is_followed_to_a_hundredth_of_a_pixel_in_whatever_frame_it_is(name: str) -> None:
    given = wcs_cards(made(FRAMES[name]))
    assert given.notes == ()
    assert apart_px(given, made(FRAMES[name])) < 0.02
    assert apart_px(wcs_cards(made(second_order=1e-4)), made()) > 0.1


def test_a_gwcs_that_no_polynomial_follows_tells_how_far_it_is() -> None:
    wcs = made(ripple_px=3.0)
    given = wcs_cards(wcs)
    (note,) = given.notes
    said_px = float(note.removeprefix("the WCS is the object's own to ").removesuffix(" pixels"))
    assert 1 < said_px < 4
    assert 0.1 < apart_px(given, wcs) < 1.1 * said_px


@pytest.mark.parametrize(
    ("wcs", "words"),
    [
        (made(bounded=False), "bounding_box"),
        (made(coordinates.BarycentricMeanEcliptic()), "specified coordinate frame"),
    ],
    ids=["without a bounding box", "of a frame that FITS does not have"],
)
def test_a_gwcs_that_cannot_be_said_costs_the_sky_and_a_note_says_why(wcs: Any, words: str) -> None:
    image = image_of(NDData(np.ones((NY, NX)), wcs=wcs))
    assert image.wcs == ""
    assert words in image.wcs_notes[0]
    assert image.pixels.shape == (NY, NX)


def test_a_wrapped_gwcs_is_the_same() -> None:
    assert wcs_cards(HighLevelWCSWrapper(made())) == wcs_cards(made())


@pytest.mark.parametrize("wrap", [lambda wcs: wcs, HighLevelWCSWrapper])
def test_a_slice_of_a_gwcs_is_that_of_its_own_pixels(wrap: Any) -> None:
    part = wcs_cards(wrap(SlicedLowLevelWCS(made(), np.s_[5:90, 10:])))
    assert part.notes == ()
    assert apart_px(part, made(), first=(10, 5)) < 0.02


def test_a_row_of_a_gwcs_has_no_sky_and_a_note_says_so() -> None:
    row = wcs_cards(SlicedLowLevelWCS(made(), np.s_[5, :]))
    assert row.cards == ""
    assert "SlicedLowLevelWCS" in row.notes[0]


def test_a_slice_of_an_nddata_with_a_gwcs_is_at_its_place_with_its_sky() -> None:
    image = image_of(NDDataRef(np.ones((NY, NX)), wcs=made())[5:, 10:])
    assert (image.xy0, image.wcs_notes) == ((10, 5), ())
    assert apart_px(GivenWcs(image.wcs), made(), first=(10, 5)) < 0.02
