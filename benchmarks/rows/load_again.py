"""A compressed full exposure on the screen for the second time: it is in the daemon's cache."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import compressed


def measure(bench: Bench) -> Measured:
    """Measure ours; the floor is ours too, for a file that is not compressed."""
    return compressed.worst(bench, _measure)


def _measure(bench: Bench, kind: str) -> Measured:
    if not bench.with_ours:
        return Measured()
    plain = compressed.ours(bench, "plain", first_time=False)
    again = compressed.ours(bench, kind, first_time=False)
    return contest(ours=again, floor=plain, runs=bench.amount(7, 1))


ROW = Row(
    "load_again",
    "a compressed exposure on the screen for the second time, against one that is not compressed",
    Target(floor=1.2),
    measure,
)
