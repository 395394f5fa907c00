"""Parts of files: HDUs by name, slices of cubes, components, cut-outs by pixels and on the sky, masks of two HDUs."""

from __future__ import annotations

import bz2
import gzip
import itertools
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support.readers import pixels
from tests.support.refusals import refused

import mtv
from mtv.wire.data import Exposure, SkyBox
from mtv.wire.errors import RequestError
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers import hdus as hdus_module
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.output import Output

fits = pytest.importorskip("astropy.io.fits")
wcs = pytest.importorskip("astropy.wcs")
MOST = 10**9
CUBE = np.arange(2 * 3 * 40 * 30, dtype=np.float32).reshape(2, 3, 40, 30)


@pytest.fixture
def extensions(tmp_path: Path) -> Path:
    path = tmp_path / "several.fits"
    hdus = [fits.ImageHDU(np.full((4, 5), number, "i2"), name="SCI", ver=number) for number in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *hdus, fits.ImageHDU(np.full((4, 5), 7, "i2"), name="DQ")]).writeto(path)
    return path


def shown(store: PixelStore, path: Path, out: Output, **part: Any) -> tuple[Exposure, np.ndarray[Any, Any]]:
    exposure = read_display(path, out, most=MOST, **part)
    return exposure, pixels(store.directory, exposure.image)


@pytest.mark.parametrize(
    ("hdu", "value"), [(1, 1), (2, 2), ("2", 2), ("SCI", 1), ("sci,2", 2), ("SCI, 1", 1), ("DQ", 7), (3, 7)]
)
def test_an_extension_is_chosen_by_number_or_by_name(
    extensions: Path, out: Output, store: PixelStore, hdu: int | str, value: int
) -> None:
    assert (shown(store, extensions, out, hdu=hdu)[1] == value).all()


@pytest.mark.parametrize(("hdu", "hint"), [("SCJ", "'SCI'"), ("SCI,3", ""), (9, "0 to 3"), (0, ""), (-1, "")])
def test_an_extension_that_is_not_there_is_refused_by_name(
    extensions: Path, out: Output, hdu: int | str, hint: str
) -> None:
    error = refused(read_display, extensions, out, most=MOST, hdu=hdu).error
    assert (error.code, error.where) == ("bad_value", "hdu")
    assert hint in error.hint


def cube_file(path: Path, how: str) -> Path:
    if how == "raw":
        hdu = fits.ImageHDU(CUBE)
    elif how == "scaled":
        hdu = fits.ImageHDU(CUBE.astype("u2"))
    else:
        hdu = fits.CompImageHDU(CUBE, compression_type=how, quantize_level=0.0)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


@pytest.mark.parametrize("how", ["raw", "scaled", "GZIP_2"])
@pytest.mark.parametrize("bbox", [None, (3, 5, 10, 20)])
def test_a_slice_of_a_cube_is_shown(tmp_path: Path, out: Output, store: PixelStore, how: str, bbox: Any) -> None:
    path = cube_file(tmp_path / "cube.fits", how)
    _, found = shown(store, path, out, cube_index=(1, 2), bbox=bbox)
    wanted = CUBE[1, 2] if bbox is None else CUBE[1, 2, 5:25, 3:13]
    assert np.array_equal(found, wanted.astype("u2") if how == "scaled" else wanted)


@pytest.mark.parametrize("index", [(1,), (2, 0), (0, -1), (0, 0, 0)])
def test_a_slice_that_a_cube_does_not_have_is_refused_by_name(tmp_path: Path, out: Output, index: Any) -> None:
    error = refused(read_display, cube_file(tmp_path / "cube.fits", "raw"), out, most=MOST, cube_index=index)
    assert (error.code, error.error.where) == ("bad_value", "cube_index")
    assert "2x3x40x30" in error.error.message


