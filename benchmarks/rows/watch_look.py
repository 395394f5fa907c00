"""A look of a watch: the one dataset that is new among a million on SQLite. Butler itself can tell it by its date."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from benchmarks import registry
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.daemon import Daemon
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.peers.butler_calls import ButlerCalls
from benchmarks.row import Row
from benchmarks.rows import queries
from mtv.wire.messages import Rows
from mtv.wire.steps import NOW, Query


def measure(bench: Bench) -> Measured:
    """Measure both, after both have named the new dataset."""
    from astropy.time import Time

    size = registry.size_of(bench.amount(1_000_000, 2_000))
    root = registry.by_sql(bench.directory / "watched", size)
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(queries.serving(root)) if bench.with_ours else None
        mark = _look(daemon, NOW).mark if daemon else ""
        began = Time.now()
        wanted = _put(root)
        butler = stack.enter_context(ButlerCalls(root))
        question = (registry.DATASET_TYPE, registry.CHAIN, "ingest_date > :began", {"began": began})
        queries.same([str(ref.id) for ref in butler.query(*question)], {wanted})
        ways = [Way(name=butler.name, draw=lambda: butler.query(*question))]
        if daemon:
            queries.same(list(_look(daemon, mark).ids), {wanted})
            ways.insert(0, Way(name=NAME, draw=lambda: _look(daemon, mark)))
        timings = alternate(ways, bench.amount(20, 1))
    extra: dict[str, Any] = {"datasets": size.datasets}
    return Measured(ours=timings.get(NAME), peers={butler.name: timings[butler.name]}, extra=extra)


def _look(daemon: Daemon, since: str) -> Rows:
    question = Query(repo=queries.ALIAS, dataset_type=registry.DATASET_TYPE, collections=(registry.CHAIN,), since=since)
    rows = daemon.connection.request(question)
    assert isinstance(rows, Rows)
    return rows


def _put(root: Path) -> str:
    """Add a dataset, and return its UUID."""
    from lsst.daf.butler import Butler, DataCoordinate

    run = next(number for number in range(len(registry.RUNS)) if number not in registry.runs_of(0))
    with Butler.from_config(str(root), writeable=True) as butler:
        kind = butler.get_dataset_type(registry.DATASET_TYPE)
        new = {"instrument": registry.INSTRUMENT, "visit": 0, "detector": 0}
        data_id = DataCoordinate.standardize(new, dimensions=kind.dimensions)
        (ref,) = butler.registry.insertDatasets(kind, [data_id], run=registry.RUNS[run])
    return str(ref.id)


ROW = Row("watch_look", "a watch's look: 1 new among 1,000,000 datasets", Target(peer=10), measure)
