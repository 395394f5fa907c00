"""The image of a full exposure without its mask, from numpy to the screen."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.measures import Measured, Target
from benchmarks.row import Row
from benchmarks.rows import images


def measure(bench: Bench) -> Measured:
    """Without the mask."""
    return images.measure(bench, with_mask=False)


ROW = Row("exposure_image", "mtv of 2048x4176 float32 without mask, redrawn", Target(floor=1.15), measure)
