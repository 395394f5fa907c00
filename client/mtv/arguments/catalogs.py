"""Tables in this process, known by their shape: of astropy, afw, pandas, polars, arrow, numpy, and our own catalogs.

Nothing is imported for them, and of their columns only those are read that positions, sizes, colours and conditions
need. By its names and units such a table is what a file of the same rows would be; `mtv.shared.tables` does the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mtv.arguments.foreign import has, in_its_own_words
from mtv.wire.errors import bad_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtv.shared.tables.gaps import Values
    from mtv.shared.tables.tables import Field

_NAMED: Final = "the table is given in place of x"


class _Column(NamedTuple):
    """One column: how it is read, and its words."""

    read: Callable[[], Any]
    unit: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class MemoryTable:
    """A table in this process. A `mtv.shared.tables.tables.Table`."""

    columns: Mapping[str, _Column]
    rows: int
    name: str
    """Name of its class, for errors."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def fields(self) -> Mapping[str, Field]:
        """See `mtv.shared.tables.tables.Table.fields`."""
        from mtv.shared.tables.tables import Field

        return {name: Field(unit=column.unit, kind=column.kind) for name, column in self.columns.items()}

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtv.shared.tables.tables.Table.read`.

        Raises
        ------
        RequestError
            ``bad_value``, ``x``: the table itself fails, or its column has another length than it.
        """
        found = {name: self._values(name) for name in names}
        return {name: values for name, values in found.items() if values is not None}

    def _values(self, name: str) -> Values | None:
        try:
            values = _values_of(self.columns[name].read())
        except Exception as error:
            message = f"the column {name!r} of the {self.name} cannot be read: {in_its_own_words(error)}"
            raise bad_value("x", message, _NAMED) from error
        if values is not None and len(values) != self.rows:
            message = f"the column {name!r} of the {self.name} has {len(values)} rows, the table {self.rows}"
            raise bad_value("x", message, _NAMED)
        return values

    def why_not(self, name: str) -> str:  # noqa: ARG002 - one reason for all
        """See `mtv.shared.tables.tables.Table.why_not`."""
        return "its rows have several lengths, or hold times or objects"

    def elsewhere(self, names: Sequence[str]) -> str:  # noqa: ARG002 - it is no file
        """See `mtv.shared.tables.tables.Table.elsewhere`."""
        return ""


def table_of(target: Any) -> MemoryTable | None:
    """Return an object as a table; None for what is none.

    Parameters
    ----------
    target : object
        Anything.

    Raises
    ------
    RequestError
        ``bad_value``, ``x``: the object fails when it is asked for its columns, or they have several lengths.
    """
    if isinstance(target, (int, float, str, list, tuple)):
        return None
    for looks_like, columns_of, rows_of in _KINDS:
        if not looks_like(target):
            continue
        try:
            columns, aliases = columns_of(target)
            return MemoryTable(columns=columns, rows=rows_of(target), name=type(target).__name__, aliases=aliases)
        except Exception as error:
            message = f"the {type(target).__name__} cannot be read: {in_its_own_words(error)}"
            raise bad_value("x", message, _NAMED) from error
    return None


def is_table(target: Any) -> bool:
    """Tell whether an object is a table of a known kind; it is not read."""
    return any(looks_like(target) for looks_like, *_ in _KINDS)


_Found = tuple[Mapping[str, _Column], Mapping[str, str]]


def _is_catalog(target: Any) -> bool:
    from mtv.data.catalog import Catalog

    return isinstance(target, Catalog)


def _of_catalog(catalog: Any) -> _Found:
    fields = (item.field for item in catalog.schema)
    columns = {one.name: _Column(functools.partial(catalog.column, one.name), one.units, one.type) for one in fields}
    return columns, catalog.schema.aliases


def _of_afw(catalog: Any) -> _Found:
    """Return the columns of a catalog of ``lsst.afw.table``; one whose rows lie apart is copied together first."""
    whole = catalog if catalog.isContiguous() else catalog.copy(deep=True)
    columns = {}
    for item in whole.schema:
        name = str(item.field.getName())
        read = functools.partial(whole.__getitem__, name)
        columns[name] = _Column(read, str(item.field.getUnits() or ""), str(item.field.getTypeString()))
    return columns, {str(alias): str(name) for alias, name in whole.schema.getAliasMap().items()}


def _of_astropy(table: Any) -> _Found:
    return dict(_columns_of_astropy(table)), {}


def _columns_of_astropy(table: Any) -> Iterator[tuple[str, _Column]]:
    """Go through the columns; a `SkyCoord` is two, right ascension and declination (ICRS), as in files."""
    for name in table.colnames:
        column = table[name]
        if hasattr(type(column), "transform_to") and hasattr(column, "frame"):
            sky = functools.cache(functools.partial(_in_icrs, column))
            yield f"{name}.ra", _Column(functools.partial(_take, sky, 0), "deg")
            yield f"{name}.dec", _Column(functools.partial(_take, sky, 1), "deg")
        else:
            unit = getattr(column, "unit", None)
            yield name, _Column(functools.partial(table.__getitem__, name), "" if unit is None else str(unit))


def _in_icrs(sky: Any) -> tuple[Any, Any]:
    icrs = sky.icrs
    return icrs.ra.deg, icrs.dec.deg


def _take(pair: Callable[[], tuple[Any, Any]], place: int) -> Any:
    return pair()[place]


def _of_pandas(frame: Any) -> _Found:
    """Return the columns, and the levels of the index that have a name, as readers of parquet files give them."""
    columns: dict[str, _Column] = {}
    for place, name in enumerate(frame.columns):
        columns.setdefault(str(name), _Column(functools.partial(_column_at, frame, place)))
    for name in frame.index.names:
        if name is not None:
            columns.setdefault(str(name), _Column(functools.partial(frame.index.get_level_values, name)))
    return columns, {}


def _column_at(frame: Any, place: int) -> Any:
    return frame.iloc[:, place]


def _of_polars(frame: Any) -> _Found:
    return {name: _Column(functools.partial(frame.get_column, name)) for name in frame.columns}, {}


def _of_arrow(table: Any) -> _Found:
    columns: dict[str, _Column] = {}
    for place, one in enumerate(table.schema):
        unit = (one.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
        columns.setdefault(one.name, _Column(functools.partial(table.column, place), unit))
    return columns, {}


def _has_names(target: Any) -> bool:
    dtype = getattr(target, "dtype", None) if has("dtype", "__getitem__")(target) else None
    return getattr(dtype, "names", None) is not None and getattr(target, "ndim", 1) == 1


def _of_records(records: Any) -> _Found:
    """Return the fields of an array of records; those of a FITS file have units."""
    described: Any = getattr(records, "columns", None)
    units = {one.name: one.unit for one in described} if described is not None else {}
    return {
        name: _Column(functools.partial(records.__getitem__, name), str(units.get(name) or ""))
        for name in records.dtype.names
    }, {}


def _is_table_hdu(target: Any) -> bool:
    return has("header", "data")(target) and has("columns")(target)


def _of_mapping(mapping: Mapping[Any, Any]) -> _Found:
    units = {name: getattr(values, "unit", None) for name, values in mapping.items()}
    return {
        str(name): _Column(
            functools.partial(mapping.__getitem__, name), "" if units[name] is None else str(units[name])
        )
        for name in mapping
    }, {}


def _rows_of_mapping(mapping: Mapping[Any, Any]) -> int:
    return max((len(values) for values in mapping.values()), default=0)


_KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], _Found], Callable[[Any], int]], ...]] = (
    (_is_catalog, _of_catalog, len),
    (has("colnames", "itercols"), _of_astropy, len),
    (has("schema", "isContiguous", "__getitem__"), _of_afw, len),
    (has("columns", "dtypes", "iloc"), _of_pandas, len),
    (has("columns", "get_column", "height"), _of_polars, len),
    (has("column_names", "schema", "num_rows", "column"), _of_arrow, lambda table: table.num_rows),
    (_has_names, _of_records, len),
    (_is_table_hdu, lambda hdu: _of_records(hdu.data), lambda hdu: len(hdu.data)),
    (lambda target: isinstance(target, Mapping), _of_mapping, _rows_of_mapping),
)


# Columns


def _values_of(column: Any) -> Values | None:
    """Return a column as values with gaps, whatever package it is of; None where it is nothing of that kind."""
    import numpy as np

    from mtv.shared.tables.columns import values_of, values_of_objects

    if isinstance(column, list | tuple):
        plain = np.asarray(column)
        return plain if plain.dtype.kind in "biufU" else values_of_objects(column, None)
    if len(column) == 0:
        return np.zeros(0)
    if has("isna", "to_numpy")(column):
        return _values_of_pandas(column)
    if has("null_count", "to_numpy")(column):
        return _values_of_polars(column) if callable(column.null_count) else _values_of_arrow(column)
    return values_of(column)


def _values_of_pandas(column: Any) -> Values | None:
    import numpy as np

    from mtv.shared.tables.columns import values_of, values_of_objects
    from mtv.shared.tables.gaps import with_gaps

    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return values_of(column.to_numpy())
    gaps = np.asarray(column.isna(), dtype=bool)
    own = getattr(dtype, "numpy_dtype", np.dtype(object))
    if own.kind in "biuf":
        return with_gaps(column.to_numpy(dtype=own, na_value=own.type(0)), gaps)
    return values_of_objects([None if gap else value for value, gap in zip(column, gaps, strict=True)], None)


def _values_of_polars(column: Any) -> Values | None:
    import numpy as np

    from mtv.shared.tables.columns import values_of_objects
    from mtv.shared.tables.gaps import with_gaps

    gaps = np.asarray(column.is_null().to_numpy(), dtype=bool)
    if column.dtype.is_numeric():
        return with_gaps(np.asarray(column.fill_null(0).to_numpy()), gaps)
    if str(column.dtype) == "Boolean":
        return with_gaps(np.asarray(column.fill_null(value=False).to_numpy()), gaps)
    return values_of_objects(column.to_list(), None)


def _values_of_arrow(column: Any) -> Values | None:
    import numpy as np

    from mtv.shared.tables.columns import values_of_objects
    from mtv.shared.tables.gaps import with_gaps

    if hasattr(column.type, "value_type") and str(column.type).startswith("dictionary"):
        column = column.cast(column.type.value_type)
    if str(column.type).startswith("decimal"):
        column = column.cast("float64")
    kind = str(column.type)
    gaps = np.asarray(column.is_null()) if column.null_count else None
    if kind == "bool" or kind.startswith(("int", "uint")):
        return with_gaps(np.asarray(column.fill_null(False if kind == "bool" else 0)), gaps)
    if kind in {"float", "double", "halffloat"}:
        return np.asarray(column)
    return values_of_objects(column.to_pylist(), None)
