"""Choice of the reader for a table, and the schemas that were parsed before.

The header of an ``lsst.afw`` catalog takes a tenth of a second to parse, its columns a few milliseconds to read. So
the schemas of the last tables are kept, by the file's place, size and time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mtv.shared.tables.tables import Table
from mtv.wire.errors import RequestError
from mtvd.repo.readers import afwtable, astropytable, parquet, texttable
from mtvd.repo.readers.asciitable import AsciiTable
from mtvd.repo.readers.failures import unsupported
from mtvd.repo.readers.unpacking import head_of, is_packed

FORMATS: Final[Mapping[str, Callable[[Path], Table]]] = {
    "parquet": parquet.open_table,
    "votable": astropytable.open_votable,
    "ecsv": astropytable.open_ecsv,
    "text": texttable.open_text,
}
"""Formats that are nothing but tables; FITS files may be images too."""

_KEPT: Final = 32
_KEPT_ROWS: Final = 20_000
"""Tables in memory are kept up to so many rows; those read from their file cost no more than their schema."""
_Key = tuple[str, int, int, int, int, int | None]


def format_of(path: Path) -> str:
    """Return ``parquet``, ``votable`` or ``ecsv`` by the first bytes of a file, packed or not; empty for others.

    ``text`` for what is none of these, is no FITS file, and has a text's name and bytes.
    """
    is_packed(path)  # refuses what it cannot unpack by its name
    head = head_of(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<VOTABLE" in head:
        return "votable"
    if head.startswith(b"# %ECSV"):
        return "ecsv"
    return "text" if not head.startswith(b"SIMPLE") and texttable.is_text_table(path, head) else ""


class Schemas:
    """Tables by file; the least recently used go first."""

    def __init__(self) -> None:
        self._tables: OrderedDict[_Key, Table] = OrderedDict()
        self._images: OrderedDict[_Key, bool] = OrderedDict()

    def has_image(self, path: Path, hdu: int | None, look: Callable[[Path, int | None], bool]) -> bool:
        """Tell whether a FITS file has an image; it is looked into once, for all its headers must be read."""
        key = _key(path, hdu)
        if key not in self._images:
            self._images[key] = look(path, hdu)
            _shorten(self._images)
        return self._images[key]

    def open(self, path: Path, hdu: int | None = None) -> Table:
        """Open a table of any format.

        Raises
        ------
        RequestError
            ``unreadable_file``, ``unsupported``, ``bad_value``.
        """
        name = format_of(path)
        if name and hdu is not None:
            raise only_fits()
        key = _key(path, hdu)
        table = self._tables.pop(key, None)
        if table is None:
            table = FORMATS[name](path) if name else afwtable.open_table(path, hdu)
        if isinstance(table, afwtable.FitsTable | AsciiTable | parquet.ParquetTable) or table.rows <= _KEPT_ROWS:
            self._tables[key] = table
            _shorten(self._tables)
        return table


def only_fits() -> RequestError:
    """Return the error for an HDU of a file that has none."""
    return unsupported("only a FITS file has HDUs", "hdu", "leave hdu out")


def _key(path: Path, hdu: int | None) -> _Key:
    status = path.stat()
    return str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, hdu


def _shorten(kept: OrderedDict[_Key, Any]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
