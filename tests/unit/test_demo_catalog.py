from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from mtvd.demo.catalog import ALIASES, SCHEMA
from mtvd.demo.detector import DetectorFiles, Observation, observe, write
from mtvd.demo.light import Lights, lights_on
from mtvd.demo.plan import VISITS, Size
from mtvd.demo.planes import MASK_PLANES, bits
from mtvd.demo.sky import Sky, sky_field

TINY = Size(name="tiny", shape_yx=(700, 500), crowding=3.0, raw_binning=4)
DETECTOR = 49


@pytest.fixture(scope="module")
def sky() -> Sky:
    return sky_field(TINY)


@pytest.fixture(scope="module")
def observation(sky: Sky) -> Observation:
    return observe(sky, VISITS[0], DETECTOR, TINY)


@pytest.fixture(scope="module")
def files(sky: Sky, tmp_path_factory: pytest.TempPathFactory) -> DetectorFiles:
    folder = tmp_path_factory.mktemp("detector")
    files = DetectorFiles(raw=folder / "raw.fits", calexp=folder / "calexp.fits", src=folder / "src.fits")
    write(observe(sky, VISITS[0], DETECTOR, TINY), VISITS[0], DETECTOR, TINY, files)
    return files


def test_used_and_reserved_stars_are_candidates_and_most_candidates_are_used(observation: Observation) -> None:
    columns = observation.columns
    candidate, used = columns["calib_psf_candidate"], columns["calib_psf_used"]
    assert not (used & ~candidate).any()
    assert not (columns["calib_psf_reserved"] & (used | ~candidate)).any()
    assert 0.7 < np.sum(used).item() / np.sum(candidate).item() < 1


def test_candidates_are_clean_bright_points(observation: Observation) -> None:
    columns = observation.columns
    chosen = columns["calib_psf_candidate"]
    assert not columns["base_PixelFlags_flag_saturated"][chosen].any()
    assert (columns["base_ClassificationExtendedness_value"][chosen] == 0).all()
    assert (columns["base_PsfFlux_instFlux"] > 40 * columns["base_PsfFlux_instFluxErr"])[chosen].all()
    assert (columns["deblend_nChild"][chosen] == 0).all()


def test_sources_lie_on_bright_detected_pixels(observation: Observation) -> None:
    columns, planes = observation.columns, observation.planes
    y, x = (columns[f"base_SdssCentroid_{axis}"].round().astype(int) for axis in "yx")
    assert (planes.mask[y, x] & bits("DETECTED") != 0).all()
    boxes = np.array([planes.image[b - 1 : b + 2, a - 1 : a + 2].mean() for a, b in zip(x, y, strict=True)])
    assert np.mean(boxes > 0.6 * VISITS[0].sky_sigma_counts) > 0.97


def test_measured_stars_are_where_the_sky_has_them_and_as_bright(sky: Sky, observation: Observation) -> None:
    lights: Lights = lights_on(sky, VISITS[0], observation.optics)
    columns = observation.columns
    for n in np.flatnonzero(columns["calib_psf_used"]):
        x, y = columns["base_SdssCentroid_x"][n], columns["base_SdssCentroid_y"][n]
        near = np.argmin(np.hypot(lights.x - x, lights.y - y))
        assert lights.is_star[near]
        assert np.hypot(lights.x[near] - x, lights.y[near] - y) < 0.25
        assert columns["base_PsfFlux_instFlux"][n] == pytest.approx(lights.flux_counts[near], rel=0.12)


def test_children_name_their_parent_and_parents_count_them(observation: Observation) -> None:
    columns = observation.columns
    parents = np.flatnonzero(columns["deblend_nChild"] > 0)
    assert len(parents) > 0
    for n in parents:
        assert np.sum(columns["parent"] == columns["id"][n]) == columns["deblend_nChild"][n]
    assert len(np.unique(columns["id"])) == len(columns["id"])


def test_a_catalog_file_packs_flags_in_the_order_of_their_cards(files: DetectorFiles, observation: Observation) -> None:
    with fits.open(files.src) as hdus:
        header, rows = hdus[1].header, hdus[1].data
        flags = [field.name for field in SCHEMA if field.form == "X"]
        assert header["FLAGCOL"] == 1
        assert header["TFORM1"] == f"{len(flags)}X"
        assert [header[f"TFLAG{n}"] for n in range(1, len(flags) + 1)] == flags
        for n, name in enumerate(flags):
            assert np.array_equal(rows["flags"][:, n], observation.columns[name])
        assert header["AFW_TYPE"] == "SOURCE"


def test_a_catalog_file_has_units_docs_and_slots(files: DetectorFiles, observation: Observation) -> None:
    with fits.open(files.src) as hdus:
        header, rows = hdus[1].header, hdus[1].data
        aliases = [card.value for card in header.cards if card.keyword == "ALIAS"]
        assert aliases == [f"{name}:{target}" for name, target in ALIASES]
        values = [field for field in SCHEMA if field.form != "X"]
        for n, field in enumerate(values, start=2):
            assert header[f"TTYPE{n}"] == field.name
            assert header[f"TDOC{n}"] == field.doc
            assert header.get(f"TUNIT{n}", "") == field.unit
            assert np.allclose(rows[field.name], observation.columns[field.name], equal_nan=True, rtol=1e-6)


def test_an_exposure_file_declares_planes_offset_and_archive(files: DetectorFiles) -> None:
    with fits.open(files.calexp) as hdus:
        hdus.verify("exception")
        assert [hdu.header.get("EXTTYPE") for hdu in hdus[1:5]] == ["IMAGE", "MASK", "VARIANCE", "ARCHIVE_INDEX"]
        assert {name: hdus[2].header[f"MP_{name}"] for name in MASK_PLANES} == dict(MASK_PLANES)
        assert [hdus[n].header["BITPIX"] for n in (1, 2, 3)] == [-32, 32, -32]
        assert all(hdus[n].header[key] == 0 for n in (1, 2, 3) for key in ("LTV1", "LTV2", "CRVAL1A", "CRVAL2A"))
        assert hdus[0].header["EXPINFO_V"] == 2
        assert hdus[hdus[0].header["AR_HDU"] - 1].data["name"].tolist() == ["PhotoCalib", "FilterLabel"]


def test_a_raw_file_is_unsigned_and_says_how_it_is_binned(files: DetectorFiles) -> None:
    with fits.open(files.raw) as hdus:
        assert hdus[0].data.dtype == np.uint16
        assert hdus[0].data.shape == (TINY.shape_yx[0] // 4, TINY.shape_yx[1] // 4)
        assert hdus[0].header["BIN-FCT1"] == 4
        assert 1000 < np.median(hdus[0].data) < 3000


def test_the_same_star_is_seen_in_both_red_visits(sky: Sky, observation: Observation) -> None:
    other = observe(sky, VISITS[1], DETECTOR, TINY)
    ours, theirs = observation.columns, other.columns
    used = ours["calib_psf_used"]
    cos_dec = np.cos(ours["coord_dec"][0])
    away = np.hypot(
        (ours["coord_ra"][used][:, None] - theirs["coord_ra"]) * cos_dec,
        ours["coord_dec"][used][:, None] - theirs["coord_dec"],
    ).min(axis=1)
    assert np.mean(np.degrees(away) * 3600 < 0.1) > 0.5


def test_the_folder_of_the_files_is_given_not_chosen(files: DetectorFiles) -> None:
    assert all(isinstance(path, Path) and path.exists() for path in (files.raw, files.calexp, files.src))
