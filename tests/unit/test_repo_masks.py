"""Masks and variances of files from elsewhere: of astropy's CCDData, of cubes, without names, of another shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.readers import pixels

from mtv.wire.data import Exposure
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
nddata = pytest.importorskip("astropy.nddata")
MOST = 10**9
IMAGE = np.arange(20, dtype="f4").reshape(4, 5)
BAD = IMAGE % 3 == 1
UNCERTAINTIES = {
    "StdDevUncertainty": (IMAGE, IMAGE**2),
    "VarianceUncertainty": (IMAGE, IMAGE),
    "InverseVariance": (IMAGE + 1, 1 / (IMAGE + 1)),
}


def ccd(path: Path, data: Any = IMAGE, **parts: Any) -> Path:
    nddata.CCDData(data, unit="adu", **parts).write(path)
    return path


def written(path: Path, *hdus: Any) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def got(path: Path, out: Output, **part: Any) -> Exposure:
    found = read_all(path, out, most=MOST, **part).data
    assert found is not None
    return found


def mask_of(store: PixelStore, exposure: Exposure) -> Any:
    assert exposure.mask is not None, exposure.notes
    return pixels(store.directory, exposure.mask)


def test_the_mask_that_ccddata_writes_is_shown_and_got(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = ccd(tmp_path / "ccd.fits", mask=BAD)
    for exposure in (read_display(path, out, most=MOST), got(path, out)):
        assert exposure.planes == {"MASK": 0}
        assert np.array_equal(mask_of(store, exposure), BAD)
        assert exposure.notes == ()


def test_a_cut_out_has_the_mask_of_its_pixels(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = ccd(tmp_path / "ccd.fits", mask=BAD)
    exposure = read_display(path, out, most=MOST, bbox=(1, 1, 3, 2))
    assert np.array_equal(mask_of(store, exposure), BAD[1:3, 1:4])


@pytest.mark.parametrize("name", UNCERTAINTIES)
def test_the_uncertainty_that_ccddata_writes_is_got_as_a_variance(
    tmp_path: Path, out: Output, store: PixelStore, name: str
) -> None:
    stored, variance = UNCERTAINTIES[name]
    path = ccd(tmp_path / "ccd.fits", mask=BAD, uncertainty=getattr(nddata, name)(stored), psf=np.ones((3, 3)))
    exposure = got(path, out)
    assert exposure.variance is not None
    np.testing.assert_allclose(pixels(store.directory, exposure.variance), variance, rtol=1e-6)
    alone = got(path, out, component="variance")
    np.testing.assert_allclose(pixels(store.directory, alone.image), variance, rtol=1e-6)
    assert exposure.notes == ()


@pytest.mark.parametrize("utype", [None, "", "StdDevUncertainty"])
def test_an_uncertainty_of_which_no_kind_is_said_is_a_standard_deviation(
    tmp_path: Path, out: Output, store: PixelStore, utype: str | None
) -> None:
    header = fits.Header() if utype is None else fits.Header({"UTYPE": utype})
    hdus = (fits.ImageHDU(IMAGE, name="SCI"), fits.ImageHDU(IMAGE * 3, header, name="UNCERT"))
    exposure = got(written(tmp_path / "odd.fits", *hdus), out)
    assert exposure.variance is not None, exposure.notes
    assert np.array_equal(pixels(store.directory, exposure.variance), (IMAGE * 3) ** 2)
    assert exposure.notes == ()


def test_an_uncertainty_of_no_known_kind_is_left_out_and_named(tmp_path: Path, out: Output) -> None:
    hdu = fits.ImageHDU(IMAGE, fits.Header({"UTYPE": "Poisson"}), name="UNCERT")
    exposure = got(written(tmp_path / "odd.fits", fits.ImageHDU(IMAGE, name="SCI"), hdu), out)
    assert exposure.variance is None
    assert exposure.notes == ("the variance is left out: the uncertainty is of the kind 'Poisson'",)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4"])
def test_a_mask_whose_bits_have_no_names_marks_the_pixels_that_are_not_0(
    tmp_path: Path, out: Output, store: PixelStore, dtype: str
) -> None:
    bits = (BAD * 2 + (IMAGE == 0) * 64).astype(dtype)
    path = written(tmp_path / "m.fits", fits.ImageHDU(IMAGE, name="SCI"), fits.ImageHDU(bits, name="MASK"))
    for exposure in (read_display(path, out, most=MOST), got(path, out)):
        assert exposure.planes == {"MASK": 0}
        assert np.array_equal(mask_of(store, exposure), bits != 0)
        assert bool(exposure.notes) == (dtype != "u1"), "bits of a byte are said to be booleans"
    alone = got(path, out, component="mask")
    assert np.array_equal(pixels(store.directory, alone.image), bits)
    assert (alone.planes, alone.notes) == ({}, ())


def test_named_bits_of_a_mask_of_floats_are_read(tmp_path: Path, out: Output, store: PixelStore) -> None:
    mask = fits.ImageHDU(BAD.astype("f4") * 4, fits.Header({"MP_CR": 2}), name="MASK")
    exposure = read_display(written(tmp_path / "m.fits", fits.ImageHDU(IMAGE), mask), out, most=MOST)
    assert exposure.planes == {"CR": 2}
    assert np.array_equal(mask_of(store, exposure) >> 2 & 1, BAD)


def test_mask_planes_beyond_the_bits_of_the_mask_are_left_out_and_named(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    header = fits.Header({"MP_BAD": 0, "MP_SIGN": 15, "MP_CR": 16, "MP_SAT": 40})
    mask = fits.ImageHDU(-BAD.astype("i2"), header, name="MASK")
    path = written(tmp_path / "m.fits", fits.ImageHDU(IMAGE), mask)
    for exposure in (read_display(path, out, most=MOST), got(path, out)):
        assert exposure.planes == {"BAD": 0, "SIGN": 15}
        assert exposure.notes == ("mask planes beyond the 16 bits of the mask are left out: CR, SAT",)
        assert np.array_equal(mask_of(store, exposure) >> 15 & 1, BAD)


@pytest.mark.parametrize(
    ("names", "image", "has_mask"),
    [
        ("A B MASK", "A", True),
        ("A B C MASK", "A", False),
        ("A MASK B C", "A", True),
        ("IMAGE A B C MASK", "IMAGE", True),
        ("A B IMAGE C MASK", "IMAGE", True),
        ("A B C IMAGE MASK", "A", False),
    ],
)
def test_files_are_looked_through_up_to_the_third_other_image_and_to_the_end_behind_an_image(
    tmp_path: Path, out: Output, store: PixelStore, names: str, image: str, has_mask: bool
) -> None:
    hdus = [fits.ImageHDU(IMAGE + 100 * number, name=name) for number, name in enumerate(names.split())]
    hdus[names.split().index("MASK")] = fits.ImageHDU(BAD.astype("u1"), name="MASK")
    exposure = read_display(written(tmp_path / "m.fits", *hdus), out, most=MOST)
    assert np.array_equal(pixels(store.directory, exposure.image), IMAGE + 100 * names.split().index(image))
    assert (exposure.mask is not None) == has_mask
    if has_mask:
        assert np.array_equal(mask_of(store, exposure), BAD)


@pytest.mark.parametrize("bit", ["three", 2.5, -1, 64, True, None])
def test_a_mask_plane_without_a_bit_number_is_left_out_and_named(
    tmp_path: Path, out: Output, store: PixelStore, bit: Any
) -> None:
    mask = fits.ImageHDU(BAD.astype("i2"), fits.Header({"MP_BAD": 0, "MP_CR": bit}), name="MASK")
    exposure = read_display(written(tmp_path / "m.fits", fits.ImageHDU(IMAGE), mask), out, most=MOST)
    assert exposure.planes == {"BAD": 0}
    assert exposure.notes == ("mask planes without a bit number are left out: CR",)
    assert np.array_equal(mask_of(store, exposure), BAD)


@pytest.mark.parametrize("value", ["missing", "three", 2.5, -4, 0, 6, 3.0, True, None, float("inf")])
def test_a_mask_plane_whose_value_is_missing_or_no_single_bit_is_left_out_and_named(
    tmp_path: Path, out: Output, store: PixelStore, value: Any
) -> None:
    header = fits.Header({"MSKN0000": "BAD", "MSKM0000": 1, "MSKN0001": "CR", "MSKN0002": "SAT", "MSKM0002": 4.0})
    if value == float("inf"):
        header.append(fits.Card.fromstring("MSKM0001=                1E400"))
    elif value != "missing":
        header["MSKM0001"] = value
    mask = fits.ImageHDU(BAD.astype("i2"), header, name="MASK")
    path = written(tmp_path / "m.fits", fits.ImageHDU(IMAGE), mask)
    for exposure in (read_display(path, out, most=MOST), got(path, out)):
        assert exposure.planes == {"BAD": 0, "SAT": 2}
        assert exposure.notes == ("mask planes without a bit number are left out: CR",)
        assert np.array_equal(mask_of(store, exposure), BAD)


@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 4, 5), (1, 5)])
def test_a_mask_of_another_shape_is_left_out_and_named(tmp_path: Path, out: Output, shape: tuple[int, ...]) -> None:
    mask = fits.ImageHDU(np.ones(shape, "i4"), name="MASK")
    variance = fits.ImageHDU(np.ones(shape, "f4"), name="VARIANCE")
    path = written(tmp_path / "odd.fits", fits.ImageHDU(IMAGE, name="IMAGE"), mask, variance)
    is_a = f"is left out: its shape is {'x'.join(map(str, shape))}, that of the image 4x5"
    shown = read_display(path, out, most=MOST)
    assert (shown.mask, shown.planes, shown.notes) == (None, {}, (f"the mask {is_a}",))
    found = got(path, out)
    assert (found.mask, found.variance) == (None, None)
    assert found.notes == (f"the mask {is_a}", f"the variance {is_a}")
    assert read_display(path, out, component="image", most=MOST).notes == ()
    with pytest.raises(RequestError) as caught:
        read_display(path, out, component="mask", most=MOST)
    assert is_a in caught.value.error.hint


@pytest.mark.parametrize("planes", [{}, {"MP_BAD": 0}])
def test_a_slice_of_a_cube_has_its_slice_of_the_mask(
    tmp_path: Path, out: Output, store: PixelStore, planes: dict[str, int]
) -> None:
    cube = np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(2, 3, 4, 5)
    bad = cube % 7 == 0
    mask = fits.ImageHDU(bad.astype("u1"), fits.Header(planes), name="MASK")
    variance = fits.ImageHDU(cube * 2, name="VARIANCE")
    path = written(tmp_path / "cube.fits", fits.ImageHDU(cube), mask, variance)
    exposure = got(path, out, cube_index=(1, 2))
    assert np.array_equal(pixels(store.directory, exposure.image), cube[1, 2])
    assert np.array_equal(mask_of(store, exposure), bad[1, 2])
    assert exposure.variance is not None
    assert np.array_equal(pixels(store.directory, exposure.variance), cube[1, 2] * 2)
    assert exposure.notes == ()


def test_one_mask_is_that_of_all_slices_of_a_cube(tmp_path: Path, out: Output, store: PixelStore) -> None:
    cube = np.zeros((3, 4, 5), "f4")
    path = written(tmp_path / "cube.fits", fits.ImageHDU(cube), fits.ImageHDU(BAD.astype("u1"), name="MASK"))
    assert np.array_equal(mask_of(store, read_display(path, out, cube_index=(2,), most=MOST)), BAD)
    one = written(tmp_path / "one.fits", fits.ImageHDU(IMAGE), fits.ImageHDU(BAD[None].astype("u1"), name="MASK"))
    assert np.array_equal(mask_of(store, read_display(one, out, most=MOST)), BAD)


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5)])
def test_one_variance_is_that_of_all_slices_of_a_cube(
    tmp_path: Path, out: Output, store: PixelStore, shape: tuple[int, ...]
) -> None:
    cube, variance = np.arange(60, dtype="f4").reshape(3, 4, 5), (IMAGE * 2).reshape(shape)
    path = written(tmp_path / "cube.fits", fits.ImageHDU(cube), fits.ImageHDU(variance, name="VARIANCE"))
    for number in range(3):
        exposure = got(path, out, cube_index=(number,))
        assert exposure.variance is not None, exposure.notes
        assert np.array_equal(pixels(store.directory, exposure.image), cube[number])
        assert np.array_equal(pixels(store.directory, exposure.variance), IMAGE * 2)
        assert exposure.notes == ()


def test_a_cube_that_ccddata_writes_has_its_mask_slice_by_slice(tmp_path: Path, out: Output, store: PixelStore) -> None:
    cube = np.arange(60, dtype="f4").reshape(3, 4, 5)
    path = ccd(tmp_path / "cube.fits", cube, mask=cube % 7 == 0)
    assert np.array_equal(mask_of(store, read_display(path, out, cube_index=(1,), most=MOST)), cube[1] % 7 == 0)


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_2", "PLIO_1"])
def test_a_compressed_mask_without_names_is_shown(tmp_path: Path, out: Output, store: PixelStore, kind: str) -> None:
    mask = fits.CompImageHDU(BAD.astype("i2"), name="MASK", compression_type=kind)
    path = written(tmp_path / "m.fits", fits.CompImageHDU(IMAGE, name="SCI"), mask)
    assert np.array_equal(mask_of(store, read_display(path, out, most=MOST)), BAD)
