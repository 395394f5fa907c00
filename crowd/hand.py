"""Somebody at the window: DS9's own commands from a process that the daemon knows nothing of.

Each edit is one script that says which frame it means, so that it never hits a frame that has come to the front
meanwhile: what is on those must be exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chaos import window

from crowd.drawing import BY_HAND
from crowd.seat import Seat

_WITHIN_SECS: Final = 10.0
_MOST_MADE: Final = 3
"""Frames made by hand that are there at once."""

_ON_FRAME: Final = """
if {{[lsearch $::ds9(frames) {frame}] >= 0}} {{
    {edit}
    puts $f done
}}
"""
_LOOK: Final = "GotoFrame {frame}; Zoom {zoom} {zoom}; {frame} pan to image fk5 {x} {y}"
_DRAG: Final = "{frame} pan to image fk5 {x} {y}"
_DRAG_STEPS: Final = 12
# Only where an image is: DS9's own menus and XPA draw no region on an empty frame either.
_DRAW: Final = """
if {{[{frame} has fits]}} {{
    set ::crowd_regions "image\\ncircle {x} {y} 5"
    {frame} marker command ds9 var crowd_regions
}}
"""
_DELETE: Final = "DeleteSingleFrame {frame}"
_MAKE: Final = (
    "puts $f {      }; flush $f; CreateFrame; seek $f 0; puts -nonewline $f [string range $::current(frame) 5 end]"
)
"""On a full disk nothing can be answered; so room is taken first, and no frame is made that nobody hears of."""


class Hand:
    """Zooms, pans, draws regions, makes and deletes frames, all on frames where no picture must be exact."""

    pause_secs = (0.7, 2.5)

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random
        self._made: list[int] = []

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Do one thing."""
        calls = (self._look, self._look, self._drag, self._draw, self._delete, self._make)
        self._mind(self._random.choice(calls))

    def finish(self) -> None:
        """Delete the frames that it has made."""
        while self._made:
            self._mind(self._delete)

    def _mind(self, call: Callable[[], None]) -> None:
        try:
            call()
        except window.NoAnswer as error:
            self._seat.book.did(f"edit by hand without an answer ({error})")
        else:
            self._seat.book.did("edit by hand")

    def _look(self) -> None:
        """Bring a frame to the front, zoom and pan."""
        self._edit(self._random.choice(BY_HAND), _LOOK, zoom=self._random.choice((0.5, 2, 3)))

    def _drag(self) -> None:
        """Pan many times in a moment, as the mouse does; now and then delete the frame right after it."""
        number = self._random.choice(BY_HAND)
        for _ in range(_DRAG_STEPS):
            self._edit(number, _DRAG)
        if self._random.random() < 0.3:
            self._edit(number, _DELETE)

    def _draw(self) -> None:
        self._edit(self._random.choice(BY_HAND), _DRAW)

    def _delete(self) -> None:
        self._edit(self._made.pop() if self._made else self._random.choice(BY_HAND), _DELETE)

    def _make(self) -> None:
        """Make a frame; DS9 gives it a number."""
        if len(self._made) == _MOST_MADE:
            return
        number = int(window.ask(self._seat.runtime, _MAKE, within_secs=_WITHIN_SECS)[1])
        self._seat.book.made(number)
        self._made.append(number)

    def _edit(self, number: int, edit: str, **values: float) -> None:
        """Edit a frame if it is there."""
        frame = f"Frame{number}"
        x, y = self._random.randint(10, 50), self._random.randint(10, 50)
        words = edit.format(frame=frame, x=x, y=y, **values)
        window.ask(self._seat.runtime, _ON_FRAME.format(frame=frame, edit=words), within_secs=_WITHIN_SECS)
