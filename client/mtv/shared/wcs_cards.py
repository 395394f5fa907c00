"""Cards of what a caller gives as a WCS or header: as they are, for the daemon to understand. Astropy is not imported.

Nothing is decided here and no card is refused; `mtv.shared.sky` says what they mean.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from mtv.shared.sky import cards as skycards
from mtv.wire.errors import bad_value

_FIT_PX: Final = 0.01
"""Error of a fitted WCS that needs no note."""
_SIP_ERROR: Final = "SIPMXERR"
"""Keyword by which gWCS says how far its header is from itself at worst, in pixels."""

MOST_CARDS: Final = 4_000
"""Sent of one header."""

_PASSED_OVER: Final = re.compile(
    r"COMMENT|HISTORY|CONTINUE|HIERARCH|END|SIMPLE|XTENSION|EXTEND|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|BZERO|BSCALE|BLANK"
    r"|CHECKSUM|DATASUM|T(TYPE|FORM|UNIT|DIM|DISP|NULL|ZERO|SCAL)\d+|Z(FORM|CTYP)\d+|MP_.*|"
)


class GivenWcs(NamedTuple):
    """A WCS as the daemon gets it."""

    cards: str
    """80 characters each, concatenated; empty where there is none."""
    notes: tuple[str, ...] = ()
    """Parts that could not be brought along, in words for the user."""


def wcs_cards(wcs: Any) -> GivenWcs:
    """Return the cards of a WCS.

    Parameters
    ----------
    wcs : `str`, `astropy.wcs.WCS`, `astropy.io.fits.Header`, mapping, other WCS object, or None
        Cards of 80 characters or a line each; a header, or keywords to values; a WCS that can write itself as a header
        (``to_header``, ``to_fits_sip``), also one of these that was sliced or wrapped.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``wcs`` for what is no WCS at all.
    """
    if wcs is None:
        return GivenWcs("")
    if isinstance(wcs, str):
        return _from_text(wcs)
    if hasattr(wcs, "cards") or hasattr(wcs, "items"):
        return _join(_images(wcs))
    if hasattr(wcs, "to_header") or hasattr(wcs, "low_level_wcs") or hasattr(wcs, "pixel_to_world_values"):
        return _from_object(wcs)
    raise bad_value("wcs", f"a {type(wcs).__name__} is no WCS", "an astropy WCS, a FITS header, or its cards")


def raw(card: Any) -> str:
    """Return the characters of an astropy card: as they are in its file where nobody has changed it.

    Parameters
    ----------
    card : `astropy.io.fits.Card`
        Asked for its text it would first be checked, at eight times the cost, and mended where it is wrong.
    """
    image = getattr(card, "_image", None)
    if isinstance(image, str) and not getattr(card, "_modified", True):
        return image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(card)
        except Exception:  # noqa: BLE001 - astropy's VerifyError: a card that cannot be written says nothing of the sky
            return ""


def header_cards(header: Any) -> str:
    """Return the cards of an astropy header that may say something of the sky, 80 characters each, concatenated."""
    found = (raw(card) for card in header.cards if not _PASSED_OVER.fullmatch(card.keyword))
    return "".join(_ascii(text[:80]).ljust(80) for text in found)


def _from_text(text: str) -> GivenWcs:
    lines = list(skycards.split(text))
    if not any(line[8:9] == "=" for line in lines) and text.strip():
        raise bad_value("wcs", "the text has no FITS cards", "header.tostring(), or an astropy WCS")
    return _join(line for line in lines if not _PASSED_OVER.fullmatch(line[:8].rstrip()))


def _images(header: Any) -> Iterator[str]:
    if hasattr(header, "cards"):
        for card in header.cards:
            if not _PASSED_OVER.fullmatch(str(card.keyword)):
                yield raw(card)
        return
    for keyword, value in header.items():
        if not _PASSED_OVER.fullmatch(str(keyword).upper()):
            yield _write_card(str(keyword).upper(), value)


def _write_card(keyword: str, value: object) -> str:
    """Return a card of a mapping's value, numpy's scalars too; numbers that FITS does not have stay words."""
    if isinstance(value, bool | int | str):
        return skycards.card(keyword, value)
    if hasattr(value, "__float__"):
        number = float(value)
        return skycards.card(keyword, number) if math.isfinite(number) else f"{keyword:<8}= {number}"
    return f"{keyword:<8}="


def _join(images: Iterable[str], notes: tuple[str, ...] = ()) -> GivenWcs:
    found = [_ascii(image[:80]).ljust(80) for image in images]
    if len(found) > MOST_CARDS:
        notes = (*notes, f"the header has {len(found)} cards: the first {MOST_CARDS} are read")
    return GivenWcs("".join(found[:MOST_CARDS]), notes)


def _ascii(text: str) -> str:
    return text if text.isascii() and text.isprintable() else re.sub(r"[^ -~]", "?", text)


def _from_object(wcs: Any) -> GivenWcs:
    """Return the cards of a WCS object by its own best words for itself in FITS."""
    inner = getattr(wcs, "low_level_wcs", wcs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = _own_header(inner)
    except Exception as error:  # noqa: BLE001 - of whatever library the object is
        reason = str(error).strip().partition("\n")[0][:100] or type(error).__name__
        return GivenWcs("", (f"the WCS ({type(inner).__name__}) cannot be said in FITS, no sky is shown: {reason}",))
    if header is None:
        return GivenWcs("", (f"the WCS ({type(inner).__name__}) cannot be said in FITS: no sky is shown",))
    worst_px = header.get(_SIP_ERROR, 0.0)
    far = (f"the WCS is the object's own to {worst_px:.2g} pixels",) if worst_px > _FIT_PX else ()
    return _join(_images(header), far)


def _own_header(wcs: Any) -> Any:
    if hasattr(wcs, "to_header"):
        return wcs.to_header(relax=True)
    if hasattr(wcs, "to_fits_sip"):
        return _sip_header(wcs)
    # astropy's SlicedLowLevelWCS: a WCS and, in numpy's order, what of its pixels is left
    inner, slices = getattr(wcs, "_wcs", None), getattr(wcs, "_slices_array", None)
    if inner is None or slices is None:
        return None
    inner = getattr(inner, "low_level_wcs", inner)
    if hasattr(inner, "slice") and hasattr(inner, "sub"):
        whole = tuple(part if isinstance(part, slice) else slice(None) for part in slices)
        kept = [axis for axis, part in enumerate(reversed(slices), 1) if isinstance(part, slice)]
        return inner.slice(whole).sub(kept).to_header(relax=True)
    if not hasattr(inner, "to_fits_sip") or not all(isinstance(part, slice) for part in slices):
        return None
    header = _sip_header(inner)
    for axis, part in enumerate(reversed(slices), 1):
        header[f"CRPIX{axis}"] -= part.start or 0
    return header


def _sip_header(wcs: Any) -> Any:
    """Return the TAN-SIP header of a WCS that fits one to itself; gWCS would be content with a quarter of a pixel."""
    try:
        return wcs.to_fits_sip(max_pix_error=_FIT_PX, max_inv_pix_error=None)
    except TypeError:  # of another package, without these words
        return wcs.to_fits_sip()
