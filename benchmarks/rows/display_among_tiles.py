"""A display that comes and goes among forty-five tiles, as pipelines' displays do."""

from __future__ import annotations

import numpy as np

import mtv
from benchmarks import exposure, fits
from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.ds9 import REDRAW
from benchmarks.libxpa import Handle
from benchmarks.measures import Measured, Target
from benchmarks.row import Row

_FIRST = 101
"""Number of the first frame, in both windows."""


def measure(bench: Bench) -> Measured:
    """Measure ours and the commands of a script that talks to DS9 by libxpa, both with images in all tiles."""
    count = bench.amount(45, 5)
    pixels = exposure.make((64, 64)).image
    path = bench.directory / "tile.fits"
    path.write_bytes(fits.image_bytes(pixels))
    bench.frames(*range(_FIRST, _FIRST + count))
    handle = Handle(bench.ds9.target)

    def peer(*commands: str, data: bytes = b"") -> None:
        for command in commands:
            if complaint := handle.set(command, data):
                raise RuntimeError(f"{command}: {complaint}")

    def redrawn() -> None:
        peer("tcl", data=REDRAW.encode())

    for number in range(_FIRST, _FIRST + count):
        peer(f"frame {number}", f"fits {path}", "zoom to fit")
    peer("tile yes")
    redrawn()

    def come_and_go() -> None:
        peer("frame 999", f"fits {path}", "zoom to fit")
        redrawn()
        peer("frame delete")
        redrawn()

    try:
        ours = _ours(bench, count, pixels) if bench.with_ours else None
        return contest(ours=ours, peers=(Way(name="libxpa", draw=come_and_go),), runs=bench.amount(9, 1))
    finally:
        peer("tile no")
        bench.frames(1)
        if bench.with_ours:
            _leave(bench, count)


def _ours(bench: Bench, count: int, pixels: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Way:
    connection = bench.ours.display.connection
    with connection.buffering():
        for number in range(_FIRST, _FIRST + count):
            mtv.Display(number, connection=connection).mtv(pixels)
    mtv.arrange(tile=True, connection=connection)
    connection.sync()

    def come_and_go() -> None:
        display = mtv.Display("comes and goes", connection=connection)
        display.mtv(pixels)
        connection.sync()
        display.delete()
        connection.sync()

    return Way(name="mtv", draw=come_and_go)


def _leave(bench: Bench, count: int) -> None:
    connection = bench.ours.display.connection
    for number in range(_FIRST, _FIRST + count):
        mtv.Display(number, connection=connection).delete()
    mtv.arrange(tile=False, connection=connection)
    connection.sync()


ROW = Row("display_among_tiles", "a display made and deleted among 45 tiles, redrawn twice", Target(peer=2), measure)
