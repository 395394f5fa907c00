"""The WCS of a plane as numbers: what is read from any header, changed, and written in one form. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Final

from mtv.shared.sky import frames
from mtv.shared.sky.frames import Local, Matrix

ZENITHAL: Final = frozenset(["AZP", "SZP", "TAN", "STG", "SIN", "ARC", "ZPN", "ZEA", "AIR", "TPV", "XPH"])
CONIC: Final = frozenset(["COP", "COE", "COD", "COO"])
CYLINDRICAL: Final = frozenset(
    ["CYP", "CEA", "CAR", "MER", "SFL", "PAR", "MOL", "AIT", "BON", "PCO", "TSC", "CSC", "QSC", "HPX"]
)
PROJECTIONS: Final = ZENITHAL | CONIC | CYLINDRICAL

Pair = tuple[float, float]
Sip = Mapping[tuple[int, int], float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaneWcs:
    """A celestial WCS of two axes, longitude first."""

    projection: str
    """Three letters."""
    crpix: Pair
    """1-based pixel ``(x, y)``."""
    crval: Pair
    """Longitude and latitude in degrees."""
    matrix: tuple[Pair, Pair]
    """Degrees of longitude and latitude for each pixel of x and y."""
    lonpole: float | None = None
    latpole: float | None = None
    pv_lon: Mapping[int, float] = dataclasses.field(default_factory=dict)
    pv_lat: Mapping[int, float] = dataclasses.field(default_factory=dict)
    sip: tuple[Sip, Sip] | None = None
    """SIP's A and B."""
    fiducial: Pair | None = None
    """Native longitude and latitude of the point that has ``crval``; None for the projection's own."""

    @property
    def determinant(self) -> float:
        """Determinant of the matrix."""
        (a, b), (c, d) = self.matrix
        return a * d - b * c

    def moved_by_native(self, lon_deg: float, lat_deg: float) -> PlaneWcs:
        """Return the WCS whose reference pixel is so many intermediate degrees further on; undistorted ones only."""
        (a, b), (c, d) = self.matrix
        dx = (d * lon_deg - b * lat_deg) / self.determinant
        dy = (a * lat_deg - c * lon_deg) / self.determinant
        return dataclasses.replace(self, crpix=(self.crpix[0] + dx, self.crpix[1] + dy))


def in_icrs(wcs: PlaneWcs, local: Local) -> PlaneWcs | None:
    """Return a WCS in ICRS: any projection is turned with the sphere, by other reference values and poles.

    Parameters
    ----------
    wcs : `PlaneWcs`
        In its own system.
    local : `Local`
        From its system to ICRS.

    Returns
    -------
    turned : `PlaneWcs` or None
        None where the header's own poles make no sense.
    """
    theta = reference_latitude(wcs)
    native = native_rotation(wcs)
    if native is None:
        return None
    turned = frames.times(local.rotation, native)
    pole = frames.apply(turned, (0.0, 0.0, 1.0))
    lonpole = frames.angles(turned[2])[0]
    crval = frames.angles(pole if theta == 90 else frames.apply(turned, frames.direction(0.0, theta)))
    (a, b), (c, d) = wcs.matrix
    k = local.scale
    return dataclasses.replace(
        wcs,
        crval=crval,
        lonpole=lonpole,
        latpole=frames.angles(pole)[1],
        fiducial=None,
        matrix=((a * k, b * k), (c * k, d * k)),
    )


def reference_latitude(wcs: PlaneWcs) -> float:
    """Return the native latitude of the projection's own reference point in degrees; its longitude is 0."""
    if wcs.projection in ZENITHAL:
        return 90.0
    return wcs.pv_lat.get(1, 0.0) if wcs.projection in CONIC else 0.0


