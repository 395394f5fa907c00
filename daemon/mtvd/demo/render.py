"""One calibrated exposure from the sky: light, saturation, noise, defects. Footprints of sources come later."""

from __future__ import annotations

from typing import Final

import numpy as np

from mtvd.demo import defects
from mtvd.demo.light import FWHM_PER_SIGMA, Lights, draw, overflow
from mtvd.demo.optics import Optics
from mtvd.demo.plan import FULL_WELL_COUNTS, GAIN_ELECTRONS_PER_COUNT, SUSPECT_COUNTS, Visit, seed_of
from mtvd.demo.planes import Pixels, Planes, Where

NEGATIVE_SPOTS: Final = 3
BAND_ROWS: Final = 128
"""Rows worked on at a time: a band stays in the processor's cache, which a whole exposure does not."""


def expose(lights: Lights, visit: Visit, detector: int, optics: Optics) -> Planes:
    """Return the exposure of `lights`, with every mask plane except the detections."""
    random = np.random.default_rng(seed_of(3, visit.id, detector))
    image: Pixels = np.zeros(optics.shape_yx, np.float32)
    draw(image, lights, faintest_counts=0.03 * visit.sky_sigma_counts)
    overflow(image, random)
    _add_negative_spots(image, random, visit)
    planes = Planes(image=image, mask=np.zeros(image.shape, np.int32), variance=np.empty_like(image))
    _mark_bright(planes)
    _add_noise(planes, random, visit)
    _spoil(planes, random, visit, detector, optics)
    return planes


def edge_width_px(visit: Visit) -> int:
    """Return the reach of the detection kernel, inside which nothing can be detected."""
    return int(3.5 * visit.fwhm_px / FWHM_PER_SIGMA) + 1


def grown(where: Where, radius_px: int) -> Where:
    """Return `where` (y, x) grown by a disc."""
    rows, columns = where.shape
    result = where.copy()
    for dy in range(-radius_px, radius_px + 1):
        half = int(np.sqrt(radius_px**2 - dy**2))
        target = result[max(dy, 0) : rows + min(dy, 0)]
        source = where[max(-dy, 0) : rows - max(dy, 0)]
        for dx in range(-half, half + 1):
            target[:, max(dx, 0) : columns + min(dx, 0)] |= source[:, max(-dx, 0) : columns - max(dx, 0)]
    return result


def _mark_bright(planes: Planes) -> None:
    planes.flag(planes.image >= SUSPECT_COUNTS, "SUSPECT")
    planes.flag(grown(planes.image >= FULL_WELL_COUNTS, 1), "SAT", "INTRP")


def _add_negative_spots(image: Pixels, random: np.random.Generator, visit: Visit) -> None:
    """Ghosts that were subtracted too much, so that ``DETECTED_NEGATIVE`` has something to mark."""
    rows, columns = image.shape
    for _ in range(NEGATIVE_SPOTS):
        row = int(random.integers(rows // 8, rows - rows // 8))
        column = int(random.integers(columns // 8, columns - columns // 8))
        dy, dx = np.mgrid[-12:13, -12:13]
        spot = np.exp(-0.5 * (dx**2 + dy**2) / 3.0**2)
        image[row - 12 : row + 13, column - 12 : column + 13] -= (3.5 * visit.sky_sigma_counts * spot).astype(
            np.float32
        )


def _add_noise(planes: Planes, random: np.random.Generator, visit: Visit) -> None:
    """Noise of the sky and of the photons of each source; the variance plane is that of the noise."""
    noise = np.empty((BAND_ROWS, planes.image.shape[1]), np.float32)
    for row in range(0, planes.image.shape[0], BAND_ROWS):
        image, variance = planes.image[row : row + BAND_ROWS], planes.variance[row : row + BAND_ROWS]
        np.maximum(image, 0, out=variance)
        variance /= np.float32(GAIN_ELECTRONS_PER_COUNT)
        variance += np.float32(visit.sky_sigma_counts**2)
        band = noise[: image.shape[0]]
        random.standard_normal(out=band, dtype=np.float32)
        band *= np.sqrt(variance)
        image += band


def _spoil(planes: Planes, random: np.random.Generator, visit: Visit, detector: int, optics: Optics) -> None:
    bad = defects.bad_pixels(detector, optics.shape_yx)
    rays = defects.cosmic_rays(random, optics.shape_yx)
    planes.flag(bad, "BAD")
    planes.flag(rays, "CR")
    defects.interpolate(planes, bad | rays)
    planes.flag(defects.border(optics.shape_yx, edge_width_px(visit)), "EDGE")
    planes.flag(defects.vignetted(detector, optics), "NO_DATA")


def blank(planes: Planes) -> None:
    """Put NaN where there are no data; done last, because nothing that measures should meet it."""
    missing = planes.flagged("NO_DATA")
    planes.image[missing] = np.nan
    planes.variance[missing] = np.nan