def test_axes_of_length_one_need_no_index(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = tmp_path / "radio.fits"
    fits.HDUList([fits.PrimaryHDU(CUBE[:1, :1])]).writeto(path)
    assert np.array_equal(shown(store, path, out)[1], CUBE[0, 0])


DITHERED: dict[str, Any] = {"quantize_level": 16, "quantize_method": 2, "dither_seed": 5}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GZIP_1", {"quantize_level": 0.0}),
        ("GZIP_2", {"quantize_level": 0.0}),
        ("GZIP_1", DITHERED | {"quantize_method": 1}),
        ("RICE_1", DITHERED),
        ("RICE_1", {"quantize_level": 16, "quantize_method": -1}),
        ("RICE_1", DITHERED | {"tile_shape": (100, 80)}),
        ("GZIP_2", {"quantize_level": 0.0, "tile_shape": (70, 200)}),
        ("GZIP_1", {"quantize_level": 0.0, "tile_shape": (300, 200)}),
        ("GZIP_2", {"quantize_level": 0.0, "tile_shape": (70, 50)}),
    ],
)
def test_each_compression_reads_as_astropy_reads_it_strip_by_strip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, out: Output, store: PixelStore, kind: str, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(hdus_module, "_STRIP_BYTES", 4 * 200 * 70)
    image = np.random.default_rng(1).normal(100, 12, (300, 200)).astype("f4")
    image[10:290, 30:40] = np.nan
    path = tmp_path / "compressed.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type=kind, **options)]).writeto(path)
    with fits.open(path) as hdus:
        wanted = np.array(hdus[1].data)
    assert np.array_equal(shown(store, path, out)[1], wanted, equal_nan=True)
    cut = shown(store, path, out, bbox=(25, 1, 150, 290))[1]
    assert np.array_equal(cut, wanted[1:291, 25:175], equal_nan=True)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [*itertools.product(["u1", "i2", "u2", "i4", "u4"], ["GZIP_1", "GZIP_2", "RICE_1"]), ("f8", "GZIP_2")],
)
def test_each_type_of_pixel_reads_from_each_lossless_compression(
    tmp_path: Path, out: Output, store: PixelStore, dtype: str, kind: str
) -> None:
    values = (np.arange(600).reshape(20, 30) * 7 % 251).astype(dtype)
    path = tmp_path / "typed.fits"
    hdu = fits.CompImageHDU(values, compression_type=kind, quantize_level=0.0)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    assert shown(store, path, out)[1].tolist() == values.tolist()
    assert shown(store, path, out, bbox=(3, 4, 5, 6))[1].tolist() == values[4:10, 3:8].tolist()


def test_a_cut_out_reads_nothing_else(tmp_path: Path, out: Output, store: PixelStore) -> None:
    path = tmp_path / "half.fits"
    sample.write_exposure(path, 23718, 41, compression="GZIP_2")
    with fits.open(path, disable_image_compression=True) as hdus:
        data = [(hdu.fileinfo()["datLoc"], hdu.header) for hdu in hdus[1:3]]
    damaged = bytearray(path.read_bytes())
    for start, header in data:
        heap = start + header["NAXIS1"] * header["NAXIS2"]
        damaged[heap + header["PCOUNT"] // 2 : heap + header["PCOUNT"]] = bytes(
            header["PCOUNT"] - header["PCOUNT"] // 2
        )
    path.write_bytes(damaged)
    _, found = shown(store, path, out, bbox=(*sample.XY0, 60, 20))
    assert np.array_equal(found, sample.image_of(23718, 41)[:20])
    assert refused(read_display, path, out, most=MOST).code == "unreadable_file"


