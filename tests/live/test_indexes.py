"""How SQLite looks for datasets in a real registry, in whatever order Butler has made the indexes of its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from benchmarks import registry
from msgspec.structs import replace

from mtv.wire.messages import Rows
from mtv.wire.steps import Query
from mtvd.repo.butler import pages
from mtvd.repo.butler.butlers import Butlers
from mtvd.repo.butler.query import run

pytestmark = [
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
VISIT = 3
DATASETS = Query(dataset_type="calexp", collections=(registry.CHAIN,))
OF_VISIT: dict[str, Any] = {"data_id": {"instrument": registry.INSTRUMENT, "visit": VISIT}}
OF_VISITS: dict[str, Any] = {"where": "instrument = 'HSC' AND visit IN (3, 5, 8)"}
BY_VISIT = "(instrument=? AND visit=?)"


class Recorder:
    """What is sent to SQLite, and how SQLite goes about it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._database = root / "gen3.sqlite3"
        self._butlers = Butlers(2.0)
        self.sent: list[tuple[str, Any]] = []

    def ask(self, query: Query, page_rows: int = 1000) -> Rows:
        self.sent.clear()
        return run(self._butlers.clone(str(self.root)), query, page_rows=page_rows, sqlite=True)

    def ways_to_tags(self) -> list[str]:
        """Return how each statement of datasets comes to them."""
        with closing(sqlite3.connect(self._database)) as database:
            plans = [
                [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                for statement, values in self.sent
                if "calexp_tags" in statement
            ]
        return [step for plan in plans for step in plan if "calexp_tags" in step]

    def close(self) -> None:
        self._butlers.close()


@pytest.fixture(scope="module", params=[None, 1, 2, 3, 4, 5])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    size = registry.size_of(4_000)
    return registry.by_sql(tmp_path_factory.mktemp("indexes") / "repo", size, seed=request.param)


@pytest.fixture
def recorder(root: Path) -> Iterator[Recorder]:
    import sqlalchemy

    recorder = Recorder(root)

    def record(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        recorder.sent.append((statement, values))

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", record)
    yield recorder
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", record)
    recorder.close()


@pytest.mark.parametrize("find_first", [True, False])
@pytest.mark.parametrize("collections", [(registry.CHAIN,), (registry.RUNS[0],)])
@pytest.mark.parametrize(("conditions", "visits"), [(OF_VISIT, 1), (OF_VISITS, 3)])
def test_datasets_of_a_visit_are_found_by_the_visit(
    recorder: Recorder, conditions: dict[str, Any], visits: int, collections: tuple[str, ...], find_first: bool
) -> None:
    found = recorder.ask(Query(dataset_type="calexp", collections=collections, find_first=find_first, **conditions))
    assert {row[0:2] for row in found.rows} <= {("HSC", 3), ("HSC", 5), ("HSC", 8)}
    if find_first and collections == (registry.CHAIN,):
        assert len(found.rows) == visits * registry.DETECTORS
    ways = recorder.ways_to_tags()
    assert ways
    assert all(BY_VISIT in way for way in ways), ways


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query(what="data_ids", dimensions=("visit", "detector"), **OF_VISIT), registry.DETECTORS),
        (Query(what="data_ids", dimensions=("visit",), **OF_VISITS), 3),
        (Query(what="dimension_records", dimensions=("detector",), **OF_VISIT), registry.DETECTORS),
    ],
    ids=str,
)
def test_data_ids_and_records_of_a_visits_datasets_are_found_by_the_visit(
    recorder: Recorder, query: Query, count: int
) -> None:
    found = recorder.ask(replace(query, dataset_type="calexp", collections=(registry.CHAIN,)))
    assert len(found.rows) == len(set(found.rows)) == count
    ways = recorder.ways_to_tags()
    assert ways
    assert all(BY_VISIT in way for way in ways), ways


def test_one_detector_of_a_visit_is_found_by_all_that_it_is(recorder: Recorder) -> None:
    data_id = {**OF_VISIT["data_id"], "detector": 7}
    found = recorder.ask(Query(dataset_type="calexp", collections=(registry.CHAIN,), data_id=data_id))
    assert len(found.rows) == 1
    assert all("detector=? AND visit=?" in way for way in recorder.ways_to_tags())


@pytest.mark.parametrize("find_first", [True, False])
def test_pages_of_all_datasets_are_walked_to_in_the_order_of_visits(
    recorder: Recorder, find_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_MOST_UNORDERED", 0)
    query = replace(DATASETS, find_first=find_first)
    found: list[tuple[Any, ...]] = []
    while True:
        page = recorder.ask(query, 300)
        # The first statement is the short try without an order.
        walk = recorder.ways_to_tags()[-1]
        assert "fkidx_instrument_visit (instrument=? AND visit>?" in walk
        found += page.rows
        if not page.cursor:
            break
        query = replace(query, cursor=page.cursor)
    copies = 1 if find_first else registry.COPIES
    assert len(found) == len(set(found)) == 10 * registry.DETECTORS * copies
    assert [row[1] for row in found] == sorted(row[1] for row in found)
