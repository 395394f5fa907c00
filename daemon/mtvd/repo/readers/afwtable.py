"""Tables of FITS files: those of ``lsst.afw.table`` with packed flags, slots, units and docs, and anybody's.

Columns are read alone. Where the rows are is told by `mtvd.repo.readers.fitsrows`, and what their bytes stand for by
`mtvd.repo.readers.fitscolumns`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mtv.shared.tables.gaps import Values
from mtv.shared.tables.tables import Field, Table
from mtv.wire.errors import bad_value
from mtvd.repo.readers import asciitable, cards
from mtvd.repo.readers.failures import parsing, unreadable, unsupported
from mtvd.repo.readers.fitscolumns import FLAG, Form, StoredColumn, arrays_in_heap, form_of, shape_of, unique, values_of
from mtvd.repo.readers.fitsrows import PlainRows, Rows, TiledRows
from mtvd.repo.readers.hdus import is_plain, open_hdus
from mtvd.repo.readers.headers import metadata_of
from mtvd.repo.readers.serialized import without_masks
from mtvd.repo.readers.unpacking import MOST_UNPACKED_BYTES, too_large_unpacked

_KINDS: Final = {"B": "B", "I": "U", "J": "I", "K": "L", "E": "F", "D": "D"}
_TABLE_WORDS: Final = re.compile(
    r"T(TYPE|FORM|DOC|UNIT|CCLS|FLAG|FDOC|NULL|DISP|ZERO|SCAL|DIM|BCOL|UCD|HEAP)\d*"
    r"|TFIELDS|FLAGCOL|ALIAS|AR_HDU|AFW_.*|Z(TABLE|TILELEN|NAXIS[12]|PCOUNT|THEAP|FORM\d+|CTYP\d+)"
)
_ARCHIVE: Final = "ARCHIVE_"
_IMHEAD: Final = "LDAC_IMHEAD"
_FLAG_WORD: Final = re.compile(r"TFLAG[1-9]\d{0,5}")


@dataclass(frozen=True, kw_only=True)
class FitsTable:
    """A binary table of a FITS file: its schema, and where its rows are. A `mtv.shared.tables.tables.Table`."""

    path: Path
    hdu: int
    fields: Mapping[str, Field]
    stored: Mapping[str, StoredColumn]
    source: Rows
    rows: int
    flag_column: int
    aliases: Mapping[str, str]
    metadata: Mapping[str, Any]
    masks: Mapping[str, str]
    """Column to the column of truth values that tells its gaps, as astropy writes some."""

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtv.shared.tables.tables.Table.read`."""
        if not names:
            return {}
        with parsing("the table is damaged or truncated"):
            return without_masks(self._read, names, self.masks)

    @property
    def left_out(self) -> Mapping[str, str]:
        """See `mtv.shared.tables.tables.Table.left_out`; what cannot be read is known when it is."""
        return {}

    def why_not(self, name: str) -> str:
        """See `mtv.shared.tables.tables.Table.why_not`."""
        if not self.stored[name].form.count:
            return "its rows hold nothing"
        if isinstance(self.source, TiledRows):
            return "its rows have variable lengths, and fpack has compressed them"
        return "its rows have several lengths, or are empty" if self.rows else "its rows have variable lengths"

    def elsewhere(self, names: Sequence[str]) -> str:
        """See `mtv.shared.tables.tables.Table.elsewhere`."""
        return elsewhere(self.path, self.hdu, names)

    def _read(self, names: Sequence[str]) -> dict[str, Values]:
        wanted = {name: self.stored[name] for name in names}
        numbers = {name: self.flag_column if stored.is_flag else stored.number for name, stored in wanted.items()}
        varying = any(stored.form.code in "PQ" for stored in wanted.values())
        raw, heap = self.source.columns(list(dict.fromkeys(numbers.values())), heap=varying)
        found: dict[str, Values] = {}
        for name, stored in wanted.items():
            if numbers[name] not in raw or not stored.form.count:
                continue
            column = raw[numbers[name]]
            if stored.form.code not in "PQ" or stored.is_flag:
                found[name] = values_of(column, stored)
            elif heap is not None and (values := arrays_in_heap(column, heap, stored)) is not None:
                found[name] = values
        return found


def open_table(path: Path, hdu: int | None = None) -> Table:
    """Find a table, the first of the file unless told, and read its header: for 200 columns a tenth of a second.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an HDU that is not there, or has no table.
    """
    with parsing("the table's header is damaged"):
        return _open(path, hdu)