def sky_of(path: Path, x: float, y: float) -> tuple[float, float]:
    with fits.open(path) as hdus:
        ra, dec = wcs.WCS(hdus[1].header).all_pix2world([[x, y]], 0)[0]
    return float(ra), float(dec)


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_cut_out_on_the_sky_has_its_centre_and_its_size(calexp: Path, out: Output, store: PixelStore) -> None:
    ra, dec = sky_of(calexp, 20, 30)
    exposure, found = shown(store, calexp, out, sky=SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=1.5, height_arcsec=0.8))
    scale = 4.6e-5 * 3600
    height, width = found.shape
    assert abs(width - 1.5 / scale) <= 0.5
    assert abs(height - 0.8 / scale) <= 0.5
    assert exposure.xy0[0] <= sample.XY0[0] + 20 < exposure.xy0[0] + width
    assert exposure.xy0[1] <= sample.XY0[1] + 30 < exposure.xy0[1] + height
    assert abs(exposure.xy0[0] + (width - 1) / 2 - sample.XY0[0] - 20) <= 0.5
    x, y = exposure.xy0[0] - sample.XY0[0], exposure.xy0[1] - sample.XY0[1]
    assert np.array_equal(found, sample.image_of(23718, 41)[y : y + height, x : x + width])
    assert exposure.mask is not None
    assert exposure.mask.shape == found.shape


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_cut_out_on_the_sky_is_clipped_to_the_image(calexp: Path, out: Output, store: PixelStore) -> None:
    ra, dec = sky_of(calexp, 0, 0)
    exposure, found = shown(store, calexp, out, sky=SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=2, height_arcsec=99))
    assert exposure.xy0 == sample.XY0
    assert found.shape == (50, 6)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"ra_deg": 10.0}, "sky"),
        ({"ra_deg": 330.1, "dec_deg": -2.2}, "sky"),
        ({"dec_deg": 91.0}, "sky.dec_deg"),
        ({"width_arcsec": 0.0}, "sky.width_arcsec"),
        ({"ra_deg": float("nan")}, "sky.ra_deg"),
    ],
)
def test_a_cut_out_outside_the_image_names_its_field(
    calexp: Path, out: Output, changes: dict[str, float], where: str
) -> None:
    box = {"ra_deg": 150.1, "dec_deg": 2.2, "width_arcsec": 5.0, "height_arcsec": 5.0, **changes}
    error = refused(read_display, calexp, out, most=MOST, sky=SkyBox(**box)).error
    assert (error.code, error.where) == ("bad_value", where)


def test_an_image_without_a_wcs_cannot_be_cut_out_on_the_sky(extensions: Path, out: Output) -> None:
    error = refused(
        read_display, extensions, out, most=MOST, sky=SkyBox(ra_deg=1, dec_deg=1, width_arcsec=1, height_arcsec=1)
    ).error
    assert (error.where, "bbox" in error.hint) == ("sky", True)


def test_components_of_a_file_are_read_alone(calexp: Path, out: Output, store: PixelStore) -> None:
    mask, found = shown(store, calexp, out, component="mask", bbox=(110, 210, 5, 4))
    assert np.array_equal(found, sample.mask_of(23718, 41)[10:14, 10:15])
    assert (mask.mask, mask.planes) == (None, sample.PLANES)
    assert read_all(calexp, out, component="xy0", bbox=(110, 210, 5, 4), most=MOST).value == [110, 210]
    assert read_all(calexp, out, component="dimensions", most=MOST).value == [60, 50]
    assert read_all(calexp, out, component="unit", most=MOST).value == "nJy"
    cards = read_all(calexp, out, component="wcs", bbox=(110, 210, 5, 4), most=MOST).value
    assert isinstance(cards, str)
    assert fits.Header.fromstring(cards)["CRPIX1"] == 20.0


@pytest.mark.parametrize(
    ("component", "storage", "where"),
    [
        ("psf", "", "component"),
        ("psf", "ExposureF", "dataset_type"),
        ("filter", "", "component"),
        ("bbox", "", "component"),
    ],
)
def test_a_component_that_cannot_be_shown_names_its_field(
    calexp: Path, out: Output, component: str, storage: str, where: str
) -> None:
    error = refused(read_display, calexp, out, most=MOST, component=component, storage_class=storage).error
    assert (error.code, error.where) == ("unsupported", where)


def test_a_table_has_no_cut_outs(tmp_path: Path, out: Output) -> None:
    sample.write_catalog(tmp_path / "src.fits")
    with pytest.raises(RequestError) as caught:
        read_all(tmp_path / "src.fits", out, bbox=(0, 0, 1, 1), most=MOST)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "bbox")


