"""``scale`` of one client while a feed runs at full speed and 50,000 markers come again and again in another tile."""

from __future__ import annotations

import mtv
from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.measures import Amount, Measured, Target
from benchmarks.row import Row
from benchmarks.rows import under_feed


def measure(bench: Bench) -> Measured:
    """Change the limits of the feed's display."""
    if not bench.with_ours:
        return Measured()
    low, high = exposure.LIMITS
    display = mtv.Display("feed", connection=bench.daemon.connection)
    return under_feed.measure(bench, bench.daemon, lambda number: display.scale("linear", low, high + number % 7))


ROW = Row(
    "view_under_feed",
    "scale, under a feed and 50,000 markers again and again, p99 of 500",
    Target(most=Amount(200, "ms")),
    measure,
)
