"""Frames of 2048x4176 ``float32`` from another process, as fast as the window takes them."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import feeds


def measure(bench: Bench) -> Measured:
    """Seconds a frame; the floor is DS9 alone."""
    return feeds.measure_rate(bench, feeds.FULL_YX)


ROW = Row(
    "feed_2k4k",
    "a feed of 2048x4176 float32 from another process, a frame",
    Target(floor=1.25),
    measure,
)
