"""What rows share that ask something small while a feed runs at full speed and markers come again and again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import mtv
from benchmarks.bench import Bench
from benchmarks.daemon import PATIENCE_SECS, Daemon
from benchmarks.measures import Amount, Measured
from benchmarks.rows import feeds

_MARKERS: Final = 50_000
_STORM_DISPLAY: Final = 7
_LONG_SECS: Final = 600.0
"""The producer is told to stop before."""


def measure(bench: Bench, daemon: Daemon, ask: Callable[[int], object]) -> Measured:
    """Time so many calls, all of them inside the period; the amount is the 99th percentile in milliseconds."""
    shape_yx = feeds.SMALL_YX if bench.small else feeds.FULL_YX
    feeds.prepare(daemon, shape_yx)
    mtv.arrange(tile=True, connection=daemon.connection)
    for number in range(3):
        ask(number)
    try:
        with (
            _storm(daemon, bench.amount(_MARKERS, 100)),
            feeds.producer(daemon, "feed", shape_yx, rate=feeds.RATE, secs=_LONG_SECS) as producer,
        ):
            began, before = time.perf_counter(), _shown(daemon)
            millisecs = sorted(_millisecs(ask, number) for number in range(bench.amount(500, 5)))
            fps = (_shown(daemon) - before) / (time.perf_counter() - began)
            assert producer.stdin is not None
            assert producer.stdout is not None
            producer.stdin.close()
            told: dict[str, Any] = json.loads(producer.stdout.readline())
    finally:
        mtv.arrange(tile=False, connection=daemon.connection)
        mtv.Display(_STORM_DISPLAY, connection=daemon.connection).delete()
    extra = {
        "p50_ms": millisecs[len(millisecs) // 2],
        "p99_ms": millisecs[len(millisecs) * 99 // 100],
        "max_ms": millisecs[-1],
        "calls": len(millisecs),
        "feed_fps": fps,
        "feed": told,
    }
    return Measured(amount=Amount(millisecs[len(millisecs) * 99 // 100], "ms"), extra=extra)


def _millisecs(ask: Callable[[int], object], number: int) -> float:
    start = time.perf_counter()
    ask(number)
    return 1e3 * (time.perf_counter() - start)


def _shown(daemon: Daemon) -> int:
    return sum(feed.shown for feed in daemon.connection.status().feeds)


@contextlib.contextmanager
def _storm(daemon: Daemon, count: int) -> Iterator[None]:
    """Have markers drawn in a second display, again and again."""
    command = [sys.executable, "-m", "benchmarks.storm", str(_STORM_DISPLAY), str(count)]
    with subprocess.Popen(
        command, env=daemon.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("no markers were drawn")
            yield
        finally:
            process.communicate(timeout=PATIENCE_SECS)
