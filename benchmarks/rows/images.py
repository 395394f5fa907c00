"""What the rows of images share: all ways to show an exposure, or its image alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.floor import Floor
from benchmarks.measures import Measured
from benchmarks.peers.display_ds9 import DisplayDs9
from benchmarks.peers.pyds9_way import Pyds9Way
from benchmarks.picture import Picture


def measure(bench: Bench, *, with_mask: bool) -> Measured:
    """Measure ours, `display_ds9`, pyds9 and the floor, each in a frame of its own.

    Masks are compared pixel by pixel, at zoom 1: of a fitted one DS9 leaves out most pixels, and ours none.
    """
    shown, ds9 = bench.exposure, bench.ds9
    picture: tuple[Any, ...] = (shown.image,)
    if with_mask:
        picture += (shown.mask, exposure.PLANES, exposure.COLOURS)
    bench.frames(1, 2, 3)
    afw, pyds9, floor = DisplayDs9(ds9.target, ds9.environment, 1), Pyds9Way(ds9.target, 2), Floor(bench.channel, 3)
    floor.prepare(*picture)

    def draw_afw() -> None:
        afw.mtv(*picture)
        afw.zoom("fit")
        afw.update()

    def draw_pyds9() -> None:
        pyds9.mtv(*picture)
        pyds9.update()

    def close_up(way: Way, first: Callable[[], object] = lambda: None) -> Way:
        def look() -> Picture:
            first()
            return bench.ds9.look_closely()

        return dataclasses.replace(way, look=look) if with_mask else way

    try:
        return contest(
            ours=bench.ours.image_way(shown, with_mask=with_mask) if bench.with_ours else None,
            peers=(close_up(bench.way(afw.name, 1, draw_afw)), close_up(bench.way(pyds9.name, 2, draw_pyds9))),
            floor=close_up(bench.way(floor.name, 3, floor.draw), floor.draw_every_pixel),
            runs=bench.amount(7, 1),
        )
    finally:
        pyds9.close()
        floor.close()
