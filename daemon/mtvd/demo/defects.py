"""What spoils pixels: bad columns, cosmic rays, the border, the vignetted corners. Marks them and fills them in.

As in a calibrated exposure, a bad pixel holds a value interpolated from its neighbours and says so with ``INTRP``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mtvd.demo.optics import Optics
from mtvd.demo.plan import VIGNETTED_DETECTOR, seed_of
from mtvd.demo.planes import Planes, Where

COSMIC_RAYS_PER_MPX: Final = 9.0
BAD_COLUMNS: Final = 3
FURTHEST_NEIGHBOUR_PX: Final = 12


def bad_pixels(detector: int, shape_yx: tuple[int, int]) -> Where:
    """Return the defects of one detector, (y, x): whole and half columns and a cluster; the same in every visit."""
    random = np.random.default_rng(seed_of(2, detector))
    rows, columns = shape_yx
    bad = np.zeros(shape_yx, bool)
    for n in range(BAD_COLUMNS):
        column = int(random.integers(columns // 16, columns - columns // 16))
        first = 0 if n == 0 else int(random.integers(0, rows // 2))
        bad[first:, column : column + int(random.integers(1, 3))] = True
    row, column = int(random.integers(20, rows - 20)), int(random.integers(20, columns - 20))
    bad[row : row + 5, column : column + 7] = True
    return bad


def cosmic_rays(random: np.random.Generator, shape_yx: tuple[int, int]) -> Where:
    """Return the tracks of particles, (y, x): mostly short, some long, of any direction."""
    rows, columns = shape_yx
    hit = np.zeros(shape_yx, bool)
    for _ in range(random.poisson(COSMIC_RAYS_PER_MPX * rows * columns / 1e6)):
        length_px = 3 + random.exponential(9.0)
        steps = np.arange(0, length_px, 0.4)
        angle = random.uniform(0, 2 * np.pi)
        ys = (random.uniform(0, rows) + steps * np.sin(angle)).round().astype(int)
        xs = (random.uniform(0, columns) + steps * np.cos(angle)).round().astype(int)
        inside = (ys >= 0) & (ys < rows) & (xs >= 0) & (xs < columns)
        hit[ys[inside], xs[inside]] = True
    return hit


def border(shape_yx: tuple[int, int], width_px: int) -> Where:
    """Return the frame of pixels in which a source cannot be measured, (y, x)."""
    edge = np.ones(shape_yx, bool)
    edge[width_px:-width_px, width_px:-width_px] = False
    return edge


def vignetted(detector: int, optics: Optics) -> Where:
    """Return the corners that the edge of the field cuts off, (y, x); nothing except for the outermost detector."""
    rows, columns = optics.shape_yx
    if detector != VIGNETTED_DETECTOR:
        return np.zeros(optics.shape_yx, bool)
    dx = np.arange(columns) - (optics.axis_xy[0] + 0.12 * columns)
    dy = np.arange(rows) - optics.axis_xy[1]
    radius_px = np.hypot(0.42 * columns, np.abs(dy).max())
    outside: Where = dy[:, None] ** 2 + dx[None, :] ** 2 > radius_px**2
    return outside


def interpolate(planes: Planes, where: Where) -> None:
    """Replace pixels where `where` (y, x) is true by the mean of the nearest good ones to the left and right."""
    ys, xs = np.nonzero(where)
    columns = where.shape[1]
    total, count = np.zeros(len(ys)), np.zeros(len(ys))
    for direction in (-1, 1):
        found = np.zeros(len(ys), bool)
        for step in range(1, FURTHEST_NEIGHBOUR_PX):
            neighbour = np.clip(xs + direction * step, 0, columns - 1)
            good = ~found & ~where[ys, neighbour]
            total[good] += planes.image[ys[good], neighbour[good]]
            count[good] += 1
            found |= good
    planes.image[ys, xs] = (total / np.maximum(count, 1)).astype(np.float32)
    planes.flag(where, "INTRP")
