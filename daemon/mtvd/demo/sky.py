"""The sky itself: stars and galaxies with positions, magnitudes and shapes. Pure, seeded, the same for every visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mtvd.demo.optics import Floats, optics_of
from mtvd.demo.plan import DETECTOR_POSITIONS, FIELD_DEC_DEG, FIELD_RA_DEG, PIXEL_SCALE_ARCSEC, VISITS, Size, seed_of

STAR_MAG_RANGE: Final = (11.0, 26.3)
STARS_PER_ARCMIN2: Final = 7.0
STAR_COUNT_SLOPE: Final = 0.165
"""Growth of log10(number) per magnitude, flattened as at high Galactic latitude."""

GALAXY_MAG_RANGE: Final = (16.5, 26.3)
GALAXIES_PER_ARCMIN2: Final = 30.0
GALAXY_COUNT_SLOPE: Final = 0.33
BEACON_MAG_RANGE: Final = (12.3, 14.3)


@dataclass(frozen=True, kw_only=True)
class Sky:
    """Sources of the field; every array is (n,) float64."""

    ra_deg: Floats
    dec_deg: Floats
    mag_r: Floats
    mag_i: Floats
    radius_arcsec: Floats
    """Standard deviation of the light along the major axis; 0 for a star."""

    axis_ratio: Floats
    angle_deg: Floats
    """Position angle of the major axis, east of north."""

    def __len__(self) -> int:
        return len(self.ra_deg)

    def magnitudes(self, band: str) -> Floats:
        """Return the AB magnitudes in ``"r"`` or ``"i"``."""
        return {"r": self.mag_r, "i": self.mag_i}[band]

    def take(self, chosen: npt.NDArray[np.bool_]) -> Sky:
        """Return the sources where `chosen` (n,) is true."""
        return Sky(**{name: values[chosen] for name, values in vars(self).items()})


def sky_field(size: Size) -> Sky:
    """Return all sources that any visit of `size` can see."""
    random = np.random.default_rng(seed_of(1))
    stars = _stars(random, size)
    return _join(stars, _beacons(random, size), _galaxies(random, size))


def _half_side_deg(size: Size) -> float:
    """Reach from the field's centre to the outermost corner, the dithers included."""
    offsets = [
        np.hypot((np.asarray(ra) - FIELD_RA_DEG), (np.asarray(dec) - FIELD_DEC_DEG)).max()
        for visit in VISITS
        for ra, dec in (optics_of(visit, d, size.shape_yx).corners() for d in DETECTOR_POSITIONS)
    ]
    return float(max(offsets)) + 30 * PIXEL_SCALE_ARCSEC / 3600


def _scatter(random: np.random.Generator, size: Size, per_arcmin2: float) -> tuple[Floats, Floats]:
    """Return uniform positions (ra, dec) in degrees; the field is near the equator, where a box is flat enough."""
    half_deg = _half_side_deg(size)
    count = round((2 * half_deg * 60) ** 2 * per_arcmin2 * size.crowding)
    return (
        FIELD_RA_DEG + random.uniform(-half_deg, half_deg, count),
        FIELD_DEC_DEG + random.uniform(-half_deg, half_deg, count),
    )


def _magnitudes(random: np.random.Generator, count: int, limits: tuple[float, float], slope: float) -> Floats:
    """Draw from counts that grow as ``10 ** (slope * mag)``."""
    low, high = 10 ** (slope * np.array(limits))
    mags: Floats = np.log10(random.uniform(low, high, count)) / slope
    return mags


def _points(ra_deg: Floats, dec_deg: Floats, mag_r: Floats, red: Floats) -> Sky:
    none = np.zeros(len(ra_deg))
    return Sky(
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        mag_r=mag_r,
        mag_i=mag_r - red,
        radius_arcsec=none,
        axis_ratio=none + 1,
        angle_deg=none,
    )


def _stars(random: np.random.Generator, size: Size) -> Sky:
    ra_deg, dec_deg = _scatter(random, size, STARS_PER_ARCMIN2)
    count = len(ra_deg)
    red_dwarf = random.random(count) < 0.45
    red = np.where(red_dwarf, random.normal(1.05, 0.35, count), random.normal(0.2, 0.1, count)).clip(0.0, 2.2)
    return _points(ra_deg, dec_deg, _magnitudes(random, count, STAR_MAG_RANGE, STAR_COUNT_SLOPE), red)


def _beacons(random: np.random.Generator, size: Size) -> Sky:
    """Put one bright star on every detector, so that each shows a saturated core with its trail."""
    rows, columns = size.shape_yx
    places = [
        optics_of(VISITS[0], d, size.shape_yx).sky(
            columns * random.uniform(0.25, 0.75), rows * random.uniform(0.3, 0.7)
        )
        for d in DETECTOR_POSITIONS
    ]
    mags = random.uniform(*BEACON_MAG_RANGE, len(places))
    ra_deg, dec_deg = np.array(places, float).T
    return _points(ra_deg, dec_deg, mags, random.uniform(0.1, 0.6, len(places)))


def _galaxies(random: np.random.Generator, size: Size) -> Sky:
    ra_deg, dec_deg = _scatter(random, size, GALAXIES_PER_ARCMIN2)
    count = len(ra_deg)
    mag_r = _magnitudes(random, count, GALAXY_MAG_RANGE, GALAXY_COUNT_SLOPE)
    typical_arcsec = 0.33 * 10 ** (-0.075 * (mag_r - 23.0))
    return Sky(
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        mag_r=mag_r,
        mag_i=mag_r - random.normal(0.4, 0.25, count),
        radius_arcsec=typical_arcsec * np.exp(random.normal(0, 0.3, count)),
        axis_ratio=np.sqrt(random.uniform(0.06, 1.0, count)),
        angle_deg=random.uniform(0, 180, count),
    )


def _join(*parts: Sky) -> Sky:
    return Sky(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})