def native_rotation(wcs: PlaneWcs) -> Matrix | None:
    """Return the rotation from native to celestial directions; None where there is none.

    FITS Paper II, equations 2 and 8 to 10.
    """
    alpha0, delta0 = (math.radians(value) for value in wcs.crval)
    phi_deg, theta_deg = wcs.fiducial or (0.0, reference_latitude(wcs))
    lonpole = wcs.lonpole
    if lonpole is None:
        lonpole = phi_deg if wcs.crval[1] >= theta_deg else phi_deg + 180.0
    theta = math.radians(theta_deg)
    if theta_deg == 90:
        return _euler(alpha0, delta0, math.radians(lonpole))
    phi = math.radians(lonpole - phi_deg)
    delta = _pole_latitude(delta0, phi, theta, math.radians(90.0 if wcs.latpole is None else wcs.latpole))
    if delta is None:
        return None
    if math.cos(delta0) < 1e-12:
        alpha = alpha0
    elif delta > math.pi / 2 - 1e-12:
        alpha = alpha0 + phi - math.pi
    elif delta < -math.pi / 2 + 1e-12:
        alpha = alpha0 - phi
    else:
        sine = math.sin(phi) * math.cos(theta) / math.cos(delta0)
        cosine = (math.sin(theta) - math.sin(delta) * math.sin(delta0)) / (math.cos(delta) * math.cos(delta0))
        alpha = alpha0 - math.atan2(sine, cosine)
    return _euler(alpha, delta, math.radians(lonpole))


def _pole_latitude(delta0: float, phi: float, theta: float, latpole: float) -> float | None:
    across = math.cos(theta) * math.sin(phi)
    cosine = math.sqrt(max(1 - across * across, 0.0))
    if cosine < 1e-12:
        return latpole if abs(delta0) < 1e-12 else None
    ratio = math.sin(delta0) / cosine
    if abs(ratio) > 1 + 1e-9:
        return None
    middle = math.atan2(math.sin(theta), math.cos(theta) * math.cos(phi))
    half = math.acos(max(-1.0, min(1.0, ratio)))
    found = []
    for value in (middle + half, middle - half):
        value = (value + math.pi) % (2 * math.pi) - math.pi
        if abs(value) <= math.pi / 2 + 1e-9:
            found.append(max(-math.pi / 2, min(math.pi / 2, value)))
    return min(found, key=lambda value: abs(value - latpole), default=None)


def _euler(alpha: float, delta: float, phi: float) -> Matrix:
    """Return the rotation with the native pole at ``(alpha, delta)`` and the celestial pole at longitude ``phi``."""
    ca, sa, cd, sd, cp, sp = (f(v) for v in (alpha, delta, phi) for f in (math.cos, math.sin))
    return (
        (-sa * sp - ca * cp * sd, sa * cp - ca * sp * sd, ca * cd),
        (ca * sp - sa * cp * sd, -ca * cp - sa * sp * sd, sa * cd),
        (cp * cd, sp * cd, sd),
    )


def keywords(wcs: PlaneWcs, radesys: str) -> Iterator[tuple[str, str | float | int]]:
    """Yield the keywords and values of a WCS in the form that DS9 and astropy read alike.

    A ``CD`` matrix, because wcslib misreads TPV with ``CDELT``; the system always said, because DS9 guesses B1950 for
    some headers; SIP without its inverse, because DS9 believes it, and finds the true one where it is not there.
    """
    suffix = "-SIP" if wcs.sip else ""
    yield "CTYPE1", f"RA---{wcs.projection}{suffix}"
    yield "CTYPE2", f"DEC--{wcs.projection}{suffix}"
    for axis in (0, 1):
        yield f"CRPIX{axis + 1}", wcs.crpix[axis]
        yield f"CRVAL{axis + 1}", wcs.crval[axis]
        yield f"CUNIT{axis + 1}", "deg"
        yield f"CD{axis + 1}_1", wcs.matrix[axis][0]
        yield f"CD{axis + 1}_2", wcs.matrix[axis][1]
    yield "RADESYS", radesys
    if radesys == "FK5":
        yield "EQUINOX", 2000.0
    if wcs.lonpole is not None:
        yield "LONPOLE", wcs.lonpole
    if wcs.latpole is not None:
        yield "LATPOLE", wcs.latpole
    for axis, factors in ((1, wcs.pv_lon), (2, wcs.pv_lat)):
        for number, value in sorted(factors.items()):
            yield f"PV{axis}_{number}", value
    for name, terms in zip("AB", wcs.sip or (), strict=False):
        yield f"{name}_ORDER", max([2, *(i + j for both in wcs.sip or () for i, j in both)])
        for (i, j), value in sorted((terms or {(0, 2): 0.0}).items()):  # AST takes an axis without a term for 0
            yield f"{name}_{i}_{j}", value
