"""Readers of exposures and images, against files that the tests write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support.readers import pixels
from tests.support.refusals import refused

from mtv.wire.data import Exposure
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers import exposure as exposures
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
HEADER_BYTES = Limits().header_bytes
MOST = 10**9


def image_file(path: Path, *planes: Any, **header: Any) -> Path:
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(plane) for plane in planes)]
    hdus[1].header.update(header)
    fits.HDUList(hdus).writeto(path)
    return path


def test_an_exposure_for_display_has_big_endian_pixels_behind_room_for_a_header(
    calexp: Path, out: Output, store: PixelStore
) -> None:
    exposure = read_display(calexp, out, label="calexp", most=MOST)
    assert (exposure.image.dtype, exposure.image.offset) == (">f4", HEADER_BYTES)
    assert np.array_equal(pixels(store.directory, exposure.image), sample.image_of(23718, 41))
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), sample.mask_of(23718, 41))
    assert exposure.variance is None
    assert exposure.planes == sample.PLANES
    assert exposure.xy0 == sample.XY0
    assert (exposure.unit, exposure.label) == ("nJy", "calexp")


def test_the_wcs_is_the_celestial_one_in_local_pixels(calexp: Path, out: Output) -> None:
    exposure = read_display(calexp, out, most=MOST)
    cards = [exposure.wcs[start : start + 80] for start in range(0, len(exposure.wcs), 80)]
    assert all(len(card) == 80 for card in cards)
    header = fits.Header.fromstring(exposure.wcs)
    assert (header["CRPIX1"], header["CTYPE1"], header["A_2_0"]) == (30.0, "RA---TAN-SIP", 1e-07)
    assert not [key for key in header if key.endswith("A") or key.startswith("LTV")]


@pytest.mark.parametrize("compression", [None, "GZIP_1", "GZIP_2"])
def test_a_cut_out_is_that_part_of_the_image(
    tmp_path: Path, out: Output, store: PixelStore, compression: str | None
) -> None:
    path = tmp_path / "cut.fits"
    sample.write_exposure(path, 1214, 42, compression=compression)
    exposure = read_display(path, out, bbox=(110, 205, 10, 20), most=MOST)
    assert exposure.image.shape == (20, 10)
    assert exposure.xy0 == (110, 205)
    assert np.array_equal(pixels(store.directory, exposure.image), sample.image_of(1214, 42)[5:25, 10:20])
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), sample.mask_of(1214, 42)[5:25, 10:20])
    header = fits.Header.fromstring(exposure.wcs)
    assert (header["CRPIX1"], header["CRPIX2"]) == (20.0, 20.0)


@pytest.mark.parametrize("bbox", [(99, 200, 5, 5), (100, 200, 61, 5), (0, 0, 5, 5), (100, 245, 5, 6), (100, 200, 0, 5)])
def test_a_cut_out_that_leaves_the_image_is_refused(calexp: Path, out: Output, bbox: Any) -> None:
    assert refused(read_display, calexp, out, most=MOST, bbox=bbox).error.where == "bbox"


def test_compressed_planes_read_as_uncompressed_ones(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = tmp_path / "gzip.fits"
    sample.write_exposure(path, 23718, 42, compression="GZIP_2")
    exposure = read_display(path, out, most=MOST)
    assert exposure.mask is not None
    assert (exposure.image.dtype, exposure.mask.dtype) == (">f4", "|u1"), "seven planes need no more"
    assert np.array_equal(pixels(store.directory, exposure.image), sample.image_of(23718, 42))
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), sample.mask_of(23718, 42))
    assert exposure.planes == sample.PLANES


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Exposure, Any]]:
    """Images that were told ahead of their masks, with their pixels at that moment; small ones are told too."""
    monkeypatch.setattr(exposures, "IMAGE_FIRST_PIXELS", 1)
    return []


def tell(told: list[tuple[Exposure, Any]], store: PixelStore) -> Callable[[Exposure], None]:
    return lambda image: told.append((image, pixels(store.directory, image.image).copy()))


@pytest.mark.parametrize("compression", ["GZIP_1", "GZIP_2", "RICE_1"])
@pytest.mark.parametrize("bbox", [None, (110, 205, 10, 20)])
def test_a_compressed_image_is_told_before_its_mask_is_decoded(
    tmp_path: Path, out: Output, store: PixelStore, told: list[tuple[Exposure, Any]], compression: str, bbox: Any
) -> None:
    path = tmp_path / "first.fits"
    sample.write_exposure(path, 23718, 42, compression=compression)
    exposure = read_display(path, out, bbox=bbox, label="first", most=MOST, on_image=tell(told, store))
    ((image, shown),) = told
    assert (image.mask, image.planes) == (None, {})
    assert msgspec.structs.replace(image, mask=exposure.mask, planes=sample.PLANES) == exposure
    assert np.array_equal(shown, pixels(store.directory, exposure.image))
    whole = read_display(path, out, bbox=bbox, label="first", most=MOST)
    assert whole.mask is not None
    assert exposure.mask is not None
    assert np.array_equal(pixels(store.directory, exposure.mask), pixels(store.directory, whole.mask))
    assert np.array_equal(shown, pixels(store.directory, whole.image))


def test_an_image_that_was_told_is_not_the_readers_any_more(
    tmp_path: Path, out: Output, store: PixelStore, told: list[tuple[Exposure, Any]]
) -> None:
    path = tmp_path / "first.fits"
    sample.write_exposure(path, 23718, 42, compression="GZIP_2")
    exposure = read_display(path, out, most=MOST, on_image=tell(told, store))
    assert exposure.mask is not None
    answer = out.hand_over(msgspec.to_builtins(exposure))
    assert answer["image"]["file"] == exposure.image.file
    assert answer["mask"]["file"] != exposure.mask.file
    out.discard()
    assert store.names() == (exposure.image.file,)


def test_a_mask_that_cannot_be_read_leaves_the_image_that_was_told(
    tmp_path: Path, out: Output, store: PixelStore, told: list[tuple[Exposure, Any]]
) -> None:
    path = tmp_path / "first.fits"
    sample.write_exposure(path, 23718, 42, compression="GZIP_2")
    sample.damage_mask(path)
    with pytest.raises(RequestError) as caught:
        read_display(path, out, most=MOST, on_image=tell(told, store))
    assert caught.value.code == "unreadable_file"
    out.discard()
    ((image, shown),) = told
    assert store.names() == (image.image.file,)
    assert np.array_equal(shown, sample.image_of(23718, 42))


def test_an_image_whose_mask_takes_no_time_is_not_told(
    calexp: Path,
    out: Output,
    store: PixelStore,
    told: list[tuple[Exposure, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = calexp.with_name("first.fits")
    sample.write_exposure(path, 23718, 42, compression="GZIP_2")
    read_display(calexp, out, most=MOST, on_image=tell(told, store))
    read_display(path, out, component="image", most=MOST, on_image=tell(told, store))
    monkeypatch.setattr(exposures, "IMAGE_FIRST_PIXELS", sample.SHAPE_YX[0] * sample.SHAPE_YX[1] + 1)
    read_display(path, out, most=MOST, on_image=tell(told, store))
    assert told == []


def test_get_returns_native_arrays_with_variance_and_metadata(calexp: Path, out: Output, store: PixelStore) -> None:
    exposure = read_all(calexp, out, most=MOST).data
    assert exposure is not None
    assert exposure.variance is not None
    assert exposure.image.dtype == np.dtype("f4").str
    assert np.array_equal(pixels(store.directory, exposure.variance), sample.image_of(23718, 41) * 2)
    assert exposure.metadata["EXPTIME"] == 30.0
    assert not [key for key in exposure.metadata if key.startswith(("NAXIS", "MP_")) or key in {"", "COMMENT"}]


def test_components_are_read_alone(calexp: Path, out: Output, store: PixelStore) -> None:
    image = read_all(calexp, out, storage_class="ExposureF", component="image", most=MOST).data
    mask = read_all(calexp, out, storage_class="ExposureF", component="mask", most=MOST).data
    assert image is not None
    assert image.mask is None
    assert mask is not None
    assert mask.planes == sample.PLANES
    assert np.array_equal(pixels(store.directory, mask.image), sample.mask_of(23718, 41))
    bbox = read_all(calexp, out, storage_class="ExposureF", component="bbox", most=MOST).value
    assert bbox == {"x_min": 100, "y_min": 200, "width": 60, "height": 50}


def test_a_component_that_needs_the_stack_is_refused_with_those_that_do_not(calexp: Path, out: Output) -> None:
    with pytest.raises(RequestError) as caught:
        read_all(calexp, out, storage_class="ExposureF", component="psf", most=MOST)
    assert caught.value.code == "unsupported"
    assert "wcs" in caught.value.error.hint


def test_a_plain_image_is_the_first_with_pixels(tmp_path: Path, out: Output, store: PixelStore) -> None:
    first = np.arange(12, dtype=np.int16).reshape(3, 4)
    path = image_file(tmp_path / "plain.fits", first, first * 2)
    exposure = read_display(path, out, most=MOST)
    assert exposure.image.dtype == ">i2"
    assert np.array_equal(pixels(store.directory, exposure.image), first)
    assert exposure.mask is None
    second = read_display(path, out, hdu=2, most=MOST)
    assert np.array_equal(pixels(store.directory, second.image), first * 2)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_all_kinds_of_pixels_keep_their_values(tmp_path: Path, out: Output, store: PixelStore, dtype: str) -> None:
    most = np.iinfo(dtype).max if dtype[0] in "iu" else 1.5
    values = np.array([[0, 1, 2], [3, 100, most]], dtype)
    path = image_file(tmp_path / "kinds.fits", values)
    shown = pixels(store.directory, read_display(path, out, most=MOST).image)
    assert shown.dtype.byteorder in {">", "|"}
    assert shown.tolist() == values.tolist()


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4), (1, 2, 3, 4)])
def test_images_that_are_not_two_dimensional_are_refused(tmp_path: Path, out: Output, shape: tuple[int, ...]) -> None:
    path = image_file(tmp_path / "cube.fits", np.zeros(shape, np.float32))
    error = refused(read_display, path, out, most=MOST)
    assert error.code == "unsupported"
    assert str(len(shape)) in error.error.message


def test_planes_without_names_are_told_by_position_and_by_what_they_hold(tmp_path: Path, out: Output) -> None:
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(np.zeros((4, 4), kind)) for kind in ("f4", "i2", "f4"))]
    hdus[2].header["MP_BAD"] = 0
    fits.HDUList(hdus).writeto(tmp_path / "old.fits")
    exposure = read_display(tmp_path / "old.fits", out, most=MOST)
    assert exposure.mask is not None
    assert exposure.planes == {"BAD": 0}


def test_planes_of_lsst_images_are_read_from_names_and_values(tmp_path: Path, out: Output) -> None:
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 4), "f4")), fits.ImageHDU(np.zeros((4, 4), "i4"))]
    hdus[1].header["EXTNAME"], hdus[2].header["EXTNAME"] = "IMAGE", "MASK"
    hdus[2].header.update({"MSKN0000": "SATURATED", "MSKM0000": 1, "MSKN0001": "COSMIC_RAY", "MSKM0001": 8})
    fits.HDUList(hdus).writeto(tmp_path / "new.fits")
    assert read_display(tmp_path / "new.fits", out, most=MOST).planes == {"SATURATED": 0, "COSMIC_RAY": 3}


def test_an_image_over_the_limit_is_refused(calexp: Path, out: Output) -> None:
    with pytest.raises(RequestError) as caught:
        read_display(calexp, out, most=10)
    assert caught.value.code == "too_large"


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    changed = {
        "empty": b"",
        "words": b"this is no FITS file\n" * 500,
        "short header": data[:1000],
        "no end": data[:2880].replace(b"END", b"XND"),
        "short pixels": data[: len(data) // 4],
        "zeros": bytes(20_000),
    }
    path.write_bytes(changed[how])


@pytest.mark.parametrize("how", ["empty", "words", "short header", "no end", "short pixels", "zeros"])
def test_a_damaged_file_is_unreadable(calexp: Path, out: Output, how: str) -> None:
    damage(calexp, how)
    error = refused(read_display, calexp, out, most=MOST)
    assert (error.code, error.error.where) == ("unreadable_file", "path")
    assert str(calexp) not in str(error)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize(
    ("card", "damaged"), [(b"BUNIT   = 'nJy", b"BUNIT   = \x00\xffnJ"), (b"CRVAL2A ", b"CRVAL9A ")]
)
def test_an_odd_card_costs_itself_alone(calexp: Path, out: Output, card: bytes, damaged: bytes) -> None:
    wanted = read_display(calexp, out, most=MOST)
    data = calexp.read_bytes()
    assert card in data
    calexp.write_bytes(data.replace(card, damaged))
    for found in (read_display(calexp, out, most=MOST), read_all(calexp, out, most=MOST).data):
        assert found is not None
        assert found.image.shape == wanted.image.shape
        assert found.wcs == wanted.wcs


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_compressed_file_is_unreadable(tmp_path: Path, out: Output, part: float) -> None:
    path = tmp_path / "gzip.fits"
    sample.write_exposure(path, 1, 1, compression="GZIP_2")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(RequestError) as caught:
        read_all(path, out, most=MOST)
    assert caught.value.code == "unreadable_file"


def test_directories_pipes_and_missing_files_are_refused_at_once(tmp_path: Path, out: Output) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    for path in (tmp_path, tmp_path / "pipe.fits", tmp_path / "nowhere.fits"):
        assert refused(read_display, path, out, most=MOST).code == "unreadable_file"


def test_files_belong_to_the_parent_once_handed_over_and_vanish_when_discarded(
    calexp: Path, out: Output, store: PixelStore
) -> None:
    exposure = read_display(calexp, out, most=MOST)
    assert {name.split("-")[1] for name in store.names()} == {str(os.getpid())}
    answer = out.hand_over({"image": {"file": exposure.image.file}, "others": [{"file": None}]})
    assert {name.split("-")[1] for name in store.names()} == {str(os.getppid())}
    assert answer["image"]["file"] in store.names()
    out.discard()
    assert store.names() == ()


def test_the_real_exposure_with_a_16_bit_mask_is_read_right(shared_data: Path, out: Output, store: PixelStore) -> None:
    path = shared_data / "HSC-0908120-056-small.fits"
    exposure: Exposure = read_display(path, out, most=MOST)
    with fits.open(path, memmap=False) as hdus:
        assert np.array_equal(pixels(store.directory, exposure.image), hdus[1].data)
        assert exposure.mask is not None
        assert np.array_equal(pixels(store.directory, exposure.mask), hdus[2].data)
    assert exposure.xy0 == (100, 100)
    assert exposure.planes["SAT"] == 1
    assert len(exposure.planes) == 11
    assert "RA---TAN-SIP" in exposure.wcs


def test_the_real_version_2_exposure_is_read_right(shared_data: Path, out: Output) -> None:
    exposure = read_all(shared_data / "exposure-version-2.fits", out, most=MOST).data
    assert exposure is not None
    assert (exposure.image.shape, exposure.xy0, exposure.planes["NO_DATA"]) == ((10, 10), (0, 0), 8)
    assert exposure.variance is not None
