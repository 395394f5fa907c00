"""Plan of the observations: the camera, the pointings, the sizes. Constants and small records only.

The camera is a sketch of Hyper Suprime-Cam: six of its detectors, at the place in the focal plane that their numbers
suggest (columns of eight), with its pixel scale and a radial distortion of its strength.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

SizeName = Literal["small", "full"]

INSTRUMENT: Final = "HSC"
FIELD_NAME: Final = "RC2 demo"
FIELD_RA_DEG: Final = 150.1
FIELD_DEC_DEG: Final = 2.2
PIXEL_SCALE_ARCSEC: Final = 0.168
GAIN_ELECTRONS_PER_COUNT: Final = 3.0
FULL_WELL_COUNTS: Final = 40_000.0
"""Counts at which a pixel saturates and its charge starts to run along the column."""

SUSPECT_COUNTS: Final = 15_000.0
"""Counts from which the detector is no longer trusted to be linear."""

DETECTOR_POSITIONS: Final[Mapping[int, tuple[float, float]]] = {
    41: (-1.0, -0.5),
    42: (-1.0, 0.5),
    47: (0.0, -2.5),
    49: (0.0, -0.5),
    50: (0.0, 0.5),
    58: (1.0, 0.5),
}
"""Centre of each detector in the focal plane, in detector widths and heights from the optical axis, as (x, y)."""

VIGNETTED_DETECTOR: Final = 47
"""The outermost detector: one of its corners sees no sky."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the detectors are, and how crowded the sky is made so that a small one is not empty."""

    name: str
    shape_yx: tuple[int, int]
    """Pixels of a detector (rows, columns)."""

    crowding: float
    """Sources per solid angle, as a multiple of the plain recipe."""

    raw_binning: int
    """Pixels of the detector in one pixel of a ``raw`` file, along each axis."""


SIZES: Final[Mapping[str, Size]] = {
    "small": Size(name="small", shape_yx=(1044, 512), crowding=3.0, raw_binning=4),
    "full": Size(name="full", shape_yx=(4176, 2048), crowding=1.0, raw_binning=16),
}


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One pointing of the telescope, with one filter."""

    id: int
    physical_filter: str
    band: str
    day_obs: int
    begin_tai: str
    """ISO time at which the shutter opened."""

    exposure_secs: float
    fwhm_arcsec: float
    sky_sigma_counts: float
    zero_point_mag: float
    """Magnitude of a source that gives one count."""

    dither: tuple[float, float]
    """Offset of the pointing from the field, in detector widths along (RA, Dec)."""

    airmass: float
    rotation_deg: float = -90.0
    """Angle of the camera on the sky; at -90 the rows of a detector run north to south, as in most HSC data."""

    @property
    def fwhm_px(self) -> float:
        return self.fwhm_arcsec / PIXEL_SCALE_ARCSEC


VISITS: Final[tuple[Visit, ...]] = (
    Visit(
        id=23718,
        physical_filter="HSC-R",
        band="r",
        day_obs=20150321,
        begin_tai="2015-03-21T10:04:27.500",
        exposure_secs=30.0,
        fwhm_arcsec=0.62,
        sky_sigma_counts=2.6,
        zero_point_mag=30.40,
        dither=(0.0, 0.0),
        airmass=1.12,
    ),
    Visit(
        id=1214,
        physical_filter="HSC-R",
        band="r",
        day_obs=20140328,
        begin_tai="2014-03-28T09:21:53.200",
        exposure_secs=30.0,
        fwhm_arcsec=0.88,
        sky_sigma_counts=3.1,
        zero_point_mag=30.31,
        dither=(0.11, -0.08),
        airmass=1.34,
    ),
    Visit(
        id=23694,
        physical_filter="HSC-I",
        band="i",
        day_obs=20150321,
        begin_tai="2015-03-21T08:47:10.900",
        exposure_secs=30.0,
        fwhm_arcsec=0.55,
        sky_sigma_counts=3.4,
        zero_point_mag=30.18,
        dither=(-0.06, 0.05),
        airmass=1.21,
    ),
)

BANDS: Final[Mapping[str, str]] = {"HSC-R": "r", "HSC-I": "i"}


def seed_of(*parts: int) -> tuple[int, ...]:
    """Return the seed of one random stream of the recipe; streams with different `parts` are independent."""
    return (20150321, *parts)
