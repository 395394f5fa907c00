"""Members that draw: scripts with and without buffers, makers of displays, painters of masks, guests, one that dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import mtv
from crowd.canvas import Canvas, marks_op, places
from crowd.seat import Seat

LARGE: Final = (5_001, 20_000)
"""Markers of an overlay that goes in parts, at least and at most: of those who die while it is drawn."""
LARGE_AND_STAYING: Final = (5_001, 9_000)
"""Of those who stay: DS9 counts all markers of the window again and again, 0.05 us each."""
SHARED: Final = ("shared a", "shared b")
"""Displays on which several members draw."""
BY_HAND: Final = (900, 901)
"""Displays that somebody at the window works on too."""

_OVERLAYS: Final = ("stars", "cosmic rays", "edges")
_CALM: Final = (0.4, 1.6)


class _Drawer:
    """Does one of several things to a display, each with a weight."""

    pause_secs = _CALM

    def __init__(self, seat: Seat, canvas: Canvas) -> None:
        self._seat, self._canvas, self._random = seat, canvas, seat.random
        self._calls: Sequence[tuple[float, Callable[[], object]]] = ()

    def begin(self) -> None:
        """Show an image."""
        with self._seat.minding("image"):
            self._canvas.image(masked=True)

    def act(self) -> None:
        """Do one thing."""
        weights, calls = zip(*self._calls, strict=True)
        chosen = self._random.choices(calls, weights)[0]
        with self._seat.minding(chosen.__name__.strip("_<>")):
            chosen()

    def finish(self) -> None:
        """Nothing more."""

    def _name(self) -> str:
        return self._random.choice(_OVERLAYS)

    def _waits(self) -> bool:
        return self._random.random() < 0.7


class Plain(_Drawer):
    """A script that waits for most of what it asks for, one call after the other."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(100 + seat.index))
        canvas = self._canvas
        self._calls = (
            (20, self._dots),
            (10, self._overlay),
            (6, self._erase),
            (6, canvas.scale),
            (6, canvas.zoom),
            (3, canvas.colormap),
            (6, self._image),
            (2, self._images),
            (1, self._refused),
        )

    def _dots(self) -> None:
        name = self._name()
        for _ in range(self._random.randint(1, 20)):
            self._canvas.dot(name, wait=self._random.random() < 0.2)

    def _overlay(self) -> None:
        count = self._random.randint(1, 300)
        self._canvas.overlay(self._name(), count, replace=self._random.random() < 0.5, wait=self._waits())

    def _erase(self) -> None:
        self._canvas.dot("to be erased")
        self._canvas.erase(self._random.choice((*_OVERLAYS, None, "to be erased")), wait=self._waits())

    def _image(self) -> None:
        self._canvas.image(masked=self._random.random() < 0.5)

    def _images(self) -> None:
        for _ in range(3):
            self._canvas.image(wait=False, supersede=True)

    def _refused(self) -> None:
        """Draw a marker in one transaction with something impossible: neither may be seen."""
        stranger = Canvas(self._seat.connection, f"nobody {self._seat.name}", self._random, 0)
        with self._seat.minding("refused", "unknown_display"), self._seat.connection.buffering():
            self._canvas.dot("never")
            stranger.tell({"op": "delete"})
            stranger.display.delete()


class Buffered(_Drawer):
    """A script that draws in buffers on a display with a name, now and then with a long line or a large overlay."""

    pause_secs = (1.0, 4.0)

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(f"buffered {seat.index}"))
        self._calls = ((4, self._small), (1, self._large), (1, self._long))

    def _small(self) -> None:
        name = self._name()
        with self._canvas.buffering(wait=self._waits()):
            if self._random.random() < 0.3:
                self._canvas.image(masked=True)
            for _ in range(self._random.randint(1, 50)):
                self._canvas.dot(name)
            self._canvas.zoom()
            self._canvas.scale()

    def _large(self) -> None:
        with self._canvas.buffering():
            self._canvas.image(masked=True)
            self._canvas.overlay("large", self._random.randint(*LARGE_AND_STAYING))

    def _long(self) -> None:
        with self._canvas.buffering():
            self._canvas.image()
            self._canvas.line("outline", self._random.randint(2_000, 6_000))


class Maker(_Drawer):
    """Makes displays with names, draws on them, and deletes them."""

    pause_secs = (0.5, 2.5)

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(f"maker {seat.index}"))
        self._alive: list[Canvas] = []
        self._made = 0

    def begin(self) -> None:
        """Nothing before the first display."""

    def act(self) -> None:
        """Make one, or delete the oldest."""
        if len(self._alive) == 2 or (self._alive and self._random.random() < 0.3):
            with self._seat.minding("delete", "unknown_display"):
                self._alive.pop(0).delete()
            return
        self._made += 1
        canvas = self._seat.canvas(f"maker {self._seat.index}.{self._made}", part=self._made)
        self._alive.append(canvas)
        with self._seat.minding("make"), canvas.buffering():
            canvas.image(masked=self._random.random() < 0.5)
            canvas.overlay("stars", self._random.choice((10, 300, 6_000)))


