"""Ten thousand dots in a buffer in the words of afw, through `mtv.afw`, against our own words and `display_ds9`."""

from __future__ import annotations

import dataclasses

import mtv.afw as afw_display
from benchmarks.bench import Bench
from benchmarks.contest import contest
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE, dots
from benchmarks.measures import Measured, Target
from benchmarks.peers.display_ds9 import DisplayDs9
from benchmarks.row import Row


def measure(bench: Bench) -> Measured:
    """Measure `mtv.afw`; our own `display.dot` is the floor, `display_ds9` the peer."""
    if not bench.with_ours:
        return Measured()
    ds9 = bench.ds9
    positions = dots(bench.amount(10_000, 200), bench.exposure.shape_yx)
    bench.dots_frame()
    peer = DisplayDs9(ds9.target, ds9.environment, 1)
    display = afw_display.Display(0, connection=bench.ours.display.connection)

    def draw() -> None:
        with display.Buffering():
            for x, y in positions.tolist():
                display.dot("o", x, y, size=DOT_SIZE, ctype=DOT_COLOUR)
        bench.ours.display.sync()

    def draw_peer() -> None:
        with peer.buffering():
            for x, y in positions.tolist():
                peer.dot(x, y, DOT_SIZE, DOT_COLOUR)
        peer.update()

    way = bench.ours.dots_way(bench.exposure, draw)
    own = bench.ours.dots_way(bench.exposure, lambda: bench.ours.buffered(positions))
    return contest(
        ours=dataclasses.replace(way, name="mtv.afw"),
        peers=(bench.dots_way(peer.name, draw_peer),),
        floor=dataclasses.replace(own, name="display.dot"),
        runs=bench.amount(5, 1),
    )


ROW = Row("afw_dots", "10,000 dots in mtv.afw's Buffering, redrawn", Target(peer=40, floor=1.3), measure)
