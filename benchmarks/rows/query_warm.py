"""A warm query through the client; the floor is the same Butler call in process, and 2 ms and 10 us a row on top."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import queries


def measure(bench: Bench) -> Measured:
    """Measure a hundred rows."""
    return queries.warm(bench, "warm", rows=100, runs=bench.amount(41, 2))


ROW = Row(
    "query_warm", "a warm query of 100 rows; floor: Butler in process + 2 ms + 10 us a row", Target(floor=1), measure
)
