"""The large registry of the benchmarks: made by SQL it is the same as by Butler, and long queries of it report."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import registry
from tests.support.repositories import running

from mtv.wire.steps import Query

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]


def test_a_registry_written_by_sql_is_as_butler_writes_it(tmp_path: Path) -> None:
    size = registry.size_of(800)
    by_sql, by_api = registry.by_sql(tmp_path / "sql", size), registry.by_api(tmp_path / "api", size)
    assert registry.differences(by_sql, by_api) == []
    fewer = registry.by_sql(tmp_path / "fewer", registry.size_of(400))
    assert set(registry.differences(fewer, by_api)) >= {"dataset", "visit"}


async def test_a_long_query_reports_the_rows_that_it_reads(tmp_path: Path) -> None:
    root = registry.by_sql(tmp_path / "repo", registry.size_of(4_000))
    reported: list[tuple[int, int, str]] = []
    async with running(tmp_path, root) as (butler, _):
        query = Query(dataset_type="calexp", collections=registry.RUNS, find_first=False)
        rows = await butler.query(query, lambda *step: reported.append(step))
    assert len(rows.rows) == 4_000
    assert reported[:2] == [(1_000, 0, "rows"), (2_000, 0, "rows")]
