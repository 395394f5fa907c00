"""Queries and files of a real Butler repository: what only the real one can show."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.refusals import refused_async
from tests.support.repositories import running

from mtv.wire.data import Dataset, File
from mtv.wire.errors import DaemonError, RequestError
from mtv.wire.steps import Query
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.pool import ButlerRepositories

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
CHAIN = (sample.CHAIN,)
ONE: dict[str, int | str] = {"instrument": "HSC", "visit": 23718, "detector": 41}
Running = tuple[ButlerRepositories, PixelStore]


repository = fixtures.sample_repository


@pytest.fixture(scope="module")
async def butler(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ButlerRepositories]:
    async with running(tmp_path_factory.mktemp("butler"), repository, busy_timeout_secs=0.2) as (repositories, _):
        await repositories.warm()
        yield repositories


async def test_warming_opens_the_default_repository(butler: ButlerRepositories) -> None:
    assert butler.workers == 1
    assert butler.list_known()[0].state == "open"


async def test_data_ids_of_a_dataset_type_are_those_of_the_command_line(butler: ButlerRepositories) -> None:
    rows = await butler.query(
        Query(
            what="data_ids",
            dataset_type="raw",
            collections=("HSC/RC2/defaults",),
            where="physical_filter='HSC-R' AND instrument='HSC'",
        )
    )
    assert rows.columns == ("instrument", "exposure", "detector", "band", "day_obs", "group", "physical_filter")
    assert [row[1:3] for row in rows.rows] == [(1214, 41), (1214, 42), (23718, 41), (23718, 42)]


async def test_data_ids_of_chosen_dimensions_are_told_once_each(butler: ButlerRepositories) -> None:
    rows = await butler.query(Query(what="data_ids", dimensions=("visit",), data_id={"instrument": "HSC"}))
    assert [row[1] for row in rows.rows] == [1214, 23694, 23718]


async def test_dimension_records_have_their_own_columns(butler: ButlerRepositories) -> None:
    rows = await butler.query(
        Query(what="dimension_records", dimensions=("visit",), where="instrument='HSC' AND visit=:v", bind={"v": 1214})
    )
    record = dict(zip(rows.columns, rows.rows[0], strict=True))
    assert (record["target_name"], record["timespan_begin"]) == ("SSP-Wide", "2014-03-28T00:00:00.000000")
    assert "region" not in record


async def test_collections_and_dataset_types_are_listed(butler: ButlerRepositories) -> None:
    collections = await butler.query(Query(what="collections", collections=("u/*",)))
    assert collections.rows == ((sample.CHAIN, "CHAINED", sample.RUN), (sample.RUN, "RUN", ""))
    types = await butler.query(Query(what="dataset_types", dataset_type="s*"))
    assert [row[0] for row in types.rows] == ["sourceTable", "src"]
    there = await butler.query(Query(what="dataset_types", collections=("HSC/RC2/defaults",)))
    assert [row[0] for row in there.rows] == ["raw"]


async def test_binds_take_lists_and_order_is_the_users(butler: ButlerRepositories) -> None:
    rows = await butler.query(
        Query(
            dataset_type="calexp",
            collections=CHAIN,
            where="instrument='HSC' AND visit IN (:v)",
            bind={"v": [1214, 23718]},
            order_by=("-visit", "detector"),
        )
    )
    assert [row[1] for row in rows.rows] == [23718, 23718, 1214, 1214]


async def test_globs_search_all_collections_that_match(butler: ButlerRepositories) -> None:
    query = Query(dataset_type="calexp", collections=("u/*",), data_id={"instrument": "HSC"}, find_first=False)
    assert len((await butler.query(query)).rows) == 6
    error = await refused_async(
        butler.query, Query(dataset_type="calexp", collections=("u/*",), data_id={"instrument": "HSC"})
    )
    assert (error.code, error.error.where) == ("bad_query", "collections")
    assert "find_first=False" in error.error.hint
    assert "--all" in error.error.hint


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        (Query(dataset_type="calexp", collections=CHAIN, where="visit = = 3"), "where", "'visit = = 3'"),
        (Query(dataset_type="calexp", collections=CHAIN, where="instrument='HSC' AND vist=3"), "where", "'vist'"),
        (Query(dataset_type="calexp", collections=CHAIN, where="instrument='HSC' AND visit=:v"), "where", "'v'"),
        (Query(dataset_type="calexp", collections=CHAIN, where="instrument='HSC' AND visit='abc'"), "where", "abc"),
        (Query(dataset_type="calexp", collections=CHAIN, where="1=1); DROP TABLE file; --"), "where", "DROP"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("vist",)), "order_by", "vist"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("visit.foo",)), "order_by", "foo"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("calexp.foo",)), "order_by", "foo"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("visit.timespan",)), "order_by", "not ordered"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("timespan",)), "order_by", "Ambiguous"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("tract",)), "order_by", "Order-by"),
        (Query(dataset_type="calexp", collections=CHAIN, order_by=("-",)), "order_by", "empty"),
        (Query(what="data_ids", dimensions=("detector",), order_by=("visit",)), "order_by", "Order-by"),
        (Query(what="dimension_records", dimensions=("detector",), order_by=("detector.foo",)), "order_by", "foo"),
        (
            Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC", "visit": "x"}),
            "data_id.visit",
            "'x'",
        ),
        (Query(dataset_type="calexp.wcs", collections=CHAIN), "dataset_type", "component"),
        (Query(dataset_type="calexp*", collections=CHAIN), "dataset_type", "pattern"),
        (Query(dataset_type="", collections=CHAIN), "dataset_type", "dataset type"),
        (Query(what="data_ids", dimensions=("vsit",)), "dimensions[0]", "vsit"),
        (Query(what="data_ids"), "dimensions", "dimensions"),
        (Query(what="dimension_records"), "dimensions", "dimension"),
        (Query(what="dataset_types", dataset_type="nope*"), "dataset_type", "nope*"),
        (Query(what="collections", collections=("nope",)), "collections", "nope"),
        (Query(dataset_type="calexp", collections=("nope/*",)), "collections", "nope/*"),
        (Query(dataset_type="calexp", collections=CHAIN, limit=-1), "limit", "negative"),
        (Query(dataset_type="calexp", collections=CHAIN, cursor="garbage"), "cursor", "cursor"),
    ],
)
async def test_a_bad_query_is_refused_with_its_field(
    butler: ButlerRepositories, query: Query, where: str, words: str
) -> None:
    error = await refused_async(butler.query, query)
    assert isinstance(error, RequestError)
    assert error.error.where == where
    assert words in error.error.message
    assert "SELECT" not in str(error)


async def test_pages_follow_each_other_by_cursor(repository: Path, tmp_path: Path) -> None:
    query = Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"}, limit=5)
    from msgspec.structs import replace

    from mtv.wire.limits import Limits
    from mtvd.repo.aliases import RepositorySettings

    settings = RepositorySettings(aliases={"demo": str(repository)}, use_index=False, workers=1)
    small = ButlerRepositories(settings, PixelStore(tmp_path / "p", 1 << 20), tmp_path, limits=Limits(rows=2))
    try:
        pages = [await small.query(query)]
        while pages[-1].cursor:
            pages.append(await small.query(replace(query, cursor=pages[-1].cursor)))
        assert [len(page.rows) for page in pages] == [2, 2, 1]
        assert len({one for page in pages for one in page.ids}) == 5
        with pytest.raises(RequestError) as caught:
            await small.query(replace(query, data_id={}, cursor=pages[0].cursor))
        assert caught.value.error.where == "cursor"
    finally:
        await small.close()


async def test_an_implied_dimension_that_does_not_fit_is_an_error(butler: ButlerRepositories) -> None:
    target = Dataset(dataset_type="calexp", collections=CHAIN, data_id={**ONE, "physical_filter": "HSC-I"})
    with pytest.raises(RequestError) as caught:
        await butler.read_for_display(target)
    assert caught.value.error.where == "data_id.physical_filter"
    assert "HSC-R" in caught.value.error.message


async def test_components_and_parquet_tables_are_read(butler: ButlerRepositories) -> None:
    wcs = await butler.get(Dataset(dataset_type="calexp.wcs", collections=CHAIN, data_id=ONE))
    assert "RA---TAN-SIP" in str(wcs.value)
    table = await butler.get(Dataset(dataset_type="sourceTable", collections=CHAIN, data_id=ONE))
    assert table.catalog is not None
    first, *_ = table.catalog.columns
    assert (first.name, first.doc) == ("x", "a position")


async def test_a_catalog_cannot_be_shown_as_an_image(butler: ButlerRepositories) -> None:
    with pytest.raises(RequestError) as caught:
        await butler.read_for_display(Dataset(dataset_type="src", collections=CHAIN, data_id=ONE))
    assert caught.value.code == "unsupported"


async def test_datasets_written_meanwhile_are_seen_at_once(repository: Path, butler: ButlerRepositories) -> None:
    def write() -> None:
        from lsst.daf.butler import Butler, DatasetType

        with Butler.from_config(str(repository), writeable=True) as writer:
            kind = DatasetType("late", ("instrument", "detector"), "StructuredDataDict", universe=writer.dimensions)
            writer.registry.registerDatasetType(kind)
            writer.put({"a": 1}, "late", {"instrument": "HSC", "detector": 41}, run=sample.RUN)

    await butler.query(Query(what="dataset_types"))
    await anyio.to_thread.run_sync(write)
    types = await butler.query(Query(what="dataset_types"))
    assert "late" in [row[0] for row in types.rows]
    assert len((await butler.query(Query(dataset_type="late", collections=CHAIN))).rows) == 1


async def test_a_locked_registry_is_busy_and_not_a_hang(repository: Path, butler: ButlerRepositories) -> None:
    query = Query(dataset_type="calexp", collections=CHAIN, data_id={"instrument": "HSC"})
    with sqlite3.connect(repository / "gen3.sqlite3", isolation_level=None) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        error = await refused_async(butler.query, query)
        writer.execute("ROLLBACK")
    writer.close()
    assert (error.code, error.error.retryable) == ("busy", True)
    assert len((await butler.query(query)).rows) == 6


async def test_missing_and_changed_files_are_unreadable_and_show_no_path(repository: Path, tmp_path: Path) -> None:
    async with running(tmp_path, repository) as (butler, store):
        path = repository / sample.RUN / "calexp" / "calexp_1214_41.fits"
        kept = path.read_bytes()
        target = Dataset(dataset_type="calexp", collections=CHAIN, data_id={**ONE, "visit": 1214})
        try:
            for change in (path.unlink, lambda: path.write_bytes(kept[:2880]), lambda: path.write_bytes(b"")):
                change()
                with pytest.raises(RequestError) as caught:
                    await butler.read_for_display(target)
                assert caught.value.code == "unreadable_file"
                assert str(repository) not in str(caught.value)
        finally:
            path.write_bytes(kept)
        assert store.names() == ()


async def test_a_place_without_a_repository_is_said(butler: ButlerRepositories, tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        error = await refused_async(butler.query, Query(repo=str(place), what="collections"))
        assert (error.code, error.error.where) == ("unknown_repository", "repo")
        assert str(tmp_path) not in error.error.message


async def test_a_broken_registry_is_said_without_sql(
    repository: Path, tmp_path: Path, butler: ButlerRepositories
) -> None:
    (tmp_path / "butler.yaml").write_text((repository / "butler.yaml").read_text())
    for content in (None, b"", b"no database" * 100):
        if content is not None:
            (tmp_path / "gen3.sqlite3").write_bytes(content)
        error = await refused_async(butler.query, Query(repo=str(tmp_path), what="collections"))
        assert isinstance(error, DaemonError)
        assert error.code == "repository_failed"
        assert str(tmp_path) not in str(error)
        assert "SELECT" not in str(error)


async def test_a_replaced_repository_is_noticed(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(repository, place)
    query = Query(what="collections", collections=("u/*",))
    async with running(tmp_path, place) as (butler, _):
        assert len((await butler.query(query)).rows) == 2
        place.rename(tmp_path / "away")
        error = await refused_async(butler.query, query)
        assert error.code == "unknown_repository"
        shutil.copytree(repository, place)
        with sqlite3.connect(place / "gen3.sqlite3") as other:
            other.execute("DELETE FROM collection_chain")
        other.close()
        assert [row[2] for row in (await butler.query(query)).rows] == ["", ""]


async def test_real_files_are_read_through_a_worker(butler: ButlerRepositories, shared_data: Path) -> None:
    exposure = await butler.read_for_display(File(path=str(shared_data / "HSC-0908120-056-small.fits")))
    assert (exposure.xy0, exposure.image.shape) == ((100, 100), (200, 200))
    got: Any = await butler.get(File(path=str(shared_data / "sourceCatalog-hsc-v2.fits")))
    assert got.catalog.rows == 5