class Painter(_Drawer):
    """Recolours masks, hides planes, erases overlays."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(f"painter {seat.index}"))
        canvas = self._canvas
        self._calls = ((6, canvas.recolour), (2, canvas.transparency), (3, self._again), (1, self._image))

    def _again(self) -> None:
        self._canvas.overlay("stars", self._random.randint(100, 2_000))
        self._canvas.erase("stars")

    def _image(self) -> None:
        self._canvas.image(masked=True)


class Guest(_Drawer):
    """Adds markers of its own to displays that others share."""

    def __init__(self, seat: Seat) -> None:
        first = 1_000_000 * (seat.index + 1)
        canvases = [Canvas(seat.connection, key, seat.random, 0, first) for key in SHARED]
        super().__init__(seat, canvases[0])
        self._canvases, self._next = canvases, first
        self._overlay_name = f"guest {seat.index}"
        self._calls = ((10, self._mark), (1, self._erase_both))

    def begin(self) -> None:
        """Nothing: others show the images."""

    def _mark(self) -> None:
        count = self._random.randint(1, 30)
        first, self._next = self._next, self._next + count
        x, y = places(first, count)
        with self._seat.connection.buffering(wait=self._waits()):
            for canvas in self._canvases:
                canvas.display.overlay(self._overlay_name, x, y, colour="white", replace=False, lasting=True)
            marks = marks_op(self._overlay_name, first, count, lasting=True)
            self._seat.connection.intended = [{"display": key, **marks} for key in SHARED]

    def _erase_both(self) -> None:
        with self._seat.connection.buffering():
            for canvas in self._canvases:
                canvas.display.erase(self._overlay_name)
            self._seat.connection.intended = [
                {"display": key, "op": "erase", "overlay": self._overlay_name} for key in SHARED
            ]


class Sharer(_Drawer):
    """Shows images on displays that others show images on too."""

    pause_secs = (0.5, 2.0)

    def __init__(self, seat: Seat) -> None:
        canvases = [seat.canvas(key, part) for part, key in enumerate(SHARED)]
        super().__init__(seat, canvases[0])
        self._canvases = canvases
        for canvas in canvases:
            canvas.size = (128, 128)

    def begin(self) -> None:
        """Show an image on each."""
        for canvas in self._canvases:
            with self._seat.minding("image"):
                canvas.image()

    def act(self) -> None:
        """Show an image, or change the view."""
        canvas = self._random.choice(self._canvases)
        with self._seat.minding("share"):
            self._random.choice((canvas.image, canvas.scale, canvas.zoom))()


class Handled(_Drawer):
    """Draws on a display that somebody at the window works on at the same time; sets it right in the end."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(BY_HAND[seat.index % len(BY_HAND)]))
        canvas = self._canvas
        self._calls = ((3, canvas.zoom), (3, canvas.scale), (2, self._image), (3, self._mark))

    def finish(self) -> None:
        """Delete the display and draw it anew, when nobody is at the window any more."""
        with self._seat.minding("set right"):
            self._canvas.image()
            self._canvas.delete()
            self._canvas.image(masked=True)
            self._canvas.overlay("stars", 100)
            self._canvas.zoom()
            self._canvas.scale()

    def _image(self) -> None:
        self._canvas.image(masked=True)

    def _mark(self) -> None:
        self._canvas.overlay("stars", self._random.randint(1, 200), replace=self._random.random() < 0.5)


class Dier(_Drawer):
    """Draws large overlays until it is killed; who follows deletes what it has left, and draws on a display of its own.

    All its calls wait, so that only the last of a life has an unknown fate.
    """

    pause_secs = (0.5, 2.0)

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas(dying_display(seat.index, seat.life)))
        self._calls = ((2, self._large), (1, self._buffer), (1, self._image))

    def begin(self) -> None:
        """Delete what the two lives before have left, and show an image."""
        for life in range(max(0, self._seat.life - 2), self._seat.life):
            left = self._seat.canvas(dying_display(self._seat.index, life))
            with self._seat.minding("delete", "unknown_display"):
                left.delete()
        super().begin()

    def _large(self) -> None:
        self._canvas.overlay("large", self._random.randint(*LARGE), replace=self._random.random() < 0.7)

    def _image(self) -> None:
        self._canvas.image(masked=True)

    def _buffer(self) -> None:
        with self._canvas.buffering():
            for _ in range(500):
                self._canvas.dot("many")
            self._canvas.overlay("large", self._random.randint(*LARGE))


class Arranger:
    """Puts displays side by side and back, and changes the size of the image area."""

    pause_secs = (2.0, 5.0)

    def __init__(self, seat: Seat) -> None:
        self._seat, self._random = seat, seat.random

    def begin(self) -> None:
        """Nothing."""

    def act(self) -> None:
        """Arrange."""
        connection = self._seat.connection
        connection.intended = []
        with self._seat.minding("arrange"):
            if self._random.random() < 0.8:
                mtv.arrange(tile=self._random.random() < 0.5, connection=connection)
            else:
                mtv.arrange(size=(self._random.randint(300, 500), 400), connection=connection)

    def finish(self) -> None:
        """Show one at a time."""
        with self._seat.minding("arrange"):
            mtv.arrange(tile=False, connection=self._seat.connection)


class Probe(_Drawer):
    """Asks for something small again and again, and notes how long each took."""

    pause_secs = (0.1, 0.2)

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat, seat.canvas("probe"))

    def act(self) -> None:
        """Change the limits."""
        began = time.monotonic()
        with self._seat.minding("scale"):
            self._canvas.scale()
            self._seat.book.took(began)


def dying_display(index: int, life: int) -> str:
    """Return the display of one life of a member that dies."""
    return f"dier {index}.{life}"
