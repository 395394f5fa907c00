"""Tables of ``lsst.afw.table``, and other FITS tables: packed flags, slots, units, docs. Columns are read alone."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.wire.errors import bad_value
from mtvd.repo.evaluation import Values
from mtvd.repo.readers.failures import parsing, unreadable, unsupported
from mtvd.repo.readers.hdus import is_plain, opened
from mtvd.repo.readers.headers import metadata_of
from mtvd.repo.tables import Field

_TFORM: Final = re.compile(r"(?P<count>\d*)(?P<code>[LXBIJKAEDCMPQ])")
_DTYPES: Final = {
    "L": "|S1", "B": "|u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
    "A": "|S", "X": "|u1", "P": ">i4", "Q": ">i8",
}  # fmt: skip
_KINDS: Final = {"B": "B", "I": "U", "J": "I", "K": "L", "E": "F", "D": "D"}
_TABLE_WORDS: Final = re.compile(
    r"T(TYPE|FORM|DOC|UNIT|CCLS|FLAG|FDOC|NULL|DISP|ZERO|SCAL|DIM)\d+|TFIELDS|FLAGCOL|ALIAS|AR_HDU|AFW_.*"
)
_ARCHIVE: Final = "ARCHIVE_"
_FLAG: Final = "Flag"
_FLAG_WORD: Final = re.compile(r"TFLAG[1-9]\d{0,5}")
_UNPACK: Final[Mapping[bytes, Callable[[Path], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
"""By the first bytes of a file that was packed as a whole."""
MOST_UNPACKED_BYTES: Final = 1 << 30
"""A file that was compressed whole is decompressed in memory."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the values of a column are."""

    number: int
    """1-based column of the file; for a flag the bit, from 0."""
    code: str
    """Letter of TFORM; ``Flag`` for a bit of the flag column."""
    count: int = 1
    zero: int | float = 0
    scale: int | float = 1


