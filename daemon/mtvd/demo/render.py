"""One calibrated exposure from the sky: light, saturation, noise, defects. Footprints of sources come later."""

from __future__ import annotations

from typing import Final

import numpy as np

from mtvd.demo import defects
from mtvd.demo.light import FWHM_PER_SIGMA, Lights, draw, overflow
from mtvd.demo.optics import Optics
from mtvd.demo.plan import FULL_WELL_COUNTS, GAIN_ELECTRONS_PER_COUNT, SUSPECT_COUNTS, Visit, seed_of
from mtvd.demo.planes import Pixels, Planes, grown

NEGATIVE_SPOTS: Final = 3
BAND_ROWS: Final = 32
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


def _mark_bright(planes: Planes) -> None:
    bright = np.flatnonzero(planes.image >= SUSPECT_COUNTS)
    full = bright[planes.image.reshape(-1)[bright] >= FULL_WELL_COUNTS]
    planes.flag(np.flatnonzero(grown(full, 1, planes.image.shape)), "SAT", "INTRP")
    planes.flag(bright[~planes.has(bright, "SAT")], "SUSPECT")


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
    defects.interpolate(planes, np.concatenate([bad, rays]))
    planes.flag(defects.border(optics.shape_yx, edge_width_px(visit)), "EDGE")
    planes.flag(defects.vignette(detector, planes.image.shape), "NO_DATA")


def blank(planes: Planes, detector: int) -> None:
    """Put NaN where there are no data; done last, because nothing that measures should meet it."""
    missing = defects.vignette(detector, planes.image.shape)
    planes.image.reshape(-1)[missing] = np.nan
    planes.variance.reshape(-1)[missing] = np.nan
