"""One visit's hundred detectors, each the first in a chain of ten runs, among a million datasets on SQLite."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import mtv
from benchmarks import registry
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.peers.butler_calls import ButlerCalls
from benchmarks.row import Row
from benchmarks.rows import queries


def measure(bench: Bench) -> Measured:
    """Measure ours and `Butler.query_datasets`, after a small registry made in the same way was seen to be right."""
    proven = _proven(bench.directory, registry.size_of(bench.amount(20_000, 800)))
    root, size = queries.million(bench)
    question = queries.visits(size.visits // 2, 1)
    with ButlerCalls(root) as butler, contextlib.ExitStack() as stack:
        wanted = {str(ref.id) for ref in butler.query(*question)}
        ways = [Way(name=butler.name, draw=lambda: butler.query(*question))]
        if bench.with_ours:
            daemon = stack.enter_context(queries.serving(root))
            repository = mtv.Repository(queries.ALIAS, connection=daemon.connection)
            queries.same(queries.ask(repository, question), wanted)
            ways.insert(0, Way(name=NAME, draw=lambda: queries.ask(repository, question)))
        timings = alternate(ways, bench.amount(7, 1))
    extra: dict[str, Any] = {"datasets": size.datasets, "datasets_proven_as_by_api": proven}
    return Measured(ours=timings.get(NAME), peers={butler.name: timings[butler.name]}, extra=extra)


def _proven(directory: Path, size: registry.Size) -> int:
    by_sql = registry.by_sql(directory / "by-sql", size)
    by_api = registry.by_api(directory / "by-api", size)
    if apart := registry.differences(by_sql, by_api):
        raise RuntimeError(f"a registry written by SQL is not as Butler writes it: {', '.join(apart)}")
    return size.datasets


ROW = Row("find_first_1m", "one visit, 100 detectors, find-first, 1,000,000 datasets", Target(peer=50), measure)