def _open(path: Path, hdu: int | None) -> Table:
    with open_hdus(path) as hdus:
        index = _first_table(hdus) if hdu is None else hdu
        if index < 0:
            raise bad_value("hdu", f"there is no HDU {index}", elsewhere(path))
        try:
            header, info = hdus[index].header.copy(), hdus[index].fileinfo()
        except (IndexError, OSError, ValueError, TypeError, KeyError):
            raise bad_value("hdu", f"there is no HDU {index}", elsewhere(path)) from None
    kind = cards.text(header, "XTENSION")
    offset = int(info["datLoc"])
    if kind == "TABLE":
        return asciitable.open_table(path, index, header, offset, _metadata(header), elsewhere=elsewhere)
    if kind != "BINTABLE" or cards.value(header, "ZIMAGE", False):
        raise bad_value("hdu", f"HDU {index} has no table", elsewhere(path))
    tiled = bool(cards.value(header, "ZTABLE", False))
    forms = _forms(header, "ZFORM" if tiled else "TFORM")
    source = _read_tiled(path, header, forms, offset) if tiled else _plain(path, header, forms, offset)
    flag_column = int(cards.number(header, "FLAGCOL", 0))
    found = dict(_fields(header, forms, flag_column))
    masks = _masks(header, found)
    return FitsTable(
        path=path,
        hdu=index,
        fields={name: words for name, (words, _) in found.items() if name not in masks.values()},
        stored={name: stored for name, (_, stored) in found.items()},
        source=source,
        rows=source.rows,
        flag_column=flag_column,
        aliases=_aliases(header),
        metadata=_metadata(header),
        masks=masks,
    )


def _forms(header: Any, word: str) -> tuple[Form, ...]:
    if int(header["TFIELDS"]) < 0:
        raise unreadable("the table's header is damaged")
    return tuple(
        form_of(str(header.get(f"{word}{number}", "")), number) for number in range(1, int(header["TFIELDS"]) + 1)
    )


def _plain(path: Path, header: Any, forms: tuple[Form, ...], offset: int) -> PlainRows:
    rows, row_bytes = int(header["NAXIS2"]), sum(form.dtype.itemsize for form in forms)
    if row_bytes != header["NAXIS1"] or rows < 0:
        raise unreadable("the table's header is damaged")
    end = offset + rows * row_bytes
    heap = max(int(cards.number(header, "THEAP", rows * row_bytes)), rows * row_bytes)
    behind = rows * row_bytes + int(header.get("PCOUNT", 0))
    if is_plain(path) and path.stat().st_size < end:
        raise unreadable(f"the table is truncated: the file has {path.stat().st_size} bytes, its rows end at {end}")
    if not is_plain(path) and end > MOST_UNPACKED_BYTES:
        raise too_large_unpacked()
    return PlainRows(
        path=path, forms=forms, rows=rows, offset=offset, heap_offset=offset + heap, heap_bytes=max(behind - heap, 0)
    )


def _read_tiled(path: Path, header: Any, forms: tuple[Form, ...], offset: int) -> TiledRows:
    rows = int(header["ZNAXIS2"])
    tile_rows = int(header.get("ZTILELEN", rows))
    if rows < 0 or (rows and tile_rows < 1):
        raise unreadable("the table's header is damaged")
    return TiledRows(
        cells=_plain(path, header, _forms(header, "TFORM"), offset),
        forms=forms,
        codecs=tuple(str(header.get(f"ZCTYP{number}", "")).strip() for number in range(1, len(forms) + 1)),
        rows=rows,
        tile_rows=tile_rows,
    )


# Which HDU


def _first_table(hdus: Any) -> int:
    kinds, astrometric_heads = set(), []
    for index, hdu in enumerate(hdus):
        kind = _kind_of(hdu.header, hdus[0].header)
        if kind == _IMHEAD:
            astrometric_heads.append(index)
        elif kind in {"BINTABLE", "TABLE"}:
            return index
        kinds.add(kind)
    if astrometric_heads:
        return astrometric_heads[0]
    if _ARCHIVE in kinds:
        raise unsupported("the file holds an object that needs the C++ stack", hint="butler_get reads it where that is")
    raise unreadable("the file has neither an image nor a table")


def _kind_of(header: Any, first: Any) -> str:
    """Return the kind of an HDU; tables in which programs keep objects, or a picture's header, are nobody's tables."""
    if cards.value(header, "ZIMAGE", False):
        return "IMAGE"
    inner = "JSONADDR" in first and cards.text(header, "EXTNAME") in {"JSON", "INDEX"}
    if inner or cards.text(header, "EXTTYPE").startswith(_ARCHIVE):
        return _ARCHIVE
    if cards.text(header, "EXTNAME") == _IMHEAD or cards.text(header, "TTYPE1") == "Field Header Card":
        return _IMHEAD
    return cards.text(header, "XTENSION")