def test_the_calibration_and_the_filter_of_a_real_exposure_are_read_from_its_archive(
    shared_data: Path, out: Output
) -> None:
    path = shared_data / "exposure-version-2.fits"
    calibration = read_all(path, out, component="photoCalib", most=MOST).value
    assert calibration == {"calibrationMean": 1e6, "calibrationErr": 2e4, "isConstant": True}
    assert read_all(path, out, component="filter", most=MOST).value == {"band": "N656", "physical": "ha"}


def test_the_exact_wcs_of_a_real_exposure_stands_in_for_a_header_that_has_none(
    shared_data: Path, tmp_path: Path, out: Output
) -> None:
    pytest.importorskip("starlink.Ast")
    with fits.open(shared_data / "exposure-version-2.fits") as hdus:
        truth = wcs.WCS(hdus[1].header)
        for hdu in hdus[1:4]:
            for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"):
                del hdu.header[key]
        hdus.writeto(tmp_path / "no-header-wcs.fits")
    exposure = read_display(tmp_path / "no-header-wcs.fits", out, bbox=(2, 3, 5, 5), most=MOST)
    fitted = wcs.WCS(fits.Header.fromstring(exposure.wcs))
    points = np.array([[0.0, 0.0], [4.0, 4.0]])
    apart_deg = fitted.all_pix2world(points, 0) - truth.all_pix2world(points + np.array([2, 3]), 0)
    assert np.abs(apart_deg).max() < 1e-9
    ra, dec = truth.all_pix2world([[5.0, 6.0]], 0)[0]
    cut = read_display(
        tmp_path / "no-header-wcs.fits",
        out,
        sky=SkyBox(ra_deg=ra, dec_deg=dec, width_arcsec=0.6, height_arcsec=0.6),
        most=MOST,
    )
    assert (cut.xy0, cut.image.shape) == ((4, 5), (3, 3))


@pytest.mark.filterwarnings("ignore::Warning")
def test_a_fitted_wcs_follows_the_distortions_of_a_camera(shared_data: Path) -> None:
    from mtv.shared.sky.celestial import celestial_of
    from mtv.shared.wcs_cards import header_cards
    from mtvd.repo.readers.sky import HeaderSky
    from mtvd.repo.readers.wcsfit import fit_wcs

    with fits.open(shared_data / "HSC-0908120-056-small.fits") as hdus:
        truth = HeaderSky(celestial_of(header_cards(hdus[1].header)).cards)
    fit = fit_wcs(truth, (4176, 2048))
    assert fit.worst_px < 0.01
    assert fit_wcs(truth, (4176, 2048), order=1).worst_px > 1
    near = HeaderSky(fit.cards)
    x, y = np.array([0.0, 2047.0, 700.0]), np.array([0.0, 4175.0, 3000.0])
    for found, wanted in zip(near.to_sky(x, y), truth.to_sky(x, y), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)


def test_a_mask_in_two_hdus_is_one_mask_of_64_bits(tmp_path: Path, out: Output, store: PixelStore) -> None:
    masks = [fits.ImageHDU(np.full((4, 5), value, "i4"), name="MASK", ver=ver) for ver, value in ((1, 5), (2, 2))]
    masks[0].header.update({"MSKN0000": "BAD", "MSKM0000": 1, "MSKN0002": "CR", "MSKM0002": 4})
    masks[1].header.update({"MSKN0001": "LATE", "MSKM0001": 2})
    path = tmp_path / "new.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5), "f4"), name="IMAGE"), *masks]).writeto(path)
    exposure, _ = shown(store, path, out, bbox=(1, 1, 3, 2))
    assert exposure.planes == {"BAD": 0, "CR": 2, "LATE": 32}
    assert exposure.mask is not None
    assert (pixels(store.directory, exposure.mask) == (5 | 2 << 31)).all()
    assert exposure.mask.shape == (2, 3)


