"""Files that were packed as a whole: told by their first bytes, and unpacked to see if they are sound."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from mtv.wire.errors import RequestError
from mtvd.repo.readers.failures import check_file, unreadable, unsupported

BROKEN: Final = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
"""Errors of files that cannot be unpacked, or are no FITS files."""

_MOST_BYTES: Final = 1 << 30
_HEAD_BYTES: Final = 8
_COPY_BYTES: Final = 1 << 20
_SPREAD: Final = (b"BZh", b"PK\x03\x04")
_FITS: Final = b"SIMPLE"
_LZW: Final = b"\x1f\x9d"


def is_plain(path: Path) -> bool:
    """Return True for a FITS file whose bytes are the file's own: not one that was packed as a whole."""
    check_file(path)
    return _head(path).startswith(_FITS)


def is_packed(path: Path) -> bool:
    """Return True for a file that was packed as a whole, whatever is in it."""
    return _head(path).startswith(tuple(_OPENERS))


def unpacked(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Return the first bytes that are packed in a file.

    Parameters
    ----------
    path : `~pathlib.Path`
    most : `int`
        Bytes at most: a small file may hold more than there is memory.

    Raises
    ------
    OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        See `BROKEN`.
    """
    head = _head(path)
    for start, opening in _OPENERS.items():
        if head.startswith(start):
            with opening(path) as file:
                content: bytes = file.read(most)
                return content
    raise ValueError("nothing that is known is packed in it")


def spread(path: Path) -> IO[bytes] | None:
    """Return what a .bz2 or .zip file holds as a file without a name, which the caller closes; None for other files.

    astropy would do the same, and leave its file open where it finds no FITS in it.

    Raises
    ------
    OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile
        See `BROKEN`.
    """
    head = _head(path)
    opening = next((_OPENERS[start] for start in _SPREAD if head.startswith(start)), None)
    if opening is None:
        return None
    if _members(path) != 1:
        raise ValueError("more than one file is packed in it")
    with tempfile.TemporaryFile() as unnamed:
        with opening(path) as packed:
            shutil.copyfileobj(packed, unnamed, _COPY_BYTES)
        unnamed.flush()
        return Path(f"/proc/self/fd/{unnamed.fileno()}").open("rb")


def check_packing(path: Path) -> None:
    """Refuse a file whose packing needs a package that is not here.

    Raises
    ------
    RequestError
        ``unsupported``.
    """
    if _head(path).startswith(_LZW) and importlib.util.find_spec("uncompresspy") is None:
        hint = "install uncompresspy where the daemon runs, or unpack the file: uncompress"
        raise unsupported("the file was packed by compress (.Z)", hint=hint)


def refusal(path: Path) -> RequestError:
    """Return the error for a file that astropy does not open."""
    head = _head(path)
    if head.startswith(_LZW):
        return unreadable("the file was packed by compress (.Z), and is damaged or no FITS file")
    if head.startswith(_FITS):
        return unreadable("the file is damaged or truncated")
    if not is_packed(path):
        return unreadable("the file is of no format that is read", "FITS, parquet, VOTable and ECSV are")
    try:
        members = _members(path)
        inside = unpacked(path, _HEAD_BYTES)
    except BROKEN:
        return unreadable("the file cannot be unpacked: it is damaged or truncated")
    if members != 1:
        return unsupported(f"{members} files are packed in it, and one is read", hint="unpack the one that is meant")
    if not inside.startswith(_FITS):
        return unreadable("what is packed in the file is no FITS file")
    return unreadable("the file is damaged or truncated")


def _members(path: Path) -> int:
    if not zipfile.is_zipfile(path):
        return 1
    with zipfile.ZipFile(path) as archive:
        return len(archive.namelist())


def _zipped(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    return archive.open(archive.namelist()[0])


_OPENERS: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"PK\x03\x04": _zipped,
}
"""First bytes of packed files, and who unpacks them."""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
