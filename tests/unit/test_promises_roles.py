"""What `docs/formats.md` promises of the HDUs of an exposure: they are told by EXTTYPE, else EXTNAME, else position."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.readers import pixels
from tests.support.small_files import IMAGE, written

from mtv.arguments.objects import image_of
from mtv.wire.data import Exposure
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
BITS = (IMAGE % 4).astype("i2")
PLANES = {"MP_BAD": 0, "MP_CR": 1}


def got(path: Path, out: Output) -> Exposure:
    found = read_all(path, out, most=MOST).data
    assert found is not None
    return found


def variance_of(store: PixelStore, exposure: Exposure) -> Any:
    assert exposure.variance is not None, exposure.notes
    return pixels(store.directory, exposure.variance)


def test_the_variance_of_an_exposure_without_names_is_the_image_behind_its_mask(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    hdus = [fits.ImageHDU(IMAGE), fits.ImageHDU(BITS, fits.Header(PLANES)), fits.ImageHDU(IMAGE * 3)]
    exposure = got(written(tmp_path / "a.fits", *hdus, fits.ImageHDU(IMAGE * 5)), out)
    assert np.array_equal(variance_of(store, exposure), IMAGE * 3)
    assert exposure.planes == {"BAD": 0, "CR": 1}


def test_an_image_behind_one_that_is_no_mask_is_no_variance(tmp_path: Path, out: Output) -> None:
    exposure = got(written(tmp_path / "a.fits", *(fits.ImageHDU(IMAGE * number) for number in (1, 2, 3))), out)
    assert (exposure.mask, exposure.variance) == (None, None)


def test_exttype_counts_before_extname(tmp_path: Path, out: Output, store: PixelStore) -> None:
    """Each HDU bears the name of another's role; the roles are those of EXTTYPE."""
    hdus = [
        fits.ImageHDU(IMAGE * 3, fits.Header({"EXTTYPE": "VARIANCE"}), name="IMAGE"),
        fits.ImageHDU(IMAGE, fits.Header({"EXTTYPE": "IMAGE"}), name="MASK"),
        fits.ImageHDU(BITS, fits.Header({"EXTTYPE": "MASK", **PLANES}), name="VARIANCE"),
    ]
    path = written(tmp_path / "a.fits", *hdus)
    exposure = got(path, out)
    assert np.array_equal(pixels(store.directory, exposure.image), IMAGE)
    assert np.array_equal(variance_of(store, exposure), IMAGE * 3)
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), BITS)
    with fits.open(path) as opened:
        of_list = image_of(opened)
        assert np.array_equal(of_list.pixels, IMAGE)
        assert np.array_equal(of_list.mask, BITS)
