"""A display as its client uses it: each call of the client library is told to the logbook before it is made."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from chaos.heard import Heard
from chaos.logbook import Op
from numpy.typing import NDArray

import mtv
from crowd import model

COLOURS = ("red", "magenta", "blue", "cyan", "yellow", "orange")
MAPS = ("grey", "heat", "cool", "rainbow")
ZOOMS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIDES_PX = (64, 96, 128, 192)


class Canvas:
    """One display of one client.

    Parameters
    ----------
    key : `int` or `str`
        The display.
    first_serial : `int`
        Images are numbered from here on.
    first_marker : `int`, optional
        Markers likewise.
    """

    def __init__(
        self, connection: Heard, key: model.DisplayKey, rng: random.Random, first_serial: int, first_marker: int = 0
    ) -> None:
        self.display = mtv.Display(key, connection=connection)
        self.key = key
        self._connection = connection
        self._random = rng
        self._serials = itertools.count(first_serial)
        self._markers = first_marker
        self._buffered: list[Op] | None = None
        self.size = rng.choice(SIDES_PX), rng.choice(SIDES_PX)

    @contextmanager
    def buffering(self, *, wait: bool = True) -> Iterator[None]:
        """Draw all that follows as one transaction."""
        ops: list[Op] = []
        self._buffered = ops
        try:
            with self.display.buffering(wait=wait):
                yield
                self._connection.intended = list(ops)
        finally:
            self._buffered = None

    def tell(self, op: Op) -> None:
        """Tell what the next call draws."""
        said = {"display": self.key, **op}
        if self._buffered is None:
            self._connection.intended = [said]
        else:
            self._buffered.append(said)

    def image(self, *, masked: bool = False, wait: bool = True, supersede: bool = False) -> None:
        """Show a new image."""
        serial = next(self._serials)
        width, height = self.size
        mask = mask_of(width, height) if masked else None
        planes = model.PLANES if masked else None
        self.tell(image_op(serial, self.size, f"no {serial}", masked=masked))
        self.display.mtv(
            image_of(serial, width, height),
            mask=mask,
            planes=planes,
            label=f"no {serial}",
            wait=wait,
            supersede=supersede,
        )

    def dot(self, overlay: str, *, wait: bool = True) -> None:
        """Add a marker."""
        first = self._mark(overlay, 1)
        self.display.dot("o", *model.place(first), size=2, colour="white", overlay=overlay, wait=wait)

    def overlay(self, overlay: str, count: int, *, replace: bool = True, wait: bool = True) -> None:
        """Draw so many markers as columns."""
        first = self._mark(overlay, count, replace=replace)
        x, y = places(first, count)
        self.display.overlay(overlay, x, y, symbol="o", size=2, colour="white", replace=replace, wait=wait)

    def line(self, overlay: str, count: int, *, wait: bool = True) -> None:
        """Draw a line in so many pieces."""
        first = self._mark(overlay, count)
        self.display.line(pieces(first, count), colour="magenta", overlay=overlay, wait=wait)

    def erase(self, overlay: str | None, *, wait: bool = True) -> None:
        """Remove an overlay, or all."""
        self.tell({"op": "erase", "overlay": overlay})
        self.display.erase(overlay, wait=wait)

    def scale(self, *, wait: bool = True) -> None:
        """Set stretch and limits."""
        stretch = self._random.choice(model.STRETCHES)
        low = float(self._random.randint(-50, 0))
        high = low + self._random.randint(100, 900)
        self.tell({"op": "scale", "stretch": stretch, "low": low, "high": high})
        self.display.scale(stretch, low, high, wait=wait)

    def zoom(self, *, wait: bool = True) -> None:
        """Set the zoom."""
        factor = self._random.choice(ZOOMS)
        self.tell({"op": "zoom", "factor": factor})
        self.display.zoom(factor, wait=wait)

    def colormap(self) -> None:
        """Choose a colour map."""
        name = self._random.choice(MAPS)
        self.tell({"op": "colormap", "name": name})
        self.display.colormap(name)

    def recolour(self) -> None:
        """Give a mask plane another colour, or hide it."""
        plane, colour = self._random.choice(list(model.PLANES)), self._random.choice((*COLOURS, model.IGNORE))
        self.tell({"op": "colour", "planes": {plane: colour}})
        self.display.set_mask_plane_color(plane, colour)

    def transparency(self) -> None:
        """Set the mask's transparency."""
        percent = float(self._random.choice((0, 20, 50, 80)))
        self.tell({"op": "transparency", "percent": percent})
        self.display.set_mask_transparency(percent)

    def delete(self) -> None:
        """Delete the display."""
        self.tell({"op": "delete"})
        self.display.delete()

    def _mark(self, overlay: str, count: int, *, replace: bool = False) -> int:
        first = self._markers
        self._markers += count
        self.tell(marks_op(overlay, first, count, replace=replace))
        return first


def image_op(serial: float | None, size: tuple[int, int], label: str | None, *, masked: bool) -> Op:
    """Return the words for an image."""
    planes = list(model.PLANES) if masked else []
    return {"op": "image", "serial": serial, "size": list(size), "label": label, "planes": planes}


def marks_op(overlay: str, first: int, count: int, *, replace: bool = False, lasting: bool = False) -> Op:
    """Return the words for markers."""
    return {
        "op": "marks", "overlay": overlay, "first": first, "count": count, "replace": replace, "lasting": lasting
    }  # fmt: skip


def image_of(serial: int, width: int, height: int) -> NDArray[np.float32]:
    """Return an image, ``(y, x)``, grey throughout, whose first pixel is its number."""
    pixels = np.full((height, width), 100, np.float32)
    pixels[0, 0] = serial
    return pixels


def mask_of(width: int, height: int) -> NDArray[np.int32]:
    """Return a mask, ``(y, x)``, in which each plane has rows of its own."""
    bits = np.zeros((height, width), np.int32)
    for index, bit in enumerate(model.PLANES.values()):
        bits[8 + 16 * index : 16 + 16 * index] = 1 << bit
    return bits


def places(first: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of markers; see `crowd.model.place`."""
    found = np.array([model.place(number) for number in range(first, first + count)])
    return found[:, 0], found[:, 1]


def pieces(first: int, count: int) -> NDArray[np.float64]:
    """Return the points of a line, ``(n, 2)``, that has a piece of its own for each marker, and a gap after it."""
    x, y = places(first, count)
    points = np.full((count, 3, 2), np.nan)
    points[:, 0], points[:, 1] = np.stack([x, y], axis=1), np.stack([x, y + 2], axis=1)
    return points.reshape(-1, 2)
