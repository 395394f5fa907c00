"""Steps of zoom on a full exposure with seven mask planes, against DS9 alone with masks of every pixel.

At each of ours the mask is seen whole, in cells as large as a pixel of the screen; of the floor's DS9 leaves out
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.floor import REDRAWN, Floor
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.picture import Picture
from benchmarks.row import Row

_STEPS: Final = (0.5, 0.25, 0.125, 0.25, 0.5, 1, 2, 1)
"""The last one is that of the pictures: there the mask of the floor is whole, too."""


def measure(bench: Bench) -> Measured:
    """Measure all steps together, each redrawn."""
    shown = bench.exposure
    bench.frames(1)
    floor = Floor(bench.channel, 1)
    floor.prepare(shown.image, shown.mask, exposure.PLANES, exposure.COLOURS)
    bench.ds9.select(1, limits=exposure.LIMITS)
    floor.draw_every_pixel()

    def floor_steps() -> None:
        for factor in _STEPS:
            bench.channel.tcl(f"$current(frame) zoom to {factor} {factor}; {REDRAWN}")

    try:
        return contest(
            ours=_ours(bench) if bench.with_ours else None,
            floor=Way(name=floor.name, draw=floor_steps, look=bench.ds9.picture),
            runs=bench.amount(7, 1),
        )
    finally:
        floor.close()


def _ours(bench: Bench) -> Way:
    way = bench.ours.image_way(bench.exposure, with_mask=True)
    display = bench.ours.display
    way.prepare()
    way.draw()
    display.zoom("fit")

    def steps() -> None:
        for factor in _STEPS:
            display.zoom(factor)
            display.sync()

    look: Callable[[], Picture] = bench.ours.look
    return Way(name=NAME, draw=steps, look=look)


ROW = Row("zoom_masked", "8 steps of zoom on 2048x4176 with 7 mask planes, redrawn", Target(floor=1.15), measure)
