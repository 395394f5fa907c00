"""Tables of ``lsst.afw.table``, and other FITS tables: packed flags, slots, units, docs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.wire.data import Array, Catalog, Column
from mtv.wire.errors import RequestError, bad_value
from mtvd.repo.errors import near
from mtvd.repo.readers.failures import unreadable
from mtvd.repo.readers.hdus import Pixels, is_plain, opened
from mtvd.repo.readers.headers import metadata_of
from mtvd.repo.readers.output import Output

_TFORM: Final = re.compile(r"(?P<count>\d*)(?P<code>[LXBIJKAEDCMPQ])")
_DTYPES: Final = {
    "L": "|S1", "B": "|u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
    "A": "|S", "X": "|u1", "P": ">i4", "Q": ">i8",
}  # fmt: skip
_KINDS: Final = {"B": "B", "I": "U", "J": "I", "K": "L", "E": "F", "D": "D"}
_TABLE_WORDS: Final = re.compile(
    r"T(TYPE|FORM|DOC|UNIT|CCLS|FLAG|FDOC|NULL|DISP|ZERO|SCAL|DIM)\d+|TFIELDS|FLAGCOL|ALIAS|AR_HDU|AFW_.*"
)
_FLAG: Final = "Flag"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column, as the header has it."""

    name: str
    number: int
    """1-based column of the file; for a flag the bit, from 0."""
    code: str
    """Letter of TFORM; ``Flag`` for a bit of the flag column."""
    count: int
    unit: str = ""
    doc: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a file: its fields, and where its rows are."""

    path: Path
    header: Any
    fields: tuple[Field, ...]
    dtype: np.dtype[Any]
    """Of one row of the file; fields are called ``c1``, ``c2``, ..."""
    rows: int
    offset: int
    flag_column: int
    aliases: dict[str, str]

    def column(self, data: Any, field: Field) -> Pixels:
        """Return the values of a field: ``(rows,)`` or ``(rows, n)``."""
        if field.code == _FLAG:
            packed = data[f"c{self.flag_column}"]
            return np.asarray((packed[:, field.number // 8] >> (7 - field.number % 8)) & 1, dtype=bool)
        values = data[f"c{field.number}"]
        if field.code == "L":
            return np.asarray(values == b"T")
        if field.code == "X":
            return np.unpackbits(np.ascontiguousarray(values), axis=-1, count=field.count).astype(bool)
        if field.code == "A":
            return np.char.decode(np.char.rstrip(values), "ascii", "replace")
        return self._scaled(np.asarray(values), field)

    def _scaled(self, values: Pixels, field: Field) -> Pixels:
        zero, scale = (self.header.get(f"{key}{field.number}", plain) for key, plain in (("TZERO", 0), ("TSCAL", 1)))
        if zero == 0 and scale == 1:
            return values
        if scale == 1 and values.dtype.kind in "iu" and zero == 2 ** (8 * values.dtype.itemsize - 1):
            unsigned = np.dtype(f"u{values.dtype.itemsize}")
            native = values.astype(values.dtype.newbyteorder("="))
            return np.asarray(native.view(unsigned) ^ unsigned.type(zero))
        return np.asarray(values * scale + zero)


def read_table(
    path: Path, out: Output, *, columns: tuple[str, ...] = (), label: str = "", hdu: int | None = None
) -> Catalog:
    """Read a FITS table.

    Parameters
    ----------
    columns : `tuple` [`str`, ...]
        Only these, slots and other aliases included; all where empty. Columns of variable length are left out.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an unknown column, ``where`` is ``columns[n]``.
    """
    table = open_table(path, hdu)
    chosen = _chosen(table, columns)
    data = np.memmap(path, table.dtype, "r", table.offset, (table.rows,)) if table.rows else np.empty(0, table.dtype)
    arrays = out.together([table.column(data, field) for field in chosen], "cat")
    return Catalog(
        rows=table.rows,
        columns=tuple(map(_described, chosen, arrays)),
        aliases=table.aliases,
        metadata={key: value for key, value in metadata_of([table.header]).items() if not _TABLE_WORDS.fullmatch(key)},
        label=label,
    )


def open_table(path: Path, hdu: int | None = None) -> Table:
    """Find a table, the first of the file unless told, and read its header."""
    with opened(path) as hdus:
        index = _first_table(hdus) if hdu is None else hdu
        try:
            header, info = hdus[index].header.copy(), hdus[index].fileinfo()
        except (IndexError, OSError, ValueError, TypeError, KeyError):
            raise bad_value("hdu", f"there is no HDU {index}") from None
    if header.get("XTENSION", "").strip() != "BINTABLE" or not is_plain(path):
        raise unreadable("the file has no FITS binary table")
    forms = [_form(header, number) for number in range(1, int(header["TFIELDS"]) + 1)]
    dtype = np.dtype([(f"c{number}", *_layout(form)) for number, form in enumerate(forms, 1)])
    rows, offset = int(header["NAXIS2"]), int(info["datLoc"])
    if dtype.itemsize != header["NAXIS1"] or path.stat().st_size < offset + rows * dtype.itemsize:
        raise unreadable("the table is damaged or truncated")
    flag_column = int(header.get("FLAGCOL", 0))
    return Table(
        path=path,
        header=header,
        fields=_fields(header, forms, flag_column),
        dtype=dtype,
        rows=rows,
        offset=offset,
        flag_column=flag_column,
        aliases=_aliases(header),
    )


def _first_table(hdus: Any) -> int:
    for index, hdu in enumerate(hdus):
        if str(hdu.header.get("XTENSION", "")).strip() == "BINTABLE" and not hdu.header.get("ZIMAGE", False):
            return index
    raise unreadable("the file has no table")


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


def _fields(header: Any, forms: list[tuple[int, str]], flag_column: int) -> tuple[Field, ...]:
    fields = []
    for number, (count, code) in enumerate(forms, 1):
        if number == flag_column:
            fields += [_flag(header, bit) for bit in range(count) if f"TFLAG{bit + 1}" in header]
        elif code not in "PQ" and count:
            fields.append(_plain(header, number, count, code))
    return tuple(fields)


def _flag(header: Any, bit: int) -> Field:
    doc = str(header.get(f"TFDOC{bit + 1}", ""))
    return Field(name=str(header[f"TFLAG{bit + 1}"]), number=bit, code=_FLAG, count=1, doc=doc, kind=_FLAG)


def _plain(header: Any, number: int, count: int, code: str) -> Field:
    return Field(
        name=str(header.get(f"TTYPE{number}", f"column{number}")),
        number=number,
        code=code,
        count=count,
        unit=str(header.get(f"TUNIT{number}", "")),
        doc=str(header.get(f"TDOC{number}", "")),
        kind=_kind(str(header.get(f"TCCLS{number}", "")), code),
    )


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


def _chosen(table: Table, columns: tuple[str, ...]) -> list[Field]:
    if not columns:
        return list(table.fields)
    by_name = {field.name: field for field in table.fields}
    chosen: dict[str, Field] = {}
    for number, name in enumerate(columns):
        real = resolve(name, table.aliases)
        if real not in by_name:
            raise unknown_column(number, name, list(by_name))
        chosen[real] = by_name[real]
    return list(chosen.values())


def resolve(name: str, aliases: dict[str, str]) -> str:
    """Return the true name of a column: the longest alias that begins it is replaced, as in ``lsst.afw.table``."""
    for _ in range(len(aliases) + 1):
        alias = max((alias for alias in aliases if name.startswith(alias)), key=len, default=None)
        if alias is None:
            return name
        name = aliases[alias] + name[len(alias) :]
    return name


def unknown_column(number: int, name: str, names: list[str]) -> RequestError:
    """Return the error for a column that a table does not have."""
    return bad_value(f"columns[{number}]", f"the table has no column {name!r}", near(name, names))


def _described(field: Field, array: Array) -> Column:
    return Column(name=field.name, array=array, unit=field.unit, doc=field.doc, kind=field.kind)
