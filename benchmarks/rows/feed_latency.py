"""From the return of ``publish`` to the redrawn screen, at half of the highest rate."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target, Timing
from benchmarks.row import Row
from benchmarks.rows import feeds


def measure(bench: Bench) -> Measured:
    """The floor is one redraw: the hand-written loop on DS9 alone, at the same pace.

    After a pause of a few hundredths of a second all of DS9's memory is out of the processor's cache, for both alike.
    """
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    bench.frames(3)
    bench.ds9.select(3, limits=exposure.LIMITS)
    loop = feeds.Loop(bench.channel, 3, shape_yx)
    redraws: list[float] = []
    ours: list[float] = []
    told: list[dict[str, Any]] = []
    try:
        for _ in range(bench.amount(3, 1)):
            highest = 1 / feeds.timed(loop.draw, bench.amount(60, 3))
            if bench.with_ours:
                feeds.prepare(bench.daemon, shape_yx)
                secs = bench.amount(3, 1)
                highest = feeds.published(bench.daemon, shape_yx, rate=feeds.ABOVE * highest, secs=secs)["fps"]
                told.append(feeds.published(bench.daemon, shape_yx, rate=max(1.0, highest / 2), secs=secs))
                ours.append(told[-1]["latency_p50_secs"] - told[-1]["publish_secs"])
            redraws.append(_paced(loop, max(1.0, highest / 2), bench.amount(60, 3)))
    finally:
        loop.close()
    return Measured(ours=Timing(tuple(ours)) if ours else None, floor=Timing(tuple(redraws)), extra={"producer": told})


def _paced(loop: feeds.Loop, rate: float, count: int) -> float:
    """Return the seconds of one drawing where there are so many a second, the median."""
    secs = []
    due = time.perf_counter()
    for _ in range(count):
        secs.append(feeds.timed(loop.draw, 1))
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
    return statistics.median(secs)


ROW = Row(
    "feed_latency",
    "a feed of 2048x4176 float32, from publish to the screen, p50",
    Target(floor=1.3),
    measure,
)
