"""Members of a crowd that draw single dots, each in its own process: what ten scripts do to one DS9 today."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.exposure import DOT_COLOUR, DOT_SIZE
from benchmarks.peers.pyds9_way import Pyds9Way
from benchmarks.peers.xpaset_dot import XpasetDot


def xpaset(target: str, environment: dict[str, str], positions: NDArray[np.float64]) -> Callable[[], None]:
    """One ``xpaset`` process a dot."""
    return _drawer(XpasetDot(target, environment), positions)


def pyds9(target: str, environment: dict[str, str], positions: NDArray[np.float64]) -> Callable[[], None]:
    """One pyds9 ``set`` a dot."""
    os.environ.update(environment)
    return _drawer(Pyds9Way(target, 1), positions)


def _drawer(way: XpasetDot | Pyds9Way, positions: NDArray[np.float64]) -> Callable[[], None]:
    points = positions.tolist()

    def draw() -> None:
        for x, y in points:
            way.dot(x, y, DOT_SIZE, DOT_COLOUR)

    return draw
