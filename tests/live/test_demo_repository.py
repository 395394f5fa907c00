from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from mtvd.demo.build import BUILDING, MARKER, DemoRepository, build
from mtvd.demo.plan import DETECTOR_POSITIONS, SIZES, VISITS
from mtvd.demo.planes import bits

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

daf_butler = pytest.importorskip("lsst.daf.butler")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> DemoRepository:
    return build(tmp_path_factory.mktemp("repo"), user="ada")


@pytest.fixture(scope="module")
def butler(repository: DemoRepository) -> Any:
    with daf_butler.Butler.from_config(str(repository.directory)) as butler:
        yield butler


def refs_of(butler: Any, name: str, collections: str) -> list[Any]:
    return list(butler.query_datasets(name, collections, explain=False))


def test_the_tutorials_query_finds_the_red_exposures(butler: Any, repository: DemoRepository) -> None:
    refs = butler.registry.queryDatasets(
        "calexp", physical_filter="HSC-R", collections=repository.chain, instrument="HSC"
    )
    found = {(ref.dataId["visit"], ref.dataId["detector"]) for ref in refs}
    assert found == {(visit, detector) for visit in (23718, 1214) for detector in (41, 42, 47, 49, 50, 58)}
    assert repository.chain == "u/ada/single_frame"


def test_raw_data_ids_are_found_through_the_chain_of_defaults(butler: Any) -> None:
    with butler.query() as query:
        rows = list(
            query.join_dataset_search("raw", "HSC/RC2/defaults")
            .where("physical_filter = 'HSC-R' AND instrument = 'HSC'")
            .data_ids(["exposure", "detector"])
        )
    assert len(rows) == 12
    assert {row["band"] for row in rows} == {"r"}


def test_records_come_with_dimension_records_and_regions(butler: Any, repository: DemoRepository) -> None:
    refs = butler.query_datasets("calexp", repository.chain, with_dimension_records=True, explain=False)
    assert len(refs) == len(VISITS) * len(DETECTOR_POSITIONS)
    assert all(ref.dataId.region is not None for ref in refs)


def test_formatters_and_sizes_are_recorded_as_a_pipeline_records_them(butler: Any, repository: DemoRepository) -> None:
    with closing(sqlite3.connect(repository.directory / "gen3.sqlite3")) as database:
        rows = database.execute(
            "SELECT storage_class, formatter, path, file_size FROM file_datastore_records"
        ).fetchall()
    assert len(rows) == repository.datasets
    for storage_class, formatter, path, size in rows:
        assert (repository.directory / path).stat().st_size == size
        assert formatter.startswith("lsst.daf.butler." if storage_class == "ArrowAstropy" else "lsst.obs.")


def test_the_source_table_is_read_by_butler_itself_with_its_units(butler: Any, repository: DemoRepository) -> None:
    table = butler.get("sourceTable", visit=23718, detector=41, instrument="HSC", collections=repository.chain)
    assert str(table["coord_ra"].unit) == "deg"
    assert str(table["psfFlux"].unit) == "nJy"
    assert set(np.unique(table["visit"])) == {23718}
    assert not np.any(table["calib_psf_used"] & ~table["calib_psf_candidate"])


def test_catalogs_agree_with_the_wcs_and_the_pixels_of_their_exposures(butler: Any, repository: DemoRepository) -> None:
    uris = {
        name: {
            tuple(ref.dataId.required_values): Path(butler.getURI(ref).ospath)
            for ref in refs_of(butler, name, repository.chain)
        }
        for name in ("calexp", "src")
    }
    assert uris["calexp"].keys() == uris["src"].keys()
    saturated = 0
    for data_id, path in uris["calexp"].items():
        with fits.open(path) as hdus, fits.open(uris["src"][data_id]) as catalog:
            hdus.verify("exception")
            image, mask = hdus["IMAGE"].data, hdus["MASK"].data
            assert image.shape == SIZES["small"].shape_yx
            rows = catalog[1].data
            x, y = rows["base_SdssCentroid_x"], rows["base_SdssCentroid_y"]
            ra_deg, dec_deg = WCS(hdus["IMAGE"].header).all_pix2world(x, y, 0)
            assert np.abs(ra_deg - np.degrees(rows["coord_ra"])).max() * 3600 < 0.05
            assert np.abs(dec_deg - np.degrees(rows["coord_dec"])).max() * 3600 < 0.05
            at = y.round().astype(int), x.round().astype(int)
            assert np.mean(mask[at] & bits("DETECTED") != 0) > 0.99
            assert np.isnan(image[mask & bits("NO_DATA") != 0]).all()
            full = np.nan_to_num(image) > 38_000
            assert (mask[full] & bits("SAT") != 0).mean() > 0.9
            saturated += int(full.any())
    assert saturated == len(uris["calexp"])


def test_a_second_build_does_nothing_and_a_broken_one_is_built_anew(repository: DemoRepository, tmp_path: Path) -> None:
    before = (repository.directory / "gen3.sqlite3").stat().st_mtime_ns
    again = build(repository.directory, user="ada")
    assert again.already_there
    assert again.sources == repository.sources
    assert (repository.directory / "gen3.sqlite3").stat().st_mtime_ns == before
    (tmp_path / BUILDING).touch()
    (tmp_path / "butler.yaml").write_text("half: built")
    anew = build(tmp_path, user="ada")
    assert not anew.already_there
    assert (tmp_path / MARKER).exists()
    assert not (tmp_path / BUILDING).exists()
    assert anew.sources == repository.sources


def test_identities_of_datasets_are_the_same_in_every_build(butler: Any, repository: DemoRepository) -> None:
    ref = butler.find_dataset("calexp", visit=1214, detector=58, instrument="HSC", collections=repository.chain)
    assert ref.id.version == 5
