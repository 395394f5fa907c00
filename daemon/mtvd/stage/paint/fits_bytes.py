"""FITS headers for the files that DS9 maps. Pure: bytes out, no files.

DS9 never opens a file of a user: every image and every mask layer is given a header of ours, with the physical system
as the 0-based parent pixel plus one (``LTV``), the same as linear WCS ``A`` without the one, and the cards of its
celestial WCS, which `mtv.shared.sky` has written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from mtv.wire.errors import bad_value

BLOCK: Final = 2880
CARD: Final = 80

BITPIX: Final[dict[str, tuple[int, int]]] = {
    "|u1": (8, 0),
    ">i2": (16, 0),
    ">u2": (16, 1 << 15),
    ">i4": (32, 0),
    ">u4": (32, 1 << 31),
    ">i8": (64, 0),
    ">f4": (-32, 0),
    ">f8": (-64, 0),
}
"""Types that an image may be stored as: big-endian numpy name to BITPIX and BZERO.

Unsigned integers are stored as FITS has them: signed, with BZERO, that is with their highest bit turned over.
"""

_GOES_ON: Final = "CONTINUE"
_PRINTABLE: Final = re.compile(r"[ -~]*")


def header(
    *,
    shape_yx: tuple[int, int],
    dtype: str,
    xy0: tuple[int, int],
    header_bytes: int,
    wcs: str = "",
    unit: str = "",
    label: str = "",
    cell: int = 1,
    words: Iterable[str] = (),
) -> bytes:
    """Return the header of an image or mask layer, exactly ``header_bytes`` long.

    Parameters
    ----------
    shape_yx : `tuple` [`int`, `int`]
        Rows and columns of the pixels.
    dtype : `str`
        One of `BITPIX`.
    xy0 : `tuple` [`int`, `int`]
        0-based parent pixel of the first pixel.
    header_bytes : `int`
        A multiple of 2880: where the pixels begin.
    wcs : `str`
        Cards of the celestial WCS as `mtv.shared.sky.celestial.celestial_of` writes them.
    unit, label : `str`
        Shown by DS9 as unit and object; what is not printable ASCII is shown as ``?``.
    cell : `int`
        Parent pixels in a pixel of this image, along each axis; ``xy0`` is the first one of the first pixel.
    words : iterable of `str`
        Cards of other keywords, as `mtv.shared.header_words.cards_of` writes them; of one that is there already it is
        left out.

    Raises
    ------
    RequestError
        ``bad_value``: a dtype or shape that FITS does not have, or (``where`` is ``wcs``) cards that are wrong or too
        many for the header.
    """
    cards = [*_frame_cards(shape_yx, dtype), *_system_cards(xy0, cell), *_label_cards(unit, label), *_wcs_cards(wcs)]
    cards += _without_repeats(words, {card[:8] for card in cards})
    most = header_bytes // CARD - 1
    if header_bytes % BLOCK or len(cards) > most:
        raise bad_value("wcs", f"the WCS needs {len(cards)} header cards, {most} have room")
    return "".join([*cards, " " * CARD * (most - len(cards)), f"{'END':<80}"]).encode("ascii")


def _without_repeats(words: Iterable[str], taken: set[str]) -> Iterator[str]:
    repeats = False
    for card in words:
        repeats = repeats if card.startswith(_GOES_ON) else card[:8] in taken
        if not repeats:
            yield card


def whole_blocks(size: int) -> int:
    """Return a number of bytes rounded up to FITS blocks."""
    return -(-size // BLOCK) * BLOCK


def _frame_cards(shape_yx: tuple[int, int], dtype: str) -> Iterator[str]:
    if dtype not in BITPIX:
        raise bad_value("image.dtype", f"{dtype} cannot be shown", f"one of {', '.join(BITPIX)}")
    if min(shape_yx) < 1:
        raise bad_value("image.shape", "the image is empty")
    bitpix, bzero = BITPIX[dtype]
    yield _card("SIMPLE", True)
    yield _card("BITPIX", bitpix)
    yield _card("NAXIS", 2)
    yield _card("NAXIS1", shape_yx[1])
    yield _card("NAXIS2", shape_yx[0])
    if bzero:
        yield _card("BSCALE", 1)
        yield _card("BZERO", bzero)


def _system_cards(xy0: tuple[int, int], cell: int) -> Iterator[str]:
    """Physical = image + xy0, 1-based; WCS A = the 0-based parent pixel itself.

    Of a mask in cells DS9 takes the last parent pixel of a cell, not the middle one, for the middle of it: with ``LTV``
    as the convention has it, cells are drawn off by half a cell less half a pixel (8.4.1 to 8.7).
    """
    for axis, first in enumerate(xy0, 1):
        yield _card(f"LTV{axis}", -first / cell)
        yield _card(f"LTM{axis}_{axis}", 1 / cell)
        yield _card(f"CTYPE{axis}A", "LINEAR")
        yield _card(f"CRPIX{axis}A", 1.0)
        yield _card(f"CRVAL{axis}A", first + (cell - 1) / 2)
        yield _card(f"CDELT{axis}A", float(cell))


def _label_cards(unit: str, label: str) -> Iterator[str]:
    if unit:
        yield _card("BUNIT", _printable(unit))
    if label:
        yield _card("OBJECT", _printable(label))


def _wcs_cards(wcs: str) -> Iterator[str]:
    if len(wcs) % CARD or not _PRINTABLE.fullmatch(wcs):
        raise bad_value("wcs", "the cards are not 80 printable characters each")
    for start in range(0, len(wcs), CARD):
        yield wcs[start : start + CARD]


def _card(key: str, value: str | float | bool) -> str:
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        text = "'" + value.replace("'", "''").ljust(8) + "'"
    else:
        text = f"{value!r:>20}".replace("e", "E")
    return f"{key:<8}= {text}"[:CARD].ljust(CARD)


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" and c != "'" else "?" for c in text)[:60].rstrip()
