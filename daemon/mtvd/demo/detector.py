"""One detector of one visit, from the sky to its files. Called in threads; shares nothing but the sky."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import astropy.units as u
import numpy as np
import numpy.typing as npt
from astropy.table import Table

from mtvd.demo.afw_files import write_catalog, write_exposure, write_raw
from mtvd.demo.calibrate import choose
from mtvd.demo.catalog import Column, make_catalog
from mtvd.demo.detect import detect
from mtvd.demo.headers import exposure_id, raw_cards, visit_info_cards
from mtvd.demo.light import lights_on
from mtvd.demo.measure import find_peaks, measure
from mtvd.demo.optics import Optics, optics_of
from mtvd.demo.plan import GAIN_ELECTRONS_PER_COUNT, Size, Visit, seed_of
from mtvd.demo.planes import Pixels, Planes
from mtvd.demo.render import blank, expose
from mtvd.demo.sky import Sky

AB_ZERO_NJY_MAG: Final = 31.4
"""Magnitude of a source of one nJy."""

RAW_BIAS_COUNTS: Final = 1000.0
RESERVED_ID_BITS: Final = 22
"""Bits of a source's id below those of its exposure."""


@dataclass(frozen=True, kw_only=True)
class DetectorFiles:
    """Paths of the files of one detector."""

    raw: Path
    calexp: Path
    src: Path


@dataclass(frozen=True, kw_only=True)
class Observation:
    """The exposure of one detector and the sources found on it."""

    planes: Planes
    columns: dict[str, Column]
    """The source catalog, by name of `mtvd.demo.catalog.SCHEMA`, (n,) each."""

    optics: Optics


def observe(sky: Sky, visit: Visit, detector: int, size: Size) -> Observation:
    """Draw one exposure, detect and measure its sources."""
    optics = optics_of(visit, detector, size.shape_yx)
    lights = lights_on(sky, visit, optics)
    planes = expose(lights, visit, detector, optics)
    detections = detect(planes, visit)
    random = np.random.default_rng(seed_of(4, visit.id, detector))
    peaks = find_peaks(lights, detections, planes)
    measured = measure(peaks, planes, detections, lights, visit, random)
    first_id = (exposure_id(visit, detector) << RESERVED_ID_BITS) + 1
    columns = make_catalog(peaks, measured, choose(peaks, measured, random), detections, optics, first_id=first_id)
    return Observation(planes=planes, columns=columns, optics=optics)


def write(observation: Observation, visit: Visit, detector: int, size: Size, files: DetectorFiles) -> Table:
    """Write the files of one detector; returns its rows of the source table."""
    optics = observation.optics
    binning = size.raw_binning
    write_raw(
        files.raw, _raw_pixels(observation.planes.image, visit, binning), raw_cards(visit, detector, optics, binning)
    )
    blank(observation.planes, detector)
    write_exposure(
        files.calexp,
        observation.planes,
        wcs=optics.header_cards(),
        primary=visit_info_cards(visit, detector, optics),
        unit_njy=unit_njy(visit),
        band=visit.band,
        physical_filter=visit.physical_filter,
    )
    write_catalog(files.src, observation.columns, exposure_id=exposure_id(visit, detector))
    return source_table(observation.columns, visit, detector)


def unit_njy(visit: Visit) -> float:
    """Return the flux of one count in nJy."""
    return float(10 ** (0.4 * (AB_ZERO_NJY_MAG - visit.zero_point_mag)))


def _raw_pixels(image: Pixels, visit: Visit, binning: int) -> npt.NDArray[np.uint16]:
    """Return bias + sky + sources as the camera would read them with its pixels summed, (y, x) uint16."""
    rows, columns = (n - n % binning for n in image.shape)
    sky_counts = visit.sky_sigma_counts**2 * GAIN_ELECTRONS_PER_COUNT
    blocks = image[:rows, :columns].reshape(rows // binning, binning, columns // binning, binning)
    summed = blocks.sum(axis=(1, 3)) + sky_counts * binning**2 + RAW_BIAS_COUNTS
    raw: npt.NDArray[np.uint16] = np.clip(summed, 0, 65535).astype(np.uint16)
    return raw


_TABLE_COLUMNS: Final = {
    "x": ("base_SdssCentroid_x", u.pix),
    "y": ("base_SdssCentroid_y", u.pix),
    "xErr": ("base_SdssCentroid_xErr", u.pix),
    "yErr": ("base_SdssCentroid_yErr", u.pix),
    "ixx": ("base_SdssShape_xx", u.pix**2),
    "iyy": ("base_SdssShape_yy", u.pix**2),
    "ixy": ("base_SdssShape_xy", u.pix**2),
    "extendedness": ("base_ClassificationExtendedness_value", None),
    "detect_isParent": ("deblend_nChild", None),
    "pixelFlags_edge": ("base_PixelFlags_flag_edge", None),
    "pixelFlags_cr": ("base_PixelFlags_flag_cr", None),
    "pixelFlags_bad": ("base_PixelFlags_flag_bad", None),
    "pixelFlags_interpolated": ("base_PixelFlags_flag_interpolated", None),
    "pixelFlags_saturatedCenter": ("base_PixelFlags_flag_saturatedCenter", None),
    "calib_psf_candidate": ("calib_psf_candidate", None),
    "calib_psf_used": ("calib_psf_used", None),
    "calib_psf_reserved": ("calib_psf_reserved", None),
    "calib_astrometry_used": ("calib_astrometry_used", None),
    "calib_photometry_used": ("calib_photometry_used", None),
}
_TABLE_FLUXES: Final = {"psfFlux": "base_PsfFlux", "ap12Flux": "base_CircularApertureFlux_12_0"}


def source_table(columns: dict[str, Column], visit: Visit, detector: int) -> Table:
    """Return the catalog as a pipeline's source table: calibrated fluxes in nJy, angles in degrees."""
    count = len(columns["id"])
    table = Table(
        {
            "sourceId": columns["id"],
            "parentSourceId": columns["parent"],
            "visit": np.full(count, visit.id),
            "detector": np.full(count, detector, np.int16),
            "band": np.full(count, visit.band),
            "physical_filter": np.full(count, visit.physical_filter),
            "coord_ra": np.degrees(columns["coord_ra"]) * u.deg,
            "coord_dec": np.degrees(columns["coord_dec"]) * u.deg,
        }
    )
    for name, source in _TABLE_FLUXES.items():
        table[name] = columns[f"{source}_instFlux"] * unit_njy(visit) * u.nJy
        table[f"{name}Err"] = columns[f"{source}_instFluxErr"] * unit_njy(visit) * u.nJy
        table[f"{name}_flag"] = columns[f"{source}_flag"]
    for name, (source, unit) in _TABLE_COLUMNS.items():
        table[name] = columns[source] if unit is None else columns[source] * unit
    table["detect_isParent"] = columns["deblend_nChild"] > 0
    return table
