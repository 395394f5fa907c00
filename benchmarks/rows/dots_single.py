"""A thousand single dots, published by ten processes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.crowd import Crowd, Setup
from benchmarks.exposure import dots
from benchmarks.measures import Measured, Target
from benchmarks.ours import publisher
from benchmarks.peers import publishers
from benchmarks.row import Row

_PROCESSES = 10


def measure(bench: Bench) -> Measured:
    """Measure ours (``wait=False``, one `sync`), one ``xpaset`` a dot, and one pyds9 ``set`` a dot."""
    ds9 = bench.ds9
    positions = dots(bench.amount(1_000, 50), bench.exposure.shape_yx)
    shares = np.array_split(positions, _PROCESSES)
    bench.dots_frame()
    with contextlib.ExitStack() as stack:

        def peer(name: str, setup: Setup) -> Way:
            crowd = _crowd(stack, setup, [(ds9.target, ds9.environment, share) for share in shares])

            def draw() -> None:
                crowd.run()
                ds9.redraw()

            return bench.dots_way(name, draw)

        ours = None
        if bench.with_ours:
            crowd = _crowd(stack, publisher, [(bench.ours.endpoint, share) for share in shares])
            ours = bench.ours.dots_way(bench.exposure, crowd.run)
        peers = (peer("xpaset", publishers.xpaset), peer("pyds9", publishers.pyds9))
        return contest(ours=ours, peers=peers, runs=bench.amount(3, 1))


def _crowd(stack: contextlib.ExitStack, setup: Setup, arguments: Sequence[tuple[Any, ...]]) -> Crowd:
    return stack.enter_context(Crowd(setup, arguments))


ROW = Row("dots_single", "1,000 single dots from 10 processes, redrawn", Target(peer=60), measure)
