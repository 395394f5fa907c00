"""What clients do: random calls of the client library, each told to the logbook in plain words before it is made."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

import mtv
from chaos import palette
from chaos.logbook import Op
from mtv.session.connection import Connection

_ROWS_EACH: Final = 100
"""Rows of the image that a client puts markers in: none is ever in the place of another."""


class Told(Protocol):
    """A connection that is told what comes next."""

    intended: Sequence[Op]


class Painter(Protocol):
    """A client's role."""

    def begin(self) -> None:
        """Draw what must be there first."""
        ...

    def paint(self) -> None:
        """Do one thing."""
        ...


class _Places:
    """Places of markers, each given once."""

    def __init__(self, row: int) -> None:
        self._places = ((float(x), row + y / 8) for y, x in itertools.product(range(8 * _ROWS_EACH), range(12, 1012)))

    def take(self, count: int) -> list[tuple[float, float]]:
        return list(itertools.islice(self._places, count))


class Owner:
    """Shows images on one display, changes its view, and draws overlays that go with the image."""

    def __init__(self, connection: Connection, rng: random.Random, number: int) -> None:
        self._display = mtv.Display(number, connection=connection)
        self._stranger = mtv.Display(palette.UNKNOWN_DISPLAY, connection=connection)
        self._connection = connection
        self._random = rng
        self._number = number
        self._serials = itertools.count(1000 * (number + 1))
        self._places = _Places(16 + _ROWS_EACH * number)
        self._mask = mask()
        self._calls: list[tuple[int, Callable[[], None]]] = [
            (10, self._mtv),
            (4, self._feed),
            (25, self._dot),
            (12, self._overlay),
            (8, self._erase),
            (8, self._scale),
            (8, self._zoom),
            (10, self._colour),
            (12, self._buffer),
            (3, self._refused),
        ]

    def __str__(self) -> str:
        return f"owner of display {self._number}"

    def begin(self) -> None:
        """Show an image with the markers that stay."""
        self._mtv()
        side = np.arange(palette.ANCHORS)
        x, y = 12.0 + 16 * (side % 62), 640.0 + 16 * (side // 62)
        anchors = {**self._dots("anchors", list(zip(x.tolist(), y.tolist(), strict=True))), "lasting": True}
        with self._telling(anchors):
            self._display.overlay("anchors", x, y, symbol="o", size=3, ctype="white", lasting=True)

    def paint(self) -> None:
        """Do one thing, at random."""
        weights, calls = zip(*self._calls, strict=True)
        self._random.choices(calls, weights)[0]()

    def _mtv(self, *, feed: bool = False) -> None:
        serial = next(self._serials)
        op = {"op": "mtv", "display": self._number, "serial": serial, "planes": list(palette.PLANES)}
        with self._telling(op):
            self._display.mtv(image(serial), mask=self._mask, planes=palette.PLANES, wait=not feed, supersede=feed)

    def _feed(self) -> None:
        for _ in range(self._random.randint(2, 4)):
            self._mtv(feed=True)

    def _dot(self) -> None:
        name, (place,) = self._name(), self._places.take(1)
        with self._telling(self._dots(name, [place])):
            self._display.dot("o", *place, ctype="white", overlay=name, wait=self._random.random() < 0.6)

    def _overlay(self) -> None:
        name, places = self._name(), self._places.take(self._random.randint(2, 30))
        replace = self._random.random() < 0.5
        x, y = zip(*places, strict=True)
        with self._telling({**self._dots(name, places), "replace": replace}):
            self._display.overlay(name, x, y, symbol="o", ctype="white", replace=replace)

    def _erase(self) -> None:
        name = self._name()
        with self._telling({"op": "erase", "display": self._number, "overlay": name}):
            self._display.erase(name, wait=self._random.random() < 0.6)

    def _scale(self) -> None:
        stretch = self._random.choice(list(palette.STRETCHES))
        low = float(self._random.randint(-50, 0))
        high = low + self._random.randint(100, 900)
        with self._telling({"op": "scale", "display": self._number, "stretch": stretch, "low": low, "high": high}):
            self._display.scale(stretch, low, high)

    def _zoom(self) -> None:
        factor = self._random.choice([None, *palette.ZOOMS])
        with self._telling({"op": "zoom", "display": self._number, "factor": factor}):
            self._display.zoom(factor)

    def _colour(self) -> None:
        plane = self._random.choice(list(palette.PLANES))
        hidden = [] if plane == "DETECTED" else [palette.IGNORE]
        colour = self._random.choice([*palette.RGB, *hidden])
        with self._telling({"op": "colour", "display": self._number, "planes": {plane: colour}}):
            self._display.set_mask_plane_color(plane, colour)

    def _buffer(self) -> None:
        name, places = self._name(), self._places.take(5)
        factor = self._random.choice(palette.ZOOMS)
        ops = [
            {"op": "erase", "display": self._number, "overlay": name},
            self._dots(name, places),
            {"op": "zoom", "display": self._number, "factor": factor},
        ]
        with self._telling(*ops), self._display.buffering(wait=self._random.random() < 0.6):
            self._display.erase(name)
            for place in places:
                self._display.dot("o", *place, ctype="white", overlay=name)
            self._display.zoom(factor)

    def _refused(self) -> None:
        """Draw a marker in one transaction with something impossible: neither may be seen."""
        name, (place,) = self._name(), self._places.take(1)
        delete = {"op": "delete", "display": palette.UNKNOWN_DISPLAY}
        with self._telling(self._dots(name, [place]), delete), self._connection.buffering():
            self._display.dot("o", *place, ctype="white", overlay=name)
            self._stranger.delete()

    def _name(self) -> str:
        return self._random.choice(["stars", "cosmic rays", "edges"])

    def _dots(self, overlay: str, places: list[tuple[float, float]]) -> Op:
        return dots(self._number, overlay, places)

    @contextmanager
    def _telling(self, *ops: Op) -> Iterator[None]:
        tell(self._connection, ops)
        yield


class Guest:
    """Adds lasting markers to all displays, each transaction the same to each of them."""

    def __init__(self, connection: Connection, rng: random.Random, name: str) -> None:
        self._connection = connection
        self._random = rng
        self._name = name
        self._displays = [mtv.Display(number, connection=connection) for number in palette.DISPLAYS]
        self._places = _Places(416 + _ROWS_EACH * (ord(name) - ord("a")))

    def __str__(self) -> str:
        return f"guest {self._name}"

    def begin(self) -> None:
        """Nothing: owners show their images first."""

    def paint(self) -> None:
        """Do one thing, at random."""
        if self._random.random() < 0.07:
            self._erase()
        else:
            self._mark()

    def _mark(self) -> None:
        places = self._places.take(self._random.randint(1, 4))
        ops = [{**dots(number, self._name, places), "lasting": True} for number in palette.DISPLAYS]
        tell(self._connection, ops)
        with self._connection.buffering(wait=self._random.random() < 0.6):
            for display, place in itertools.product(self._displays, places):
                display.dot("o", *place, ctype="white", overlay=self._name, lasting=True)

    def _erase(self) -> None:
        tell(self._connection, [{"op": "erase", "display": n, "overlay": self._name} for n in palette.DISPLAYS])
        with self._connection.buffering():
            for display in self._displays:
                display.erase(self._name)


def tell(connection: Connection | Told, ops: Sequence[Op]) -> None:
    """Tell a connection that listens what the next call is going to draw."""
    if hasattr(connection, "intended"):
        connection.intended = ops


def dots(number: int, overlay: str, places: list[tuple[float, float]]) -> Op:
    """Return the words for markers that are added to an overlay."""
    return {"op": "dots", "display": number, "overlay": overlay, "at": places, "replace": False, "lasting": False}


def image(serial: int) -> NDArray[np.float32]:
    """Return an image, ``(y, x)``, grey throughout, whose first pixel is its number."""
    pixels = np.full((palette.SIDE_PX, palette.SIDE_PX), 100, np.float32)
    pixels[0, 0] = serial
    return pixels


def mask() -> NDArray[np.int32]:
    """Return a mask, ``(y, x)``, in which each plane fills a block of its own."""
    bits = np.zeros((palette.SIDE_PX, palette.SIDE_PX), np.int32)
    for index, bit in enumerate(palette.PLANES.values()):
        start = 40 + 320 * index
        bits[start : start + 250, start : start + 250] = 1 << bit
    return bits
