"""What every keeper of repositories must do: the fake and the real one are held to the same."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from tests.support import fake_repositories as fake
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.readers import column, pixels
from tests.support.refusals import refused_async
from tests.support.repositories import running

from mtv.shared.tables.positions import Wanted
from mtv.wire.data import Dataset, Exposure, File
from mtv.wire.errors import MtvError, RequestError
from mtv.wire.steps import NOW, START, Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.port import Repositories

pytestmark = [pytest.mark.anyio, pytest.mark.slow("repositories are made and workers start in it", secs=40)]
CHAIN = (sample.CHAIN,)
ONE: dict[str, int | str] = {"instrument": "HSC", "visit": 23718, "detector": 41}


class Subject:
    """A keeper of repositories with the store that it writes to."""

    def __init__(self, repositories: Repositories, store: PixelStore) -> None:
        self.repositories = repositories
        self.store = store

    def pixels(self, array: Any) -> Any:
        return pixels(self.store.directory, array)

    async def refused(self, query: Query) -> MtvError:
        return await refused_async(self.repositories.query, query)

    async def unread(self, target: Dataset | File) -> MtvError:
        return await refused_async(self.repositories.read_for_display, target)


repository = fixtures.sample_repository


@pytest.fixture(scope="module", params=["fake", pytest.param("butler", marks=pytest.mark.live("lsst.daf.butler"))])
async def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Subject]:
    directory = tmp_path_factory.mktemp("subject")
    if request.param == "fake":
        store = PixelStore(directory / "pixels", 1 << 28)
        yield Subject(fake.FakeRepositories(store), store)
        return
    async with running(directory, request.getfixturevalue("repository")) as (repositories, store):
        yield Subject(repositories, store)


async def test_the_first_repository_known_is_the_default(subject: Subject) -> None:
    first, *_ = subject.repositories.list_known()
    assert (first.alias, first.default) == ("demo", True)


async def test_keywords_find_datasets_with_ids_and_dimensions(subject: Subject) -> None:
    constraint: dict[str, int | str] = {"instrument": "HSC", "physical_filter": "HSC-R"}
    rows = await subject.repositories.query(Query(dataset_type="calexp", collections=CHAIN, data_id=constraint))
    assert rows.columns == ("instrument", "visit", "detector", "band", "day_obs", "physical_filter", "run")
    assert [row[1:3] for row in rows.rows] == [(1214, 41), (1214, 42), (23718, 41), (23718, 42)]
    assert len(set(rows.ids)) == 4
    assert (rows.repo, rows.dataset_type, rows.cursor) == ("demo", "calexp", "")


async def test_the_only_instrument_is_meant_where_none_is_named(subject: Subject) -> None:
    asked = Query(dataset_type="calexp", collections=CHAIN, data_id={"visit": 23718})
    named = Query(dataset_type="calexp", collections=CHAIN, data_id={"visit": 23718, "instrument": "HSC"})
    found = await subject.repositories.query(asked)
    assert found.rows
    assert found == await subject.repositories.query(named)
    target = Dataset(dataset_type="calexp", collections=CHAIN, data_id={"visit": 23718, "detector": 41})
    assert (await subject.repositories.read_for_display(target)).label == "calexp HSC 23718 41"


async def test_provenance_tells_run_chains_and_bytes(subject: Subject) -> None:
    query = Query(what="provenance", dataset_type="calexp", collections=CHAIN, data_id=ONE)
    rows = await subject.repositories.query(query)
    found = dict(zip(rows.columns, rows.rows[0], strict=True))
    assert (found["visit"], found["detector"], found["run"], found["chains"]) == (23718, 41, sample.RUN, sample.CHAIN)
    assert found["storage_class"] == "ExposureF"
    assert "." in str(found["formatter"])
    assert str(found["ingest_date"]).startswith("2026-")
    assert int(str(found["file_bytes"])) > 0
    datasets = await subject.repositories.query(Query(dataset_type="calexp", collections=CHAIN, data_id=ONE))
    assert rows.ids == datasets.ids


async def test_what_has_come_since_a_mark_is_told_once(subject: Subject) -> None:
    asked = Query(dataset_type="calexp", collections=CHAIN, since=START)
    everything = await subject.repositories.query(asked)
    assert {row[1:3] for row in everything.rows} == {
        (visit, one) for visit in sample.VISITS for one in sample.DETECTORS
    }
    assert everything.columns[-1] == "run"
    now = await subject.repositories.query(replace(asked, since=NOW))
    assert (now.rows, now.mark) == ((), everything.mark)
    after = await subject.repositories.query(replace(asked, since=now.mark))
    assert (after.rows, after.ids, after.mark, after.cursor) == ((), (), now.mark, "")


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"dataset_type": "calxep"}, "unknown_dataset_type", "dataset_type"),
        ({"collections": ("u/nobody",)}, "unknown_collection", "collections"),
        ({"data_id": {"vist": 1}}, "bad_query", "data_id.vist"),
        ({"since": "yesterday"}, "bad_value", "since"),
    ],
)
async def test_a_watch_of_what_is_not_there_is_refused_from_the_beginning(
    subject: Subject, changes: dict[str, Any], code: str, where: str
) -> None:
    for since in (NOW, START):
        asked = Query(**{"dataset_type": "calexp", "collections": CHAIN, "since": since, **changes})
        refused = await subject.refused(asked)
        assert (refused.code, refused.error.where) == (code, where)


async def test_a_limit_cuts(subject: Subject) -> None:
    rows = await subject.repositories.query(
        Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"}, limit=2)
    )
    assert len(rows.rows) == 2
    assert rows.cursor == ""


@pytest.mark.parametrize(
    ("changes", "code", "where", "hint"),
    [
        ({"dataset_type": "calxep"}, "unknown_dataset_type", "dataset_type", "'calexp'"),
        ({"collections": ("u/nobody",)}, "unknown_collection", "collections", ""),
        ({"collections": ()}, "bad_query", "collections", sample.CHAIN),
        ({"data_id": {"vist": 1}}, "bad_query", "data_id.vist", "'visit'"),
        ({"data_id": {"instrument": "hsc"}}, "not_found", "data_id.instrument", "did you mean 'HSC'?"),
        ({"repo": "nope"}, "unknown_repository", "repo", "demo"),
    ],
)
async def test_a_bad_query_names_its_field_and_says_what_to_do(
    subject: Subject, changes: dict[str, Any], code: str, where: str, hint: str
) -> None:
    error = await subject.refused(Query(**{"dataset_type": "calexp", "collections": CHAIN, **changes}))
    assert (error.code, error.error.where) == (code, where)
    assert hint in error.error.hint


async def test_a_dataset_is_read_for_display_by_data_id_and_by_id(subject: Subject) -> None:
    rows = await subject.repositories.query(Query(dataset_type="calexp", collections=CHAIN, data_id=ONE))
    by_keys = await subject.repositories.read_for_display(
        Dataset(dataset_type="calexp", collections=CHAIN, data_id=ONE)
    )
    by_id = await subject.repositories.read_for_display(Dataset(id=rows.ids[0]))
    for exposure in (by_keys, by_id):
        assert (exposure.image.dtype, exposure.image.offset) == (">f4", 28_800)
        assert np.array_equal(subject.pixels(exposure.image), sample.image_of(23718, 41))
        assert exposure.mask is not None
        assert exposure.mask.file != exposure.image.file
        assert np.array_equal(subject.pixels(exposure.mask), sample.mask_of(23718, 41))
        assert (exposure.variance, exposure.xy0, exposure.planes) == (None, sample.XY0, sample.PLANES)
        assert exposure.label == "calexp HSC 23718 41"
        assert exposure.caption == "calexp HSC, visit 23718, detector 41, HSC-R"


async def test_files_on_this_host_report_nothing(subject: Subject) -> None:
    told: list[tuple[int, int, str]] = []

    def tell(done: int, total: int, unit: str) -> None:
        told.append((done, total, unit))

    calexp, src = (Dataset(dataset_type=name, collections=CHAIN, data_id=ONE) for name in ("calexp", "src"))
    await subject.repositories.read_for_display(calexp, tell)
    await subject.repositories.get(calexp, (), "", tell)
    await subject.repositories.positions(src, Wanted(), tell)
    assert told == []


async def test_get_brings_native_arrays_and_the_variance(subject: Subject) -> None:
    got = await subject.repositories.get(Dataset(dataset_type="calexp", collections=CHAIN, data_id=ONE), ())
    assert got.data is not None
    assert got.data.variance is not None
    assert got.data.image.dtype == np.dtype("f4").str
    assert np.array_equal(subject.pixels(got.data.variance), sample.image_of(23718, 41) * 2)


async def test_get_brings_a_catalog_with_flags_and_slots(subject: Subject) -> None:
    target = Dataset(dataset_type="src", collections=CHAIN, data_id=ONE)
    got = await subject.repositories.get(target, ("base_SdssCentroid_x", "calib_psf_used"))
    assert got.catalog is not None
    assert got.catalog.rows == sample.ROWS
    assert got.catalog.aliases["slot_Centroid"] == "base_SdssCentroid"
    used = column(subject.store.directory, got.catalog, "calib_psf_used")
    assert used.dtype == np.bool_
    assert used.tolist() == [row % 4 == 0 for row in range(sample.ROWS)]


async def test_get_brings_only_the_rows_that_are_chosen(subject: Subject) -> None:
    target = Dataset(dataset_type="src", collections=CHAIN, data_id=ONE)
    got = await subject.repositories.get(target, ("id",), "calib_psf_candidate & ~calib_psf_used")
    assert got.catalog is not None
    wanted = [row + 1 for row in range(sample.ROWS) if row % 2 == 0 and row % 4]
    assert column(subject.store.directory, got.catalog, "id").tolist() == wanted
    assert got.catalog.rows == len(wanted)


@pytest.mark.parametrize("system", ["pixel", "sky"])
async def test_positions_of_chosen_rows_come_without_their_table(subject: Subject, system: Any) -> None:
    target = Dataset(dataset_type="src", collections=CHAIN, data_id=ONE)
    found = await subject.repositories.positions(target, Wanted(select="calib_psf_used", system=system))
    rows = np.arange(0, sample.ROWS, 4)
    x, y = subject.pixels(found.x), subject.pixels(found.y)
    if system == "pixel":
        assert x.tolist() == (sample.XY0[0] + 2.0 * rows).tolist()
        assert y.tolist() == (sample.XY0[1] + 1.0 * rows).tolist()
    else:
        np.testing.assert_allclose(x, np.degrees(2.6 + rows * 1e-6))
    assert (found.size, found.left_out) == (None, 0)


@pytest.mark.parametrize(
    ("dataset_type", "wanted", "code", "where"),
    [
        ("src", Wanted(select="calib_psf_usd"), "bad_value", "select"),
        ("src", Wanted(select="calib_psf_used +"), "bad_value", "select"),
        ("src", Wanted(x="id", y="idd"), "bad_value", "y"),
        ("src", Wanted(size="radius"), "bad_value", "size"),
        ("calexp", Wanted(), "unsupported", "target"),
    ],
)
async def test_positions_that_cannot_be_found_name_their_field(
    subject: Subject, dataset_type: str, wanted: Wanted, code: str, where: str
) -> None:
    before = subject.store.names()
    with pytest.raises(RequestError) as caught:
        await subject.repositories.positions(Dataset(dataset_type=dataset_type, collections=CHAIN, data_id=ONE), wanted)
    assert (caught.value.code, caught.value.error.where) == (code, where)
    assert subject.store.names() == before


@pytest.fixture(scope="module")
def large(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> File:
    """A compressed exposure that is large enough for its image to be told first."""
    if isinstance(subject.repositories, fake.FakeRepositories):
        return File(path="/nowhere/large.fits")
    path = tmp_path_factory.mktemp("large") / "large.fits"
    sample.write_exposure(path, 23718, 41, compression="GZIP_2", shape_yx=(1500, 2048))
    return File(path=str(path))


@pytest.fixture
def compressed(subject: Subject, large: File) -> Iterator[File]:
    """The same, decoded by nobody yet."""
    if isinstance(subject.repositories, fake.FakeRepositories):
        subject.repositories.compressed = True
        yield large
        subject.repositories.compressed = False
    else:
        os.utime(large.path)
        yield large


async def test_an_image_may_come_before_its_mask(subject: Subject, compressed: File) -> None:
    images: list[Exposure] = []
    exposure = await subject.repositories.read_for_display(compressed, on_image=images.append)
    (image,) = images
    assert (image.mask, image.planes) == (None, {})
    assert exposure.planes == sample.PLANES
    assert msgspec.structs.replace(image, mask=exposure.mask, planes=exposure.planes) == exposure
    assert exposure.mask is not None
    assert {exposure.image.file, exposure.mask.file} <= set(subject.store.names())
    assert exposure.image.file is not None
    assert exposure.image.file.split("-")[1] == str(os.getpid()), "it is ours, not a worker's"


async def test_an_image_that_came_first_stays_where_its_caller_gives_up(subject: Subject, compressed: File) -> None:
    before = set(subject.store.names())
    images: list[Exposure] = []
    async with anyio.create_task_group() as group:

        def give_up(image: Exposure) -> None:
            images.append(image)
            group.cancel_scope.cancel()

        group.start_soon(subject.repositories.read_for_display, compressed, None, give_up)
    (image,) = images
    assert set(subject.store.names()) - before == {image.image.file}
    assert image.image.file is not None
    subject.store.remove([image.image.file])


async def test_what_was_decoded_comes_as_one(subject: Subject, compressed: File) -> None:
    if isinstance(subject.repositories, fake.FakeRepositories):
        subject.repositories.compressed = False
    images: list[Exposure] = []
    await subject.repositories.read_for_display(compressed)
    await subject.repositories.read_for_display(compressed, on_image=images.append)
    assert images == []


async def test_a_table_cannot_be_displayed(subject: Subject) -> None:
    error = await subject.unread(Dataset(dataset_type="src", collections=CHAIN, data_id=ONE))
    assert (error.code, error.error.where) == ("unsupported", "target")


async def test_an_unknown_column_is_refused(subject: Subject) -> None:
    target = Dataset(dataset_type="src", collections=CHAIN, data_id=ONE)
    with pytest.raises(RequestError) as caught:
        await subject.repositories.get(target, ("calib_psf_usd",))
    assert caught.value.error.where == "columns[0]"


@pytest.mark.parametrize(
    ("data_id", "code", "hint"),
    [
        ({"instrument": "HSC", "visit": 23718}, "ambiguous", "add detector: 41, 42"),
        ({"instrument": "HSC", "detector": 41}, "ambiguous", "add visit: "),
        ({**ONE, "detector": 99}, "not_found", ""),
        ({**ONE, "physical_filter": "HSC-I"}, "not_found", ""),
        ({**ONE, "instrument": "hsc"}, "not_found", "did you mean 'HSC'?"),
        ({**ONE, "vist": 3}, "bad_query", "'visit'"),
    ],
)
async def test_a_bad_data_id_is_refused(subject: Subject, data_id: dict[str, Any], code: str, hint: str) -> None:
    error = await subject.unread(Dataset(dataset_type="calexp", collections=CHAIN, data_id=data_id))
    assert error.code == code
    assert error.error.where.startswith("data_id")
    assert hint in error.error.hint


async def test_numbers_may_come_as_text(subject: Subject) -> None:
    data_id: dict[str, int | str] = {"instrument": "HSC", "visit": "23718", "detector": "41"}
    exposure = await subject.repositories.read_for_display(
        Dataset(dataset_type="calexp", collections=CHAIN, data_id=data_id)
    )
    assert exposure.label == "calexp HSC 23718 41"


@pytest.mark.parametrize(
    ("target", "code", "where"),
    [
        (Dataset(id="not a uuid"), "bad_value", "id"),
        (Dataset(id="0" * 32), "not_found", "id"),
        (File(path="relative.fits"), "bad_value", "path"),
        (File(path="/etc/hostname"), "unreadable_file", "path"),
    ],
)
async def test_what_cannot_be_found_names_its_field(
    subject: Subject, target: Dataset | File, code: str, where: str
) -> None:
    error = await subject.unread(target)
    assert (error.code, error.error.where) == (code, where)


async def test_a_failed_request_leaves_no_file_behind(subject: Subject) -> None:
    before = subject.store.names()
    await subject.unread(File(path="/etc/hostname"))
    assert subject.store.names() == before
