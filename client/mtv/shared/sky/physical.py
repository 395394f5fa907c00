"""Place of an image's pixels in its parent. Pure.

Pixels are addressed by 0-based parent pixels, whole numbers from ``xy0``. What a file says beyond that in LTV and LTM
(parts of pixels, flips, binning) is no such offset, and is told in a note: DS9's physical system is that of our pixels,
in which markers, masks and the view are placed, and it cannot show the values of another linear one (it writes
``%1.8G`` for them, 8.4.1 to 8.7).
"""

from __future__ import annotations

from typing import Final

from mtv.shared.sky.cards import Header

_PIXEL_UNITS: Final = ("", "PIXEL", "PIXELS", "PIX")
_KEYS: Final = ("LTV1", "LTV2", "LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2")
_FAR: Final = 10_000_000


def offset_of(header: Header) -> tuple[int, int]:
    """Return the 0-based parent pixel ``(x, y)`` of the first pixel: from WCS "A" of `lsst.afw`, else from LTV.

    Parameters
    ----------
    header : `Header`
        Its values. A WCS "A" of another program does not count, nor LTV where the image is flipped or turned.
    """
    if is_ours(header):
        pairs = [_number(header, f"CRVAL{n}A", 0.0) + 1 - _number(header, f"CRPIX{n}A", 1.0) for n in (1, 2)]
    else:
        a, b, c, d = _matrix(header)
        upright = a > 0 and d > 0 and not b and not c
        pairs = [-_number(header, f"LTV{axis}", 0.0) if upright else 0.0 for axis in (1, 2)]
    x, y = (round(value) if abs(value) <= _FAR else 0 for value in pairs)
    return x, y


def notes_of(header: Header) -> tuple[str, ...]:
    """Return what is to be told of LTV and LTM, in words for the user; nothing where the offset says it all.

    Parameters
    ----------
    header : `Header`
        Its values.
    """
    bad = filter(header.is_no_number, _KEYS)
    notes = tuple(f"{key} has no number: left out" for key in bad)
    given = {key: value for key in _KEYS if (value := header.number(key)) is not None}
    whole = all(given.get(key, 0.0) == round(given.get(key, 0.0)) for key in _KEYS[:2])
    if is_ours(header) or (whole and _matrix(header) == (1.0, 0.0, 0.0, 1.0)):
        return notes
    said = ", ".join(f"{key} {value:g}" for key, value in given.items())
    return (*notes, f"pixels count from {offset_of(header)}, not in the file's own physical coordinates ({said})")


def is_ours(header: Header) -> bool:
    """Tell whether WCS "A" is the offset that `lsst.afw` writes: a linear one in whole pixels.

    Parameters
    ----------
    header : `Header`
        Its values.
    """
    kinds = [header.text(f"CTYPE{axis}A").upper() for axis in (1, 2)]
    if kinds[0] != "LINEAR" or kinds[1] not in {"", "LINEAR"} or header.number("CRVAL1A") is None:
        return False
    if any(header.text(f"CUNIT{n}A").upper() not in _PIXEL_UNITS for n in (1, 2)):
        return False
    steps = [_number(header, f"{key}A", 1.0) for key in ("CDELT1", "CDELT2", "CD1_1", "CD2_2", "PC1_1", "PC2_2")]
    turns = [_number(header, f"{key}A", 0.0) for key in ("CD1_2", "CD2_1", "PC1_2", "PC2_1")]
    return set(steps) == {1.0} and not any(turns)


def _matrix(header: Header) -> tuple[float, float, float, float]:
    a, b, c, d = (_number(header, f"LTM{i}_{j}", float(i == j)) for i in (1, 2) for j in (1, 2))
    return a, b, c, d


def _number(header: Header, keyword: str, missing: float) -> float:
    value = header.number(keyword)
    return missing if value is None else value