def test_a_mask_by_itself_has_the_planes_of_all_its_hdus(tmp_path: Path, out: Output, store: PixelStore) -> None:
    masks = [fits.ImageHDU(np.full((4, 5), value, "i4"), name="MASK", ver=ver) for ver, value in ((1, 5), (2, 2))]
    masks[0].header.update({"MSKN0000": "BAD", "MSKM0000": 1, "CTYPE1A": "LINEAR", "CRVAL1A": 100, "CRVAL2A": 200})
    masks[1].header.update({"MSKN0001": "LATE", "MSKM0001": 2})
    path = tmp_path / "mask.fits"
    fits.HDUList([fits.PrimaryHDU(), *masks]).writeto(path)
    exposure, image = shown(store, path, out, storage_class="MaskV2", bbox=(101, 201, 3, 2))
    assert (image == (5 | 2 << 31)).all()
    assert (exposure.planes, exposure.xy0) == ({"BAD": 0, "LATE": 32}, (101, 201))
    found = read_all(path, out, storage_class="MaskV2", most=MOST).data
    assert found is not None
    assert (found.planes, found.image.shape) == ({"BAD": 0, "LATE": 32}, (4, 5))


PACKERS: Mapping[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("dtype", ["f4", "u2"])
def test_a_cut_out_of_a_packed_file_does_not_unpack_it_for_each_row(
    tmp_path: Path, out: Output, store: PixelStore, monkeypatch: pytest.MonkeyPatch, packer: str, dtype: str
) -> None:
    from astropy.io.fits.hdu.image import Section

    path, whole = tmp_path / f"image.fits.{packer}", np.arange(2000).reshape(50, 40).astype(dtype)
    fits.PrimaryHDU(whole).writeto(tmp_path / "image.fits")
    path.write_bytes(PACKERS[packer]((tmp_path / "image.fits").read_bytes()))
    read_rows: list[int] = []
    own = Section.__getitem__

    def counted(section: Any, key: Any) -> Any:
        read_rows.extend(part.stop - part.start for part in key[:1] if isinstance(part, slice))
        return own(section, key)

    monkeypatch.setattr(Section, "__getitem__", counted)
    _, image = shown(store, path, out, bbox=(3, 5, 10, 30))
    assert np.array_equal(image, whole[5:35, 3:13])
    assert read_rows == [], "the header says which type the pixels have"


@pytest.mark.parametrize("exact", [True, False])
def test_pixels_of_a_real_exposure_go_to_the_sky_and_back(shared_data: Path, out: Output, exact: bool) -> None:
    if exact:
        pytest.importorskip("starlink.Ast")
    path = shared_data / "exposure-version-2.fits"
    found = read_all(path, out, bbox=(2, 3, 5, 5), most=MOST).data
    assert found is not None
    assert found.sky_wcs.startswith("Begin FrameSet")
    mine = mtv.Exposure(np.zeros((5, 5)), xy0=found.xy0, wcs=found.wcs, sky_wcs=found.sky_wcs if exact else "")
    with fits.open(path) as hdus:
        wanted = wcs.WCS(hdus[1].header).all_pix2world([[4.0, 6.0]], 0)[0]
    ra, dec = mine.pixel_to_sky(4, 6)
    assert isinstance(ra, float)
    assert (ra, dec) == pytest.approx(tuple(wanted), abs=1e-9)
    assert mine.sky_to_pixel(ra, dec) == pytest.approx((4, 6), abs=1e-5)
    grid = np.mgrid[2:5, 3:7].astype(float)
    there = mine.pixel_to_sky(*grid)
    assert there[0].shape == grid[0].shape
    np.testing.assert_allclose(mine.sky_to_pixel(*there), grid, atol=1e-5)


def test_an_exposure_without_a_wcs_says_so() -> None:
    with pytest.raises(mtv.RequestError) as caught:
        mtv.Exposure(np.zeros((5, 5))).pixel_to_sky(1, 1)
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "wcs")
