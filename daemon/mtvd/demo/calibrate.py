"""Sources that a pipeline would calibrate on: candidates for the point spread function, used, reserved, rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from mtvd.demo.measure import Measured, Peaks
from mtvd.demo.optics import Floats
from mtvd.demo.planes import Where, bits

STAR_FLUX_RATIO: Final = 0.96
"""A point source has at least this share of its model flux in the point spread function."""

CANDIDATE_SIGNAL_TO_NOISE: Final = 40.0
ASTROMETRY_SIGNAL_TO_NOISE: Final = 15.0
ISOLATION_PX: Final = 14.0
SIZE_TOLERANCE: Final = 0.12
RESERVED_SHARE: Final = 0.05
CLIPPED_SHARE: Final = 0.08


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Flags of the sources, (n,) bool each."""

    extended: Where
    psf_candidate: Where
    psf_used: Where
    psf_reserved: Where
    astrometry_used: Where
    photometry_used: Where


def choose(peaks: Peaks, measured: Measured, random: np.random.Generator) -> Chosen:
    """Select as a pipeline does: bright, clean, isolated stars of one size; then clip those that fit worst."""
    spoiled = bits("SAT", "CR", "BAD", "EDGE", "SUSPECT", "NO_DATA")
    clean = (measured.stamp_bits & spoiled) == 0
    signal_to_noise = measured.psf_flux / measured.psf_flux_err
    extended = measured.psf_flux < STAR_FLUX_RATIO * measured.gaussian_flux
    star = clean & ~extended & _find_isolated(peaks, measured)
    candidate = star & (signal_to_noise > CANDIDATE_SIGNAL_TO_NOISE)
    deviation = _size_deviation(measured, candidate)
    candidate &= deviation < SIZE_TOLERANCE
    reserved = candidate & (random.random(len(candidate)) < RESERVED_SHARE)
    fitted = candidate & ~reserved
    limit = np.quantile(deviation[fitted], 1 - CLIPPED_SHARE) if fitted.any() else 0.0
    return Chosen(
        extended=extended,
        psf_candidate=candidate,
        psf_used=fitted & (deviation <= limit),
        psf_reserved=reserved,
        astrometry_used=star & (signal_to_noise > ASTROMETRY_SIGNAL_TO_NOISE),
        photometry_used=star & (signal_to_noise > 2 * ASTROMETRY_SIGNAL_TO_NOISE),
    )


def _size_deviation(measured: Measured, candidate: Where) -> Floats:
    """Relative distance of each source's size from that of the typical candidate."""
    size = np.sqrt((measured.xx + measured.yy) / 2)
    typical = np.median(size[candidate]) if candidate.any() else 1.0
    deviation: Floats = np.abs(size / typical - 1)
    return deviation


def _find_isolated(peaks: Peaks, measured: Measured) -> Where:
    """Return which sources have no neighbour of a tenth of their flux; flux decides, so that faint specks do not."""
    order = np.argsort(measured.x)
    x, y, flux = measured.x[order], measured.y[order], measured.psf_flux[order]
    alone = np.ones(len(peaks), bool)
    for step in range(1, len(peaks)):
        gap = x[step:] - x[:-step]
        if np.min(gap) > ISOLATION_PX:
            break
        near = (gap < ISOLATION_PX) & (np.hypot(gap, y[step:] - y[:-step]) < ISOLATION_PX)
        alone[order[:-step][near & (flux[step:] > 0.1 * flux[:-step])]] = False
        alone[order[step:][near & (flux[:-step] > 0.1 * flux[step:])]] = False
    return alone
