"""A redraw of a full exposure with five mask colours, in a DS9 as ours is started and in one as it is."""

from __future__ import annotations

import contextlib

from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.channel import Channel
from benchmarks.contest import Way, contest
from benchmarks.ds9 import Ds9
from benchmarks.floor import REDRAWN, Floor
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_COLOURS = ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff")


def measure(bench: Bench) -> Measured:
    """Draw the same frame again and again; nothing is written or loaded for it."""
    with contextlib.ExitStack() as stack:
        ours = _way("mtv", bench, bench.ds9, bench.channel, stack)
        ds9 = stack.enter_context(Ds9(is_plain=True))
        ds9.resize(int(bench.ds9.get("width")), int(bench.ds9.get("height")))
        channel = Channel(ds9)  # the only one: a DS9 has one floor's channel
        stack.callback(channel.close)
        plain = _way("as it is", bench, ds9, channel, stack)
        return contest(ours=ours, peers=(plain,), runs=bench.amount(40, 2))


def _way(name: str, bench: Bench, ds9: Ds9, channel: Channel, stack: contextlib.ExitStack) -> Way:
    ds9.set("frame", "delete", "all")
    ds9.set("frame", "1")
    ds9.select(1, limits=exposure.LIMITS)
    floor = Floor(channel, 1)
    stack.callback(floor.close)
    planes = dict(list(exposure.PLANES.items())[: len(_COLOURS)])
    floor.prepare(bench.exposure.image, bench.exposure.mask, planes, dict(zip(planes, _COLOURS, strict=True)))
    floor.draw()
    return Way(name=name, draw=lambda: channel.tcl(f"Frame1 update\n{REDRAWN}"), look=ds9.picture)


ROW = Row("redraw", "a redraw of 2048x4176 float32 with 5 mask colours", Target(peer=1.15), measure)
