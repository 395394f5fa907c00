"""Where the pixels of an image lie in its parent: the offset that we count in, and a file's own system. Pure.

Pixels are addressed by 0-based parent pixels, whole numbers from ``xy0``. What a file says beyond that in LTV and LTM
(halves of pixels, flips, binning) is no such offset; it is passed to DS9 as the linear WCS "P".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mtv.sky.cards import Header

NAME: Final = "FILE PHYSICAL"
"""Of WCS "P". DS9 takes one that is called PHYSICAL for its physical system, in which markers are drawn here."""

_PIXEL_UNITS: Final = ("", "PIXEL", "PIXELS", "PIX")
_FAR: Final = 10_000_000
Cards = tuple[tuple[str, str | float | int], ...]


def offset_of(header: Header) -> tuple[int, int]:
    """Return the 0-based parent pixel ``(x, y)`` of the first pixel: from WCS "A" of `lsst.afw`, else from LTV.

    Parameters
    ----------
    header : `Header`
        Its values. A WCS "A" of another program does not count, nor LTV where the image is flipped or turned.
    """
    if _is_ours(header):
        pairs = [_number(header, f"CRVAL{n}A", 0.0) + 1 - _number(header, f"CRPIX{n}A", 1.0) for n in (1, 2)]
    else:
        (a, b), (c, d) = _matrix(header)
        upright = a > 0 and d > 0 and not b and not c
        pairs = [-_number(header, f"LTV{axis}", 0.0) if upright else 0.0 for axis in (1, 2)]
    x, y = (round(value) if abs(value) <= _FAR else 0 for value in pairs)
    return x, y


def file_system(header: Header) -> tuple[Cards, tuple[str, ...]]:
    """Return the cards of WCS "P", and what to tell of it; none where ``xy0`` says it all.

    Parameters
    ----------
    header : `Header`
        Its values.
    """
    if header.text("WCSNAMEP") == NAME:
        return tuple(_again(header)), ()
    notes = tuple(f"{key} has no number: left out" for key in _keys() if _is_bad(header, key))
    if _is_ours(header) or not any(header.number(key) is not None for key in _keys()):
        return (), notes
    matrix, (v, w) = _matrix(header), (_number(header, f"LTV{axis}", 0.0) for axis in (1, 2))
    if matrix == ((1.0, 0.0), (0.0, 1.0)) and v == round(v) and w == round(w):
        return (), notes
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    if not determinant:
        return (), (*notes, "LTM makes no sense: left out")
    inverse = ((d / determinant, -b / determinant), (-c / determinant, a / determinant))
    values: dict[str, str | float | int] = {
        "WCSNAMEP": NAME, "CTYPE1P": "LINEAR", "CTYPE2P": "LINEAR",
        "CRPIX1P": v, "CRPIX2P": w, "CRVAL1P": 0.0, "CRVAL2P": 0.0,
        "CD1_1P": inverse[0][0], "CD1_2P": inverse[0][1], "CD2_1P": inverse[1][0], "CD2_2P": inverse[1][1],
    }  # fmt: skip
    x, y = offset_of(header)
    note = f"the file's own physical coordinates (LTV, LTM) are WCS P; pixels count from ({x}, {y})"
    return tuple(values.items()), (*notes, note)


def _again(header: Header) -> Iterator[tuple[str, str | float | int]]:
    yield "WCSNAMEP", NAME
    for axis in (1, 2):
        yield f"CTYPE{axis}P", "LINEAR"
    for stem in ("CRPIX", "CRVAL"):
        for axis in (1, 2):
            yield f"{stem}{axis}P", _number(header, f"{stem}{axis}P", 0.0)
    for row in (1, 2):
        for column in (1, 2):
            yield f"CD{row}_{column}P", _number(header, f"CD{row}_{column}P", float(row == column))


def _is_ours(header: Header) -> bool:
    """Tell whether WCS "A" is the offset that `lsst.afw` writes: a linear one in whole pixels."""
    kinds = [header.text(f"CTYPE{axis}A").upper() for axis in (1, 2)]
    if kinds[0] != "LINEAR" or kinds[1] not in {"", "LINEAR"} or header.number("CRVAL1A") is None:
        return False
    if any(header.text(f"CUNIT{n}A").upper() not in _PIXEL_UNITS for n in (1, 2)):
        return False
    steps = [_number(header, f"{key}A", 1.0) for key in ("CDELT1", "CDELT2", "CD1_1", "CD2_2", "PC1_1", "PC2_2")]
    turns = [_number(header, f"{key}A", 0.0) for key in ("CD1_2", "CD2_1", "PC1_2", "PC2_1")]
    return set(steps) == {1.0} and not any(turns)


def _matrix(header: Header) -> tuple[tuple[float, float], tuple[float, float]]:
    (a, b), (c, d) = ([_number(header, f"LTM{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2))
    return (a, b), (c, d)


def _keys() -> tuple[str, ...]:
    return ("LTV1", "LTV2", "LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2")


def _is_bad(header: Header, keyword: str) -> bool:
    return keyword in header.unusable or (keyword in header.values and header.number(keyword) is None)


def _number(header: Header, keyword: str, missing: float) -> float:
    value = header.number(keyword)
    return missing if value is None else value
