"""What one ``publish`` costs the producer, against one byte-swapping copy of the frame into a mapped file.

A mapped file in shared memory is what DS9 can map, too. Into memory of the process's own, in huge pages, the bare copy
takes 0.88 of that time (60 runs each, in turn).
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mtv
from benchmarks.bench import Bench
from benchmarks.contest import Way, alternate
from benchmarks.measures import Measured, Target
from benchmarks.peers.pyds9_way import SHARED
from benchmarks.producer import frames
from benchmarks.row import Row
from benchmarks.rows import feeds

_SHOWN_SECS = 60.0


def measure(bench: Bench) -> Measured:
    """Publish and copy in turn, with so much time between that frames are shown."""
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    pictures = [made["frame"] for made in frames(shape_yx, masked=False)]
    swapped = _mapped(shape_yx)
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


def _mapped(shape_yx: tuple[int, int]) -> NDArray[Any]:
    """Return an array in a file that lives as long as it is mapped, its pages there already."""
    size = 4 * shape_yx[0] * shape_yx[1]
    with tempfile.TemporaryFile(dir=SHARED) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        memory = mmap.mmap(file.fileno(), size)
    swapped = np.frombuffer(memory, ">f4").reshape(shape_yx)
    swapped[:] = 0
    return swapped


def _pause() -> None:
    """Let the frame before be shown; what was in the processor's cache is gone then, for both ways alike."""
    time.sleep(0.04)


ROW = Row("publish_cost", "publish of 2048x4176 float32, for the producer", Target(floor=1.3), measure)