@dataclass(frozen=True, kw_only=True)
class FitsTable:
    """A binary table of a FITS file: its schema, and where its rows are. Implements `mtvd.repo.tables.Table`."""

    path: Path
    fields: Mapping[str, Field]
    places: Mapping[str, Place]
    dtype: np.dtype[Any]
    """Of one row of the file; fields are called ``c1``, ``c2``, ..."""
    rows: int
    offset: int
    flag_column: int
    aliases: Mapping[str, str]
    metadata: Mapping[str, Any]

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtvd.repo.tables.Table.read`."""
        if not names:
            return {}
        with parsing("the table is damaged or truncated"):
            data = self._data()
            return {name: self._column(data, self.places[name]) for name in names}

    def _data(self) -> Any:
        if not self.rows:
            return np.empty(0, self.dtype)
        if is_plain(self.path):
            return np.memmap(self.path, self.dtype, "r", self.offset, (self.rows,))
        with _unpacked(self.path) as file:
            file.seek(self.offset)
            data = file.read(self.rows * self.dtype.itemsize)
        return np.frombuffer(data, self.dtype, self.rows)

    def _column(self, data: Any, place: Place) -> Values:
        if place.code == _FLAG:
            packed = data[f"c{self.flag_column}"]
            return np.asarray((packed[:, place.number // 8] >> (7 - place.number % 8)) & 1, dtype=bool)
        values = data[f"c{place.number}"]
        if place.code == "L":
            return np.asarray(values == b"T")
        if place.code == "X":
            return np.unpackbits(np.ascontiguousarray(values), axis=-1, count=place.count).astype(bool)
        if place.code == "A":
            return np.char.decode(np.char.rstrip(values), "ascii", "replace")
        return _scaled(np.asarray(values), place)


def _unpacked(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(6)
    for magic, unpack in _UNPACK.items():
        if head.startswith(magic):
            return unpack(path)
    raise unsupported("a table that is packed so is not read", hint="unpack it, or pack it with gzip")


def _scaled(values: Values, place: Place) -> Values:
    if place.zero == 0 and place.scale == 1:
        return values
    bits = 8 * values.dtype.itemsize
    if place.scale == 1 and values.dtype.kind in "iu" and abs(place.zero) == 2 ** (bits - 1):
        # How FITS has unsigned integers, and signed bytes: the top bit is flipped.
        unsigned = np.dtype(f"u{values.dtype.itemsize}")
        flipped = np.asarray(values.astype(unsigned) ^ unsigned.type(1 << (bits - 1)))
        return flipped if place.zero > 0 else flipped.view(f"i{values.dtype.itemsize}")
    return np.asarray(values.astype(np.float64) * place.scale + place.zero)


def open_table(path: Path, hdu: int | None = None) -> FitsTable:
    """Find a table, the first of the file unless told, and read its header: for 200 columns a tenth of a second.

    Columns of variable length are left out.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an HDU that is not there.
    """
    with parsing("the table's header is damaged"):
        return _opened(path, hdu)


def _opened(path: Path, hdu: int | None) -> FitsTable:
    with opened(path) as hdus:
        index = _first_table(hdus) if hdu is None else hdu
        try:
            header, info = hdus[index].header.copy(), hdus[index].fileinfo()
        except (IndexError, OSError, ValueError, TypeError, KeyError):
            raise bad_value("hdu", f"there is no HDU {index}") from None
    if header.get("XTENSION", "").strip() != "BINTABLE":
        raise bad_value("hdu", f"HDU {index} has no binary table")
    forms = [_form(header, number) for number in range(1, int(header["TFIELDS"]) + 1)]
    dtype = np.dtype([(f"c{number}", *_layout(form)) for number, form in enumerate(forms, 1)])
    rows, offset = int(header["NAXIS2"]), int(info["datLoc"])
    _check_size(path, header, dtype.itemsize, offset + rows * dtype.itemsize)
    flag_column = int(header.get("FLAGCOL", 0))
    found = dict(_fields(header, forms, flag_column))
    return FitsTable(
        path=path,
        fields={name: words for name, (words, _) in found.items()},
        places={name: place for name, (_, place) in found.items()},
        dtype=dtype,
        rows=rows,
        offset=offset,
        flag_column=flag_column,
        aliases=_aliases(header),
        metadata={key: value for key, value in metadata_of([header]).items() if not _TABLE_WORDS.fullmatch(key)},
    )


def _check_size(path: Path, header: Any, row_bytes: int, end: int) -> None:
    if row_bytes != header["NAXIS1"] or header["NAXIS2"] < 0 or header["TFIELDS"] < 1:
        raise unreadable("the table's header is damaged")
    if is_plain(path) and path.stat().st_size < end:
        raise unreadable(f"the table is truncated: the file has {path.stat().st_size} bytes, its rows end at {end}")
    if not is_plain(path) and end > MOST_UNPACKED_BYTES:
        raise unsupported("the table is too large to be decompressed", hint="decompress the file first")


def _first_table(hdus: Any) -> int:
    kinds = set()
    for index, hdu in enumerate(hdus):
        kind = _kind_of(hdu.header, hdus[0].header)
        if kind == "BINTABLE":
            return index
        kinds.add(kind)
    if "TABLE" in kinds:
        raise unsupported("ASCII tables of FITS are not read", hint="write it as a binary table")
    if _ARCHIVE in kinds:
        raise unsupported("the file holds an object that needs the C++ stack", hint="butler_get reads it where that is")
    raise unreadable("the file has neither an image nor a binary table")


def _kind_of(header: Any, first: Any) -> str:
    """Return the kind of an HDU; tables in which ``lsst.afw`` and ``lsst.images`` keep objects are nobody's tables."""
    if header.get("ZIMAGE", False):
        return "IMAGE"
    inner = "JSONADDR" in first and header.get("EXTNAME") in {"JSON", "INDEX"}
    if inner or str(header.get("EXTTYPE", "")).startswith(_ARCHIVE):
        return _ARCHIVE
    return str(header.get("XTENSION", "")).strip()


def _form(header: Any, number: int) -> tuple[int, str]:
    match = _TFORM.match(str(header.get(f"TFORM{number}", "")).strip())
    if match is None:
        raise unreadable(f"column {number} has no form that FITS knows")
    return int(match["count"] or 1), match["code"]


def _layout(form: tuple[int, str]) -> tuple[Any, ...]:
    count, code = form
    if code == "A":
        return (f"|S{count}",)
    if code == "X":
        return ("|u1", ((count + 7) // 8,))
    if code in "PQ":
        return (_DTYPES[code], (2 * count,))
    return (_DTYPES[code],) if count == 1 else (_DTYPES[code], (count,))


def _fields(header: Any, forms: list[tuple[int, str]], flag_column: int) -> Iterator[tuple[str, tuple[Field, Place]]]:
    for number, (count, code) in enumerate(forms, 1):
        if number == flag_column and code == "X":
            named = (int(key[5:]) - 1 for key in header if _FLAG_WORD.fullmatch(key))
            yield from (_flag(header, bit) for bit in sorted(named) if bit < count)
        elif code not in "PQ" and count:
            yield _plain(header, number, count, code)


def _flag(header: Any, bit: int) -> tuple[str, tuple[Field, Place]]:
    words = Field(doc=str(header.get(f"TFDOC{bit + 1}", "")), kind=_FLAG)
    return str(header[f"TFLAG{bit + 1}"]), (words, Place(number=bit, code=_FLAG))


def _plain(header: Any, number: int, count: int, code: str) -> tuple[str, tuple[Field, Place]]:
    words = Field(
        unit=str(header.get(f"TUNIT{number}", "")),
        doc=str(header.get(f"TDOC{number}", "")),
        kind=_kind(str(header.get(f"TCCLS{number}", "")), code),
    )
    zero, scale = (_number(header.get(f"{word}{number}", plain)) for word, plain in (("TZERO", 0), ("TSCAL", 1)))
    name = str(header.get(f"TTYPE{number}", f"column{number}"))
    return name, (words, Place(number=number, code=code, count=count, zero=zero, scale=scale))


def _number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    raise ValueError(f"{value!r} is no number")


def _kind(group: str, code: str) -> str:
    # The words of lsst.afw.table: D, L, Angle, ArrayF, Flag, String.
    if group in {"Angle", "String"}:
        return group
    if group == "Array":
        return f"Array{_KINDS.get(code, '')}"
    return _KINDS.get(code, "") if group else ""


def _aliases(header: Any) -> dict[str, str]:
    pairs = [str(header["ALIAS", number]) for number in range(header.count("ALIAS") if "ALIAS" in header else 0)]
    return {alias: name for alias, _, name in (pair.partition(":") for pair in pairs) if alias and name}
