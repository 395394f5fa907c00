"""Systems of coordinates of the sky, as rotations to ICRS. Pure.

The formulas are those of AST and so of DS9: the precession and obliquity of IAU 2006 for FK5 and the mean ecliptic,
Newcomb's precession and E-terms for FK4. Vectors are right-handed: x to longitude 0, z to the pole.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

IDENTITY: Final[Matrix] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_ARCSEC: Final = math.radians(1 / 3600)
_GALACTIC: Final[Matrix] = (  # of FK5
    (-0.054875539726, -0.873437108010, -0.483834985808),
    (0.494109453312, -0.444829589425, 0.746982251810),
    (-0.867666135858, -0.198076386122, 0.455983795705),
)
_SUPERGALACTIC: Final[Matrix] = (  # of galactic
    (-0.735742574804, 0.677261296414, 0.0),
    (-0.074553778365, -0.080991471307, 0.993922590400),
    (0.673145302109, 0.731271165817, 0.110081262225),
)
_FK4_TO_FK5: Final = (  # positions and, per tropical century, motions of B1950 as positions and motions of J2000
    (0.9999256782, -0.0111820611, -0.0048579477),
    (0.0111820610, 0.9999374784, -0.0000271765),
    (0.0048579479, -0.0000271474, 0.9999881997),
    (-0.000551, -0.238565, 0.435739),
    (0.238514, -0.002667, -0.008541),
    (-0.435623, 0.012254, 0.002117),
)
_E_TERMS_1950: Final[Vector] = (-1.62557e-6, -0.31919e-6, -0.13843e-6)
_E_TERMS_MOTION: Final[Vector] = (1.245e-3, -1.580e-3, -0.659e-3)
_MOTION: Final = 100 * 360 * 3600 / (2 * math.pi)


class Local(NamedTuple):
    """A system near one direction, as a rotation and a scale."""

    rotation: Matrix
    """From directions of the system to ICRS."""
    scale: float
    """Lengths in ICRS of one unit of length in the system: other than 1 by parts of a million, and only for FK4."""


def to_icrs(system: str, equinox: float, epoch: float, near: Vector) -> Local:
    """Return how directions of a system become directions of ICRS.

    Parameters
    ----------
    system : `str`
        ``ICRS``, ``FK5``, ``FK4``, ``FK4-NO-E``, ``GALACTIC``, ``SUPERGALACTIC`` or ``ECLIPTIC``.
    equinox : `float`
        Years: Besselian of FK4, Julian of FK5 and the ecliptic.
    epoch : `float`
        Besselian year of the observation; counts for FK4 alone, whose stars turn slowly with regard to ICRS.
    near : `tuple` [`float`, `float`, `float`]
        Direction in the system around which FK4 is a rotation: its E-terms are none. At 3 degrees from it the rest is
        0.001 arc seconds.
    """
    if system == "ICRS":
        return Local(IDENTITY, 1.0)
    if system.startswith("FK4"):
        return _local_fk4(near, equinox, epoch, with_e_terms=system == "FK4")
    if system == "GALACTIC":
        return Local(times(_FK5_TO_ICRS, transpose(_GALACTIC)), 1.0)
    if system == "SUPERGALACTIC":
        return Local(times(_FK5_TO_ICRS, transpose(times(_SUPERGALACTIC, _GALACTIC))), 1.0)
    if system == "FK5" and equinox == 2000:
        return Local(_FK5_TO_ICRS, 1.0)
    of_date = times(_FK5_TO_ICRS, transpose(_precession(equinox)))
    if system == "ECLIPTIC":
        return Local(times(of_date, transpose(_about_x(_obliquity(equinox)))), 1.0)
    return Local(of_date, 1.0)


def direction(lon_deg: float, lat_deg: float) -> Vector:
    """Return the unit vector of a longitude and latitude."""
    lon, lat = math.radians(lon_deg), math.radians(lat_deg)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def angles(vector: Vector) -> tuple[float, float]:
    """Return longitude in [0, 360) and latitude of a vector, in degrees."""
    x, y, z = vector
    longitude = math.degrees(math.atan2(y, x)) % 360 % 360  # of tiny negative numbers 360 is left once
    return longitude, math.degrees(math.atan2(z, math.hypot(x, y)))


def times(first: Matrix, second: Matrix) -> Matrix:
    """Return the matrix product: ``second`` is applied first."""
    a, b, c = (tuple(dot(row, column) for column in transpose(second)) for row in first)
    return a, b, c  # type: ignore[return-value]


def apply(matrix: Matrix, vector: Vector) -> Vector:
    """Return the matrix times a vector."""
    return dot(matrix[0], vector), dot(matrix[1], vector), dot(matrix[2], vector)


def transpose(matrix: Matrix) -> Matrix:
    """Return the transposed matrix: of a rotation, the one back."""
    a, b, c = zip(*matrix, strict=True)
    return a, b, c


def dot(first: Vector, second: Vector) -> float:
    """Return the scalar product."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2]


