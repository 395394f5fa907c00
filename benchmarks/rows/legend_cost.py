"""Frames of a feed whose display bears a label, another for each frame, and a legend of its mask, and without them."""

from __future__ import annotations

import time
from typing import Any

import mtv
from benchmarks.bench import Bench
from benchmarks.measures import Amount, Measured, Target, Timing
from benchmarks.row import Row
from benchmarks.rows import feeds

_SETTLED_SECS = 0.3
_KEPT = 0.97
"""Part of its rate that the feed must keep."""


def measure(bench: Bench) -> Measured:
    """Switch label and legend on and off while one feed runs, and count its frames; the floor is the feed without them.

    The frames bear their labels all the time, and both states take turns of a second or two, so that what else the
    machine does falls on both alike.
    """
    if not bench.with_ours:
        return Measured()
    shape_yx = feeds.SMALL_YX if bench.small else feeds.SQUARE_YX
    turns, secs = bench.amount(12, 1), bench.amount(15, 3) / 10
    feeds.prepare(bench.daemon, shape_yx)
    display = mtv.Display("feed", connection=bench.daemon.connection)
    spent: dict[bool, list[float]] = {False: [], True: []}
    whole = 2 * turns * (secs + 2 * _SETTLED_SECS) + 30
    with feeds.producer(bench.daemon, "feed", shape_yx, rate=120, secs=whole, masked=True, labelled=True):
        for turn in range(2 * turns):
            annotated = turn % 2 == 1
            display.annotate(label=annotated, legend=annotated)
            time.sleep(_SETTLED_SECS)
            began, before = time.perf_counter(), _shown(bench)
            time.sleep(secs)
            spent[annotated].append((time.perf_counter() - began) / max(_shown(bench) - before, 1))
    display.annotate(label=True, legend=False)
    ours = Timing(tuple(spent[True]))
    extra: dict[str, Any] = {"kept": Timing(tuple(spent[False])).median / ours.median}
    amount = Amount(1 / ours.median, "frames/s")
    return Measured(ours=ours, floor=Timing(tuple(spent[False])), amount=amount, extra=extra)


def _shown(bench: Bench) -> int:
    return next(feed.shown for feed in bench.daemon.connection.status().feeds if feed.feed == "feed")


ROW = Row(
    "legend_cost",
    "a feed of 1024x1024 float32 with 5 mask colours, label and legend, a frame",
    Target(floor=round(1 / _KEPT, 3)),
    measure,
)
