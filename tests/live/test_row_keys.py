"""Keys of a data ID that a dataset type does not have: they choose rows of its table, or are refused; never ignored."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support import repo_visits as visits
from tests.support.live_daemon import LiveDaemon

import mtv
from mtv.wire.data import Dataset
from mtv.wire.errors import RequestError

pytestmark = [
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
WHOLE: dict[str, Any] = {"instrument": "HSC", "visit": visits.VISIT}
COUNTS = {40: 3, 41: 5, 42: 7}


daemon = fixtures.shared_daemon


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"visits": visits.build(tmp_path_factory.mktemp("visits") / "repo")}


@pytest.fixture(scope="module")
def repository(daemon: LiveDaemon) -> mtv.Repository:
    return mtv.Repository(connection=daemon.connect(), collections=sample.CHAIN)


@pytest.fixture(scope="module")
def display(daemon: LiveDaemon, repository: mtv.Repository) -> mtv.Display:
    display = mtv.Display(0, connection=repository.connection)
    display.mtv(repository.dataset("calexp", detector=41, **WHOLE))
    return display


def run(daemon: LiveDaemon, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mtv.cli", *words]
    return subprocess.run(command, env=daemon.environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("detector", "count"), COUNTS.items())
def test_a_detector_of_a_table_of_whole_visits_is_the_rows_of_that_detector(
    repository: mtv.Repository, display: mtv.Display, daemon: LiveDaemon, detector: int, count: int
) -> None:
    rows = repository.get("source", detector=detector, **WHOLE)
    assert set(rows["detector"].tolist()) == {detector}
    assert rows.label == f"source HSC {visits.VISIT} detector={detector}"
    assert (len(rows), len(repository.get("source", **WHOLE))) == (count, len(visits.DETECTORS))
    display.overlay("m", repository.dataset("source", detector=detector, **WHOLE))
    assert display.describe().overlays["m"] == count
    with daemon.probe() as window:
        assert window.markers() == count


def test_a_key_and_a_selection_hold_both(repository: mtv.Repository, display: mtv.Display) -> None:
    rows = repository.get("source", detector=42, select=f"x > {sample.XY0[0] + 20}", columns="id", **WHOLE)
    assert rows["id"].tolist() == [2**62 + number for number in range(11, 15)]
    with repository.load("source", detector=42, **WHOLE) as handle:
        assert handle.shape == (7,)
        display.overlay("m", handle, select=f"id == {2**62 + 9}")
    assert display.describe().overlays["m"] == 1


def test_the_shell_means_the_same(daemon: LiveDaemon, display: mtv.Display) -> None:
    chain = ("--collections", sample.CHAIN)
    data_id = ("instrument=HSC", f"visit={visits.VISIT}", "detector=41")
    drawn = run(daemon, "overlay", "source", *data_id, *chain)
    assert drawn.stdout == "5 markers in overlay 'markers'\n", drawn.stderr
    listed = run(daemon, "catalog", "source", *data_id, *chain, "--csv")
    assert len(listed.stdout.splitlines()) == 1 + 5
    assert run(daemon, "overlay", "visitTable", *data_id, *chain).returncode != 0
    for words in (
        ("show", "mosaic"),
        ("get", "mosaic.wcs"),
        ("movie", "mosaic"),
        ("query", "source"),
        ("watch", "mosaic"),
    ):
        refused = run(daemon, *words, *data_id, *chain)
        assert (refused.returncode, "detector=: " in refused.stderr) == (1, True), (words, refused.stderr)


REFUSED: dict[str, Callable[[mtv.Repository, mtv.Display], Any]] = {
    "get of a table without that column": lambda r, d: r.get("visitTable", detector=41, **WHOLE),
    "overlay of one": lambda r, d: d.overlay("m", r.dataset("visitTable", detector=41, **WHOLE)),
    "load of one": lambda r, d: r.load("visitTable", detector=41, **WHOLE),
    "get of an image": lambda r, d: r.get("mosaic", detector=41, **WHOLE),
    "get of a component": lambda r, d: r.get("mosaic.wcs", detector=41, **WHOLE),
    "load of an image": lambda r, d: r.load("mosaic", detector=41, **WHOLE),
    "mtv": lambda r, d: d.mtv(r.dataset("mosaic", detector=41, **WHOLE)),
    "movie": lambda r, d: r.movie("mosaic", detector=41, instrument="HSC"),
    "watch": lambda r, d: next(r.watch("mosaic", detector=41, instrument="HSC", timeout_secs=1)),
    "query": lambda r, d: list(r.query("source", detector=41, instrument="HSC")),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_key_that_says_nothing_is_refused_by_its_name(
    repository: mtv.Repository, display: mtv.Display, how: str
) -> None:
    with pytest.raises(RequestError) as caught:
        REFUSED[how](repository, display)
    assert (caught.value.code, caught.value.error.where) == ("bad_query", "data_id.detector"), how
    assert "'detector'" in caught.value.error.message


def test_keys_that_choose_datasets_still_do(repository: mtv.Repository) -> None:
    assert len(repository.get("source", physical_filter="HSC-R", band="r", day_obs=20140328, **WHOLE)) == 15
    assert len(repository.get("src", exposure=visits.VISIT, detector=41, **WHOLE)) == sample.ROWS
    assert len(list(repository.query("source", instrument="HSC", exposure=visits.VISIT))) == 1
    assert len(list(repository.query("calexp", instrument="HSC", detector=41))) == len(sample.VISITS)


def test_a_catalog_of_whole_visits_is_drawn_detector_by_detector(
    repository: mtv.Repository, display: mtv.Display
) -> None:
    from mtv.streams.datasets import Datasets

    (ref,) = repository.query("calexp", instrument="HSC", visit=visits.VISIT, detector=42)
    query = repository._query(what="datasets", dataset_type="calexp", collections=(sample.CHAIN,))
    watched = Datasets(repository.connection, query, display, catalog="source", look={"symbol": "o"})
    display.mtv(ref)
    assert watched.follow(ref)
    assert display.describe().overlays["source"] == COUNTS[42]


@pytest.mark.parametrize(
    ("dimensions", "key", "kind"),
    [
        (("instrument", "visit"), "detector", "foreign"),
        (("instrument", "visit"), "detector.full_name", "foreign"),
        (("instrument", "visit"), "tract", "overlapping"),
        (("instrument", "visit"), "band", "own"),
        (("instrument", "visit"), "exposure", "own"),
        (("instrument", "visit"), "visit.target_name", "own"),
        (("instrument", "visit"), "skymap", "own"),
        (("skymap", "tract"), "instrument", "own"),
        (("skymap", "tract", "patch", "band"), "instrument", "own"),
        (("instrument", "detector"), "skymap", "own"),
        (("skymap", "tract"), "patch", "overlapping"),
        (("skymap", "tract"), "visit", "overlapping"),
        (("skymap", "tract"), "band", "foreign"),
        (("skymap", "tract", "patch", "band"), "physical_filter", "own"),
        (("instrument", "detector"), "visit", "foreign"),
    ],
)
def test_keys_are_sorted_by_what_they_choose(dimensions: tuple[str, ...], key: str, kind: str) -> None:
    from types import SimpleNamespace

    from lsst.daf.butler import DatasetType, DimensionUniverse

    from mtvd.repo.butler import foreign

    universe = DimensionUniverse()
    butler: Any = SimpleNamespace(dimensions=universe)
    type_ = DatasetType("a", dimensions, "ArrowAstropy", universe=universe)
    assert getattr(foreign.sorted_out(butler, type_, {key: 1}), kind) == {key: 1}


def test_a_calibration_may_be_asked_for_by_a_visit() -> None:
    from types import SimpleNamespace

    from lsst.daf.butler import DatasetType, DimensionUniverse

    from mtvd.repo.butler import foreign

    universe = DimensionUniverse()
    butler: Any = SimpleNamespace(dimensions=universe)
    bias = DatasetType("bias", ("instrument", "detector"), "ExposureF", universe=universe, isCalibration=True)
    assert foreign.sorted_out(butler, bias, {"visit": 1, "tract": 2}).foreign == {"tract": 2}


SKY = "rings"


def square(lon: float, lat: float, size: float) -> Any:
    import lsst.sphgeom

    corners = ((lon, lat), (lon + size, lat), (lon + size, lat + size), (lon, lat + size))
    points = [lsst.sphgeom.UnitVector3d(lsst.sphgeom.LonLat.fromDegrees(*corner)) for corner in corners]
    return lsst.sphgeom.ConvexPolygon(points)


@pytest.fixture(scope="module")
def on_the_sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a Butler of the sample, where visit 1214 lies in tract 2, the others in tract 1; tract 3 is empty."""
    from lsst.daf.butler import Butler

    root = sample.build(tmp_path_factory.mktemp("sky") / "repo")
    with Butler.from_config(str(root), writeable=True) as opened:
        insert = opened.registry.insertDimensionData
        insert("skymap", {"name": SKY, "hash": b"1", "tract_max": 9, "patch_nx_max": 9, "patch_ny_max": 9})
        for tract, (lon, lat) in {1: (149.0, 1.0), 2: (10.0, 1.0), 3: (80.0, 1.0)}.items():
            insert("tract", {"skymap": SKY, "id": tract, "region": square(lon, lat, 3.0)})
            here = {"skymap": SKY, "tract": tract}
            insert("patch", {**here, "id": 5, "cell_x": 0, "cell_y": 0, "region": square(lon + 0.9, lat + 0.9, 0.5)})
            insert("patch", {**here, "id": 6, "cell_x": 8, "cell_y": 8, "region": square(lon + 2.5, lat + 2.5, 0.5)})
        moved = [{"instrument": "HSC", "visit": 1214, "detector": number} for number in sample.DETECTORS]
        for one in moved:
            insert("visit_detector_region", {**one, "region": square(11.0, 2.0, 0.2)}, replace=True)
        yield opened


