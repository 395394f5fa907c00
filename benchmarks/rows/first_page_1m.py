"""The first thousand of all datasets, find-first and in order, among a million on SQLite."""

from __future__ import annotations

import contextlib
from typing import Final

import mtv
from benchmarks import registry
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.peers.butler_calls import ButlerCalls
from benchmarks.row import Row
from benchmarks.rows import queries

_DATASETS: Final = 1_000
_ORDER: Final = ("instrument", "visit", "detector")


def measure(bench: Bench) -> Measured:
    """Measure ours and `Butler.query_datasets`, which say the same order: ours is sorted by it in any case."""
    root, size = queries.million(bench)
    with ButlerCalls(root) as butler, contextlib.ExitStack() as stack:

        def by_butler() -> list[str]:
            refs = butler.first(registry.DATASET_TYPE, registry.CHAIN, order_by=_ORDER, limit=_DATASETS)
            return [str(ref.id) for ref in refs]

        ways = [Way(name=butler.name, draw=by_butler)]
        if bench.with_ours:
            daemon = stack.enter_context(queries.serving(root))
            repository = mtv.Repository(queries.ALIAS, connection=daemon.connection)

            def by_mtv() -> list[str]:
                found = repository.query(registry.DATASET_TYPE, collections=registry.CHAIN, limit=_DATASETS)
                return [ref.id for ref in found]

            if by_mtv() != by_butler():
                raise RuntimeError("the daemon's first datasets are not Butler's")
            ways.insert(0, Way(name=NAME, draw=by_mtv))
        timings = alternate(ways, bench.amount(5, 1))
    return Measured(
        ours=timings.get(NAME), peers={butler.name: timings[butler.name]}, extra={"datasets": size.datasets}
    )


ROW = Row("first_page_1m", "the first 1,000 of 1,000,000 datasets, find-first, in order", Target(peer=5), measure)
