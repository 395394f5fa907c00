"""Optics of the camera: a gnomonic projection about the optical axis with a cubic radial distortion.

All detectors of a visit share the axis, so one small formula is exact for all of them and is also exactly a TAN-SIP
WCS; `header_cards` writes it. Pure numpy; pixels are 0-based ``x``, ``y``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from mtvd.demo.plan import DETECTOR_POSITIONS, FIELD_DEC_DEG, FIELD_RA_DEG, PIXEL_SCALE_ARCSEC, Visit

Floats = npt.NDArray[np.float64]
Card = tuple[str, str | int | float | bool, str]

DISTORTION_PER_PX2: Final = 5.9e-11
"""Growth of the radial scale: 1.5 % at the rim of a field 1.5 degrees wide."""

INVERSE_ORDER: Final = 4
GAP_PX: Final = 60
"""Gap between two neighbouring detectors."""


@dataclass(frozen=True, kw_only=True)
class Optics:
    """The map between one detector and the sky in one visit."""

    ra_deg: float
    dec_deg: float
    rotation_deg: float
    axis_xy: tuple[float, float]
    """Pixel on which the optical axis falls, usually outside the detector."""

    shape_yx: tuple[int, int]

    @property
    def cd_deg(self) -> Floats:
        """Matrix (2, 2) from pixels off the axis to degrees (east, north)."""
        angle = np.radians(self.rotation_deg)
        cos, sin = np.round(np.cos(angle), 15), np.round(np.sin(angle), 15)
        matrix: Floats = np.array([[-cos, sin], [sin, cos]]) * PIXEL_SCALE_ARCSEC / 3600
        return matrix + 0.0  # no negative zero in a header

    def sky(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return ICRS ``(ra, dec)`` in degrees of pixels."""
        u, v = np.asarray(x, float) - self.axis_xy[0], np.asarray(y, float) - self.axis_xy[1]
        stretch = 1 + DISTORTION_PER_PX2 * (u * u + v * v)
        east, north = np.tensordot(self.cd_deg, np.stack([u * stretch, v * stretch]), axes=1)
        return _from_tangent(np.radians(east), np.radians(north), self.ra_deg, self.dec_deg)

    def pixels(self, ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return ``(x, y)`` of ICRS positions in degrees."""
        plane = np.stack(_to_tangent(ra_deg, dec_deg, self.ra_deg, self.dec_deg))
        big_u, big_v = np.tensordot(np.linalg.inv(self.cd_deg), np.degrees(plane), axes=1)
        u, v = big_u, big_v
        for _ in range(6):
            stretch = 1 + DISTORTION_PER_PX2 * (u * u + v * v)
            u, v = big_u / stretch, big_v / stretch
        return u + self.axis_xy[0], v + self.axis_xy[1]

    def corners(self) -> tuple[Floats, Floats]:
        """Return ICRS ``(ra, dec)`` in degrees of the four outer corners."""
        rows, columns = self.shape_yx
        return self.sky([-0.5, columns - 0.5, columns - 0.5, -0.5], [-0.5, -0.5, rows - 0.5, rows - 0.5])

    def header_cards(self) -> list[Card]:
        """Return the TAN-SIP cards, 1-based as FITS counts."""
        (cd11, cd12), (cd21, cd22) = self.cd_deg
        return [
            ("WCSAXES", 2, "Number of WCS axes"),
            ("CRPIX1", self.axis_xy[0] + 1, "Reference pixel on axis 1"),
            ("CRPIX2", self.axis_xy[1] + 1, "Reference pixel on axis 2"),
            ("CRVAL1", self.ra_deg, "Value at ref. pixel on axis 1"),
            ("CRVAL2", self.dec_deg, "Value at ref. pixel on axis 2"),
            ("CTYPE1", "RA---TAN-SIP", "Type of co-ordinate on axis 1"),
            ("CTYPE2", "DEC--TAN-SIP", "Type of co-ordinate on axis 2"),
            ("CUNIT1", "deg", "Unit of axis 1"),
            ("CUNIT2", "deg", "Unit of axis 2"),
            ("CD1_1", float(cd11), "Transformation matrix element"),
            ("CD1_2", float(cd12), "Transformation matrix element"),
            ("CD2_1", float(cd21), "Transformation matrix element"),
            ("CD2_2", float(cd22), "Transformation matrix element"),
            ("RADESYS", "ICRS", "Reference frame for RA/DEC values"),
            ("EQUINOX", 2000.0, "Equinox of coordinates"),
            *_forward_cards(),
            *self._inverse_cards(),
        ]

    def _inverse_cards(self) -> list[Card]:
        """Fit the inverse polynomial on this detector: the axis may be far away, so a global series would be worse."""
        rows, columns = self.shape_yx
        x, y = np.meshgrid(np.linspace(0, columns, 12), np.linspace(0, rows, 12))
        u, v = x.ravel() - self.axis_xy[0], y.ravel() - self.axis_xy[1]
        stretch = 1 + DISTORTION_PER_PX2 * (u * u + v * v)
        powers = [(p, q) for p in range(INVERSE_ORDER + 1) for q in range(INVERSE_ORDER + 1 - p)]
        unit_px = float(np.hypot(u, v).max())
        big_u, big_v = u * stretch / unit_px, v * stretch / unit_px
        design = np.stack([big_u**p * big_v**q for p, q in powers], axis=1)
        cards: list[Card] = []
        for letter, wanted in (("AP", u - u * stretch), ("BP", v - v * stretch)):
            found = np.linalg.lstsq(design, wanted, rcond=None)[0]
            cards.append((f"{letter}_ORDER", INVERSE_ORDER, ""))
            cards += [
                (f"{letter}_{p}_{q}", float(c / unit_px ** (p + q)), "")
                for (p, q), c in zip(powers, found, strict=True)
            ]
        return cards


def _forward_cards() -> list[Card]:
    k = DISTORTION_PER_PX2
    return [
        ("A_ORDER", 3, ""),
        ("A_3_0", k, ""),
        ("A_1_2", k, ""),
        ("B_ORDER", 3, ""),
        ("B_0_3", k, ""),
        ("B_2_1", k, ""),
    ]


def optics_of(visit: Visit, detector: int, shape_yx: tuple[int, int]) -> Optics:
    """Return the map of one detector in one visit."""
    rows, columns = shape_yx
    across, up = DETECTOR_POSITIONS[detector]
    dither_deg = np.array(visit.dither) * columns * PIXEL_SCALE_ARCSEC / 3600
    return Optics(
        ra_deg=float(FIELD_RA_DEG + dither_deg[0] / np.cos(np.radians(FIELD_DEC_DEG))),
        dec_deg=float(FIELD_DEC_DEG + dither_deg[1]),
        rotation_deg=visit.rotation_deg,
        axis_xy=((columns - 1) / 2 - across * (columns + GAP_PX), (rows - 1) / 2 - up * (rows + GAP_PX)),
        shape_yx=shape_yx,
    )


def _to_tangent(
    ra_deg: npt.ArrayLike, dec_deg: npt.ArrayLike, ra0_deg: float, dec0_deg: float
) -> tuple[Floats, Floats]:
    """Project gnomonically; returns east and north in radians."""
    ra, dec = np.radians(np.asarray(ra_deg, float) - ra0_deg), np.radians(np.asarray(dec_deg, float))
    sin0, cos0 = np.sin(np.radians(dec0_deg)), np.cos(np.radians(dec0_deg))
    depth = sin0 * np.sin(dec) + cos0 * np.cos(dec) * np.cos(ra)
    return np.cos(dec) * np.sin(ra) / depth, (cos0 * np.sin(dec) - sin0 * np.cos(dec) * np.cos(ra)) / depth


def _from_tangent(east: Floats, north: Floats, ra0_deg: float, dec0_deg: float) -> tuple[Floats, Floats]:
    """Undo `_to_tangent`; returns degrees."""
    sin0, cos0 = np.sin(np.radians(dec0_deg)), np.cos(np.radians(dec0_deg))
    ra = np.arctan2(east, cos0 - north * sin0)
    dec = np.arctan2((sin0 + north * cos0) * np.cos(ra), cos0 - north * sin0)
    return np.degrees(ra) + ra0_deg, np.degrees(dec)


__all__ = ["Card", "Floats", "Optics", "optics_of"]
