"""Tables by columns: what every reader of them gives, names and aliases, and choosing of rows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from mtv.shared.tables import gaps
from mtv.shared.tables.evaluation import Rows, choose_rows
from mtv.shared.tables.gaps import Values
from mtv.shared.tables.selection import parse
from mtv.wire.data import Array, Catalog, Column
from mtv.wire.errors import Error, RequestError, bad_value
from mtv.wire.hints import near
from mtv.wire.requests import NAMES_ALONE

SELECT_CHARS: Final = 2_000
"""Characters of an expression at most, where nobody says otherwise."""
NO_KEYS: Final[Mapping[str, int | str]] = {}
Write = Callable[[Sequence[Values], str], list[Array]]
"""Puts arrays into a pixel file; a kind of file goes with them."""


class Field(NamedTuple):
    """One column, in words."""

    unit: str = ""
    doc: str = ""
    kind: str = ""
    """The type as the file's own words have it: ``D``, ``Flag``, ``Angle``; empty where it has none."""


class Table(Protocol):
    """A table whose columns are read when they are asked for."""

    @property
    def rows(self) -> int: ...

    @property
    def fields(self) -> Mapping[str, Field]:
        """Columns by their true names, in order."""
        ...

    @property
    def aliases(self) -> Mapping[str, str]:
        """Prefix to prefix: ``slot_Centroid`` to ``base_SdssCentroid``."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]: ...

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """Return columns by their true names: ``(rows,)``, more axes for columns of arrays; gaps as `gaps` has them.

        A column that cannot be read (of objects, say) is not among them.
        """
        ...

    @property
    def left_out(self) -> Mapping[str, str]:
        """Columns that the file has and `fields` has not, by their true names, with the reason why in words."""
        ...

    def why_not(self, name: str) -> str:
        """Return in words why `read` leaves a column of `fields` out."""
        ...

    def elsewhere(self, names: Sequence[str]) -> str:
        """Return a hint which other tables of the file have these columns, or are there; empty where none."""
        ...


@dataclass(frozen=True, kw_only=True)
class ColumnTable:
    """A table whose columns are in memory, or mapped."""

    columns: Mapping[str, Values]
    rows: int
    fields: Mapping[str, Field]
    aliases: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `Table.read`."""
        return {name: self.columns[name] for name in names}

    def why_not(self, name: str) -> str:
        """See `Table.why_not`; nothing of it is left out by `read`."""
        return self.left_out[name]

    def elsewhere(self, names: Sequence[str]) -> str:  # noqa: ARG002 - it has no file
        """See `Table.elsewhere`."""
        return ""


def resolve(name: str, aliases: Mapping[str, str]) -> str:
    """Return the true name of a column: the longest alias that begins it is replaced, as in ``lsst.afw.table``."""
    for _ in range(len(aliases) + 1):  # a ring of aliases ends too
        alias = max((alias for alias in aliases if name.startswith(alias)), key=len, default=None)
        if alias is None:
            return name
        name = aliases[alias] + name[len(alias) :]
    return name


def look_up(table: Table, name: str) -> str | None:
    """Look up a column by name, slot or alias; return its true name, None where the table has no such column."""
    if name in table.fields:
        return name
    real = resolve(name, table.aliases)
    return real if real in table.fields else None


def find(table: Table, name: str, where: str) -> str:
    """Return the true name of a column, given by name, slot or alias.

    Raises
    ------
    RequestError
        ``bad_value`` with near names, or with the reason why a column is left out.
    """
    real = look_up(table, name)
    if real is None and (reason := table.left_out.get(name) or table.left_out.get(resolve(name, table.aliases))):
        raise not_read(where, name, reason)
    if real is None:
        raise unknown_column(where, name, [*table.fields, *_find_aliases(table)], table.elsewhere([name]))
    return real


def _find_aliases(table: Table) -> Iterator[str]:
    """Go through the names that aliases make: an alias may stand for a column, or for the beginning of several."""
    for alias in table.aliases:
        real = resolve(alias, table.aliases)
        yield from (alias + field[len(real) :] for field in table.fields if field.startswith(real))


def unknown_column(where: str, name: str, names: Sequence[str], elsewhere: str = "") -> RequestError:
    """Return the error for a column that a table does not have; ``elsewhere`` tells which other table has it."""
    few = f"there are {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
    return bad_value(where, f"the table has no column {name[:100]!r}", elsewhere or near(name, names, otherwise=few))


def not_read(where: str, name: str, reason: str) -> RequestError:
    """Return the error for a column that the file has, and that is not read."""
    return bad_value(where, f"the column {name[:100]!r} is left out: {reason}", "name other columns")


def check_no_table(columns: Sequence[str], selection: str) -> None:
    """Refuse what is chosen of a table, where an image is got.

    Raises
    ------
    RequestError
        ``unsupported``, naming ``select`` or ``columns``.
    """
    for where, given, what in (("select", selection, "rows"), ("columns", columns, "columns")):
        if given:
            message = f"only of a table can {what} be chosen, and this is an image"
            raise RequestError(Error(code="unsupported", message=message, where=where, hint="leave it out"))


