"""Members that have workers: pools of `multiprocessing` whose workers draw datasets with long outlines.

What a worker draws on has a name of its own, and each name one worker after the other, so that it has one client.
"""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np

import mtv
from crowd.canvas import Canvas, image_op
from crowd.seat import Seat
from crowd.streams import DETECTORS, VISIT, chain

Start = Literal["fork", "spawn"]
WORKERS: Final = 3
DEADLINE_SECS: Final = 120.0
OUTLINES: Final = (2_000, 400, 3_000)
"""Pieces of a long line; each has three points. What has more than 5,000 goes in parts, and others come between."""

_seat: Seat | None = None
"""The one of this worker process."""


class Pooled:
    """Has a pool draw some displays, arranges the window, deletes some of them, and begins again."""

    pause_secs = (3.0, 8.0)

    def __init__(self, seat: Seat, start: Start) -> None:
        self._seat, self._random = seat, seat.random
        self._start: Start = start
        self._round = 0
        self._kept: list[Canvas] = []

    def begin(self) -> None:
        """Have a connection of its own before workers are forked: they must not go on with it."""
        with self._seat.minding("status"):
            self._seat.connection.status()

    def act(self) -> None:
        """Delete the last round's displays, draw a round, arrange."""
        seat = self._seat
        while self._kept:
            with seat.minding("delete", "unknown_display"):
                self._kept.pop().delete()
        self._round += 1
        tasks = [(f"{seat.role} {seat.index}.{self._round}.{part}", part) for part in range(WORKERS)]
        self._kept = [seat.canvas(name) for name, _ in tasks]
        context: Any = multiprocessing.get_context(self._start)
        with seat.minding("pool"), context.Pool(WORKERS, _sit, (self._for_workers(),)) as pool:
            pool.starmap_async(_work, tasks).get(DEADLINE_SECS)
            seat.book.did("pool")
        seat.connection.intended = []
        with seat.minding("arrange"):
            mtv.arrange(tile=True, lock_frame="none", connection=seat.connection)

    def finish(self) -> None:
        """Leave the last round."""

    def _for_workers(self) -> Seat:
        """Return what workers sit on: those that are forked use the connection that there is, as scripts do."""
        return self._seat if self._start == "fork" else replace(self._seat)


def _sit(seat: Seat) -> None:
    """Take a seat in a new worker: with a notebook of its own."""
    global _seat  # noqa: PLW0603, RUF100 - what an initializer of a pool can leave
    _seat = seat
    seat.book = seat.new_book(f"worker{os.getpid()}")
    seat.connection.keep_in(seat.book)


def _work(name: str, part: int) -> None:
    """Show a dataset with a long outline, in one transaction."""
    seat = _seat
    assert seat is not None
    with seat.minding("work"):
        _draw_outlined(seat, seat.canvas(name), DETECTORS[part % len(DETECTORS)], OUTLINES[part % len(OUTLINES)])


def _draw_outlined(seat: Seat, canvas: Canvas, detector: int, count: int) -> None:
    """Show a calexp and a long line over it, in one transaction."""
    repository = mtv.Repository(connection=seat.connection, collections=chain(), instrument="HSC")
    exposure = repository.get("calexp", visit=VISIT, detector=detector)
    pixels = np.asarray(exposure.image)
    first = float(pixels[0, 0])
    height, width = pixels.shape
    x0, y0 = exposure.xy0
    assert (x0, y0) == (0, 0)
    with canvas.buffering():
        op = image_op(first if np.isfinite(first) else None, (width, height), None, masked=False)
        canvas.tell(op)
        canvas.display.mtv(repository.dataset("calexp", visit=VISIT, detector=detector))
        canvas.line("outline", count)
