"""Single dots, each waited for before the next."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE, dots
from benchmarks.measures import Measured, Target
from benchmarks.peers.pyds9_way import Pyds9Way
from benchmarks.row import Row


def measure(bench: Bench) -> Measured:
    """Measure ours and one pyds9 ``set`` each."""
    positions = dots(bench.amount(300, 20), bench.exposure.shape_yx)
    bench.dots_frame()
    pyds9 = Pyds9Way(bench.ds9.target, 1)

    def draw_pyds9() -> None:
        for x, y in positions.tolist():
            pyds9.dot(x, y, DOT_SIZE, DOT_COLOUR)
        pyds9.update()

    try:
        return contest(
            ours=bench.ours.dots_way(bench.exposure, lambda: bench.ours.waiting(positions))
            if bench.with_ours
            else None,
            peers=(bench.dots_way(pyds9.name, draw_pyds9),),
            runs=bench.amount(5, 1),
        )
    finally:
        pyds9.close()


ROW = Row("dots_waiting", "300 single dots, each waited for, redrawn at the end", Target(peer=1.5), measure)
