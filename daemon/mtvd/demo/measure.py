"""Measurement on the pixels: peaks, centroids, shapes and fluxes of the detected sources, all sources at once.

The list of what to look for comes from the sky (a real pipeline finds peaks blindly); every number that is reported
is measured on the image, noise, neighbours and saturation included.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtvd.demo.detect import Detections
from mtvd.demo.light import FWHM_PER_SIGMA, STAR_BETA, Lights, moffat_scale
from mtvd.demo.optics import Floats
from mtvd.demo.plan import Visit
from mtvd.demo.planes import Planes, bits

APERTURE_RADII_PX: Final = (3.0, 6.0, 9.0, 12.0)
STAMP_REACH_PX: Final = 13
PSF_REACH_PX: Final = 10
MOMENT_STEPS: Final = 10
CHUNK_SOURCES: Final = 64
"""Sources measured together: their cut-outs fit in the processor's cache."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Detected sources; arrays have n rows, the brightest first."""

    row: Ints
    column: Ints
    light: Ints
    """Index into the `Lights` of the exposure."""

    footprint: Ints

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, kw_only=True)
class Stamps:
    """Cut-outs around the peaks, (n, side, side) float64, zero weight off the image."""

    image: Floats
    variance: Floats
    weight: Floats
    mask: npt.NDArray[np.int32]
    dx: Floats
    """Columns off the measured centroid, (n, 1, side)."""

    dy: Floats


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Values of the sources, (n,) each; pixels 0-based, fluxes in counts."""

    x: Floats
    y: Floats
    x_err: Floats
    y_err: Floats
    psf_flux: Floats
    psf_flux_err: Floats
    gaussian_flux: Floats
    gaussian_flux_err: Floats
    aperture_flux: Floats
    """(n, radii)"""

    aperture_flux_err: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    core_bits: npt.NDArray[np.int32]
    """Mask planes set within one pixel of the peak."""

    stamp_bits: npt.NDArray[np.int32]
    """Mask planes set within six pixels of the peak."""


def find_peaks(lights: Lights, detections: Detections, planes: Planes) -> Peaks:
    """Return the sources that stand above the threshold, one for each peak of the smoothed image."""
    rows, columns = planes.image.shape
    inside = (lights.x > 8) & (lights.x < columns - 9) & (lights.y > 8) & (lights.y < rows - 9)
    light = np.flatnonzero(inside)
    row, column = lights.y[light].round().astype(np.int64), lights.x[light].round().astype(np.int64)
    for _ in range(2):
        row, column = _climb(detections.smoothed, row, column)
    footprint = detections.footprints.label_at(row, column)
    refused = bits("EDGE", "NO_DATA")
    good = (detections.smoothed[row, column] > detections.threshold_counts) & (footprint >= 0)
    good &= (planes.mask[row, column] & refused) == 0
    moved = np.hypot(row - lights.y[light], column - lights.x[light])
    saturated = (planes.mask[row, column] & bits("SAT")) != 0
    good &= (moved < 2.5) | saturated
    return _one_per_place(Peaks(row=row[good], column=column[good], light=light[good], footprint=footprint[good]))


def _climb(smoothed: npt.NDArray[np.float32], row: Ints, column: Ints) -> tuple[Ints, Ints]:
    """Step to the highest pixel within one pixel."""
    dy, dx = np.mgrid[-1:2, -1:2].reshape(2, -1)
    rows = np.clip(row[:, None] + dy, 1, smoothed.shape[0] - 2)
    columns = np.clip(column[:, None] + dx, 1, smoothed.shape[1] - 2)
    best = smoothed[rows, columns].argmax(axis=1)
    each = np.arange(len(row))
    return rows[each, best], columns[each, best]


def _one_per_place(peaks: Peaks, *, closest_px: int = 3) -> Peaks:
    """Keep the brightest of sources that share a peak: the others are hidden in its light."""
    taken: set[tuple[int, int]] = set()
    kept = []
    for n, (row, column) in enumerate(zip(peaks.row.tolist(), peaks.column.tolist(), strict=True)):
        near = {(row // closest_px + i, column // closest_px + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
        if not near & taken:
            kept.append(n)
            taken.add((row // closest_px, column // closest_px))
    return Peaks(**{name: values[kept] for name, values in vars(peaks).items()})


def measure(
    peaks: Peaks, planes: Planes, detections: Detections, lights: Lights, visit: Visit, random: np.random.Generator
) -> Measured:
    """Return everything that is measured of the sources."""
    sigma_px = visit.fwhm_px / FWHM_PER_SIGMA
    x, y = _centroids(detections.smoothed, peaks)
    saturated = (planes.mask[peaks.row, peaks.column] & bits("SAT")) != 0
    # The top of a saturated star is flat: a pipeline fits its wings, to some tenths of a pixel.
    jitter = random.normal(0, 0.2, (2, len(peaks)))
    x = np.where(saturated, lights.x[peaks.light] + jitter[0], x)
    y = np.where(saturated, lights.y[peaks.light] + jitter[1], y)
    parts = [
        _measure_stamps(_cut(planes, peaks, x, y, slice(n, n + CHUNK_SOURCES)), sigma_px)
        for n in range(0, max(len(peaks), 1), CHUNK_SOURCES)
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    position_err = np.hypot(
        sigma_px * found["psf_flux_err"] / np.maximum(found["psf_flux"], found["psf_flux_err"]), 0.005
    )
    return Measured(x=x, y=y, x_err=position_err, y_err=position_err, **found)


def _measure_stamps(stamps: Stamps, sigma_px: float) -> dict[str, npt.NDArray[Any]]:
    """Return the fields of `Measured` other than the position."""
    psf_flux, psf_flux_err = _psf_flux(stamps, sigma_px)
    xx, yy, xy = _moments(stamps, sigma_px)
    gaussian_flux, gaussian_flux_err = _gaussian_flux(stamps, xx, yy, xy, sigma_px)
    apertures = [_aperture_flux(stamps, radius_px) for radius_px in APERTURE_RADII_PX]
    return {
        "psf_flux": psf_flux,
        "psf_flux_err": psf_flux_err,
        "gaussian_flux": gaussian_flux,
        "gaussian_flux_err": gaussian_flux_err,
        "aperture_flux": np.stack([flux for flux, _ in apertures], axis=1),
        "aperture_flux_err": np.stack([error for _, error in apertures], axis=1),
        "xx": xx,
        "yy": yy,
        "xy": xy,
        "core_bits": _any_bits(stamps.mask, 1),
        "stamp_bits": _any_bits(stamps.mask, 6),
    }


def _centroids(smoothed: npt.NDArray[np.float32], peaks: Peaks) -> tuple[Floats, Floats]:
    """Fit a parabola through the peak and its neighbours, along each axis."""

    def top(before: Floats, at: Floats, after: Floats) -> Floats:
        curvature = np.minimum(before - 2 * at + after, -1e-9)
        return np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)

    row, column = peaks.row, peaks.column
    at = smoothed[row, column].astype(float)
    dx = top(smoothed[row, column - 1].astype(float), at, smoothed[row, column + 1].astype(float))
    dy = top(smoothed[row - 1, column].astype(float), at, smoothed[row + 1, column].astype(float))
    return column + dx, row + dy


def _cut(planes: Planes, peaks: Peaks, x: Floats, y: Floats, chosen: slice) -> Stamps:
    reach = np.arange(-STAMP_REACH_PX, STAMP_REACH_PX + 1)
    rows, columns = planes.image.shape
    row, column = (peaks.row[chosen, None] + reach)[:, :, None], (peaks.column[chosen, None] + reach)[:, None, :]
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    at = np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)
    return Stamps(
        image=planes.image[at].astype(float),
        variance=planes.variance[at].astype(float),
        weight=inside.astype(float),
        mask=planes.mask[at],
        dx=column - x[chosen, None, None],
        dy=row - y[chosen, None, None],
    )


def _psf_flux(stamps: Stamps, sigma_px: float) -> tuple[Floats, Floats]:
    """Least squares of the point spread function at the centroid."""
    alpha2 = sigma_px**2 * moffat_scale(STAR_BETA)
    radius2 = stamps.dx**2 + stamps.dy**2
    model = (STAR_BETA - 1) / (np.pi * alpha2) * (1 + radius2 / alpha2) ** -STAR_BETA
    return _fit(stamps, np.where(radius2 < PSF_REACH_PX**2, model, 0.0))


def _fit(stamps: Stamps, model: Floats) -> tuple[Floats, Floats]:
    weighted = model * stamps.weight
    norm = (weighted * model).sum(axis=(1, 2))
    flux = (weighted * stamps.image).sum(axis=(1, 2)) / norm
    error = np.sqrt((weighted**2 * stamps.variance).sum(axis=(1, 2))) / norm
    return flux, error


def _moments(stamps: Stamps, sigma_px: float) -> tuple[Floats, Floats, Floats]:
    """Adaptive moments: a Gaussian weight is matched to the source, which doubles what it sees."""
    xx = np.full(len(stamps.image), sigma_px**2)
    yy, xy = xx.copy(), np.zeros_like(xx)
    low, high = 0.3 * sigma_px**2, 60.0
    for _ in range(MOMENT_STEPS):
        light = stamps.image * stamps.weight * _gaussian(stamps, xx, yy, xy)
        total = np.maximum(light.sum(axis=(1, 2)), 1e-6)
        xx = np.clip(2 * (light * stamps.dx**2).sum(axis=(1, 2)) / total, low, high)
        yy = np.clip(2 * (light * stamps.dy**2).sum(axis=(1, 2)) / total, low, high)
        limit = 0.9 * np.sqrt(xx * yy)
        xy = np.clip(2 * (light * stamps.dx * stamps.dy).sum(axis=(1, 2)) / total, -limit, limit)
    return xx, yy, xy


def _gaussian(stamps: Stamps, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    area2 = (xx * yy - xy * xy)[:, None, None]
    distance = yy[:, None, None] * stamps.dx**2 + xx[:, None, None] * stamps.dy**2
    distance = distance - 2 * xy[:, None, None] * stamps.dx * stamps.dy
    weights: Floats = np.exp(-0.5 * distance / area2)
    return weights


def _gaussian_flux(stamps: Stamps, xx: Floats, yy: Floats, xy: Floats, sigma_px: float) -> tuple[Floats, Floats]:
    """Flux through a Gaussian of the source's own shape, corrected to agree with `_psf_flux` for a star."""
    area = np.sqrt(xx * yy - xy * xy)
    flux, error = _fit(stamps, _gaussian(stamps, xx, yy, xy) / (2 * np.pi * area)[:, None, None])
    correction = _star_gaussian_fraction(sigma_px)
    return flux / correction, error / correction


