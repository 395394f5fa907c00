"""Raws of several amplifiers, put together by their keywords; what contradicts itself stays apart, with a note."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import raws
from tests.support.raws import Amp, detector, lsst, write_raw

from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers import amplifiers
from mtvd.repo.readers.choose import read_all, read_display
from mtvd.repo.readers.exposurefile import find_exposure
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.parts import Part

fits = pytest.importorskip("astropy.io.fits")
SIZE: dict[str, Any] = {"width": 16, "height": 40}


def pixels(path: Path) -> tuple[Any, str]:
    file = find_exposure(path)
    return np.asarray(file.image.read()), " ".join(file.notes)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("columns", "rows"), [(8, 2), (4, 2), (2, 1)])
def test_amplifiers_are_one_image_turned_over_as_their_keywords_say(
    tmp_path: Path, columns: int, rows: int, compressed: bool
) -> None:
    whole = detector(rows * 40, columns * 16)
    path = write_raw(tmp_path / "raw.fits", whole, lsst(columns, rows), compressed=compressed, **SIZE)
    found, note = pixels(path)
    np.testing.assert_array_equal(found, whole)
    assert found.dtype == np.uint16
    assert f"{columns * rows} amplifiers are put together by DETSEC" in note
    assert "overscan is not subtracted" in note
    assert f"hdu=1 to {columns * rows} show each" in note


def test_the_sky_of_the_whole_is_that_of_each_amplifier(tmp_path: Path) -> None:
    for amps in (lsst(), lsst()[::-1]):
        file = find_exposure(write_raw(tmp_path / "raw.fits", detector(), amps, **SIZE))
        assert file.xy0 == (0, 0), "LTV is of one amplifier"
        assert file.sky is not None
        wcs = raws.sky_of((80, 128))
        for x, y in ((0, 0), (127, 79), (40, 70)):
            ra, dec = wcs.all_pix2world(x, y, 0)
            np.testing.assert_allclose(file.sky.to_pixel(float(ra), float(dec)), (x, y), atol=1e-6)


@pytest.mark.parametrize(("matrix", "cdelt"), [({}, [-1e-4, 1e-4]), ({"PC1_2": 0.1}, [-1e-4, 1e-4])])
def test_a_sky_by_cdelt_is_turned_over_too(tmp_path: Path, matrix: dict[str, float], cdelt: list[float]) -> None:
    path = write_raw(tmp_path / "raw.fits", detector(), lsst(), **SIZE)
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            for key in [key for key in hdu.header if key.startswith(("PC1_", "PC2_", "CD1_", "CD2_"))]:
                del hdu.header[key]
            hdu.header.update({"CDELT1": cdelt[0], "CDELT2": cdelt[1], **matrix})
        from astropy.wcs import WCS

        local = WCS(hdus[1].header)
    file = find_exposure(path)
    assert file.sky is not None
    ra, dec = local.all_pix2world(raws.PRESCAN + 15, 0, 0)  # of the first amplifier, which is flipped along x
    np.testing.assert_allclose(file.sky.to_pixel(float(ra), float(dec)), (0, 0), atol=1e-6)


def test_places_between_amplifiers_have_no_value(tmp_path: Path) -> None:
    whole = detector(dtype="u2")
    amps = [amp._replace(x0=amp.x0 + 5 * (amp.x0 >= 64)) for amp in lsst()]
    wide = np.zeros((80, 133), np.uint16)
    wide[:, :64], wide[:, 69:] = whole[:, :64], whole[:, 64:]
    found, _ = pixels(write_raw(tmp_path / "raw.fits", wide, amps, **SIZE))
    assert found.dtype == np.float32
    assert np.isnan(found[:, 64:69]).all()
    np.testing.assert_array_equal(np.nan_to_num(found), wide)


def test_binned_amplifiers_lie_where_binned_pixels_are(tmp_path: Path) -> None:
    whole = detector()
    amps = [amp._replace(x0=amp.x0 * 2, y0=amp.y0 * 2) for amp in lsst()]
    found, _ = pixels(write_raw(tmp_path / "raw.fits", whole, amps, binning=2, **SIZE))
    np.testing.assert_array_equal(found, whole)


def test_two_ccds_of_a_camera_lie_as_detsec_says(tmp_path: Path) -> None:
    whole = detector(80, 128, "f4")
    amps = [Amp(0, 0), Amp(64, 0)]
    found, note = pixels(write_raw(tmp_path / "decam.fits", whole, amps, width=64, height=80))
    np.testing.assert_array_equal(found, whole)
    assert "2 amplifiers" in note


def test_an_hdu_that_is_asked_for_stands_alone_with_its_overscan(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "raw.fits", detector(), lsst(), **SIZE)
    file = find_exposure(path, Part(hdu=3))
    assert file.image.shape == (40 + raws.PARALLEL, raws.PRESCAN + 16 + raws.OVERSCAN)
    assert file.notes == ()


def test_a_raw_of_one_hdu_stays_as_it_is(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "raw.fits", detector(), [Amp(0, 0)], width=128, height=80)
    file = find_exposure(path)
    assert file.image.shape == (80 + raws.PARALLEL, raws.PRESCAN + 128 + raws.OVERSCAN)
    assert file.notes == ()


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"DETSEC": "[1:16,1:40]"}, "the places of HDU 1 and 2 overlap"),
        ({"DATASEC": "[4:19,1:4000]"}, "DATASEC of HDU 1 leaves its image of 25 x 44 pixels"),
        ({"DATASEC": "[0:15,1:40]"}, "DATASEC of HDU 1 leaves"),
        ({"DATASEC": "[4:10,1:40]"}, "not as many as the pixels"),
        ({"DETSEC": "nonsense"}, "DETSEC of HDU 1 is 'nonsense'"),
        ({"DETSEC": "[1:99999999,1:2]"}, "DETSEC of HDU 1 is"),
        ({"CCDSUM": "0 0"}, "CCDSUM says 0 0"),
        ({"CCDSUM": [f"{1 + number % 2} 1" for number in range(16)]}, "CCDSUM says 1 1, 2 1"),
        ({"CCDSUM": "a few"}, "CCDSUM says a few"),
        ({"DETSEC": [f"[{1 + n * 1000}:{16 + n * 1000},1:40]" for n in range(16)]}, "together they are 15016 x 40"),
        ({"DETSEC": [f"[{1 + n * 600000}:{16 + n * 600000},1:40]" for n in range(16)]}, "together they are 9000016"),
    ],
)
def test_keywords_that_contradict_each_other_leave_the_first_with_a_note(
    tmp_path: Path, keywords: dict[str, Any], said: str
) -> None:
    path = write_raw(tmp_path / "raw.fits", detector(), lsst(), **SIZE, **keywords)
    tracemalloc.start()
    found, note = pixels(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert found.shape == (44, 25)
    assert "HDU 1 is shown, 15 more amplifiers of the file are not shown" in note
    assert said in note
    assert "hdu=1 to 16 show each" in note


def test_many_amplifiers_are_shown_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amplifiers, "_MOST_AMPLIFIERS", 15)
    _, note = pixels(write_raw(tmp_path / "raw.fits", detector(), lsst(), **SIZE))
    assert "at most 15 are put together" in note


def test_the_stage_and_clients_get_the_whole_and_cut_outs_of_it(tmp_path: Path, out: Output, store: PixelStore) -> None:
    whole = detector()
    path = write_raw(tmp_path / "raw.fits", whole, lsst(), compressed=True, **SIZE)
    shown = read_display(path, out, most=10**6)
    assert shown.image.shape == (80, 128)
    assert "put together" in " ".join(shown.notes)
    got = read_all(path, out, most=10**6, bbox=(10, 30, 20, 20)).data
    assert got is not None
    assert got.image.file is not None
    content = np.fromfile(store.path(got.image.file), got.image.dtype, 400, offset=got.image.offset)
    np.testing.assert_array_equal(content.reshape(20, 20), whole[30:50, 10:30])


def test_strips_are_the_whole_whatever_their_height(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amplifiers, "_STRIP_BYTES", 128 * 2 * 7)
    image = find_exposure(write_raw(tmp_path / "raw.fits", detector(), lsst(), **SIZE)).image
    strips = image.strips()
    assert len(strips) > 10
    np.testing.assert_array_equal(np.concatenate([image.read(strip) for strip in strips]), detector())
