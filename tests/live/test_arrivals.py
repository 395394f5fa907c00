"""What has come to a real repository since a mark, whatever happens to its registry in between."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import pytest
from msgspec.structs import replace
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.landing import Pipeline

from mtv.wire.errors import MtvError
from mtv.wire.messages import Rows
from mtv.wire.steps import NOW, START, Query
from mtvd.repo.butler import arrivals
from mtvd.repo.butler.butlers import Butlers

pytestmark = [
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
CALEXP = Query(dataset_type="calexp", collections=(sample.CHAIN,))


class Watcher:
    """Asks again and again, as the client does, what has come.

    Parameters
    ----------
    by_date : `bool`
        True: as of a registry that is not SQLite.
    """

    def __init__(self, root: Path, query: Query = CALEXP, *, by_date: bool = False, since: str = NOW) -> None:
        self.butlers = Butlers(1.0)
        self.root, self.query, self.by_date, self.mark, self.clones = root, query, by_date, since, 0
        self.before: set[str] = set()

    def look(self) -> Rows:
        location = str(self.root)

        def clone() -> Any:
            self.clones += 1
            return self.butlers.clone(location)

        rows = arrivals.answer(
            replace(self.query, since=self.mark),
            database=None if self.by_date else self.butlers.database(location),
            clone=clone,
            page_rows=1000,
            busy_timeout_secs=1.0,
        )
        self.mark = rows.mark
        return rows

    def __enter__(self) -> Watcher:
        if self.mark == NOW:
            self.before = set(self.look().ids)
        return self

    def __exit__(self, *_: object) -> None:
        self.butlers.close()

    def new(self) -> list[str]:
        rows = self.look()
        found = [name for name in rows.ids if name not in self.before]
        self.before = set(rows.ids)
        return found


root = fixtures.own_sample


@pytest.fixture
def pipeline(root: Path) -> Iterator[Pipeline]:
    with Pipeline(root) as made:
        yield made


@pytest.fixture(params=["by_row", "by_date"])
def watcher(request: pytest.FixtureRequest, pipeline: Pipeline, root: Path) -> Iterator[Watcher]:
    with Watcher(root, by_date=request.param == "by_date") as made:
        yield made


@pytest.fixture
def by_row(pipeline: Pipeline, root: Path) -> Iterator[Watcher]:
    with Watcher(root) as made:
        yield made


def sql(root: Path, *statements: str) -> None:
    with closing(sqlite3.connect(root / "gen3.sqlite3", isolation_level=None)) as registry:
        for statement in statements:
            registry.execute(statement)


def test_each_dataset_is_told_once_in_the_order_of_its_coming(watcher: Watcher, pipeline: Pipeline) -> None:
    assert watcher.new() == []
    first, second = pipeline.put((1214, 41)), pipeline.put((1214, 42))
    assert watcher.new() == first + second
    third = pipeline.put((23694, 41))
    assert watcher.new() == third
    assert watcher.new() == []


def test_datasets_of_one_moment_are_all_told(watcher: Watcher, pipeline: Pipeline) -> None:
    visits = pipeline.visits(25)
    ids = pipeline.put(*((visit, detector) for visit in visits for detector in sample.DETECTORS))
    assert sorted(watcher.new()) == sorted(ids)
    assert watcher.new() == []


def test_the_same_data_id_in_another_run_is_another_dataset(watcher: Watcher, pipeline: Pipeline, root: Path) -> None:
    with Pipeline(root, "u/somebody/single_frame/again") as again:
        one, other = pipeline.put((1214, 41)), again.put((1214, 41))
        assert watcher.new() == one + other


def test_conditions_and_other_types_and_runs_outside_are_left_out(root: Path) -> None:
    query = replace(CALEXP, where="visit > 20000", data_id={"instrument": "HSC", "detector": 41})
    for by_date in (False, True):
        with Watcher(root, query, by_date=by_date) as watcher, Pipeline(root, f"u/{by_date}") as inside:
            found = inside.put((1214, 41), (23718, 41), (23718, 42))
            inside.put((23718, 41), name="src")
            with Pipeline(root, "u/outside", chained=False) as outside:
                outside.put((23694, 41) if by_date else (23718, 41))
            assert watcher.new() == found[1:2]


@pytest.mark.parametrize("data_id", [{"detector": 41}, {"detector": 41, "instrument": "HSC"}])
def test_the_only_instrument_is_meant_where_none_is_named(root: Path, data_id: dict[str, int | str]) -> None:
    for by_date in (False, True):
        query = replace(CALEXP, data_id=data_id)
        with Watcher(root, query, by_date=by_date) as watcher, Pipeline(root, f"u/only/{by_date}") as inside:
            assert watcher.new() == []
            found = inside.put((1214, 41), (1214, 42))
            assert watcher.new() == found[:1]


def test_a_row_that_comes_late_with_an_early_date_is_told(watcher: Watcher, pipeline: Pipeline, root: Path) -> None:
    pipeline.put((1214, 41))
    watcher.new()
    late = pipeline.put((1214, 42))
    sql(root, f"UPDATE dataset SET ingest_date = ingest_date - 30000000000 WHERE id = '{late[0].replace('-', '')}'")
    assert watcher.new() == late


def test_what_is_deleted_is_no_arrival_and_hides_none(watcher: Watcher, pipeline: Pipeline) -> None:
    from lsst.daf.butler import DatasetRef

    pipeline.put((1214, 41))
    newest = pipeline.put((1214, 42))
    watcher.new()
    refs: list[DatasetRef] = pipeline.butler.query_datasets("calexp", pipeline.run, find_first=False)
    pipeline.butler.pruneDatasets(
        [ref for ref in refs if str(ref.id) in newest], purge=True, unstore=True, disassociate=True
    )
    assert watcher.new() == []
    after = pipeline.put((23694, 42))
    assert watcher.new() == after


def test_the_newest_deleted_and_another_in_its_row_between_two_looks(watcher: Watcher, pipeline: Pipeline) -> None:
    newest = pipeline.put((1214, 42))
    watcher.new()
    refs = pipeline.butler.query_datasets("calexp", pipeline.run, find_first=False)
    pipeline.butler.pruneDatasets(
        [ref for ref in refs if str(ref.id) in newest], purge=True, unstore=True, disassociate=True
    )
    after = pipeline.put((23694, 42))
    assert watcher.new() == after


def test_a_mark_outlives_vacuum_a_copy_and_a_registry_made_anew(
    by_row: Watcher, pipeline: Pipeline, root: Path, sample_repository: Path
) -> None:
    pipeline.put((1214, 41))
    by_row.new()
    pipeline.butler.close()
    sql(root, "DELETE FROM file_datastore_records", "DELETE FROM dataset_location", "VACUUM")
    assert by_row.new() == []
    away = root.rename(root.with_name("away"))
    with pytest.raises(MtvError):
        by_row.look()
    shutil.copytree(away, root)
    with Pipeline(root) as moved:
        assert by_row.new() == []
        found = moved.put((1214, 42))
        assert by_row.new() == found
    shutil.rmtree(root)
    shutil.copytree(sample_repository, root)
    with Pipeline(root) as anew:
        assert by_row.new() == []
        found = anew.put((1214, 41))
        assert by_row.new() == found


def test_an_idle_registry_costs_no_butler(by_row: Watcher, pipeline: Pipeline, root: Path) -> None:
    clones = by_row.clones
    by_row.new()
    pipeline.put((1214, 41), name="src")
    by_row.new()
    assert by_row.clones == clones
    mark = by_row.mark
    by_row.new()
    assert by_row.mark == mark


def test_a_burst_is_told_in_parts(
    by_row: Watcher, pipeline: Pipeline, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MOST", 2)
    ids = [pipeline.put(one)[0] for one in ((1214, 41), (1214, 42), (23694, 41), (23694, 42), (23718, 41))]
    assert [by_row.new() for _ in range(4)] == [ids[:2], ids[2:4], ids[4:], []]


def test_a_run_that_comes_later_begins_with_their_first_dataset(root: Path) -> None:
    with Watcher(root, replace(CALEXP, collections=("u/new/*",)), since=START) as watcher:
        with pytest.raises(MtvError) as caught:
            watcher.look()
        assert caught.value.code == "unknown_collection"
        with Pipeline(root, "u/new/run") as pipeline:
            found = pipeline.put((1214, 41))
            assert watcher.new() == found


def test_into_tagged_collections_nothing_comes(pipeline: Pipeline, root: Path) -> None:
    from lsst.daf.butler import CollectionType

    pipeline.butler.collections.register("tagged", CollectionType.TAGGED)
    watcher = Watcher(root, replace(CALEXP, collections=("tagged",)))
    with pytest.raises(MtvError) as caught:
        watcher.look()
    watcher.butlers.close()
    assert (caught.value.code, caught.value.error.where) == ("unsupported", "collections")


def test_a_look_never_holds_a_lock_that_a_pipeline_waits_for(by_row: Watcher, pipeline: Pipeline, root: Path) -> None:
    pipeline.put((1214, 41))
    by_row.look()
    with closing(sqlite3.connect(root / "gen3.sqlite3", timeout=0, isolation_level=None)) as registry:
        registry.execute("BEGIN EXCLUSIVE")
        registry.execute("ROLLBACK")


@pytest.mark.parametrize("by_date", [False, True])
def test_what_is_no_mark_is_refused(root: Path, by_date: bool) -> None:
    other = base64.urlsafe_b64encode(msgpack.packb(["row", 1, "x", 1] if by_date else ["date", "2026", 1])).decode()
    wrong = base64.urlsafe_b64encode(msgpack.packb(["date", "long ago", 1] if by_date else ["row", "x", 1, 1])).decode()
    for mark in ("x", "====", other, wrong):
        watcher = Watcher(root, by_date=by_date, since=mark)
        with pytest.raises(MtvError) as caught:
            watcher.look()
        watcher.butlers.close()
        assert (caught.value.code, caught.value.error.where) == ("bad_value", "since")
