"""From pixels to the sky and back: by the exact WCS of `lsst.afw` where it is there, else by the header's."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Protocol

from mtv.wire.errors import Error, RequestError

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, Any]


class Mapping(Protocol):
    """A WCS in 0-based parent pixels and ICRS degrees."""

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension and declination."""
        ...

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        """Return x and y."""
        ...


def mapping_of(exact: str, cards: str, xy0: tuple[int, int]) -> Mapping:
    """Return the best WCS there is.

    Parameters
    ----------
    exact : `str`
        A ``SkyWcs`` in the words of AST; used where ``starlink-pyast`` is installed.
    cards : `str`
        The header's, in local pixels; needs astropy.

    Raises
    ------
    RequestError
        ``unsupported`` where there is none, or the package that reads it is missing.
    """
    if exact and importlib.util.find_spec("starlink") is not None:
        return _Exact(exact)
    if cards:
        return _Header(cards, xy0)
    hint = "pip install starlink-pyast" if exact else "the file has none"
    raise RequestError(Error(code="unsupported", message="no WCS can be read", where="wcs", hint=hint))


class _Exact:
    def __init__(self, text: str) -> None:
        from starlink import Ast

        self._mapping = Ast.Channel(text.splitlines()).read()

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        import numpy as np

        ra, dec = self._mapping.tran([x, y], True)
        return np.degrees(ra) % 360, np.degrees(dec)

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        import numpy as np

        x, y = self._mapping.tran([np.radians(ra_deg), np.radians(dec_deg)], False)
        return x, y


class _Header:
    def __init__(self, cards: str, xy0: tuple[int, int]) -> None:
        from astropy.io.fits import Header
        from astropy.wcs import WCS

        self._wcs, self._xy0 = WCS(Header.fromstring(cards)), xy0

    def to_sky(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        from astropy.wcs.utils import pixel_to_skycoord

        found = pixel_to_skycoord(x - self._xy0[0], y - self._xy0[1], self._wcs, 0, "all").icrs
        return found.ra.deg, found.dec.deg

    def to_pixel(self, ra_deg: Floats, dec_deg: Floats) -> tuple[Floats, Floats]:
        from astropy.coordinates import SkyCoord
        from astropy.wcs.utils import skycoord_to_pixel

        x, y = skycoord_to_pixel(SkyCoord(ra_deg, dec_deg, unit="deg", frame="icrs"), self._wcs, 0, "all")
        return x + self._xy0[0], y + self._xy0[1]
