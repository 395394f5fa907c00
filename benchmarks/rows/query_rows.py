"""As `query_warm`, of many rows: what a row costs on its way."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import queries


def measure(bench: Bench) -> Measured:
    """Measure ten thousand rows."""
    return queries.warm(bench, "rows", rows=bench.amount(10_000, 400), runs=bench.amount(11, 2))


ROW = Row(
    "query_rows", "the same of 10,000 rows; floor: Butler in process + 2 ms + 10 us a row", Target(floor=1), measure
)
