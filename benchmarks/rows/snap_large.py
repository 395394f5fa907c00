"""A picture of 4096x4096 pixels of one display, against a picture of the window as it is.

Also how long another client waits for a dot on the same display meanwhile: ``other_waits`` in ``bench.json``.
"""

from __future__ import annotations

import dataclasses
import threading
import time

import mtv
from benchmarks import exposure
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.daemon import PATIENCE_SECS
from benchmarks.measures import Measured, Target, Timing
from benchmarks.row import Row

_SIZE = (4096, 4096)
_PAUSE_SECS = 0.02


def measure(bench: Bench) -> Measured:
    """Measure both on our display; the floor is the picture of the window."""
    if not bench.with_ours:
        return Measured()
    shown, display = bench.exposure, bench.ours.display
    display.mtv(shown.image, mask=shown.mask, planes=exposure.PLANES)
    display.zoom("fit")
    display.sync()
    measured = contest(
        ours=Way(name="snap 4096x4096", draw=lambda: display.snapshot(size=_SIZE), look=bench.ours.look),
        floor=Way(name="snap", draw=display.snapshot, look=bench.ours.look),
        runs=bench.amount(5, 1),
    )
    waits = _waits_of_another(bench, bench.amount(8, 1))
    return dataclasses.replace(measured, extra={**measured.extra, "other_waits": waits.spread()})


def _waits_of_another(bench: Bench, pictures: int) -> Timing:
    """Return the seconds that another client's dots take while pictures of their display are taken."""
    other = mtv.Display(0, connection=mtv.connect(bench.ours.endpoint, timeout_secs=PATIENCE_SECS))
    waits: list[float] = []
    ended = threading.Event()

    def draw() -> None:
        while not ended.wait(_PAUSE_SECS):
            begun = time.perf_counter()
            other.dot("o", 5 + len(waits) % 200, 100, size=8)
            waits.append(time.perf_counter() - begun)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(pictures):
            bench.ours.display.snapshot(size=_SIZE)
    finally:
        ended.set()
        thread.join()
    return Timing(tuple(waits))


ROW = Row("snap_large", "a picture of 4096x4096 of a display, against one of the window", Target(floor=6), measure)
