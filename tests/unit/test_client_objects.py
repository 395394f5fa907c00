"""Objects that say what they are: their pixels, mask, xy0 and unit arrive, or they are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import PIL.Image
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, Cutout2D, NDData, NDDataArray, NDDataRef, StdDevUncertainty
from astropy.table import Table
from astropy.utils.masked import Masked
from astropy.wcs import WCS
from tests.support.refusals import refused

import mtv
from mtv.arguments.objects import Image, image_of
from mtv.arguments.targets import check_image
from mtv.pixels.outgoing import FrameSink
from mtv.wire.limits import Limits

IMAGE = np.arange(20, dtype="f4").reshape(4, 5)
BAD = IMAGE % 3 == 1
SKY = fits.Header(
    {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 2.5, "CRPIX2": 1.5,
     "CDELT1": -1e-3, "CDELT2": 1e-3, "RADESYS": "ICRS"}
)  # fmt: skip


def seen(target: object) -> Image:
    """Return the image of a target as it would be sent."""
    return check_image(image_of(target), Limits())


class Lazy:
    """An array as dask and xarray have it."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = np.shape(array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype, copy=copy)


class OnACard(Lazy):
    """An array as PyTorch has it on a graphics card."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


# Arrays


@pytest.mark.parametrize(
    "target",
    [
        IMAGE,
        IMAGE[None],
        IMAGE.astype(">f4"),
        np.asfortranarray(IMAGE),
        IMAGE[::-1, ::-1][::-1, ::-1],
        Lazy(IMAGE),
        Lazy(IMAGE[None, None]),
        IMAGE.astype("f2"),
        IMAGE.astype("longdouble"),
        IMAGE.astype("u8"),
        IMAGE * u.adu,
        np.ma.masked_array(IMAGE),
        IMAGE.data,
        fits.ImageHDU(IMAGE),
        fits.ImageHDU(IMAGE[None, None]),
        fits.CompImageHDU(IMAGE.astype("i2")),
        fits.CompImageHDU(IMAGE.astype("i2")).section,
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(IMAGE)]),
        NDData(IMAGE),
        NDDataArray(IMAGE),
        CCDData(IMAGE, unit="adu"),
        Cutout2D(IMAGE, (2, 2), IMAGE.shape, mode="partial"),
        PIL.Image.fromarray(IMAGE),
        mtv.Exposure(IMAGE),
    ],
    ids=lambda target: type(target).__name__,
)
def test_the_pixels_of_an_object_are_those_of_its_array(target: Any) -> None:
    image = seen(target)
    assert np.array_equal(image.pixels, IMAGE)
    assert (image.mask, image.planes, image.notes) == (None, {}, ())


def test_a_long_double_beyond_the_range_of_floats_is_infinite() -> None:
    sink = FrameSink()
    array = np.array([[np.longdouble("1e400"), -np.longdouble("1e4000"), 1]])
    sink.image(seen(array).pixels)
    assert np.frombuffer(sink.buffers[0], ">f8").tolist() == [np.inf, -np.inf, 1]


@pytest.mark.parametrize("target", [BAD, PIL.Image.fromarray(BAD), Lazy(BAD)], ids=["array", "PIL", "lazy"])
def test_an_image_of_booleans_is_one_of_0_and_1(target: Any) -> None:
    assert np.array_equal(seen(target).pixels, BAD)


def test_pixels_of_a_file_that_is_mapped_are_shown(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    assert np.array_equal(seen(np.load(tmp_path / "a.npy", mmap_mode="r")).pixels, IMAGE)


@pytest.mark.parametrize(
    ("target", "where", "words", "hint"),
    [
        (IMAGE.astype("c8"), "image", "complex64", "abs()"),
        (IMAGE.astype("clongdouble"), "image", "complex256", "abs()"),
        (IMAGE.astype("O"), "image", "object", "astype"),
        (IMAGE.astype("U4"), "image", "<U4", "texts"),
        (np.zeros((2, 2), "M8[s]"), "image", "datetime64", "int64"),
        (np.zeros((3, 4, 5)), "image", "3 dimensions", "cube[0]"),
        (np.zeros((2, 3, 4, 5)), "image", "4 dimensions", "cube[0, 0]"),
        (PIL.Image.new("RGB", (5, 7)), "image", "3 dimensions", "array[:, :, 0]"),
        (np.zeros(5), "image", "1 dimensions", "(y, x)"),
        (np.zeros((2, 2), [("a", "f4"), ("b", "f4")]), "target", "table", "overlay"),
        (Table({"x": [1.0]}), "target", "a Table is a table", "overlay"),
        (OnACard(IMAGE), "target", "a OnACard cannot be made an array: can't convert cuda", ""),
        (fits.PrimaryHDU(), "target", "the PrimaryHDU has no data", "hdus[1]"),
        (fits.ImageHDU(name="SCI"), "target", "the ImageHDU 'SCI' has no data", "hdus[1]"),
        (fits.BinTableHDU(np.zeros(1, [("x", "f8")])), "target", "the BinTableHDU is a table", "overlay"),
        (fits.HDUList([fits.PrimaryHDU()]), "target", "no HDU of the list has an image: PrimaryHDU", "overlay"),
        (fits.HDUList(), "target", "a HDUList is nothing", "HDUList"),
        ([IMAGE], "target", "a list is nothing", "2-D array"),
        ({"data": IMAGE}, "target", "a dict is nothing", "2-D array"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_what_is_no_image_is_refused_by_its_name_with_a_hint(target: Any, where: str, words: str, hint: str) -> None:
    error = refused(seen, target).error
    assert error.where == where
    assert words in error.message
    assert hint in error.hint


# Masks


@pytest.mark.parametrize(
    "target",
    [
        CCDData(IMAGE, unit="adu", mask=BAD),
        NDData(IMAGE, mask=BAD.astype("i4") * 256),
        NDData(IMAGE, mask=BAD.tolist()),
        NDData(Masked(IMAGE, mask=BAD)),
        NDData(np.ma.masked_array(IMAGE, BAD)),
        NDDataRef(np.pad(IMAGE, 2), mask=np.pad(BAD, 2))[2:-2, 2:-2],
        Masked(IMAGE, mask=BAD),
        Masked(IMAGE * u.nJy, mask=BAD),
        np.ma.masked_array(IMAGE, BAD),
        np.ma.masked_array(IMAGE[None], BAD[None]),
        Cutout2D(Masked(np.pad(IMAGE, 2), mask=np.pad(BAD, 2)), (4, 3.5), (4, 5)),
        CCDData(IMAGE, unit="adu", mask=BAD).to_hdu(),
        mtv.Exposure(IMAGE, BAD.astype("i4") * 2),
        mtv.Exposure(IMAGE, BAD),
    ],
    ids=lambda target: type(target).__name__,
)
def test_the_mask_of_an_object_is_its_plane_mask(target: Any) -> None:
    image = seen(target)
    assert np.array_equal(image.pixels, IMAGE)
    assert (image.planes, image.notes) == ({"MASK": 0}, ())
    assert np.array_equal(image.mask, BAD)


@pytest.mark.parametrize("mask", [True, np.True_, 1, [True] * 5, np.ones(5, bool), np.ones((4, 1)), np.ones((1, 1, 5))])
@pytest.mark.parametrize("kind", [NDData, NDDataRef])
def test_a_mask_that_broadcasts_is_that_of_all_pixels(kind: Any, mask: Any) -> None:
    image = seen(kind(IMAGE, unit="adu", mask=mask))
    assert (image.planes, image.notes) == ({"MASK": 0}, ())
    assert image.mask.shape == IMAGE.shape
    assert image.mask.all()


@pytest.mark.parametrize("mask", [False, np.False_, None])
def test_no_mask_is_none(mask: Any) -> None:
    image = seen(NDData(IMAGE, mask=mask))
    assert (image.mask, image.planes, image.notes) == (None, {}, ())


@pytest.mark.parametrize(
    ("target", "note"),
    [
        (NDData(IMAGE, mask=np.ones((3, 3))), "the mask is left out: its shape is (3, 3), that of the image (4, 5)"),
        (NDData(IMAGE, mask=np.ones((4, 6))), "the mask is left out: its shape is (4, 6), that of the image (4, 5)"),
        (mtv.Exposure(IMAGE, BAD[1:]), "the mask is left out: its shape is (3, 5), that of the image (4, 5)"),
        (mtv.Exposure(IMAGE, BAD * 1.0, planes={"A": 0}), "the mask is left out: a mask of type float64 has no bits"),
        (
            fits.HDUList([fits.PrimaryHDU(IMAGE), fits.ImageHDU(BAD[1:].astype("u1"), name="MASK")]),
            "the mask is left out: its shape is (3, 5), that of the image (4, 5)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_mask_that_does_not_fit_is_left_out_and_named(target: Any, note: str) -> None:
    image = seen(target)
    assert np.array_equal(image.pixels, IMAGE)
    assert (image.mask, image.planes, image.notes) == (None, {}, (note,))


def test_a_mask_whose_bits_have_no_names_marks_the_pixels_that_are_not_0() -> None:
    mask = fits.ImageHDU(BAD.astype("f4") * 6, name="MASK")
    image = seen(fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(IMAGE), mask]))
    assert np.array_equal(image.mask, BAD)
    assert (image.planes, len(image.notes)) == ({"MASK": 0}, 1)
    assert "have no names" in image.notes[0]


def test_a_mask_without_a_shape_is_left_out_and_named() -> None:
    (note,) = seen(NDData(IMAGE, mask=[[True], [False, True]])).notes
    assert note.startswith("the mask is left out: ")


# HDUs


def test_the_list_of_a_file_is_shown_as_the_file_is(tmp_path: Path) -> None:
    mask = fits.ImageHDU(BAD.astype("i2") * 5, fits.Header({"MP_CR": 2, "MP_BAD": 0, "MP_ODD": "x"}), name="MASK")
    image = fits.ImageHDU(IMAGE, fits.Header({"BUNIT": "nJy", "LTV1": -100}), name="IMAGE")
    fits.HDUList([fits.PrimaryHDU(), mask, image]).writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        found = seen(hdus)
    assert np.array_equal(found.pixels, IMAGE)
    assert found.planes == {"BAD": 0, "CR": 2}
    assert np.array_equal(found.mask, BAD * 5)
    assert (found.unit, found.xy0, found.label) == ("nJy", (100, 0), "IMAGE")
    assert found.notes == ("mask planes without a bit number are left out: ODD",)


def test_the_section_of_an_hdu_reads_its_pixels(tmp_path: Path) -> None:
    fits.PrimaryHDU(IMAGE, SKY).writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        image = seen(hdus[0].section)
        assert np.array_equal(image.pixels, IMAGE)
        assert "CRVAL1" in image.wcs
        assert np.array_equal(seen(hdus[0].section[1:3, 2:4]).pixels, IMAGE[1:3, 2:4])
    assert "cannot be made an array" in refused(seen, fits.ImageHDU(IMAGE).section).error.message


def test_no_pixels_but_those_that_are_shown_are_read(tmp_path: Path) -> None:
    others = [fits.ImageHDU(IMAGE, name=name) for name in ("SCI", "ERR", "MORE")]
    fits.HDUList([fits.PrimaryHDU(), *others]).writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        assert seen(hdus).label == "SCI"
        assert [hdu._data_loaded for hdu in hdus] == [False, True, False, False]


def test_two_hdus_of_one_mask_are_joined() -> None:
    masks = [fits.ImageHDU(np.full((4, 5), value, "i4"), name="MASK", ver=ver) for ver, value in ((1, 5), (2, 2))]
    masks[0].header.update({"MSKN0000": "BAD", "MSKM0000": 1})
    masks[1].header.update({"MSKN0001": "LATE", "MSKM0001": 2})
    image = seen(fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(IMAGE, name="IMAGE"), *masks]))
    assert image.planes == {"BAD": 0, "LATE": 32}
    assert (image.mask == (5 | 2 << 31)).all()


def test_a_list_that_has_nothing_but_a_mask_shows_it() -> None:
    image = seen(fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(BAD.astype("u1"), name="MASK")]))
    assert np.array_equal(image.pixels, BAD)


@pytest.mark.parametrize("blank", [0, 7])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8"])
def test_a_blank_of_an_hdu_is_no_value(dtype: str, blank: int) -> None:
    kind = np.dtype(dtype)
    zero = {"u": 1 << 8 * kind.itemsize - 1, "i": 0}[kind.kind] if kind.itemsize > 1 else -128 * (dtype == "i1")
    pixels = np.array([[np.iinfo(kind).min, np.iinfo(kind).max], [blank + zero, 3]])
    hdu = fits.ImageHDU(pixels.astype(kind))
    hdu.header["BLANK"] = blank
    found = seen(hdu).pixels
    assert np.array_equal(np.isnan(found), pixels == blank + zero)
    assert (found[~np.isnan(found)] == pixels[pixels != blank + zero]).all()


def test_a_blank_that_no_pixel_has_costs_nothing() -> None:
    hdu = fits.ImageHDU(np.ones((4, 5), "i2"))
    hdu.header["BLANK"] = -1
    assert seen(hdu).pixels is hdu.data


# Where it is


def test_a_slice_of_an_nddata_is_at_its_place() -> None:
    whole = NDDataRef(IMAGE, wcs=WCS(SKY))
    assert seen(whole[1:, 2:]).xy0 == (2, 1)
    assert seen(whole[1:, 2:][1:, 1:]).xy0 == (3, 2)
    assert seen(NDDataRef(IMAGE)[1:, 2:]).xy0 == (0, 0), "without a WCS it knows of no whole"


@pytest.mark.parametrize(("position", "xy0"), [((2, 2), (1, 1)), ((0, 0), (-1, -1)), ((4, 3), (3, 2))])
def test_a_cutout_is_at_its_place_also_beyond_the_edge(position: tuple[int, int], xy0: tuple[int, int]) -> None:
    cutout = Cutout2D(IMAGE, position, 3, wcs=WCS(SKY), mode="partial")
    image = seen(cutout)
    assert image.xy0 == xy0
    y, x = np.argwhere(image.pixels == 13)[0] if position != (0, 0) else (1, 1)
    assert (x + xy0[0], y + xy0[1]) == ((3, 2) if position != (0, 0) else (0, 0))
    assert "CRVAL1" in image.wcs


def test_units_are_told() -> None:
    assert seen(IMAGE * u.nJy).unit == "nJy"
    assert seen(Masked(IMAGE * u.nJy, mask=BAD)).unit == "nJy"
    assert seen(CCDData(IMAGE, unit="adu", uncertainty=StdDevUncertainty(IMAGE))).unit == "adu"
    assert seen(Cutout2D(IMAGE * u.nJy, (2, 2), 3)).unit == "nJy"
    assert seen(IMAGE * u.dimensionless_unscaled).unit == ""
