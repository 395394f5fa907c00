"""From pixels to the sky and back, by the same cards that the picture has; the daemon measures cut-outs by it too."""

from __future__ import annotations

import importlib.util
import warnings
from typing import TYPE_CHECKING, Any, Final, Protocol

from mtv.shared.sky import frames
from mtv.shared.sky.asttext import fault_of
from mtv.shared.sky.celestial import celestial_of
from mtv.wire.errors import Error, RequestError

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, Any]


_AST_BAD: Final = 1e300


class Mapping(Protocol):
    """A WCS in 0-based parent pixels and ICRS degrees."""

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination; NaN where a pixel has no place on the sky."""
        ...

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Return x and y; NaN where the projection does not reach."""
        ...


def mapping_of(exact: str, cards: str, xy0: tuple[int, int]) -> Mapping:
    """Return the WCS that the picture has.

    Parameters
    ----------
    exact : `str`
        A ``SkyWcs`` in the words of AST; used where there are no cards, and ``starlink-pyast`` is installed.
    cards : `str`
        Header cards in local pixels, as any program writes them; needs astropy.
    xy0 : `tuple` [`int`, `int`]
        0-based parent pixel ``(x, y)`` of the first local one.

    Raises
    ------
    RequestError
        ``unsupported`` where there is none, it makes no sense, or the package that reads it is missing.
    """
    found = celestial_of(cards)
    if found.has_sky:
        return CardsMapping(found.cards, xy0)
    if exact and importlib.util.find_spec("starlink") is not None:
        return ExactMapping(exact)
    hint = "pip install starlink-pyast" if exact else "; ".join(found.notes) or "the file has none"
    raise RequestError(Error(code="unsupported", message="no WCS can be read", where="wcs", hint=hint))


class ExactMapping:
    """The ``SkyWcs`` that ``lsst.afw`` keeps in an archive, read by the package ``starlink-pyast``.

    Parameters
    ----------
    text : `str`
        In the words of AST.

    Raises
    ------
    RequestError
        ``unsupported`` for a text that is no such WCS, or that AST does not read.
    """

    def __init__(self, text: str) -> None:
        fault = fault_of(text)
        if fault:
            raise _unread(fault)
        from starlink import Ast

        try:
            mapping = Ast.Channel(text.splitlines()).read()
        except Exception as error:  # AST's errors are of many kinds, and have no base of their own
            raise _unread(type(error).__name__) from error
        # AST ends the process where it is asked for more axes than there are.
        if not isinstance(mapping, Ast.FrameSet) or (mapping.Nin, mapping.Nout) != (2, 2):
            raise _unread("it does not lead from two axes to two")
        self._mapping = mapping

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination; see `Mapping`."""
        import numpy as np

        ra, dec = _place(self._mapping.tran([x, y], True))
        return np.degrees(ra) % 360, np.degrees(dec)

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Return x and y; see `Mapping`."""
        import numpy as np

        x, y = _place(self._mapping.tran([np.radians(ra_deg), np.radians(dec_deg)], False))
        return x, y


def _place(points: Any) -> Floats:
    """Return what AST has mapped, ``(2, n)``, with NaN where it has its own number for no place (-1.8E308)."""
    import numpy as np

    found = np.array(points, float)
    return np.where(np.abs(found) < _AST_BAD, found, np.nan)


def _unread(why: str) -> RequestError:
    return RequestError(Error(code="unsupported", message="the exact WCS cannot be read", where="wcs", hint=why))


class CardsMapping:
    """The WCS of cards as `mtv.shared.sky.celestial.celestial_of` returns them.

    Parameters
    ----------
    cards : `str`
        With a sky.
    xy0 : `tuple` [`int`, `int`], optional
        0-based parent pixel ``(x, y)`` of the first local one.
    """

    def __init__(self, cards: str, xy0: tuple[int, int] = (0, 0)) -> None:
        from astropy.io.fits import Header
        from astropy.wcs import WCS

        header = Header.fromstring(cards)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._wcs = WCS(header)
        self._xy0 = xy0
        system = frames.to_icrs(str(header["RADESYS"]), 2000.0, 2000.0, (1.0, 0.0, 0.0))
        self._to_icrs = None if system.rotation == frames.IDENTITY else system.rotation

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination; see `Mapping`."""
        lon, lat = self._wcs.all_pix2world(x - self._xy0[0], y - self._xy0[1], 0)
        if self._to_icrs is None:
            return lon % 360, lat
        return _turn(lon, lat, self._to_icrs)

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Return x and y; see `Mapping`."""
        import numpy as np
        from astropy.wcs import NoConvergence

        if self._to_icrs is not None:
            ra_deg, dec_deg = _turn(ra_deg, dec_deg, frames.transpose(self._to_icrs))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                x, y = self._wcs.all_world2pix(ra_deg, dec_deg, 0)
            except NoConvergence as error:  # of some: those have no place
                found = np.array(error.best_solution)
                for rows in (error.divergent, error.slow_conv):
                    if rows is not None:
                        found[rows] = np.nan
                x, y = found.T
        return x + self._xy0[0], y + self._xy0[1]


def _turn(lon_deg: Floats, lat_deg: Floats, rotation: frames.Matrix) -> tuple[Floats, Floats]:
    import numpy as np

    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    vectors = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    x, y, z = np.tensordot(np.array(rotation), vectors, axes=1)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
