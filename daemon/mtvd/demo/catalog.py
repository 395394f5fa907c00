"""The source catalog: the measured sources as columns of an `lsst.afw` schema, with parents of blended ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mtvd.demo.calibrate import Chosen
from mtvd.demo.detect import Detections
from mtvd.demo.measure import APERTURE_RADII_PX, Measured, Peaks
from mtvd.demo.optics import Optics
from mtvd.demo.planes import Where, bits

Column = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column: a name, what it means, its unit; `form` is the FITS letter, ``X`` for a flag."""

    name: str
    form: str
    doc: str
    unit: str = ""
    kind: str = "Scalar"


def _pixel_flag(name: str, doc: str) -> Field:
    return Field(name=f"base_PixelFlags_flag_{name}", form="X", doc=doc)


PIXEL_FLAGS: Final = (
    ("edge", "EDGE"),
    ("interpolated", "INTRP"),
    ("saturated", "SAT"),
    ("cr", "CR"),
    ("bad", "BAD"),
    ("suspect", "SUSPECT"),
    ("nodata", "NO_DATA"),
)


def _aperture_name(radius_px: float) -> str:
    return f"base_CircularApertureFlux_{radius_px:.1f}".replace(".", "_")


def _flux_fields(name: str, what: str) -> tuple[Field, ...]:
    return (
        Field(name=f"{name}_instFlux", form="D", doc=f"instrumental flux {what}", unit="count"),
        Field(name=f"{name}_instFluxErr", form="D", doc=f"standard deviation of the flux {what}", unit="count"),
        Field(name=f"{name}_flag", form="X", doc="set if the flux could not be measured"),
    )


SCHEMA: Final[tuple[Field, ...]] = (
    Field(name="id", form="K", doc="unique ID"),
    Field(name="coord_ra", form="D", doc="position in ra/dec", unit="rad", kind="Angle"),
    Field(name="coord_dec", form="D", doc="position in ra/dec", unit="rad", kind="Angle"),
    Field(name="parent", form="K", doc="unique ID of parent source"),
    Field(name="calib_detected", form="X", doc="Source was detected as an icSource"),
    Field(
        name="calib_psf_candidate",
        form="X",
        doc="Flag set if the source was a candidate for PSF determination, as determined by the star selector.",
    ),
    Field(
        name="calib_psf_used",
        form="X",
        doc="Flag set if the source was actually used for PSF determination, as determined by the PSF determiner.",
    ),
    Field(name="calib_psf_reserved", form="X", doc="set if source was reserved from PSF determination"),
    Field(name="deblend_nChild", form="J", doc="Number of children this object has (defaults to 0)"),
    Field(name="base_SdssCentroid_x", form="D", doc="centroid from a parabola through the peak", unit="pixel"),
    Field(name="base_SdssCentroid_y", form="D", doc="centroid from a parabola through the peak", unit="pixel"),
    Field(name="base_SdssCentroid_xErr", form="E", doc="1-sigma uncertainty on x position", unit="pixel"),
    Field(name="base_SdssCentroid_yErr", form="E", doc="1-sigma uncertainty on y position", unit="pixel"),
    Field(name="base_SdssCentroid_flag", form="X", doc="set if the centroid failed and another was put in its place"),
    Field(name="base_SdssShape_xx", form="D", doc="elliptical Gaussian adaptive moments", unit="pixel^2"),
    Field(name="base_SdssShape_yy", form="D", doc="elliptical Gaussian adaptive moments", unit="pixel^2"),
    Field(name="base_SdssShape_xy", form="D", doc="elliptical Gaussian adaptive moments", unit="pixel^2"),
    Field(name="base_SdssShape_flag", form="X", doc="set if the moments are of no use"),
    Field(name="base_SdssShape_psf_xx", form="D", doc="moments of the PSF at the source", unit="pixel^2"),
    Field(name="base_SdssShape_psf_yy", form="D", doc="moments of the PSF at the source", unit="pixel^2"),
    Field(name="base_SdssShape_psf_xy", form="D", doc="moments of the PSF at the source", unit="pixel^2"),
    *_flux_fields("base_PsfFlux", "fitted with the PSF"),
    *_flux_fields("base_GaussianFlux", "through a Gaussian of the source's shape"),
    *(f for r in APERTURE_RADII_PX for f in _flux_fields(_aperture_name(r), f"within a radius of {r} pixels")),
    Field(name="base_PixelFlags_flag", form="X", doc="set if the pixels could not be looked at"),
    *(_pixel_flag(name, f"{plane} is set in a pixel of the source") for name, plane in PIXEL_FLAGS),
    *(_pixel_flag(f"{name}Center", f"{plane} is set in a pixel of its centre") for name, plane in PIXEL_FLAGS[1:6]),
    Field(
        name="base_ClassificationExtendedness_value",
        form="D",
        doc="Set to 1 for extended sources, 0 for point sources.",
    ),
    Field(name="base_ClassificationExtendedness_flag", form="X", doc="set if the class is unknown"),
    Field(name="base_FootprintArea_value", form="J", doc="Number of pixels in the detection footprint.", unit="pixel"),
    Field(name="calib_astrometry_used", form="X", doc="set if source was used in astrometric calibration"),
    Field(name="calib_photometry_used", form="X", doc="set if source was used in photometric calibration"),
    Field(name="calib_photometry_reserved", form="X", doc="set if source was reserved from photometric calibration"),
)
"""Columns in the order of the file."""