@pytest.mark.parametrize(
    ("keys", "visit"),
    [
        ({"skymap": SKY, "tract": 2}, 1214),
        ({"skymap": SKY, "tract": 2, "patch": 5}, 1214),
        ({"skymap": SKY, "tract": 1, "band": "i"}, 23694),
        ({"skymap": SKY, "tract": 1, "patch": 5, "physical_filter": "HSC-R"}, 23718),
        ({"skymap": SKY, "tract": 1}, "ambiguous"),
        ({"skymap": SKY, "tract": 2, "patch": 6}, "not_found"),
        ({"skymap": SKY, "tract": 3}, "not_found"),
        ({"skymap": SKY, "visit": 1214}, 1214),
    ],
)
def test_tracts_and_patches_that_an_image_overlaps_choose_it(on_the_sky: Any, keys: Any, visit: int | str) -> None:
    from mtvd.repo.butler.find import find

    wanted = Dataset(
        dataset_type="calexp", collections=(sample.CHAIN,), data_id={"instrument": "HSC", "detector": 41, **keys}
    )
    if isinstance(visit, str):
        with pytest.raises(RequestError) as caught:
            find(on_the_sky, wanted)
        assert caught.value.code == visit
    else:
        found = find(on_the_sky, wanted)
        assert (found.label, found.foreign_keys) == (f"calexp HSC {visit} 41", ())
