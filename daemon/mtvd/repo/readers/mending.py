"""FITS files whose structure astropy cannot parse for the sake of one card, though CFITSIO and DS9 pass over it.

Such a card (``BZERO = -NAN``, ``EXTEND =  NaN``) is made a comment in a private copy of the file's pages; offsets stay.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mtvd.repo.readers.unpacking import is_plain, whole

_BLOCK: Final = 2880
_CARD: Final = 80
_HEADER_MOST: Final = 16 << 20
_STARTS: Final = (b"SIMPLE  =", b"XTENSION=")
_READ_WHEN_OPENED: Final = re.compile(
    rb"(BITPIX|NAXIS\d{0,3}|EXTEND|PCOUNT|GCOUNT|GROUPS|BZERO|BSCALE|BLANK|EXTNAME|EXTVER|EXTLEVEL|INHERIT|TFIELDS"
    rb"|THEAP|CHECKSUM|DATASUM|(TFORM|TTYPE|TDIM|TNULL|TSCAL|TZERO|TUNIT|TDISP|TBCOL)\d+|Z[A-Z]+\d{0,3}) *="
)
_GOES_ON: Final = re.compile(rb"(.{8}= *'|CONTINUE *'|HIERARCH .*= *')")


class Damaged(Exception):
    """The file ends within a header, or before its data do."""


def mend(path: Path) -> Any:
    """Return a file whose odd cards are comments, or None where there are none; the caller closes it.

    Raises
    ------
    RequestError
        What was packed cannot be unpacked.
    """
    data: Any
    if is_plain(path):
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    else:
        data = mmap.mmap(-1, len(content := whole(path)) or 1)
        data[: len(content)] = content
    patched = 0
    try:
        for start, header in _headers(data):
            for at in range(0, len(header), _CARD):
                card = header[at : at + _CARD]
                stray = card.startswith(b"CONTINUE") and not _GOES_ON.match(header[at - _CARD : at])
                if stray or (_READ_WHEN_OPENED.match(card) and _odd(card)):
                    data[start + at : start + at + 8] = b"COMMENT "
                    patched += 1
    except Damaged:
        pass  # astropy's to say: what stands before the end may be asked for
    if patched:
        return data
    data.close()
    return None


def check_ends(path: Path) -> None:
    """Raise where a FITS file ends within a header or before its data do, or cannot be unpacked to its end.

    Raises
    ------
    Damaged, RequestError
    """
    if is_plain(path):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for _ in _headers(data):
                pass
    else:
        for _ in _headers(whole(path)):
            pass


def _headers(data: Any) -> Iterator[tuple[int, bytes]]:
    """Go through the headers of a file: first byte, and bytes to the end of the last block."""
    at = 0
    while data[at : at + 9] in _STARTS:
        end = at
        while not any(data[card : card + 8] == b"END     " for card in range(end, end + _BLOCK, _CARD)):
            end += _BLOCK
            if end >= len(data) or end - at > _HEADER_MOST:
                raise Damaged("the file ends within a header")
        header = bytes(data[at : end + _BLOCK])
        yield at, header
        size = _data_bytes(header)
        at += len(header) + -(-size // _BLOCK) * _BLOCK
        if at - (-size % _BLOCK) > len(data):
            raise Damaged("the file ends before its data do")


def _data_bytes(header: bytes) -> int:
    axes = [_whole(header, f"NAXIS{axis}", 0) for axis in range(1, _whole(header, "NAXIS", 0) + 1)]
    if axes and axes[0] == 0 and re.search(rb"GROUPS  = +T", header):
        axes = axes[1:]
    size = 1 if axes else 0
    for axis in axes:
        size *= axis
    return abs(_whole(header, "BITPIX", 8)) // 8 * _whole(header, "GCOUNT", 1) * (_whole(header, "PCOUNT", 0) + size)


def _whole(header: bytes, keyword: str, default: int) -> int:
    for found in re.finditer(rb"%-8b= *(-?\d+)" % keyword.encode(), header):
        if found.start() % _CARD == 0:
            return int(found[1])
    return default


def _odd(card: bytes) -> bool:
    from astropy.io.fits import Card, VerifyError

    try:
        Card.fromstring(card).value  # noqa: B018 - it is parsed when asked for
    except (VerifyError, ValueError):
        return True
    return False
