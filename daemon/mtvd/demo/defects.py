"""Defects that spoil pixels: bad columns, cosmic rays, the border, a vignetted corner. Marks them and fills them in.

As in a calibrated exposure, a bad pixel holds a value interpolated from its neighbours and says so with ``INTRP``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mtvd.demo.plan import VIGNETTED_DETECTOR, seed_of
from mtvd.demo.planes import Planes, Spots

COSMIC_RAYS_PER_MPX: Final = 14.0
BAD_COLUMNS: Final = 3
FURTHEST_NEIGHBOUR_PX: Final = 12


def bad_pixels(detector: int, shape_yx: tuple[int, int]) -> Spots:
    """Return the defects of one detector: whole and half columns and a cluster; the same in every visit."""
    random = np.random.default_rng(seed_of(2, detector))
    rows, columns = shape_yx
    bad = np.zeros(shape_yx, bool)
    for n in range(BAD_COLUMNS):
        column = int(random.integers(columns // 16, columns - columns // 16))
        first = 0 if n == 0 else int(random.integers(0, rows // 2))
        bad[first:, column : column + int(random.integers(1, 3))] = True
    row, column = int(random.integers(20, rows - 20)), int(random.integers(20, columns - 20))
    bad[row : row + 5, column : column + 7] = True
    return np.flatnonzero(bad)


def cosmic_rays(random: np.random.Generator, shape_yx: tuple[int, int]) -> Spots:
    """Return the tracks of particles: mostly short, some long, of any direction."""
    rows, columns = shape_yx
    tracks = [np.zeros(0, np.intp)]
    for _ in range(random.poisson(COSMIC_RAYS_PER_MPX * rows * columns / 1e6)):
        length_px = 3 + random.exponential(9.0)
        steps = np.arange(0, length_px, 0.4)
        angle = random.uniform(0, 2 * np.pi)
        ys = (random.uniform(0, rows) + steps * np.sin(angle)).round().astype(int)
        xs = (random.uniform(0, columns) + steps * np.cos(angle)).round().astype(int)
        inside = (ys >= 0) & (ys < rows) & (xs >= 0) & (xs < columns)
        tracks.append(ys[inside] * columns + xs[inside])
    return np.unique(np.concatenate(tracks))


def border(shape_yx: tuple[int, int], width_px: int) -> Spots:
    """Return the frame of pixels in which a source cannot be detected."""
    rows, columns = shape_yx
    y, x = np.arange(rows), np.arange(columns)
    near_y = y[(y < width_px) | (y >= rows - width_px)]
    near_x = x[(x < width_px) | (x >= columns - width_px)]
    across = near_y[:, None] * columns + x
    up = y[:, None] * columns + near_x
    return np.union1d(across, up)


def vignette(detector: int, shape_yx: tuple[int, int]) -> Spots:
    """Return the corner that the shadow of the guide camera cuts off; nothing except for the outermost detector."""
    rows, columns = shape_yx
    if detector != VIGNETTED_DETECTOR:
        return np.zeros(0, np.intp)
    dx, dy = np.arange(columns) - 0.8 * columns, np.arange(rows) - 0.55 * rows
    radius_px = np.hypot(dx[0], dy[0]) - 0.16 * columns
    return np.flatnonzero(dy[:, None] ** 2 + dx[None, :] ** 2 > radius_px**2)


def interpolate(planes: Planes, spots: Spots) -> None:
    """Replace pixels by the mean of the nearest good ones to their left and right."""
    columns = planes.image.shape[1]
    spots = np.unique(spots)
    image, x = planes.image.reshape(-1), spots % columns
    total, count = np.zeros(len(spots)), np.zeros(len(spots))
    for direction in (-1, 1):
        found = np.zeros(len(spots), bool)
        for step in range(1, FURTHEST_NEIGHBOUR_PX):
            shift = np.clip(x + direction * step, 0, columns - 1) - x
            good = ~found & ~planes.has(spots + shift, "BAD", "CR")
            total[good] += image[(spots + shift)[good]]
            count[good] += 1
            found |= good
    image[spots] = (total / np.maximum(count, 1)).astype(np.float32)
    planes.flag(spots, "INTRP")
