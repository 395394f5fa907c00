"""A picture of 4096x4096 pixels of one display, against a picture of the window as it is."""

from __future__ import annotations

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_SIZE = (4096, 4096)


def measure(bench: Bench) -> Measured:
    """Measure both on our display; the floor is the picture of the window."""
    if not bench.with_ours:
        return Measured()
    shown, display = bench.exposure, bench.ours.display
    display.mtv(shown.image, mask=shown.mask, planes=exposure.PLANES)
    display.zoom("fit")
    display.sync()
    return contest(
        ours=Way(name="snap 4096x4096", draw=lambda: display.snapshot(size=_SIZE), look=bench.ours.look),
        floor=Way(name="snap", draw=display.snapshot, look=bench.ours.look),
        runs=bench.amount(5, 1),
    )


ROW = Row("snap_large", "a picture of 4096x4096 of a display, against one of the window", Target(floor=6), measure)
