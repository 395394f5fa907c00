"""Light on the detector: profiles of stars and galaxies, halos and spikes of bright stars, and charge that overflows.

Pure numpy on float32 arrays (y, x), changed in place, because an exposure has eight million pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mtvd.demo.optics import Floats, Optics
from mtvd.demo.plan import FULL_WELL_COUNTS, Visit
from mtvd.demo.planes import Pixels
from mtvd.demo.sky import Sky

FWHM_PER_SIGMA: Final = 2.3548
STAR_BETA: Final = 3.0
GALAXY_BETA: Final = 2.4
HALO_FRACTION: Final = 0.012
HALO_BETA: Final = 1.5
HALO_ALPHA_PX: Final = 9.0
SPIKE_STRENGTH: Final = 3.5e-4
SPIKE_WIDTH_PX: Final = 1.8
LARGEST_STAMP_PX: Final = 260


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Light that falls on one detector: positions, fluxes and seeing-convolved shapes; every array has n rows."""

    x: Floats
    y: Floats
    flux_counts: Floats
    covariance_px2: Floats
    """(n, 2, 2) second moments of a Gaussian with the same full width at half maximum."""

    is_star: np.typing.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x)


def lights_on(sky: Sky, visit: Visit, optics: Optics, *, margin_px: float = 200.0) -> Lights:
    """Return the sources that reach this detector, the brightest first."""
    rows, columns = optics.shape_yx
    ra0_deg, dec0_deg = optics.sky((columns - 1) / 2, (rows - 1) / 2)
    reach_deg = (np.hypot(rows, columns) / 2 + margin_px) * float(np.abs(optics.cd_deg).max()) * 1.05
    near = np.hypot(sky.ra_deg - ra0_deg, sky.dec_deg - dec0_deg) < reach_deg
    sky = sky.take(near)
    x, y = optics.pixels(sky.ra_deg, sky.dec_deg)
    inside = (abs(x - columns / 2) < columns / 2 + margin_px) & (abs(y - rows / 2) < rows / 2 + margin_px)
    sky, x, y = sky.take(inside), x[inside], y[inside]
    flux_counts = 10 ** (0.4 * (visit.zero_point_mag - sky.magnitudes(visit.band)))
    order = np.argsort(-flux_counts, kind="stable")
    return Lights(
        x=x[order],
        y=y[order],
        flux_counts=flux_counts[order],
        covariance_px2=_covariances(sky, visit, optics)[order],
        is_star=(sky.radius_arcsec == 0)[order],
    )


def _covariances(sky: Sky, visit: Visit, optics: Optics) -> Floats:
    """Shapes on the sky, turned into pixels and blurred by the seeing."""
    angle = np.radians(sky.angle_deg)
    along = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    across = np.stack([np.cos(angle), -np.sin(angle)], axis=-1)
    major = (sky.radius_arcsec / 3600)[:, None] * along
    minor = (sky.radius_arcsec * sky.axis_ratio / 3600)[:, None] * across
    to_pixels = np.linalg.inv(optics.cd_deg)
    axes_px = np.stack([major, minor], axis=-1)
    axes_px = to_pixels @ axes_px
    seeing = np.eye(2) * (visit.fwhm_px / FWHM_PER_SIGMA) ** 2
    covariances: Floats = axes_px @ axes_px.transpose(0, 2, 1) + seeing
    return covariances


def moffat_scale(beta: float) -> float:
    """Return how much larger alpha squared is than the variance of the Gaussian of the same width."""
    return (FWHM_PER_SIGMA / 2) ** 2 / float(2 ** (1 / beta) - 1)


