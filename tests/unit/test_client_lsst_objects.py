"""Images of ``lsst.images`` in memory show as the files do that the package writes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import lsst_images
from tests.support import repo_sample as sample

from mtv.arguments.objects import Image, image_of
from mtv.arguments.targets import check_image
from mtv.wire.limits import Limits

images = pytest.importorskip("lsst.images")
PLANES = {f"P{number}": number for number in range(lsst_images.MANY_PLANES)}


def seen(target: object) -> Image:
    return check_image(image_of(target), Limits())


@pytest.mark.parametrize("kind", ["masked_image", "visit_image", "cell_coadd"])
def test_an_exposure_brings_its_mask_planes_offset_and_unit(kind: str) -> None:
    image = seen(getattr(lsst_images, kind)())
    assert np.array_equal(image.pixels, sample.image_of(1, 1))
    assert (image.xy0, image.unit, image.notes) == (sample.XY0, "nJy", ())
    assert image.planes == PLANES
    for number in range(lsst_images.MANY_PLANES):
        wanted = lsst_images.plane_of(number) if number in lsst_images.SET_PLANES else np.False_
        assert ((image.mask >> number & 1).astype(bool) == wanted).all()


def test_its_wcs_is_that_of_its_own_pixels() -> None:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    image = seen(lsst_images.visit_image())
    assert image.wcs_notes == ()
    sky = WCS(Header.fromstring(image.wcs)).all_pix2world([[29, 24]], 0)[0]
    np.testing.assert_allclose(sky, lsst_images.CENTRE_DEG, rtol=0, atol=1e-9)


def test_an_image_and_a_mask_stand_alone() -> None:
    whole = lsst_images.masked_image()
    image = seen(whole.image)
    assert np.array_equal(image.pixels, sample.image_of(1, 1))
    assert (image.mask, image.xy0, image.unit) == (None, sample.XY0, "nJy")
    mask = seen(whole.mask)
    assert np.array_equal(mask.pixels, sum(lsst_images.plane_of(n).astype("i8") << n for n in lsst_images.SET_PLANES))


def test_a_cut_out_is_at_its_place() -> None:
    whole = lsst_images.masked_image()
    box = images.Box.from_shape((5, 7), start=(sample.XY0[1] + 3, sample.XY0[0] + 10))
    image = seen(whole[box])
    assert image.xy0 == (sample.XY0[0] + 10, sample.XY0[1] + 3)
    assert np.array_equal(image.pixels, sample.image_of(1, 1)[3:8, 10:17])


def test_a_file_of_it_says_the_same(tmp_path: Path) -> None:
    from mtvd.host.pixelstore import PixelStore
    from mtvd.repo.readers.choose import read_display
    from mtvd.repo.readers.output import Output

    exposure = lsst_images.visit_image()
    exposure.write(str(tmp_path / "visit.fits"))
    store = PixelStore(tmp_path / "pixels", 1 << 28)
    of_file = read_display(tmp_path / "visit.fits", Output(store, Limits().header_bytes), most=10**6)
    image = seen(exposure)
    assert (of_file.planes, of_file.xy0, of_file.unit) == (dict(image.planes), image.xy0, image.unit)


def test_of_more_than_64_planes_those_come_first_that_pixels_have_and_the_rest_is_named() -> None:
    planes = [images.MaskPlane(f"P{number}", "a plane") for number in range(66)]
    box = images.Box.from_shape((4, 5), start=(0, 0))
    mask: Any = images.Mask(schema=images.MaskSchema(planes), bbox=box)
    mask.set("P65", np.ones((4, 5), bool))
    image = seen(images.MaskedImage(images.Image(np.zeros((4, 5), "f4"), bbox=box), mask=mask))
    assert [*image.planes] == [*(f"P{number}" for number in range(63)), "P65"]
    assert (image.mask >> np.uint64(image.planes["P65"]) & np.uint64(1)).all()
    assert image.notes == ("the mask has 66 planes, 64 are told; left out, because no pixel has them: P63, P64",)


def test_of_more_than_64_planes_that_pixels_have_the_last_are_left_out_and_named() -> None:
    planes = [images.MaskPlane(f"P{number}", "a plane") for number in range(66)]
    box = images.Box.from_shape((4, 5), start=(0, 0))
    mask: Any = images.Mask(schema=images.MaskSchema(planes), bbox=box)
    for number in range(66):
        mask.set(f"P{number}", np.ones((4, 5), bool))
    image = seen(images.MaskedImage(images.Image(np.zeros((4, 5), "f4"), bbox=box), mask=mask))
    assert image.planes == {f"P{number}": number for number in range(64)}
    assert image.notes == ("mask planes that pixels have, but no bit is left for, are left out: P64, P65",)


def test_a_picture_in_colours_shows_the_mean_of_them_and_one_band_alone() -> None:
    colours = lsst_images.colour_image()
    image = seen(colours)
    np.testing.assert_allclose(image.pixels, colours.array.mean(axis=2))
    assert image.notes == ("the mean of red, green and blue is shown; image.red is one of them",)
    assert np.array_equal(seen(colours.red).pixels, colours.array[..., 0])
