"""``scale`` of one client while fifty others draw, feed, play, watch, ask, poll and die, against the idle one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crowd.crew import Crew

import mtv
from benchmarks import exposure
from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.daemon import Daemon
from benchmarks.measures import Amount, Measured, Target, Timing
from benchmarks.row import Row
from crowd import cast

_IDLE_CALLS: Final = 100
_CROWDED_SECS: Final = 20
_PACE_SECS: Final = 0.05
_SETTLE_SECS: Final = 3.0
"""After the last member was started: its imports are no part of what is measured."""
_SEED: Final = 23718


def measure(bench: Bench) -> Measured:
    """Time calls alone, then with the others; the median is held against the idle one, the amount is the p99."""
    if not bench.with_ours:
        return Measured()
    with Daemon({REPO_ALIAS: bench.repo}) as daemon, tempfile.TemporaryDirectory(prefix="mtvbench-") as place:
        display = mtv.Display("probe", connection=daemon.connection)
        display.mtv(bench.exposure.image[:256, :256])
        low, high = exposure.LIMITS

        def scale(number: int) -> None:
            display.scale("linear", low, high + number % 7)

        idle = [_paced(scale, number) for number in range(bench.amount(_IDLE_CALLS, 5))]
        players = cast.SMALL_MODERATE if bench.small else cast.MODERATE
        with Crew(players, daemon.endpoint, daemon.runtime, Path(place), _SEED) as crew:
            crew.start()
            _go_on(crew, bench.amount(int(_SETTLE_SECS), 1), lambda _: None)
            crowded = _go_on(crew, bench.amount(_CROWDED_SECS, 2), scale)
            crew.end()
            told = crew.told()
    millisecs = sorted(1e3 * secs for secs in crowded)
    p99 = millisecs[len(millisecs) * 99 // 100]
    extra = {
        "p50_ms": millisecs[len(millisecs) // 2],
        "p99_ms": p99,
        "max_ms": millisecs[-1],
        "calls": len(millisecs),
        "others": crew.size,
        "acknowledged": sum(1 for one in told.requests if one.outcome == "done"),
        "refused": sorted({one.outcome for one in told.requests} - {"done", "superseded", "unknown_display", ""}),
        "failed": [*crew.failed, *crew.hung],
    }
    return Measured(ours=Timing(tuple(crowded)), floor=Timing(tuple(idle)), amount=Amount(p99, "ms"), extra=extra)


def _go_on(crew: Crew, secs: float, ask: Callable[[int], object]) -> list[float]:
    """Let the members go on for some time, and ask meanwhile."""
    until = time.monotonic() + secs
    took: list[float] = []
    while time.monotonic() < until:
        crew.turn()
        took.append(_paced(ask, len(took)))
    return took


def _paced(ask: Callable[[int], object], number: int) -> float:
    """Return how long a call takes, after a pause."""
    time.sleep(_PACE_SECS)
    began = time.perf_counter()
    ask(number)
    return time.perf_counter() - began


ROW = Row(
    "crowd_scale",
    "scale while 50 others do everything at once, p99; its median against that of the idle one (floor)",
    Target(floor=3, most=Amount(200, "ms")),
    measure,
)