def draw(image: Pixels, lights: Lights, *, faintest_counts: float) -> None:
    """Add all sources to `image` (y, x), each out to where it falls below `faintest_counts`."""
    for n in range(len(lights)):
        beta = STAR_BETA if lights.is_star[n] else GALAXY_BETA
        spread = lights.covariance_px2[n] * moffat_scale(beta)
        x, y, flux = float(lights.x[n]), float(lights.y[n]), float(lights.flux_counts[n])
        _add_moffat(image, x, y, flux, spread, beta, faintest_counts)
        if lights.is_star[n] and flux > 5 * FULL_WELL_COUNTS:
            halo = np.eye(2) * HALO_ALPHA_PX**2
            _add_moffat(image, x, y, HALO_FRACTION * flux, halo, HALO_BETA, faintest_counts)
            _add_spikes(image, x, y, flux, faintest_counts)


def _window(image: Pixels, x: float, y: float, radius_px: float) -> tuple[slice, slice] | None:
    reach = int(min(max(radius_px, 4.0), LARGEST_STAMP_PX)) + 1
    rows, columns = image.shape
    row, column = round(y), round(x)
    top, bottom = max(row - reach, 0), min(row + reach + 1, rows)
    left, right = max(column - reach, 0), min(column + reach + 1, columns)
    return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None


def _offsets(window: tuple[slice, slice], x: float, y: float) -> tuple[Pixels, Pixels]:
    dy = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(x)
    return dx, dy


def _add_moffat(
    image: Pixels, x: float, y: float, flux: float, spread_px2: Floats, beta: float, faintest_counts: float
) -> None:
    (xx, xy), (_, yy) = spread_px2
    area = float(np.sqrt(xx * yy - xy * xy))
    peak = flux * (beta - 1) / (np.pi * area)
    radius_px = np.sqrt(max(xx, yy) * max((peak / faintest_counts) ** (1 / beta) - 1, 0.0))
    window = _window(image, x, y, float(radius_px))
    if window is None:
        return
    dx, dy = _offsets(window, x, y)
    inverse = 1 / (area * area)
    distance = np.float32(yy * inverse) * dx * dx + np.float32(xx * inverse) * dy * dy
    if xy:
        distance -= np.float32(2 * xy * inverse) * dx * dy
    image[window] += np.float32(peak) * (1 + distance) ** np.float32(-beta)


def _add_spikes(image: Pixels, x: float, y: float, flux: float, faintest_counts: float) -> None:
    """The four vanes that hold the prime focus throw an X of light."""
    strength = SPIKE_STRENGTH * flux
    window = _window(image, x, y, (strength / faintest_counts) ** 0.5)
    if window is None:
        return
    dx, dy = _offsets(window, x, y)
    along, across = (dx + dy) / np.float32(np.sqrt(2)), (dx - dy) / np.float32(np.sqrt(2))
    for distance, offset in ((along, across), (across, along)):
        narrow = 1 / (1 + offset * offset * np.float32(SPIKE_WIDTH_PX**-2))
        image[window] += np.float32(strength) * narrow * narrow * narrow / np.square(np.abs(distance) + 6)


def overflow(image: Pixels, random: np.random.Generator, *, full_well: float = FULL_WELL_COUNTS) -> None:
    """Cut `image` (y, x) at the full well and let the excess charge of each column run up and down that column."""
    ys, xs = np.nonzero(image > full_well)
    if not len(ys):
        return
    order = np.lexsort((ys, xs))
    ys, xs = ys[order], xs[order]
    starts = np.flatnonzero((np.diff(xs, prepend=-1) != 0) | (np.diff(ys, prepend=-2) != 1))
    excess = np.add.reduceat(image[ys, xs] - full_well, starts)
    ends = np.append(starts[1:], len(xs))
    np.minimum(image, np.float32(full_well), out=image)
    lengths = excess / full_well
    upward = random.uniform(0.42, 0.58, len(starts))
    for start, end, length, share in zip(starts, ends, lengths, upward, strict=True):
        top = max(int(ys[start] - length * (1 - share)), 0)
        bottom = int(ys[end - 1] + length * share) + 1
        image[top:bottom, xs[start]] = full_well
