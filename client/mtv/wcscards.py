"""FITS cards of a WCS that a caller gives: an astropy WCS, a header, a mapping, or cards. Astropy is not imported."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from mtv.wire.errors import bad_value

_WCS_KEYWORD: Final = re.compile(
    r"(WCSAXES|C(TYPE|RPIX|RVAL|DELT|UNIT|ROTA)\d|(CD|PC|PV)\d+_\d+|[AB]P?_(ORDER|DMAX|\d+_\d+)|LONPOLE|LATPOLE|RADESYS"
    r"|EQUINOX|MJDREF|DATE-OBS|MJD-OBS|RADECSYS)"
)


def wcs_cards(wcs: Any) -> str:
    """Return a WCS as FITS cards of 80 characters, concatenated.

    Parameters
    ----------
    wcs : `str`, `astropy.wcs.WCS`, `astropy.io.fits.Header` or mapping
        Cards, something with ``to_header(relax=True)``, a header, or keywords to values.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``wcs``.
    """
    if wcs is None:
        return ""
    if isinstance(wcs, str):
        if len(wcs) % 80 or not wcs.isascii():
            raise bad_value("wcs", "the cards are not 80 characters each", "header.tostring(sep='', endcard=False)")
        return wcs
    header = wcs.to_header(relax=True) if hasattr(wcs, "to_header") else wcs
    if not hasattr(header, "items"):
        raise bad_value("wcs", f"a {type(wcs).__name__} is no WCS", "an astropy WCS, a FITS header, or its cards")
    return "".join(card(str(key), value) for key, value in header.items() if _WCS_KEYWORD.fullmatch(str(key)))


def card(keyword: str, value: object) -> str:
    """Return one FITS card in fixed format."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int):
        text = f"{value:>20}"
    elif isinstance(value, float) or hasattr(value, "__float__"):
        number = float(value)  # numpy's scalars too
        if not math.isfinite(number):
            raise bad_value("wcs", f"{keyword} is {number}")
        text = f"{number!r:>20}".replace("e", "E")
    else:
        text = "'{:<8}'".format(str(value).replace("'", "''"))
    return f"{keyword:<8}= {text}".ljust(80)[:80]
