"""What the headers of an image say: WCS, offset, mask planes, plain keywords."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from mtvd.repo.readers import cards
from mtvd.repo.readers.failures import unreadable
from mtvd.repo.readers.hdus import opened

_log = logging.getLogger(__name__)
_CELESTIAL: Final = re.compile(r"^.{4}-|^(RA|DEC|GLON|GLAT|ELON|ELAT)\b")
_WCS_CARD: Final = re.compile(
    r"WCSNAME|RADESYS|RADECSYS|EQUINOX|LONPOLE|LATPOLE"
    r"|(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)[12]"
    r"|(CD|PC)[12]_[12]|PC00[12]00[12]|(PV|PS)[12]_\d+|[AB]P?_(ORDER|DMAX|\d+_\d+)"
)
_STRUCTURE: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BZERO|BSCALE|INHERIT|COMMENT|HISTORY|CHECKSUM|DATASUM"
    r"|Z(IMAGE|CMPTYPE|BITPIX|NAXIS\d*|TILE\d+|NAME\d+|VAL\d+|QUANTIZ|DITHER0|TENSION|SIMPLE|PCOUNT|GCOUNT|EXTEND)"
    r"|MP_.*|MSK[NMD]\d+|"
)


class HasHeader(Protocol):
    """An HDU of a file, or several that are one."""

    @property
    def path(self) -> Path: ...

    @property
    def index(self) -> int: ...

    @property
    def header(self) -> Any: ...


@contextmanager
def sound() -> Iterator[None]:
    """Turn what damaged headers raise, wherever a keyword is looked at, into the error of an unreadable file."""
    from astropy.io.fits import VerifyError

    try:
        yield
    except (VerifyError, LookupError, ValueError, TypeError, ArithmeticError) as error:
        _log.warning("headers of a file make no sense", exc_info=True)
        raise unreadable("the file's headers are damaged") from error


def wcs_cards(header: Any, shift: tuple[int, int] = (0, 0)) -> str:
    """Return the cards of the celestial WCS, 80 characters each, concatenated; empty where there is none.

    Only those of the first two axes: ``WCSAXES`` is left away, for a cube's would speak of more.

    Parameters
    ----------
    header : `astropy.io.fits.Header`
    shift : `tuple` [`int`, `int`]
        ``(x, y)`` of a cut-out's first pixel in local 0-based pixels: reference pixels move by it.
    """
    kinds = [str(header.get(f"CTYPE{axis}", "")) for axis in (1, 2)]
    if not all(_CELESTIAL.match(kind) for kind in kinds):
        return ""
    found = (card for card in header.cards if _WCS_CARD.fullmatch(card.keyword))
    return "".join(str(_shifted(card, shift).image)[:80].ljust(80) for card in found)


def moved(cards: str, shift: tuple[int, int]) -> str:
    """Return the cards of a WCS for a cut-out; `shift` as in `wcs_cards`."""
    from astropy.io.fits import Header

    return wcs_cards(Header.fromstring(cards), shift) if any(shift) else cards


def _shifted(card: Any, shift: tuple[int, int]) -> Any:
    if card.keyword not in {"CRPIX1", "CRPIX2"} or not any(shift):
        return card
    return type(card)(card.keyword, card.value - shift[int(card.keyword[-1]) - 1], card.comment)


def xy0_of(header: Any) -> tuple[int, int]:
    """Return the 0-based parent pixel ``(x, y)`` of the first pixel: from WCS "A", else from LTV."""
    if str(header.get("CTYPE1A", "")).strip() == "LINEAR" and "CRVAL1A" in header:
        x, y = (header[f"CRVAL{axis}A"] + 1 - header.get(f"CRPIX{axis}A", 1) for axis in (1, 2))
    else:
        x, y = (-header.get(f"LTV{axis}", 0) for axis in (1, 2))
    return round(float(x)), round(float(y))


def of(plane: HasHeader) -> tuple[Any, ...]:
    """Return the headers that speak of an image: the file's first, and its own."""
    if not plane.index:
        return (plane.header,)
    with opened(plane.path) as hdus:
        return (hdus[0].header.copy(), plane.header)


def metadata_of(headers: Iterable[Any]) -> dict[str, cards.Plain]:
    """Return the plain keywords of headers, the later ones on top; those of the file's own structure left out."""
    found = (item for header in headers for item in cards.items(header))
    return {keyword: value for keyword, value in found if not _STRUCTURE.fullmatch(keyword)}
