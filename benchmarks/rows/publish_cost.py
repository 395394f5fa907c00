"""What one ``publish`` costs the producer, against one byte-swapping copy of the frame into memory that it has."""

from __future__ import annotations

import time

import numpy as np

import mtv
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.producer import frames
from benchmarks.row import Measured, Row, Target
from benchmarks.rows import feeds

_SHOWN_SECS = 60.0


def measure(bench: Bench) -> Measured:
    """Publish and copy in turn, with so much time between that frames are shown."""
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    pictures = [made["frame"] for made in frames(shape_yx, masked=False)]
    swapped = np.empty(shape_yx, ">f4")
    count = iter(range(1 << 62))
    floor = Way("swapping copy", lambda: np.copyto(swapped, pictures[next(count) % 4]), prepare=_pause)
    runs = bench.amount(60, 3)
    if not bench.with_ours:
        return Measured(floor=alternate([floor], runs)[floor.name])
    feeds.prepare(bench.daemon, shape_yx)
    with mtv.Feed("feed", endpoint=bench.daemon.endpoint) as feed:
        ours = Way("mtv", lambda: feed.publish(pictures[next(count) % 4]), prepare=_pause)
        for _ in range(4):  # each slot is made once
            before = feed.counts.shown
            feed.publish(pictures[0])
            deadline = time.monotonic() + _SHOWN_SECS
            while feed.counts.shown == before and time.monotonic() < deadline:
                time.sleep(0.01)
        timings = alternate([floor, ours], runs)
    return Measured(ours=timings["mtv"], floor=timings[floor.name])


def _pause() -> None:
    """Let the frame before be shown; what was in the processor's cache is gone then, for both ways alike."""
    time.sleep(0.04)


ROW = Row("publish_cost", "publish of 2048x4176 float32, for the producer", Target(floor=1.3), measure)
