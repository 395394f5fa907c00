"""Real files written by lsst.afw: they load, and show with the right planes, colours, offset and WCS."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]


@pytest.fixture(scope="module")
def display(demo_daemon: LiveDaemon) -> mtv.Display:
    return mtv.Display(40, connection=demo_daemon.connect())


def hdu_of(path: Path, kind: str) -> tuple[np.ndarray[Any, Any], fits.Header]:
    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            if kind in {hdu.header.get("EXTTYPE"), hdu.header.get("EXTNAME")}:
                return np.array(hdu.data), hdu.header.copy()
    raise LookupError(kind)


@pytest.mark.parametrize("name", ["HSC-0908120-056-small.fits", "exposure-version-2.fits"])
def test_an_exposure_shows_with_its_offset_its_values_and_its_wcs(
    shared_data: Path, demo_daemon: LiveDaemon, display: mtv.Display, name: str
) -> None:
    path = shared_data / name
    image, header = hdu_of(path, "IMAGE")
    display.mtv(path)
    x0, y0 = round(-header["LTV1"]), round(-header["LTV2"])
    report = display.describe()
    assert (tuple(report.shape), tuple(report.xy0)) == (image.shape, (x0, y0))
    height, width = image.shape
    with demo_daemon.probe() as window:
        for x, y in ((0, 0), (width - 1, height - 1), (width // 3, height // 2)):
            shown = float(window.value(x0 + x, y0 + y, frame=40))
            assert shown == pytest.approx(float(image[y, x]), rel=1e-5, nan_ok=True)
        x, y = width // 3, height // 2
        display.dot("o", x0 + x, y0 + y)
        sky = window.tcl("[Frame40 marker list ds9 wcs icrs degrees no]").split("circle(")[1].split(",")
        if "CTYPE1" in header:
            wanted = WCS(header).all_pix2world([[x, y]], 0)[0]
            np.testing.assert_allclose([float(word) for word in sky[:2]], wanted, atol=2e-4)


def test_the_mask_planes_of_a_real_exposure_are_those_of_its_header(shared_data: Path, display: mtv.Display) -> None:
    path = shared_data / "HSC-0908120-056-small.fits"
    _, header = hdu_of(path, "MASK")
    display.mtv(path)
    planes = {key.removeprefix("MP_"): bit for key, bit in header.items() if key.startswith("MP_")}
    assert dict(display.describe().mask.planes) == planes
    assert display.get_mask_plane_color("SAT") == "green"


def test_each_pixel_has_the_colour_of_its_topmost_plane(shared_data: Path, display: mtv.Display) -> None:
    path = shared_data / "HSC-0908120-056-small.fits"
    mask, header = hdu_of(path, "MASK")
    planes = {key.removeprefix("MP_"): bit for key, bit in header.items() if key.startswith("MP_")}
    display.mtv(path)
    display.set_mask_transparency(0)
    display.zoom("fit")
    display.show()
    picture = np.asarray(Image.open(io.BytesIO(display.snapshot())).convert("RGB")).astype(int)
    coloured = (np.ptp(picture, axis=-1) > 0).mean() * picture.shape[0] * picture.shape[1]
    detected = (picture == (0, 0, 255)).all(axis=-1).sum()
    others = np.zeros(mask.shape, bool)
    for name, bit in planes.items():
        if name not in {"DETECTED", "DETECTED_NEGATIVE"}:
            others |= (mask >> bit & 1).astype(bool)
    blue = (mask >> planes["DETECTED"] & 1).astype(bool) & ~others
    assert detected / max(coloured, 1) == pytest.approx(blue.sum() / (mask != 0).sum(), abs=0.08)


def test_the_flags_and_slots_of_a_real_catalog_read_right(shared_data: Path, demo_daemon: LiveDaemon) -> None:
    path = shared_data / "sourceCatalog-hsc-v2.fits"
    src = mtv.Repository(connection=demo_daemon.connect()).get(path)
    with fits.open(path) as hdus:
        table, header = hdus[1].data, hdus[1].header
        flags, x = np.array(table["flags"]), None
        names = [header[f"TFLAG{n}"] for n in range(1, flags.shape[1] + 1)]
        for number, name in enumerate(names):
            np.testing.assert_array_equal(src[name], flags[:, number], err_msg=name)
        aliases = dict(card.split(":") for card in header["ALIAS*"].values()) if header["ALIAS*"] else {}
        centroid = next(value for key, value in aliases.items() if key == "slot_Centroid")
        x = np.array(table[f"{centroid}_x"])
    assert len(src) == len(x)
    np.testing.assert_array_equal(src["slot_Centroid_x"], x)
    assert next(iter(src)).getX() == x[0]


def test_a_component_and_a_cut_out_of_a_real_exposure_show_alone(
    shared_data: Path, demo_daemon: LiveDaemon, display: mtv.Display
) -> None:
    path = shared_data / "HSC-0908120-056-small.fits"
    variance, header = hdu_of(path, "VARIANCE")
    x0, y0 = round(-header["LTV1"]), round(-header["LTV2"])
    display.mtv(path, component="variance", bbox=(x0 + 20, y0 + 30, 50, 40))
    report = display.describe()
    assert (tuple(report.shape), tuple(report.xy0)) == ((40, 50), (x0 + 20, y0 + 30))
    with demo_daemon.probe() as window:
        shown = float(window.value(x0 + 25, y0 + 33, frame=40))
    assert shown == pytest.approx(float(variance[33, 25]), rel=1e-5)
    ra, dec = WCS(header).all_pix2world([[100, 120]], 0)[0]
    display.mtv(path, centre_deg=(ra, dec), size_arcsec=5)
    report = display.describe()
    height, width = report.shape
    assert width == height == pytest.approx(5 / 0.168, abs=1)
    assert (report.xy0[0] - x0 + width / 2, report.xy0[1] - y0 + height / 2) == pytest.approx((100, 120), abs=1.5)
    with pytest.raises(mtv.RequestError) as caught:
        display.mtv(path, hdu="NOPE")
    assert caught.value.error.where.endswith("hdu")


def test_a_list_is_loaded_and_shown_one_by_one(
    demo_daemon: LiveDaemon, display: mtv.Display, chain: str, tmp_path: Path
) -> None:
    repository = mtv.Repository(connection=demo_daemon.connect())
    refs = repository.query("calexp", collections=chain, instrument="HSC", visit=23718)[:2]
    compressed = tmp_path / "compressed.fits"
    pixels = np.arange(12_000, dtype="f4").reshape(100, 120)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, compression_type="GZIP_2", quantize_level=0.0)]).writeto(
        compressed
    )
    labels = []
    for handle in repository.load([*refs, compressed, compressed]):
        with handle:
            display.mtv(handle)
            labels.append(display.describe().label)
    assert len(labels) == 4
    assert labels[2:] == ["compressed.fits"] * 2
    with demo_daemon.probe() as window:
        assert float(window.value(119, 99, frame=40)) == 11_999
