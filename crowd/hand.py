"""Somebody at the window: DS9's own commands from a process that the daemon knows nothing of."""

from __future__ import annotations

from typing import Final

from chaos import window

from crowd.drawing import BY_HAND
from crowd.seat import Seat

OWN_FRAMES: Final = (950, 951, 952)
"""Frames that are made and deleted by hand."""
_WITHIN_SECS: Final = 10.0


class Hand:
    """Zooms, pans, draws regions, makes and deletes frames, all on frames where no picture must be exact."""

    pause_secs = (0.7, 2.5)

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random
        self._made: set[int] = set()

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Do one thing."""
        calls = (self._look, self._look, self._look, self._draw, self._delete, self._make)
        try:
            self._random.choice(calls)()
        except window.NoAnswer as error:
            self._seat.book.did(f"no answer to the hand: {error}")
        else:
            self._seat.book.did("edit by hand")

    def finish(self) -> None:
        """Delete the frames that it has made."""
        for frame in sorted(self._made):
            self._delete_frame(frame)

    def _look(self) -> None:
        """Zoom and pan."""
        self._go(self._random.choice(BY_HAND))
        self._tell("zoom", str(self._random.choice((0.5, 2, 3))))
        self._tell("pan", str(self._random.randint(-20, 20)), "0", "image")

    def _draw(self) -> None:
        self._go(self._random.choice(BY_HAND))
        x, y = self._random.randint(10, 50), self._random.randint(10, 50)
        self._tell("regions", "command", f"{{image; circle {x} {y} 5}}")

    def _delete(self) -> None:
        self._delete_frame(self._made.pop() if self._made else self._random.choice(BY_HAND))

    def _make(self) -> None:
        frame = self._random.choice(OWN_FRAMES)
        self._made.add(frame)
        self._go(frame)

    def _delete_frame(self, frame: int) -> None:
        """Delete a frame if it is there: to go to one that is not makes it."""
        self._go(frame)
        self._tell("frame", "delete")

    def _go(self, frame: int) -> None:
        self._tell("frame", str(frame))

    def _tell(self, *words: str) -> None:
        window.tell(self._seat.runtime, *words, within_secs=_WITHIN_SECS)
