"""A full exposure with seven mask planes, from numpy to the screen."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import images


def measure(bench: Bench) -> Measured:
    """With the mask."""
    return images.measure(bench, with_mask=True)


ROW = Row("exposure_mtv", "mtv of 2048x4176 float32 with 7 mask planes, redrawn", Target(peer=20, floor=1.15), measure)
