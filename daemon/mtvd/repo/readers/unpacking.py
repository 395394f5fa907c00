"""Tables in files that were packed as a whole: gzip, bzip2, xz, zip. They are unpacked for each read."""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from mtv.wire.errors import RequestError
from mtvd.repo.readers.failures import check_file, unreadable, unsupported

MOST_UNPACKED_BYTES: Final = 1 << 30
"""A file that was packed whole is unpacked in memory."""
_HEAD_BYTES: Final = 4096
_UNPACK: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"PK\x03\x04": lambda path: _only_member(path),
}
"""By the first bytes of a file."""
_COMPRESS: Final = (b"\x1f\x9d", b"\x1f\xa0")


def is_packed(path: Path) -> bool:
    """Return True for a file that was packed as a whole, in a way that is read here."""
    check_file(path)
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_COMPRESS):
        raise unsupported("files of 'compress' (.Z) are not read", hint="unpack it with 'gzip -d', pack it with gzip")
    return any(head.startswith(magic) for magic in _UNPACK)


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, what is packed in it where it was packed.

    Raises
    ------
    RequestError
        ``unreadable_file`` for a damaged one; ``unsupported`` for a zip file of several, or one of ``compress``.
    """
    check_file(path)
    with path.open("rb") as file:
        head = file.read(8)
    is_packed(path)
    opener = next((unpack for magic, unpack in _UNPACK.items() if head.startswith(magic)), None)
    try:
        with path.open("rb") if opener is None else opener(path) as file:
            yield file
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise unreadable("the file is damaged or truncated") from error


def whole(path: Path, most_bytes: int = MOST_UNPACKED_BYTES) -> bytes:
    """Return all that is packed in a file; raises as `unpacked`, ``unsupported`` for more than ``most_bytes``."""
    with unpacked(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise too_large_unpacked()
    return content


def too_large_unpacked(hint: str = "decompress the file first") -> RequestError:
    """Return the error for what would take too much memory once it is unpacked."""
    return unsupported("the table is too large to be decompressed", hint=hint)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, of what is packed in it where it was packed; fewer of a damaged one."""
    status = path.stat()
    return _head(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _head(path: Path, *_identity: int) -> bytes:
    # Kept, because bzip2 unpacks a block of 900 kB for its first byte.
    try:
        with unpacked(path) as file:
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
