"""A compressed full exposure from its file to the screen, for the first time."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.row import Measured, Row, Target
from benchmarks.rows import compressed


def measure(bench: Bench) -> Measured:
    """Measure ours and astropy's reading of all planes, which shows nothing yet."""
    return compressed.worst(bench, _measure)


def _measure(bench: Bench, kind: str) -> Measured:
    ours = compressed.ours(bench, kind, first_time=True) if bench.with_ours else None
    return contest(ours=ours, peers=(compressed.astropy(bench, kind),), runs=bench.amount(7, 1))


ROW = Row(
    "load_compressed",
    "a compressed exposure (GZIP, RICE) on the screen for the first time, against reading it with astropy",
    Target(peer=1 / 0.7),
    measure,
)