def select(
    table: Table, text: str, *, most_chars: int = SELECT_CHARS, row_keys: Mapping[str, int | str] = NO_KEYS
) -> Rows | None:
    """Return which rows an expression and keys of a data ID choose, ``(rows,)``; None for all where there are none.

    Only the columns that the expression and the keys name are read.

    Parameters
    ----------
    row_keys : `dict` [`str`, `int` or `str`], optional
        Column to the value that it must have.

    Raises
    ------
    RequestError
        With ``where`` ``select``, or ``data_id.KEY``.
    """
    rows = _of_expression(table, text, most_chars) if text else None
    for key, value in row_keys.items():
        of_key = _of_key(table, key, value)
        rows = of_key if rows is None else rows & of_key
    return rows


def _of_key(table: Table, key: str, value: int | str) -> Rows:
    where = f"data_id.{key}"
    name = look_up(table, key)
    values = None if name is None else table.read([name]).get(name)
    if values is None or values.ndim != 1:
        message = f"{key!r} is no dimension of this dataset type, and its table has no such column to choose rows by"
        raise RequestError(Error(code="bad_query", message=message, where=where, hint="leave it out, or use select"))
    wanted = np.asarray(str(value) if values.dtype.kind == "U" else _number(value))
    if wanted.dtype.kind == "U" and values.dtype.kind != "U":
        raise RequestError(Error(code="bad_query", message=f"the column {key} has numbers, not texts", where=where))
    return gaps.apply(np.equal, values, wanted)


def _number(value: int | str) -> int | str:
    try:
        return int(value)
    except ValueError:
        return value


def _of_expression(table: Table, text: str, most_chars: int) -> Rows:
    selection = parse(text, most_chars=most_chars)
    true_names = {name: find(table, name, "select") for name in selection.columns}
    read = table.read(list(dict.fromkeys(true_names.values())))
    for name, true_name in true_names.items():
        if true_name not in read:
            raise not_read("select", name, table.why_not(true_name))
    return choose_rows(selection, {name: read[true_name] for name, true_name in true_names.items()}, table.rows)


def columns_of(table: Table, names: Sequence[str], rows: Rows | None) -> dict[str, Values]:
    """Return columns by their true names, only the chosen rows of them."""
    read = table.read(names)
    return read if rows is None else {name: gaps.take_rows(values, rows) for name, values in read.items()}


def catalog(
    table: Table,
    write: Write,
    *,
    columns: Sequence[str] = (),
    selection: str = "",
    label: str = "",
    most_chars: int = SELECT_CHARS,
    row_keys: Mapping[str, int | str] = NO_KEYS,
) -> Catalog:
    """Write the chosen columns and rows of a table into a pixel file, as a catalog for a client.

    Parameters
    ----------
    columns : sequence of `str`
        Names, slots and aliases; all columns where empty. `NAMES_ALONE` alone: no column is read, and the metadata's
        ``names`` are those that could be.
    selection : `str`
        Expression; all rows where empty.
    row_keys : `dict` [`str`, `int` or `str`], optional
        Column to the value that it must have, of the rows that are wanted.

    Raises
    ------
    RequestError
        ``where`` is ``columns[n]``, ``select`` or ``data_id.KEY``.
    """
    if tuple(columns) == (NAMES_ALONE,) and look_up(table, NAMES_ALONE) is None:
        names = [*table.fields, *_find_aliases(table)]
        return Catalog(rows=table.rows, columns=(), aliases={}, metadata={"names": names}, label=label)
    places = [f"columns[{number}]" for number in range(len(columns))]
    named = [find(table, name, where) for name, where in zip(columns, places, strict=True)]
    wanted = list(dict.fromkeys(named)) if columns else list(table.fields)
    rows = select(table, selection, most_chars=most_chars, row_keys=row_keys)
    read = columns_of(table, wanted, rows)
    for name, real, where in zip(columns, named, places, strict=True):
        if real not in read:
            raise not_read(where, name, table.why_not(real))
    left_out = [] if columns else [*table.left_out, *(name for name in wanted if name not in read)]
    missing = {name: mask for name, values in read.items() if (mask := gaps.gaps_of(values)) is not None}
    arrays = iter(write([*map(gaps.data_of, read.values()), *missing.values()], "cat"))
    written = {name: next(arrays) for name in read}
    written_gaps = {name: next(arrays) for name in missing}
    return Catalog(
        rows=table.rows if rows is None else int(np.count_nonzero(rows)),
        columns=tuple(
            _describe(name, table.fields[name], array, written_gaps.get(name)) for name, array in written.items()
        ),
        aliases=dict(table.aliases),
        metadata={**table.metadata, **({"left_out": left_out} if left_out else {})},
        label=label,
    )


def _describe(name: str, words: Field, array: Array, missing: Array | None) -> Column:
    return Column(name=name, array=array, unit=words.unit, doc=words.doc, kind=words.kind, gaps=missing)
