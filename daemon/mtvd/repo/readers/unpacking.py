"""Files that were packed as a whole: gzip, bzip2, xz, zip; .Z where a package reads it. Told by their first bytes."""

from __future__ import annotations

import bz2
import functools
import gzip
import importlib.util
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from mtv.wire.errors import RequestError
from mtvd.repo.readers.failures import check_file, unreadable, unsupported

BROKEN: Final = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
"""Errors of files that cannot be unpacked, or that astropy takes for no FITS files."""
MOST_UNPACKED_BYTES: Final = 1 << 30
"""A file that is unpacked in memory may hold so much."""

_HEAD_BYTES: Final = 4096
_MAGIC_BYTES: Final = 8
_COPY_BYTES: Final = 1 << 20
_FITS: Final = b"SIMPLE"
_LZW: Final = b"\x1f\x9d"
_LZH: Final = b"\x1f\xa0"
_UNPACK: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"PK\x03\x04": lambda path: _only_member(path),
    _LZW: lambda path: _uncompress(path),
}
"""Openers of packed files, by the first bytes of the file."""
_SPREAD: Final = (b"BZh", b"PK\x03\x04", _LZW)


def is_plain(path: Path) -> bool:
    """Return True for a FITS file whose bytes are the file's own: not one that was packed as a whole."""
    return _magic(path).startswith(_FITS)


def is_packed(path: Path) -> bool:
    """Return True for a file that was packed as a whole, in a way that is read here.

    Raises
    ------
    RequestError
        ``unsupported`` for a file of ``compress`` that no package here reads.
    """
    magic = _magic(path)
    if magic.startswith(_LZH) or (magic.startswith(_LZW) and importlib.util.find_spec("uncompresspy") is None):
        hint = "unpack it with 'gzip -d', or install uncompresspy where the daemon runs"
        raise unsupported("the file was packed by 'compress' (.Z), which is not read", hint=hint)
    return magic.startswith(tuple(_UNPACK))


@contextmanager
def unpack(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, what is packed in it where it was packed.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a damaged one; ``unsupported`` for a zip file of several, or one of ``compress``.
    """
    is_packed(path)
    magic = _magic(path)
    opener = next((unpack for start, unpack in _UNPACK.items() if magic.startswith(start)), None)
    try:
        with path.open("rb") if opener is None else opener(path) as file:
            yield file
    except BROKEN as error:
        raise unreadable("the file is damaged or truncated" + (": it cannot be unpacked" if opener else "")) from error


def whole(path: Path, most_bytes: int = MOST_UNPACKED_BYTES) -> bytes:
    """Return all that is packed in a file; raises as `unpack`, ``unsupported`` for more than ``most_bytes``."""
    with unpack(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise too_large_unpacked()
    return content


def unpack_part(path: Path, offset: int, size: int) -> bytes:
    """Return some bytes of a file, fewer where it ends; of what is packed in it, which is read on to its checksum.

    Raises
    ------
    RequestError
        As `unpack`.
    """
    with unpack(path) as file:
        file.seek(offset)
        content = file.read(size)
        if is_packed(path):
            while file.read(_COPY_BYTES) and file.tell() <= MOST_UNPACKED_BYTES:
                pass
    return content


def too_large_unpacked(hint: str = "decompress the file first") -> RequestError:
    """Return the error for what would take too much memory once it is unpacked."""
    return unsupported("the table is too large to be decompressed", hint=hint)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, of what is packed in it where it was packed; fewer of a damaged one."""
    status = path.stat()
    return _head(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def spread(path: Path) -> IO[bytes] | None:
    """Return what a .bz2, .zip or .Z file holds as a file without a name, which the caller closes; None for others.

    astropy would do the same, and leave its file open where it finds no FITS in it.

    Raises
    ------
    RequestError
        As `unpack`.
    """
    if not (is_packed(path) and _magic(path).startswith(_SPREAD)):
        return None
    with tempfile.TemporaryFile() as unnamed:
        with unpack(path) as packed:
            shutil.copyfileobj(packed, unnamed, _COPY_BYTES)
        unnamed.flush()
        return Path(f"/proc/self/fd/{unnamed.fileno()}").open("rb")


def refusal(path: Path) -> RequestError:
    """Return the error for a file that astropy does not open as FITS."""
    if is_plain(path):
        return unreadable("the file is damaged or truncated")
    if not is_packed(path):
        return unreadable("the file is of no format that is read", "FITS, parquet, VOTable and ECSV are")
    try:
        with unpack(path) as file:
            inside = file.read(_MAGIC_BYTES)
    except RequestError as error:
        return error
    if not inside.startswith(_FITS):
        return unreadable("what is packed in the file is no FITS file")
    return unreadable("the file is damaged or truncated")


def _magic(path: Path) -> bytes:
    check_file(path)
    with path.open("rb") as file:
        return file.read(_MAGIC_BYTES)


@functools.lru_cache(maxsize=256)
def _head(path: Path, *_identity: int) -> bytes:
    # Kept, because bzip2 unpacks a block of 900 kB for its first byte.
    try:
        with unpack(path) as file:
            return file.read(_HEAD_BYTES)
    except Exception as error:
        if isinstance(error, RequestError) and error.code == "unsupported":
            raise
        return b""


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    members = [one for one in archive.infolist() if not one.is_dir()]
    if len(members) != 1:
        raise unsupported(f"the zip file holds {len(members)} files, not one", hint="unpack it first")
    return archive.open(members[0])


def _uncompress(path: Path) -> IO[bytes]:
    file: IO[bytes] = importlib.import_module("uncompresspy").LZWFile(path)
    return file
