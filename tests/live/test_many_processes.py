"""Ten processes at once: every marker arrives, none twice, no batch is interleaved with another's."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import groupby

import numpy as np
import pytest
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
PROCESSES, BATCHES, MARKERS = 10, 5, 20

DRAWER = """
import sys, mtv
frame, process, batches, markers = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
display = mtv.Display(frame)
for batch in range(batches):
    with display.buffering():
        for number in range(markers):
            # the position tells who drew it: x is process and batch, y the number within
            display.dot("o", 100 * process + batch, number, size=3)
"""


def draw(daemon: LiveDaemon, frames: list[int]) -> None:
    for frame in set(frames):
        mtv.Display(frame, connection=daemon.connect()).mtv(np.zeros((50, 1000), "f4"))
    drawers = [
        subprocess.Popen(
            [sys.executable, "-c", DRAWER, str(frame), str(process), str(BATCHES), str(MARKERS)],
            env=daemon.environment(),
        )
        for process, frame in enumerate(frames)
    ]
    assert [drawer.wait(300) for drawer in drawers] == [0] * len(drawers)


def drawn(regions: str) -> list[tuple[int, int]]:
    """Return 0-based positions in the order in which DS9 has them."""
    found = re.findall(r"^(?:circle|point)\(([\d.]+),([\d.]+)", regions, re.MULTILINE)
    return [(round(float(x)) - 1, round(float(y)) - 1) for x, y in found]


def test_ten_processes_share_a_display_and_no_batch_is_interleaved(demo_daemon: LiveDaemon) -> None:
    draw(demo_daemon, [20] * PROCESSES)
    with demo_daemon.probe() as window:
        positions = drawn(window.regions(20))
    wanted = {(100 * p + b, n) for p in range(PROCESSES) for b in range(BATCHES) for n in range(MARKERS)}
    assert len(positions) == len(wanted)
    assert set(positions) == wanted
    runs = [(x, len(list(run))) for x, run in groupby(x for x, _ in positions)]
    assert [length for _, length in runs] == [MARKERS] * (PROCESSES * BATCHES)
    for process in range(PROCESSES):
        batches = [x % 100 for x, _ in runs if x // 100 == process]
        assert batches in (list(range(BATCHES)), list(reversed(range(BATCHES)))), "each client's order is kept"


def test_ten_processes_draw_on_ten_displays_of_their_own(demo_daemon: LiveDaemon) -> None:
    draw(demo_daemon, list(range(30, 30 + PROCESSES)))
    with demo_daemon.probe() as window:
        for process in range(PROCESSES):
            positions = drawn(window.regions(30 + process))
            assert sorted(positions) == [(100 * process + b, n) for b in range(BATCHES) for n in range(MARKERS)]
