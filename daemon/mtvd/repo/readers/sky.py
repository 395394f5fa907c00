"""Conversion of the sky to pixels and back, by the WCS of a header or the exact one that ``lsst.afw`` keeps beside it.

The exact one needs the package ``starlink-pyast``, an optional extra, which `mtv.shared.skywcs` alone imports.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from mtv.shared.skywcs import CardsMapping, ExactMapping
from mtvd.repo.readers import archive

Floats = npt.NDArray[np.float64]
_ARCSEC: Final = 3600.0
_SAME_DEG: Final = 1e-4


def place_of(cards: str, xy0: tuple[int, int], x: float, y: float) -> list[float]:
    """Return right ascension and declination (ICRS, degrees) of a pixel of an image that is shown.

    Parameters
    ----------
    cards : `str`
        Header that the daemon itself has written: with a ``RADESYS`` where it has a WCS.
    xy0 : `tuple` [`int`, `int`]
        0-based parent pixel ``(x, y)`` of its first pixel.
    x, y : `float`
        0-based parent pixel.

    Returns
    -------
    place : `list` [`float`]
        Empty where there is none.
    """
    if "RADESYS =" not in cards:
        return []
    ra, dec = CardsMapping(cards, xy0).to_sky(np.array([x]), np.array([y]))
    place = [float(ra[0]), float(dec[0])]
    return place if all(map(math.isfinite, place)) else []


def pixel_of(cards: str, xy0: tuple[int, int], ra_deg: float, dec_deg: float) -> list[float]:
    """Return the 0-based parent pixel of a place on the sky (ICRS), with fractions; see `place_of`.

    Returns
    -------
    pixel : `list` [`float`]
        Empty where there is none: also for a place that the projection folds onto another, as behind a tangent plane.
    """
    if "RADESYS =" not in cards:
        return []
    mapping = CardsMapping(cards, xy0)
    x, y = mapping.to_pixel(np.array([ra_deg]), np.array([dec_deg]))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return []
    ra, dec = mapping.to_sky(x, y)
    away = (ra[0] - ra_deg + 180) % 360 - 180
    same = abs(away) * math.cos(math.radians(dec_deg)) < _SAME_DEG and abs(dec[0] - dec_deg) < _SAME_DEG
    return [float(x[0]), float(y[0])] if same else []


class Sky(Protocol):
    """Sky of an image: places of its pixels. Pixels are local and 0-based."""

    def to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        """Return ``(x, y)``; NaN where the WCS does not reach."""
        ...

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return ICRS right ascension and declination in degrees."""
        ...


def arcsec_per_pixel(sky: Sky, x: float, y: float) -> float:
    """Return the scale at a pixel: the root of the sky's area in it."""
    ra, dec = sky.to_sky(np.array([x, x + 1, x]), np.array([y, y, y + 1]))
    east = (ra - ra[0] + 180) % 360 - 180
    a, b = east[1:] * math.cos(math.radians(dec[0])), dec[1:] - dec[0]
    return math.sqrt(abs(float(a[0] * b[1] - a[1] * b[0]))) * _ARCSEC


class HeaderSky:
    """The WCS of a header.

    Parameters
    ----------
    cards : `str`
        As `mtv.shared.sky.celestial.celestial_of` returns them, with a sky.
    """

    def __init__(self, cards: str) -> None:
        self._mapping = CardsMapping(cards)

    def to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        x, y = self._mapping.to_pixel(np.array([ra_deg]), np.array([dec_deg]))
        return float(x[0]), float(y[0])

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return self._mapping.to_sky(x, y)


class ExactSky:
    """The ``SkyWcs`` of an archive.

    Parameters
    ----------
    text : `str`
        What `ast_text` returned; not empty.
    xy0 : `tuple` [`int`, `int`]
        0-based parent pixel of the first local one: a ``SkyWcs`` speaks of parent pixels.

    Raises
    ------
    RequestError
        ``unsupported`` for a text that is no WCS from two axes to the sky.
    """

    def __init__(self, text: str, xy0: tuple[int, int]) -> None:
        self._mapping = ExactMapping(text)
        self._xy0 = xy0

    def to_pixel(self, ra_deg: float, dec_deg: float) -> tuple[float, float]:
        x, y = self._mapping.to_pixel(np.array([ra_deg]), np.array([dec_deg]))
        return float(x[0]) - self._xy0[0], float(y[0]) - self._xy0[1]

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return self._mapping.to_sky(x + self._xy0[0], y + self._xy0[1])


def exact_sky(text: str, xy0: tuple[int, int]) -> ExactSky | None:
    """Return the exact WCS of an afw file; None where there is none, or the package that reads it is not there.

    Parameters
    ----------
    text : `str`
        What `ast_text` returned.
    xy0 : `tuple` [`int`, `int`]
        See `ExactSky`.
    """
    if not text or importlib.util.find_spec("starlink") is None:
        return None
    return ExactSky(text, xy0)


def ast_text(path: Path) -> str:
    """Return the ``SkyWcs`` of an afw file as text in the words of AST; empty where there is none.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a damaged archive.
    """
    record = archive.record(path, "SKYWCS")
    if record is None or "wcs" not in record:
        return ""
    text = bytes(np.asarray(record["wcs"], np.uint8)).decode("latin-1")
    start = text.find("Begin ")
    return text[start:] if start >= 0 else ""
