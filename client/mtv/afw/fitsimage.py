"""Images written as FITS: one HDU with title, sky and metadata, to a path, a descriptor, a pipe or whatever writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mtv.afw.images import read_image
from mtv.arguments.afw_objects import plain_header
from mtv.arguments.objects import Image
from mtv.arguments.targets import check_pixels
from mtv.pixels.outgoing import stored_dtype
from mtv.wire.limits import Limits

_BLOCK: Final = 2880
_CARD: Final = 80
_BITPIX: Final = {"u1": 8, "i2": 16, "i4": 32, "i8": 64, "f4": -32, "f8": -64}
_KEYWORD: Final = re.compile(r"[A-Z0-9_-]{1,8}")
_OF_THE_SKY: Final = re.compile(
    r"(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA|CRDER|CSYER|CNAME)\d+[A-Z]?|(CD|PC|PV|PS)\d+_\d+[A-Z]?|[AB]P?_(ORDER|DMAX|\d_\d)"
    r"|(WCSAXES|WCSNAME|RADESYS|RADECSYS|EQUINOX|LONPOLE|LATPOLE)[A-Z]?|LTV\d|LTM\d_\d"
)
_OF_THE_FILE: Final = re.compile(r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|BZERO|BSCALE|BLANK|END")


def writeFitsImage(file: Any, data: Any, wcs: Any = None, title: str = "", metadata: Any = None) -> None:
    """Write an image as a FITS file of one HDU.

    Parameters
    ----------
    file : `str`, path, `int`, `subprocess.Popen` or object
        A name, a descriptor, a process that reads its standard input, or anything with ``write``; the last three stay
        open.
    data : image
        As in ``display.image``; its mask is not written.
    wcs : SkyWcs, `astropy.wcs.WCS` or FITS header, optional
        Of an image that brings none.
    title : `str`, optional
        Written as OBJECT.
    metadata : `dict` or PropertyList, optional
        Words of the header; those of a WCS or of the file's form are left out.

    Raises
    ------
    TypeError
        It is no image.
    RuntimeError
        There is a WCS besides that of an exposure.
    OSError
        It cannot be written.
    """
    content = _content(read_image(data, title, wcs), title, metadata)
    if isinstance(file, str | os.PathLike):
        Path(file).write_bytes(content)
    elif isinstance(file, int):
        with os.fdopen(os.dup(file), "wb") as stream:
            stream.write(content)
    else:
        stream = getattr(file, "stdin", None) or file
        stream.write(content)
        if hasattr(stream, "flush"):
            stream.flush()


def _content(image: Image, title: str, metadata: Any) -> bytes:
    import numpy as np

    pixels = check_pixels(image.pixels, Limits(image_pixels=2**62))
    stored, turned = _store(pixels)
    cards = [
        _card("SIMPLE", True),
        _card("BITPIX", _BITPIX[stored.dtype.str[1:]]),
        _card("NAXIS", 2),
        _card("NAXIS1", pixels.shape[1]),
        _card("NAXIS2", pixels.shape[0]),
    ]
    if turned:
        cards += [_card("BZERO", turned), _card("BSCALE", 1)]
    words = {str(name).upper(): value for name, value in plain_header(metadata).items()}
    words |= {"OBJECT": title} if title else {}
    if image.unit:
        words.setdefault("BUNIT", image.unit)
    cards += _words(words)
    cards += [image.wcs[start : start + _CARD].ljust(_CARD) for start in range(0, len(image.wcs), _CARD)]
    header = "".join([*cards, *_offset(image.xy0), "END".ljust(_CARD)])
    padded = header.ljust(-(-len(header) // _BLOCK) * _BLOCK).encode("ascii", "replace")
    body = np.ascontiguousarray(stored).tobytes()
    return padded + body.ljust(-(-len(body) // _BLOCK) * _BLOCK, b"\0")


def _store(pixels: Any) -> tuple[Any, int]:
    """Return pixels as FITS holds them, big-endian, and its BZERO."""
    dtype, turned = stored_dtype(pixels.dtype)
    if not turned:
        return pixels.astype(dtype), 0
    return (pixels.astype("i8") - turned).astype(f">i{dtype.itemsize}"), turned


def _words(words: Mapping[str, Any]) -> Iterator[str]:
    for name, value in words.items():
        known = isinstance(value, bool | int | float | str)
        if known and _KEYWORD.fullmatch(name) and not (_OF_THE_SKY.fullmatch(name) or _OF_THE_FILE.fullmatch(name)):
            yield _card(name, value)


def _card(name: str, value: Any) -> str:
    """Return a card; a text that is too long for one is cut."""
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        quoted = value.replace("'", "''")[:66]
        quoted = quoted[:-1] if quoted.count("'") % 2 else quoted
        text = f"'{quoted:<8}'"
    else:
        text = f"{value!r:>20}".upper() if value == value and abs(value) != float("inf") else "".rjust(20)
    return f"{name:<8}= {text}"[:_CARD].ljust(_CARD)


def _offset(xy0: tuple[int, int]) -> Iterator[str]:
    """Yield the cards of the parent pixels: as IRAF writes them, and as the linear WCS "B"."""
    if xy0 == (0, 0):
        return
    for axis, first in enumerate(xy0, 1):
        yield _card(f"LTV{axis}", float(-first))
        yield _card(f"CTYPE{axis}B", "LINEAR")
        yield _card(f"CRPIX{axis}B", 1.0)
        yield _card(f"CRVAL{axis}B", float(first))
        yield _card(f"CD{axis}_{axis}B", 1.0)


__all__ = ["writeFitsImage"]
