"""Detection: a smoothed image, a threshold, footprints in the mask, and which source lies in which footprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mtvd.demo.light import FWHM_PER_SIGMA
from mtvd.demo.plan import Visit
from mtvd.demo.planes import Pixels, Planes, Where, grown
from mtvd.demo.render import BAND_ROWS

THRESHOLD_SIGMAS: Final = 5.0
GROWTH_PSF_SIGMAS: Final = 2.4

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Detections:
    """Results of detection, for the measurement."""

    smoothed: Pixels
    """The image convolved with a Gaussian of the seeing, (y, x)."""

    threshold_counts: float
    """Value of `smoothed` that is five times its noise."""

    footprints: Footprints


@dataclass(frozen=True, kw_only=True)
class Footprints:
    """Connected regions as runs of pixels along rows, in raster order; arrays are (n runs,)."""

    columns: int
    starts: Labels
    """Flat index of the first pixel of each run."""

    stops: Labels
    labels: Labels

    def label_at(self, ys: npt.NDArray[np.integer], xs: npt.NDArray[np.integer]) -> Labels:
        """Return the footprint of each pixel, -1 outside all of them."""
        if not len(self.starts):
            return np.full(len(ys), -1)
        flat = np.asarray(ys, np.int64) * self.columns + xs
        run = np.searchsorted(self.starts, flat, side="right") - 1
        inside = (run >= 0) & (flat < self.stops[np.maximum(run, 0)])
        return np.where(inside, self.labels[np.maximum(run, 0)], -1)

    def areas(self) -> Labels:
        """Return the number of pixels of each footprint, by label."""
        count = int(np.max(self.labels, initial=-1)) + 1
        return np.bincount(self.labels, self.stops - self.starts, count).astype(np.int64)


def detect(planes: Planes, visit: Visit) -> Detections:
    """Mark ``DETECTED`` and ``DETECTED_NEGATIVE`` in the mask of `planes` and return what was seen."""
    sigma_px = visit.fwhm_px / FWHM_PER_SIGMA
    smoothed = smooth(planes.image, sigma_px)
    threshold = THRESHOLD_SIGMAS * visit.sky_sigma_counts / (2 * np.sqrt(np.pi) * sigma_px)
    radius_px = round(GROWTH_PSF_SIGMAS * sigma_px)
    bright = _grown_peaks(planes, smoothed > threshold, radius_px)
    dark = _grown_peaks(planes, smoothed < -threshold, radius_px)
    planes.flag(np.flatnonzero(bright), "DETECTED")
    planes.flag(np.flatnonzero(dark), "DETECTED_NEGATIVE")
    return Detections(smoothed=smoothed, threshold_counts=float(threshold), footprints=find_footprints(bright))


def _grown_peaks(planes: Planes, beyond: Where, radius_px: int) -> Where:
    """Return the pixels near those beyond the threshold, (y, x), leaving out what is too near the border."""
    above = np.flatnonzero(beyond)
    above = above[~planes.has(above, "EDGE", "NO_DATA")]
    return grown(above, radius_px, beyond.shape)


def smooth(image: Pixels, sigma_px: float) -> Pixels:
    """Return `image` (y, x) convolved with a Gaussian, borders extended; band by band to stay in the cache."""
    half = int(3.5 * sigma_px) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma_px) ** 2)
    weights = (kernel / kernel.sum()).astype(np.float32)
    rows, columns = image.shape
    result = np.empty_like(image)
    for row in range(0, rows, BAND_ROWS):
        height = min(BAND_ROWS, rows - row)
        wanted = np.clip(np.arange(row - half, row + height + half), 0, rows - 1)
        band = image[wanted]
        tall = _weighted_sum([band[n : n + height] for n in range(len(weights))], weights)
        wide = np.pad(tall, ((0, 0), (half, half)), mode="edge")
        result[row : row + height] = _weighted_sum([wide[:, n : n + columns] for n in range(len(weights))], weights)
    return result


def _weighted_sum(parts: list[Pixels], weights: Pixels) -> Pixels:
    total: Pixels = parts[0] * weights[0]
    term = np.empty_like(total)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        np.multiply(part, weight, out=term)
        total += term
    return total


def find_footprints(where: Where) -> Footprints:
    """Return the 4-connected regions where `where` (y, x) is true."""
    rows, columns = where.shape
    padded = np.zeros((rows, columns + 1), np.int8)
    padded[:, :columns] = where
    steps = np.diff(padded.ravel(), prepend=np.int8(0))
    rise, fall = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    row = rise // (columns + 1)
    starts, stops = rise - row, fall - row
    labels = _connect(row, starts - row * columns, stops - row * columns)
    return Footprints(columns=columns, starts=starts, stops=stops, labels=labels)


def _connect(row: Labels, first: Labels, stop: Labels) -> Labels:
    """Join runs of neighbouring rows that overlap; returns consecutive labels."""
    parent = list(range(len(row)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    rows, firsts, stops = row.tolist(), first.tolist(), stop.tolist()
    above = 0
    for n in range(len(rows)):
        while rows[above] < rows[n] - 1 or (rows[above] == rows[n] - 1 and stops[above] <= firsts[n]):
            above += 1
        other = above
        while other < n and rows[other] == rows[n] - 1 and firsts[other] < stops[n]:
            parent[root(n)] = root(other)
            other += 1
    return np.unique([root(n) for n in range(len(rows))], return_inverse=True)[1].astype(np.int64)


__all__ = ["Detections", "Footprints", "detect", "find_footprints", "smooth"]
