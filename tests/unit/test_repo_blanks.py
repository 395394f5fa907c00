"""Blanks, scales and unsigned integers: one function turns stored numbers into pixels, whole and in cut-outs."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fits_variants import TURNED, physical, raw_file
from tests.support.readers import pixels

from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.scaling import scaling_of

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
STORED = np.array([[0, 1, 2], [3, -5 + 8, 5], [100, 7, 127]])
KINDS = {"u1": ("u1", 0), "i1": ("u1", -128), "i2": ("i2", 0), "u2": ("i2", 1 << 15), "i4": ("i4", 0)} | {
    "u4": ("i4", 1 << 31),
    "i8": ("i8", 0),
    "u8": ("i8", 1 << 63),
}
"""What a file stores of each dtype, and its BZERO."""


def header_of(bitpix: int, **cards: Any) -> Any:
    return fits.Header([("BITPIX", bitpix), *cards.items()])


def file_of(path: Path, kind: str, **cards: Any) -> tuple[np.ndarray[Any, Any], Any]:
    stored_kind, zero = KINDS[kind]
    stored = STORED.astype(stored_kind)
    header = fits.Header(list(({"BZERO": zero} if zero else {} | cards).items()) + list(cards.items() if zero else ()))
    content = raw_file(stored, header)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return stored, header


@pytest.mark.parametrize("suffix", [".fits", ".gz"])
@pytest.mark.parametrize("blank", [None, 0, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_of_integers_is_nan_in_the_picture_in_get_and_in_cut_outs(
    tmp_path: Path, out: Output, store: PixelStore, kind: str, blank: int | None, suffix: str
) -> None:
    path = tmp_path / f"image{suffix}"
    stored, header = file_of(path, kind, **({} if blank is None else {"BLANK": blank}))
    right = physical(stored, header)
    shown = pixels(store.directory, read_display(path, out, most=MOST).image)
    assert np.array_equal(shown.astype("f8"), right.astype("f8"), equal_nan=True)
    assert np.isnan(shown.astype("f8")).sum() == (0 if blank is None else 1)
    got = read_all(path, out, bbox=(1, 0, 2, 3), most=MOST).data
    assert got is not None
    part = pixels(store.directory, got.image)
    assert part.dtype == right.dtype.newbyteorder("=")
    assert np.array_equal(part, right[:, 1:], equal_nan=part.dtype.kind == "f")


def test_integers_without_a_blank_are_copied_as_they_are(tmp_path: Path, out: Output) -> None:
    file_of(tmp_path / "image.fits", "i2")
    exposure = read_display(tmp_path / "image.fits", out, most=MOST)
    assert (exposure.image.dtype, out.decoded) == (">i2", False)


def test_the_dtype_of_a_cut_out_without_a_blank_is_that_of_the_whole(tmp_path: Path, out: Output) -> None:
    file_of(tmp_path / "image.fits", "i2", BLANK=0)
    for bbox in (None, (1, 1, 1, 1)):
        assert read_display(tmp_path / "image.fits", out, bbox=bbox, most=MOST).image.dtype == ">f4"


def test_mask_planes_stay_integers_whatever_their_blank_is(tmp_path: Path, out: Output, store: PixelStore) -> None:
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(STORED.astype(kind)) for kind in ("f4", "i4"))]
    hdus[2].header.update({"EXTNAME": "MASK", "MP_BAD": 0, "BLANK": 7})
    fits.HDUList(hdus).writeto(tmp_path / "masked.fits")
    exposure = read_display(tmp_path / "masked.fits", out, most=MOST)
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), STORED.astype("u1") & 255)
    alone = read_display(tmp_path / "masked.fits", out, component="mask", most=MOST)
    assert alone.image.dtype == ">i4"


@pytest.mark.parametrize(
    ("card", "right"),
    [
        ({"BLANK": 7.0}, 1),
        ({"BLANK": 7.5}, 0),
        ({"BLANK": "7"}, 0),
        ({"BLANK": None}, 0),
        ({"BLANK": True}, 0),
        ({"BLANK": 40_000}, 0),
        ({"BLANK": 10**30}, 0),
        ({"BLANK": 7, "BSCALE": "x", "BZERO": None}, 1),
    ],
)
def test_a_blank_that_no_pixel_can_have_is_none(card: dict[str, Any], right: int) -> None:
    scaling = scaling_of(header_of(16, **card))
    found = scaling.pixels(STORED.astype(">i2"))
    assert int(np.isnan(found.astype("f8")).sum()) == right
    assert found.dtype.newbyteorder("=") == scaling.dtype


@pytest.mark.parametrize(("zero", "right"), [(100, 100.0), (100.5, 100.5), (-128, -128.0), (1 << 31, 2.0**31)])
def test_integers_with_any_other_zero_are_floats(zero: float, right: float) -> None:
    found = scaling_of(header_of(16, BZERO=zero)).pixels(np.zeros((1, 1), ">i2"))
    assert (found.dtype, float(found[0, 0])) == (np.dtype("f4"), right)


def test_floats_have_no_blank_but_nan() -> None:
    scaling = scaling_of(header_of(-32, BLANK=7))
    assert scaling.plain
    assert scaling_of(header_of(-32, BSCALE=2.0)).pixels(STORED.astype(">f4")).tolist() == (STORED * 2.0).tolist()


@given(
    kind=st.sampled_from(sorted(KINDS)),
    values=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=9),
    blank=st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([0, -1, 1]),
    index=st.integers(0, 8) | st.none(),
)
def test_integers_keep_their_values_to_the_last_bit_and_a_blank_hides_nothing_else(
    kind: str, values: list[int], blank: int | None, index: int | None
) -> None:
    stored_kind, zero = KINDS[kind]
    stored = np.array(values, "i8").astype(np.dtype(stored_kind).newbyteorder(">"))
    if index is not None:
        blank = int(stored[index % len(stored)])
    bitpix = 8 * stored.itemsize
    scaling = scaling_of(header_of(bitpix, BZERO=zero, **({} if blank is None else {"BLANK": blank})))
    found = scaling.pixels(stored)
    assert found.dtype.newbyteorder("=") == scaling.dtype
    for value, pixel in zip(stored.tolist(), found.tolist(), strict=True):
        if value == blank:
            assert np.isnan(pixel)
        else:
            right = value + zero
            assert pixel == (right if found.dtype.kind in "iu" else found.dtype.type(right))
    if blank is None:
        assert found.dtype.newbyteorder("=") == np.dtype(kind)


@given(
    bitpix=st.sampled_from([8, 16, 32, 64, -32, -64]),
    scale=st.floats(allow_nan=False) | st.integers(),
    zero=st.floats(allow_nan=False) | st.integers(),
    blank=st.none() | st.integers(),
)
def test_any_scale_and_zero_give_pixels(bitpix: int, scale: float, zero: float, blank: int | None) -> None:
    header = {"BITPIX": bitpix, "BSCALE": scale, "BZERO": zero} | ({} if blank is None else {"BLANK": blank})
    scaling = scaling_of(header)
    found = scaling.pixels(STORED.astype(scaling.stored))
    assert found.shape == STORED.shape
    assert found.dtype.newbyteorder("=") == scaling.dtype


def test_pixels_that_a_library_has_scaled_lose_their_blanks_too() -> None:
    for kind, zero in TURNED.items():
        bitpix = 8 * np.dtype(kind).itemsize
        scaling = scaling_of(header_of(bitpix, BZERO=zero, BLANK=7))
        scaled = np.array([0 + zero, 7 + zero, 9 + zero], kind)
        assert np.isnan(scaling.put_blanks(scaled)).tolist() == [False, True, False]
