"""Values of FITS cards, whatever stands in them: one card that cannot be parsed costs that card and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

Plain = str | int | float | bool | None
"""Values that the wire carries."""

_WHOLE_MIN: Final = -(1 << 63)
_WHOLE_MAX: Final = (1 << 64) - 1
_FLOAT_MAX: Final = sys.float_info.max
_FLOAT_MIN: Final = -_FLOAT_MAX
_VALUE_AT: Final = 10


def value(header: Any, keyword: str, default: Any = None) -> Any:
    """Return the value of a keyword; the default where it is not there, is undefined, or cannot be parsed.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
    keyword : `str`
    default : object
    """
    from astropy.io.fits import VerifyError
    from astropy.io.fits.card import Undefined

    try:
        found = header.get(keyword, default)
    except (VerifyError, ValueError, TypeError, LookupError):
        return default
    return default if found is None or isinstance(found, Undefined) else found


def text(header: Any, keyword: str, default: str = "") -> str:
    """Return the value of a keyword as text without blanks around it; see `value`."""
    return str(value(header, keyword, default)).strip()


def number(header: Any, keyword: str, default: float) -> float:
    """Return the value of a keyword where it is a finite number, an integer as an integer; else the default."""
    found = value(header, keyword, default)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return default
    return found if _FLOAT_MIN < found < _FLOAT_MAX else default


def items(header: Any) -> Iterator[tuple[str, Plain]]:
    """Go through keywords and values that the wire carries; of a card that cannot be parsed, the text of its value.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
    """
    from astropy.io.fits import VerifyError

    for card in header.cards:
        try:
            yield str(card.keyword), plain(card.value)
        except (VerifyError, ValueError, TypeError, LookupError, ArithmeticError):
            yield str(card.keyword), _as_it_stands(card)


def plain(found: Any) -> Plain:
    """Return a value as the wire carries it: a whole number beyond 64 bits and a complex one as text.

    Parameters
    ----------
    found : object
        A card's value; an undefined one becomes None.
    """
    if isinstance(found, bool | str):
        return found
    if isinstance(found, int):
        return found if _WHOLE_MIN <= found <= _WHOLE_MAX else str(found)
    if isinstance(found, float):
        return found
    return str(found) if isinstance(found, complex) else None


def _as_it_stands(card: Any) -> str:
    # Not ``card.image``: it mends the card first, and fails where that cannot be done.
    return str(getattr(card, "_image", None) or "")[_VALUE_AT:].strip()