def besselian(mjd: float) -> float:
    """Return the Besselian year of a modified Julian date."""
    return 1900.0 + (mjd - 15019.81352) / 365.242198781


def _about_x(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return (1.0, 0.0, 0.0), (0.0, c, s), (0.0, -s, c)


def _about_y(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return (c, 0.0, -s), (0.0, 1.0, 0.0), (s, 0.0, c)


def _about_z(angle: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return (c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0)


def _rotation_by(x: float, y: float, z: float) -> Matrix:
    """Return the rotation of the axes by a small vector."""
    angle = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / angle, y / angle, z / angle
    c, s = math.cos(angle), math.sin(angle)
    w = 1 - c
    return (
        (x * x * w + c, x * y * w + z * s, x * z * w - y * s),
        (x * y * w - z * s, y * y * w + c, y * z * w + x * s),
        (x * z * w + y * s, y * z * w - x * s, z * z * w + c),
    )


def _fk5_to_icrs(years: float = 0.0) -> Matrix:
    """Return the rotation from FK5 to ICRS so many years after J2000: FK5 spins."""
    x, y, z = ((here + spin * years) * _ARCSEC / 1000 for here, spin in ((-19.9, -0.30), (-9.1, 0.60), (22.9, 0.70)))
    return _rotation_by(x, y, z)


_FK5_TO_ICRS: Final = _fk5_to_icrs()


def _precession(year: float) -> Matrix:
    """Return the precession of FK5 from J2000 to a Julian year: that of IAU 2006 with its frame bias, as AST has it."""
    t = (year - 2000) / 100
    gamma = _series(t, -0.052928, 10.556378, 0.4932044, -0.00031238, -0.000002788, 0.0000000260)
    phi = _series(t, 84381.412819, -46.811016, 0.0511268, 0.00053289, -0.000000440, -0.0000000176)
    psi = _series(t, -0.041775, 5038.481484, 1.5584175, -0.00018522, -0.000026452, -0.0000000148)
    return times(_about_x(-_obliquity(year)), times(_about_z(-psi), times(_about_x(phi), _about_z(gamma))))


def _obliquity(year: float) -> float:
    t = (year - 2000) / 100
    return _series(t, 84381.406, -46.836769, -0.0001831, 0.00200340, -0.000000576, -0.0000000434)


def _series(t: float, *arcsec: float) -> float:
    return sum(term * t**power for power, term in enumerate(arcsec)) * _ARCSEC


def _newcomb(start: float, end: float) -> Matrix:
    """Return the precession of FK4 between two Besselian years."""
    t0, t = (start - 1850) / 100, (end - start) / 100
    w = 2303.5548 + (1.39720 + 0.000059 * t0) * t0
    zeta = (w + (0.30242 - 0.000269 * t0 + 0.017996 * t) * t) * t * _ARCSEC
    z = (w + (1.09478 + 0.000387 * t0 + 0.018324 * t) * t) * t * _ARCSEC
    theta = (2005.1125 + (-0.85294 - 0.000365 * t0) * t0 + (-0.42647 - 0.000365 * t0 - 0.041802 * t) * t) * t * _ARCSEC
    return times(_about_z(-z), times(_about_y(theta), _about_z(-zeta)))


def _e_terms(year: float) -> Vector:
    t = (year - 1950) * 1.00002135903e-2
    eccentricity = 0.01673011 - (0.00004193 + 0.000000126 * t) * t
    obliquity = (84404.836 - (46.8495 + (0.00319 + 0.00181 * t) * t) * t) * _ARCSEC
    perihelion = (1015489.951 + (6190.67 + (1.65 + 0.012 * t) * t) * t) * _ARCSEC
    k, c = eccentricity * 20.49552 * _ARCSEC, math.cos(perihelion)
    return k * math.sin(perihelion), -k * c * math.cos(obliquity), -k * c * math.sin(obliquity)


def _unit(vector: Vector) -> Vector:
    length = math.sqrt(dot(vector, vector))
    return vector[0] / length, vector[1] / length, vector[2] / length


def _sum(first: Vector, second: Vector, factor: float = 1.0) -> Vector:
    return first[0] + factor * second[0], first[1] + factor * second[1], first[2] + factor * second[2]


def fk4_to_icrs(vector: Vector, equinox: float, epoch: float, *, with_e_terms: bool = True) -> Vector:
    """Return the ICRS direction of an FK4 direction.

    Parameters
    ----------
    vector : `tuple` [`float`, `float`, `float`]
        Unit vector.
    equinox, epoch : `float`
        Besselian years.
    with_e_terms : `bool`, optional
        False of ``FK4-NO-E``.
    """
    if with_e_terms and equinox != 1950:
        terms = _e_terms(equinox)
        vector = _unit(_sum(_sum(vector, vector, dot(vector, terms)), terms, -1.0))
    vector = apply(_newcomb(equinox, 1950.0), vector) if equinox != 1950 else vector
    if not with_e_terms or equinox != 1950:
        vector = _unit(_sum(vector, _e_terms(1950.0)))
    terms = _sum(_E_TERMS_1950, _E_TERMS_MOTION, (epoch - 1950) / _MOTION)
    still = _sum(_sum(vector, terms, -1.0), vector, dot(vector, terms))
    place: Vector = tuple(dot(row, still) for row in _FK4_TO_FK5[:3])  # type: ignore[assignment]
    motion: Vector = tuple(dot(row, still) for row in _FK4_TO_FK5[3:])  # type: ignore[assignment]
    mjd = 15019.81352 + (epoch - 1900.0) * 365.242198781
    julian = 2000.0 + (mjd - 51544.5) / 365.25
    return apply(_fk5_to_icrs(julian - 2000.0), _unit(_sum(place, motion, (julian - 2000.0) / _MOTION)))


def _local_fk4(near: Vector, equinox: float, epoch: float, *, with_e_terms: bool) -> Local:
    x, y, z = near
    lon, lat = math.atan2(y, x), math.atan2(z, math.hypot(x, y))
    east: Vector = (-math.sin(lon), math.cos(lon), 0.0)
    north: Vector = (-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat))
    step = 1e-4
    here, there, above = (
        fk4_to_icrs(_unit(point), equinox, epoch, with_e_terms=with_e_terms)
        for point in (near, _sum(near, east, step), _sum(near, north, step))
    )
    one, two = (_sum(point, here, -dot(point, here)) for point in (there, above))
    scale = math.sqrt(math.sqrt(dot(one, one) * dot(two, two))) / math.sin(math.atan(step))
    first, second = _unit(one), _unit(_sum(two, _unit(one), -dot(two, _unit(one))))
    return Local(times(transpose((first, second, here)), (east, north, near)), scale)
