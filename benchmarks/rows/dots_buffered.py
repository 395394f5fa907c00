"""Ten thousand dots in one buffer, over an image, redrawn."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE, dots
from benchmarks.floor import Floor
from benchmarks.measures import Measured, Target
from benchmarks.peers.display_ds9 import DisplayDs9
from benchmarks.peers.pyds9_way import Pyds9Way
from benchmarks.row import Row


def measure(bench: Bench) -> Measured:
    """Measure ours, the buffer of `display_ds9`, pyds9 with one ``regions``, and one load of a prepared file."""
    ds9 = bench.ds9
    positions = dots(bench.amount(10_000, 200), bench.exposure.shape_yx)
    bench.dots_frame()
    afw, pyds9, floor = DisplayDs9(ds9.target, ds9.environment, 1), Pyds9Way(ds9.target, 1), Floor(bench.channel, 1)
    floor.prepare_dots(positions, DOT_SIZE, DOT_COLOUR)

    def draw_afw() -> None:
        with afw.buffering():
            for x, y in positions.tolist():
                afw.dot(x, y, DOT_SIZE, DOT_COLOUR)
        afw.update()

    def draw_pyds9() -> None:
        pyds9.dots(positions, DOT_SIZE, DOT_COLOUR)
        pyds9.update()

    try:
        return contest(
            ours=bench.ours.dots_way(bench.exposure, lambda: bench.ours.buffered(positions))
            if bench.with_ours
            else None,
            peers=(bench.dots_way(afw.name, draw_afw), bench.dots_way(pyds9.name, draw_pyds9)),
            floor=bench.dots_way(floor.name, floor.draw_dots),
            runs=bench.amount(5, 1),
        )
    finally:
        pyds9.close()
        floor.close()


ROW = Row("dots_buffered", "10,000 dots in a buffer, redrawn", Target(peer=50, floor=1.25), measure)
