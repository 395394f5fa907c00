"""Exposures of ``lsst.afw`` in each version of its layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import afw_exposures as afw
from tests.support.readers import pixels

import mtv
from mtv.shared.sky.celestial import celestial_of
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
VERSIONS = (None, 0, 1, 2)


def component(path: Path, out: Output, name: str) -> Any:
    return read_all(path, out, component=name, most=MOST).value


@pytest.mark.parametrize("version", VERSIONS)
def test_an_exposure_of_any_version_is_read_with_all_that_the_page_says(
    tmp_path: Path, out: Output, store: PixelStore, version: int | None
) -> None:
    image = afw.write(tmp_path / "calexp.fits", version, xy0=afw.XY0)
    found = read_all(tmp_path / "calexp.fits", out, most=MOST).data
    assert found is not None
    assert found.mask is not None
    assert found.variance is not None
    assert np.array_equal(pixels(store.directory, found.image), image)
    assert np.array_equal(pixels(store.directory, found.mask), image > 50)
    assert np.array_equal(pixels(store.directory, found.variance), image * 2)
    assert (found.planes, found.xy0, found.notes) == (afw.PLANES, afw.XY0, ())
    assert found.wcs == celestial_of(fits.Header(afw.SKY).tostring()).cards
    assert found.sky_wcs == afw.AST_TEXT


@pytest.mark.parametrize("version", VERSIONS)
def test_the_calibration_of_any_version_is_in_nanojanskys_a_count(
    tmp_path: Path, out: Output, version: int | None
) -> None:
    afw.write(tmp_path / "calexp.fits", version)
    assert component(tmp_path / "calexp.fits", out, "photoCalib") == pytest.approx(afw.CALIBRATION, rel=1e-12)


@pytest.mark.parametrize("version", VERSIONS[:3])
@pytest.mark.parametrize(
    ("name", "band", "physical"),
    [("r", "r", None), ("N921", "N921", None), ("I945", "I945", None), ("HSC-R", None, "HSC-R"), ("i2", None, "i2")],
)
def test_versions_0_and_1_have_one_name_which_is_a_band_or_a_filter(
    tmp_path: Path, out: Output, version: int | None, name: str, band: str | None, physical: str | None
) -> None:
    afw.write(tmp_path / "calexp.fits", version, filter_name=name)
    assert component(tmp_path / "calexp.fits", out, "filter") == {"band": band, "physical": physical}


def test_version_2_has_band_and_filter_in_the_archive(tmp_path: Path, out: Output) -> None:
    afw.write(tmp_path / "calexp.fits", 2)
    assert component(tmp_path / "calexp.fits", out, "filter") == {"band": "r", "physical": "HSC-R"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["filter", "photoCalib"])
def test_an_exposure_without_filter_and_calibration_says_so(
    tmp_path: Path, out: Output, version: int | None, name: str
) -> None:
    afw.write(tmp_path / "calexp.fits", version, parts=False)
    with pytest.raises(RequestError) as caught:
        component(tmp_path / "calexp.fits", out, name)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "component")


@pytest.mark.parametrize("name", ["filter", "photoCalib"])
def test_a_file_that_is_not_of_afw_has_no_filter_and_no_calibration_though_its_header_has_such_words(
    tmp_path: Path, out: Output, name: str
) -> None:
    header = fits.Header({"FILTER": "r", "FLUXMAG0": 1e9})
    fits.PrimaryHDU(np.zeros((3, 3), "f4"), header).writeto(tmp_path / "plain.fits")
    with pytest.raises(RequestError, match=f"no {name}"):
        component(tmp_path / "plain.fits", out, name)


def test_a_calibration_from_before_it_was_in_nanojanskys_is_none(tmp_path: Path, out: Output) -> None:
    afw.write(tmp_path / "calexp.fits", 1)
    with fits.open(tmp_path / "calexp.fits") as hdus:
        columns = hdus[6].columns
        columns.del_col("version")
        hdus[6] = fits.BinTableHDU.from_columns(columns, hdus[6].header)
        hdus.writeto(tmp_path / "old.fits")
    with pytest.raises(RequestError, match="no photoCalib"):
        component(tmp_path / "old.fits", out, "photoCalib")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exact_wcs_stands_in_for_a_header_without_one(tmp_path: Path, out: Output, version: int | None) -> None:
    pytest.importorskip("starlink.Ast")
    path = tmp_path / "calexp.fits"
    afw.write(path, version, in_header=False)
    found = read_all(path, out, most=MOST).data
    assert found is not None
    exposure = mtv.Exposure(np.zeros((10, 10)), wcs=found.wcs)
    truth = mtv.Exposure(np.zeros((10, 10)), wcs=fits.Header(afw.SKY).tostring())
    for x, y in ((0, 0), (9, 0), (4, 7)):
        assert exposure.pixel_to_sky(x, y) == pytest.approx(truth.pixel_to_sky(x, y), abs=1e-8)
