"""Our way: through the client, as a user would write it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import mtv
from benchmarks import exposure
from benchmarks.contest import Way
from benchmarks.daemon import PATIENCE_SECS, Daemon
from benchmarks.exposure import DOT_COLOUR, DOT_SIZE, Exposure
from benchmarks.picture import Picture, decode

NAME = "mtv"


class Ours:
    """A display of ours.

    Parameters
    ----------
    daemon : `Daemon`
        Where it is.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.endpoint = daemon.endpoint
        self.display = mtv.Display(0, connection=daemon.connection)

    def image_area(self) -> tuple[int, int]:
        """Return width and height of the window's image area in pixels."""
        self.display.mtv(np.zeros((8, 8), np.float32))
        height, width, _ = self.look().shape
        return width, height

    def look(self) -> Picture:
        """Return what is on the screen."""
        return decode(self.display.snapshot())

    def image_way(self, shown: Exposure, *, with_mask: bool) -> Way:
        """Return the way that shows an exposure, or its image alone."""
        mask = shown.mask if with_mask else None
        planes = exposure.PLANES if with_mask else None

        def draw() -> None:
            self.display.mtv(shown.image, mask=mask, planes=planes)
            self.display.sync()

        def look_closely() -> Picture:
            self.display.zoom(1)
            picture = self.look()
            self.display.zoom("fit")
            return picture

        return Way(name=NAME, draw=draw, prepare=self._prepare, look=look_closely if with_mask else self.look)

    def dots_way(self, shown: Exposure, draw: Callable[[], object]) -> Way:
        """Return a way that draws markers over the image."""
        self.display.mtv(shown.image)
        self._prepare()

        def prepare() -> None:
            self.display.erase()
            self.display.sync()

        return Way(name=NAME, draw=draw, prepare=prepare, look=self.look)

    def buffered(self, positions: NDArray[np.float64]) -> None:
        """Draw dots in a buffer."""
        with self.display.buffering():
            for x, y in positions.tolist():
                self.display.dot("o", x, y, size=DOT_SIZE, colour=DOT_COLOUR, exact=True)
        self.display.sync()

    def waiting(self, positions: NDArray[np.float64]) -> None:
        """Draw dots one by one, each waited for."""
        for x, y in positions.tolist():
            self.display.dot("o", x, y, size=DOT_SIZE, colour=DOT_COLOUR, exact=True)
        self.display.sync()

    def _prepare(self) -> None:
        self.display.scale("linear", *exposure.LIMITS)
        self.display.set_mask_transparency(0)
        self.display.annotate(label=False)  # the others say nothing of a picture
        self.display.sync()


def publisher(endpoint: str, positions: NDArray[np.float64]) -> Callable[[], None]:
    """Return what one of many processes does: publish its dots, then one `sync`. For `benchmarks.crowd`."""
    display = mtv.Display(0, connection=mtv.connect(endpoint, timeout_secs=PATIENCE_SECS))
    display.connection.status()
    points = positions.tolist()

    def draw() -> None:
        for x, y in points:
            display.dot("o", x, y, size=DOT_SIZE, colour=DOT_COLOUR, exact=True, wait=False)
        display.sync()

    return draw
