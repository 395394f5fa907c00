"""One overlay of a thousand markers erased among fifty thousand, against drawing all that are left again."""

from __future__ import annotations

import numpy as np

from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE, dots
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_OVERLAYS = 50


def measure(bench: Bench) -> Measured:
    """Measure both on our display."""
    if not bench.with_ours:
        return Measured()
    display = bench.ours.display
    groups = np.array_split(dots(bench.amount(50_000, 500), bench.exposure.shape_yx), _OVERLAYS)

    def draw(first: int) -> None:
        with display.buffering():
            display.erase()
            for number, group in enumerate(groups[first:], first):
                x, y = group.T
                display.overlay(f"group {number}", x, y, size=DOT_SIZE, colour=DOT_COLOUR)
        display.sync()

    def erase() -> None:
        display.erase("group 0")
        display.sync()

    display.mtv(bench.exposure.image)
    try:
        return contest(
            ours=Way(name="erase one", draw=erase, prepare=lambda: draw(0), look=bench.ours.look),
            peers=(Way(name="draw the rest", draw=lambda: draw(1), look=bench.ours.look),),
            runs=bench.amount(5, 1),
        )
    finally:
        display.erase()


ROW = Row("overlay_erase", "one overlay of 1,000 among 50,000 markers erased, redrawn", Target(peer=4), measure)