ALIASES: Final = (
    ("base_CircularApertureFlux_flag_badCentroid", "base_SdssCentroid_flag"),
    ("base_PsfFlux_flag_badCentroid", "base_SdssCentroid_flag"),
    ("base_SdssShape_flag_badCentroid", "base_SdssCentroid_flag"),
    ("slot_ApFlux", "base_CircularApertureFlux_12_0"),
    ("slot_CalibFlux", "base_CircularApertureFlux_12_0"),
    ("slot_Centroid", "base_SdssCentroid"),
    ("slot_ModelFlux", "base_GaussianFlux"),
    ("slot_PsfFlux", "base_PsfFlux"),
    ("slot_PsfShape", "base_SdssShape_psf"),
    ("slot_Shape", "base_SdssShape"),
)
"""Slots and prefix aliases, as written into the file."""


def make_catalog(
    peaks: Peaks, measured: Measured, chosen: Chosen, detections: Detections, optics: Optics, *, first_id: int
) -> dict[str, Column]:
    """Return the columns of `SCHEMA`, (n,) each: parents of blended sources first, then everything by footprint.

    A footprint with several peaks gives one record for the whole (``parent`` 0, ``deblend_nChild`` > 0, never used for
    calibration) and one for each peak, whose ``parent`` is the id of the whole.
    """
    count = np.bincount(peaks.footprint, minlength=1)
    brightest = np.unique(peaks.footprint, return_index=True)[1]
    parents = brightest[count[peaks.footprint[brightest]] > 1]
    rows = np.concatenate([parents, np.arange(len(peaks))]).astype(np.int64)
    whole = np.arange(len(rows)) < len(parents)
    columns = _measured_columns(measured, optics, rows)
    columns |= _calibration_columns(chosen, rows, whole)
    ids = first_id + np.arange(len(rows), dtype=np.int64)
    parent_id = np.zeros(len(count), np.int64)
    parent_id[peaks.footprint[parents]] = ids[: len(parents)]
    columns["id"] = ids
    columns["parent"] = np.where(whole, 0, parent_id[peaks.footprint[rows]])
    columns["deblend_nChild"] = np.where(whole, count[peaks.footprint[rows]], 0)
    columns["base_FootprintArea_value"] = detections.footprints.areas()[peaks.footprint[rows]]
    typical = np.median(measured.xx[chosen.psf_used]) if chosen.psf_used.any() else np.nan
    columns["base_SdssShape_psf_xx"] = columns["base_SdssShape_psf_yy"] = np.full(len(rows), typical)
    nothing = np.zeros(len(rows))
    return {
        field.name: columns.get(field.name, nothing.astype(bool if field.form == "X" else float)) for field in SCHEMA
    }


def _measured_columns(measured: Measured, optics: Optics, rows: npt.NDArray[np.int64]) -> dict[str, Column]:
    ra_deg, dec_deg = optics.sky(measured.x[rows], measured.y[rows])
    columns: dict[str, Column] = {
        "coord_ra": np.radians(ra_deg),
        "coord_dec": np.radians(dec_deg),
        "base_SdssCentroid_x": measured.x[rows],
        "base_SdssCentroid_y": measured.y[rows],
        "base_SdssCentroid_xErr": measured.x_err[rows],
        "base_SdssCentroid_yErr": measured.y_err[rows],
        "base_SdssShape_xx": measured.xx[rows],
        "base_SdssShape_yy": measured.yy[rows],
        "base_SdssShape_xy": measured.xy[rows],
        "base_PsfFlux_instFlux": measured.psf_flux[rows],
        "base_PsfFlux_instFluxErr": measured.psf_flux_err[rows],
        "base_GaussianFlux_instFlux": measured.gaussian_flux[rows],
        "base_GaussianFlux_instFluxErr": measured.gaussian_flux_err[rows],
    }
    for n, radius_px in enumerate(APERTURE_RADII_PX):
        columns[f"{_aperture_name(radius_px)}_instFlux"] = measured.aperture_flux[rows, n]
        columns[f"{_aperture_name(radius_px)}_instFluxErr"] = measured.aperture_flux_err[rows, n]
    for name, plane in PIXEL_FLAGS:
        columns[f"base_PixelFlags_flag_{name}"] = _has(measured.stamp_bits[rows], plane)
        columns[f"base_PixelFlags_flag_{name}Center"] = _has(measured.core_bits[rows], plane)
    columns["base_SdssCentroid_flag"] = columns["base_PixelFlags_flag_saturatedCenter"]
    columns["base_SdssShape_flag"] = columns["base_PixelFlags_flag_saturatedCenter"]
    return columns


def _calibration_columns(chosen: Chosen, rows: npt.NDArray[np.int64], whole: Where) -> dict[str, Column]:
    columns: dict[str, Column] = {
        f"calib_{name}": vars(chosen)[name][rows] & ~whole
        for name in ("psf_candidate", "psf_used", "psf_reserved", "astrometry_used", "photometry_used")
    }
    columns["calib_detected"] = columns["calib_astrometry_used"] | columns["calib_psf_candidate"]
    columns["base_ClassificationExtendedness_value"] = chosen.extended[rows].astype(float)
    return columns


def _has(values: npt.NDArray[np.int32], plane: str) -> Where:
    found: Where = (values & bits(plane)) != 0
    return found