def elsewhere(path: Path, hdu: int | None = None, names: Sequence[str] = ()) -> str:
    """Return which other HDUs have tables with these columns, as a hint; empty where none has."""
    found = []
    # A hint is a courtesy: behind the table in question anything may be damaged.
    with contextlib.suppress(Exception), open_hdus(path) as hdus:
        for index, one in enumerate(hdus):
            header = one.header
            if index == hdu or _kind_of(header, hdus[0].header) not in {"BINTABLE", "TABLE"}:
                continue
            columns = {cards.text(header, f"TTYPE{number}") for number in range(1, int(header["TFIELDS"]) + 1)}
            if columns.issuperset(names):
                found.append(f"hdu={index} ({cards.text(header, 'EXTNAME') or 'no name'})")
    if not found:
        return ""
    return f"{'that column is' if names else 'tables are'} in {', '.join(found[:8])}"


# Columns


def _metadata(header: Any) -> dict[str, Any]:
    return {key: value for key, value in metadata_of([header]).items() if not _TABLE_WORDS.fullmatch(key)}


def _fields(header: Any, forms: Sequence[Form], flag_column: int) -> Iterator[tuple[str, tuple[Field, StoredColumn]]]:
    columns = list(_columns(_Words(header), forms, flag_column))
    yield from zip(unique(name for name, _ in columns), (column for _, column in columns), strict=True)


class _Words:
    """A header that is asked for many words which it does not have: astropy's takes 15 microseconds for each.

    A word that cannot be parsed is none.
    """

    def __init__(self, header: Any) -> None:
        self._header = header
        self.there: frozenset[str] = frozenset(header)

    def get(self, key: str, otherwise: Any = None) -> Any:
        return cards.value(self._header, key, otherwise) if key in self.there else otherwise

    def number(self, key: str, otherwise: float) -> float:
        """Return a finite number, an integer as an integer; else the other."""
        return cards.number(self._header, key, otherwise) if key in self.there else otherwise


def _columns(
    words: _Words, forms: Sequence[Form], flag_column: int
) -> Iterator[tuple[str, tuple[Field, StoredColumn]]]:
    for number, form in enumerate(forms, 1):
        if number == flag_column and form.code == "X":
            named = (int(key[5:]) - 1 for key in words.there if _FLAG_WORD.fullmatch(key))
            yield from (_flag(words, form, bit) for bit in sorted(named) if bit < form.count)
        else:
            yield _column(words, number, form)


def _flag(words: _Words, form: Form, bit: int) -> tuple[str, tuple[Field, StoredColumn]]:
    field = Field(doc=str(words.get(f"TFDOC{bit + 1}", "")), kind=FLAG)
    return str(words.get(f"TFLAG{bit + 1}")), (field, StoredColumn(number=bit, form=form, is_flag=True))


def _column(words: _Words, number: int, form: Form) -> tuple[str, tuple[Field, StoredColumn]]:
    field = Field(
        unit=str(words.get(f"TUNIT{number}", "")),
        doc=str(words.get(f"TDOC{number}", "")),
        kind=_kind(str(words.get(f"TCCLS{number}", "")), form.code),
    )
    zero, scale = (words.number(f"{word}{number}", plain) for word, plain in (("TZERO", 0), ("TSCAL", 1)))
    null = words.get(f"TNULL{number}")
    stored = StoredColumn(
        number=number,
        form=form,
        shape=shape_of(words.get(f"TDIM{number}", ""), form),
        zero=zero,
        scale=scale,
        null=int(null) if isinstance(null, int | float) and not isinstance(null, bool) else None,
    )
    return str(words.get(f"TTYPE{number}", "") or f"column{number}"), (field, stored)


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


def _masks(header: Any, found: Mapping[str, tuple[Field, StoredColumn]]) -> dict[str, str]:
    """Return which columns are the gaps of others: astropy says so in its comments, and calls them ``name.mask``."""
    if not any("ASTROPY-SERIALIZED-COLUMNS" in str(line) for line in header.get("COMMENT", ())):
        return {}
    pairs = {name: f"{name}.mask" for name in found}
    return {name: mask for name, mask in pairs.items() if mask in found and found[mask][1].form.code == "L"}


__all__ = ["FitsTable", "elsewhere", "open_table"]