@functools.cache
def _star_gaussian_fraction(sigma_px: float) -> float:
    """Return the share of a star's light that its adaptive Gaussian holds."""
    reach = np.arange(-STAMP_REACH_PX, STAMP_REACH_PX + 1.0)
    dx, dy = reach[None, None, :], reach[None, :, None]
    alpha2 = sigma_px**2 * moffat_scale(STAR_BETA)
    star = (STAR_BETA - 1) / (np.pi * alpha2) * (1 + (dx**2 + dy**2) / alpha2) ** -STAR_BETA
    ideal = Stamps(
        image=star, variance=star, weight=np.ones_like(star), mask=np.zeros(star.shape, np.int32), dx=dx, dy=dy
    )
    xx, yy, xy = _moments(ideal, sigma_px)
    return float(_fit(ideal, _gaussian(ideal, xx, yy, xy) / (2 * np.pi * np.sqrt(xx * yy)))[0][0])


def _aperture_flux(stamps: Stamps, radius_px: float) -> tuple[Floats, Floats]:
    """Sum inside a circle; pixels on its rim count in part."""
    inside = np.clip(radius_px + 0.5 - np.sqrt(stamps.dx**2 + stamps.dy**2), 0, 1) * stamps.weight
    return (inside * stamps.image).sum(axis=(1, 2)), np.sqrt((inside**2 * stamps.variance).sum(axis=(1, 2)))


def _any_bits(mask: npt.NDArray[np.int32], reach_px: int) -> npt.NDArray[np.int32]:
    middle = slice(STAMP_REACH_PX - reach_px, STAMP_REACH_PX + reach_px + 1)
    found = np.zeros(len(mask), np.int32)
    np.bitwise_or.reduce(mask[:, middle, middle].reshape(len(mask), -1), axis=1, out=found)
    return found
