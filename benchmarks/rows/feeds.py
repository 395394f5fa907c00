"""What the rows of feeds share: a producer in a process of its own, and the same pictures in turn on DS9 alone."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import mtv
from benchmarks import exposure, fits
from benchmarks.bench import Bench
from benchmarks.channel import Channel
from benchmarks.daemon import PATIENCE_SECS, Daemon
from benchmarks.floor import REDRAWN
from benchmarks.measures import Amount, Measured, Timing
from benchmarks.peers.display_ds9 import DisplayDs9
from benchmarks.peers.pyds9_way import SHARED, Pyds9Way
from benchmarks.producer import frames

FULL_YX: Final = exposure.FULL_YX
SQUARE_YX: Final = (1024, 1024)
SMALL_YX: Final = (128, 64)
RATE: Final = 70.0
"""Frames published a second where a feed is there for others to suffer from."""
ABOVE: Final = 1.25
"""Frames that are published for each that DS9 alone can show: the producer must not be the limit."""


class Loop:
    """DS9 alone: two prewritten files loaded in turn by one hand-written script, the redraw awaited.

    Limits are fixed and the zoom is fitted once, as in ours; nothing of DS9's own menus is brought up to date.
    """

    name = "ds9 alone"

    def __init__(self, channel: Channel, frame: int, shape_yx: tuple[int, int]) -> None:
        self._channel = channel
        self._directory = tempfile.TemporaryDirectory(prefix="mtvbench-", dir=SHARED)
        self._scripts = []
        for number, made in enumerate(frames(shape_yx, masked=False)[:2]):
            path = Path(self._directory.name) / f"{number}.fits"
            path.write_bytes(fits.image_bytes(made["frame"]))
            load = f'Frame{frame} load fits {{}} "{{{path}}}" mmapincr {{}}'
            self._scripts.append(f"{load}\n{REDRAWN}")
        self._number = 0
        self._channel.tcl(
            f"CreateGotoFrame {frame} base; LoadFitsFile {{{path}}} {{}} {{}}; FinishLoad; ZoomToFit\n"
            f"Frame{frame} clip minmax 25 sample"
        )

    def close(self) -> None:
        """Remove its files."""
        self._directory.cleanup()

    def draw(self) -> None:
        """Draw the other picture."""
        self._number = 1 - self._number
        self._channel.tcl(self._scripts[self._number])


@contextlib.contextmanager
def producer(
    daemon: Daemon,
    name: str,
    shape_yx: tuple[int, int],
    *,
    rate: float,
    secs: float,
    masked: bool = False,
    labelled: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Have a process that publishes; it is ready when this begins, and is ended with the context."""
    command = [sys.executable, "-m", "benchmarks.producer", name, "--rate", str(rate), "--secs", str(secs)]
    command += ["--height", str(shape_yx[0]), "--width", str(shape_yx[1]), *(["--masked"] if masked else [])]
    command += ["--labelled"] if labelled else []
    with subprocess.Popen(
        command, env=daemon.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the producer shows nothing")
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE_SECS)


def published(
    daemon: Daemon, shape_yx: tuple[int, int], *, rate: float, secs: float, masked: bool = False
) -> dict[str, Any]:
    """Publish for so long, and return what the producer tells."""
    with producer(daemon, "feed", shape_yx, rate=rate, secs=secs, masked=masked) as process:
        assert process.stdout is not None
        found: dict[str, Any] = json.loads(process.stdout.readline())
    if found["error"]:
        raise RuntimeError(f"the feed failed: {found['error']}")
    return found


def prepare(daemon: Daemon, shape_yx: tuple[int, int]) -> None:
    """Make the feed's display, its limits fixed as those of the others."""
    display = mtv.Display("feed", connection=daemon.connection)
    display.mtv(frames(shape_yx, masked=False)[0]["frame"])
    display.scale("linear", *exposure.LIMITS)
    display.show()
    display.sync()


def timed(draw: Callable[[], object], count: int) -> float:
    """Return the seconds of one drawing, the mean of so many in a row."""
    start = time.perf_counter()
    for _ in range(count):
        draw()
    return (time.perf_counter() - start) / count


def measure_rate(bench: Bench, shape_yx: tuple[int, int]) -> Measured:
    """Measure seconds a frame of ours, DS9 alone, pyds9 and gzip into xpaset, in turn."""
    shape_yx = SMALL_YX if bench.small else shape_yx
    rounds, secs, count = bench.amount(3, 1), bench.amount(4, 1), bench.amount(60, 3)
    bench.frames(1, 2, 3)
    for frame in (1, 2, 3):
        bench.ds9.select(frame, limits=exposure.LIMITS)
    loop = Loop(bench.channel, 3, shape_yx)
    pyds9, afw = Pyds9Way(bench.ds9.target, 2), DisplayDs9(bench.ds9.target, bench.ds9.environment, 1)
    pictures = [made["frame"] for made in frames(shape_yx, masked=False)]
    ways: dict[str, list[float]] = {"mtv": [], loop.name: [], pyds9.name: [], afw.name: []}

    def draw_pyds9() -> None:
        pyds9.mtv(pictures[0])
        pyds9.update()

    def draw_afw() -> None:
        afw.mtv(pictures[0])
        afw.update()

    told: list[dict[str, Any]] = []
    try:
        for _ in range(rounds):
            bench.ds9.set("frame", "3")
            ways[loop.name].append(timed(loop.draw, count))
            if bench.with_ours:
                prepare(bench.daemon, shape_yx)
                told.append(published(bench.daemon, shape_yx, rate=ABOVE / ways[loop.name][-1], secs=secs))
                ways["mtv"].append(1 / max(told[-1]["fps"], 1e-9))
            ways[pyds9.name].append(timed(draw_pyds9, max(1, count // 10)))
            ways[afw.name].append(timed(draw_afw, max(1, count // 30)))
    finally:
        loop.close()
        pyds9.close()
    ours = Timing(tuple(ways["mtv"])) if bench.with_ours else None
    return Measured(
        ours=ours,
        peers={name: Timing(tuple(ways[name])) for name in (pyds9.name, afw.name)},
        floor=Timing(tuple(ways[loop.name])),
        amount=Amount(1 / ours.median, "frames/s") if ours else None,
        extra={"producer": told},
    )
