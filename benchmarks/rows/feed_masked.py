"""Frames of 2048x4176 ``float32`` with a mask of five colours from another process."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Amount, Measured, Target, Timing
from benchmarks.row import Row
from benchmarks.rows import feeds


def measure(bench: Bench) -> Measured:
    """Publish faster than any window takes them; each frame has another mask."""
    if not bench.with_ours:
        return Measured()
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    feeds.prepare(bench.daemon, shape_yx)
    told = [
        feeds.published(bench.daemon, shape_yx, rate=60, secs=bench.amount(5, 1), masked=True)
        for _ in range(bench.amount(3, 1))
    ]
    ours = Timing(tuple(1 / max(found["fps"], 1e-9) for found in told))
    return Measured(ours=ours, amount=Amount(1 / ours.median, "frames/s"), extra={"producer": told})


ROW = Row(
    "feed_masked",
    "a feed of 2048x4176 float32 with 5 mask colours, a frame",
    Target(enough=Amount(25, "frames/s")),
    measure,
)
