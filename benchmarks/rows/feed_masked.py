"""Frames of 2048x4176 ``float32`` with a mask of five colours from another process."""

from __future__ import annotations

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.floor import REDRAWN, Floor
from benchmarks.measures import Amount, Measured, Target, Timing
from benchmarks.producer import PLANES, frames
from benchmarks.row import Row
from benchmarks.rows import feeds

_COLOURS = ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff")


def measure(bench: Bench) -> Measured:
    """Publish faster than any window takes them; each frame has another mask.

    The floor is DS9 alone, which draws one of these frames again: nothing is written or loaded for it.
    """
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    redraws: list[float] = []
    told = []
    bench.frames(1)
    bench.ds9.select(1, limits=exposure.LIMITS)
    floor = Floor(bench.channel, 1)
    draw = f"Frame1 update\n{REDRAWN}"
    made = frames(shape_yx, masked=True)[0]
    try:
        floor.prepare(made["frame"], made["mask"], PLANES, dict(zip(PLANES, _COLOURS, strict=True)))
        floor.draw()
        if bench.with_ours:
            feeds.prepare(bench.daemon, shape_yx)
        for _ in range(bench.amount(3, 1)):
            redraws.append(feeds.timed(lambda: bench.channel.tcl(draw), bench.amount(40, 3)))
            if bench.with_ours:
                secs = bench.amount(5, 1)
                told.append(feeds.published(bench.daemon, shape_yx, rate=60, secs=secs, masked=True))
    finally:
        floor.close()
    if not told:
        return Measured(floor=Timing(tuple(redraws)))
    ours = Timing(tuple(1 / max(found["fps"], 1e-9) for found in told))
    amount = Amount(1 / ours.median, "frames/s")
    return Measured(ours=ours, floor=Timing(tuple(redraws)), amount=amount, extra={"producer": told})


ROW = Row(
    "feed_masked",
    "a feed of 2048x4176 float32 with 5 mask colours, a frame",
    Target(enough=Amount(25, "frames/s")),
    measure,
)
