"""A catalog: numpy columns, a schema with slots, light rows, and views for astropy and notebooks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from mtv.data.datasets import html_table, text_table
from mtv.data.prominent import prominent_first
from mtv.data.rows import Column, Row
from mtv.data.schema import Field, Schema
from mtv.pixels.incoming import Incoming
from mtv.wire import data
from mtv.wire.errors import Error, RequestError, bad_value

if TYPE_CHECKING:
    import numpy as np

_X: Final = ("slot_Centroid_x", "x", "xcentroid")
_Y: Final = ("slot_Centroid_y", "y", "ycentroid")
_ID: Final = ("id", "sourceId", "objectId")
_SHOWN_ROWS: Final = 10
_SHOWN_COLUMNS: Final = 8


class _Lazy(Mapping[str, Column]):
    """Columns that are made when they are first looked at."""

    def __init__(self, names: Sequence[str], make: Callable[[str], Column]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _column(column: data.Column, incoming: Incoming) -> Column:
    values = incoming.array(column.array)
    if column.gaps is None:
        return values
    import numpy as np

    return np.ma.MaskedArray(values, mask=incoming.array(column.gaps))


def order_of(values: Column, name: str, *, descending: bool) -> np.ndarray[Any, Any]:
    """Return the places of rows in the order of a column, those without a value last.

    Raises
    ------
    RequestError
        ``bad_value`` for a column of arrays.
    """
    import numpy as np

    if values.ndim != 1:
        raise bad_value("column", f"{name} is a column of arrays", "sort by a column of single values")
    plain = np.ma.getdata(values)
    missing = np.ma.getmaskarray(values) | (plain != plain)
    ranks = np.unique(plain, return_inverse=True)[1]
    return np.lexsort((-ranks if descending else ranks, missing))


class Catalog:
    """A table by columns.

    ``catalog["col"]`` is a numpy array (a slot is as good as a name), ``catalog[3]`` a row, ``catalog[2:9]`` and
    ``catalog[mask]`` catalogs of some rows. Columns lie in the memory that was received; none is copied before rows
    are chosen by a mask or by numbers.

    Parameters
    ----------
    columns : `dict` [`str`, array]
        ``(rows,)`` or ``(rows, n)`` each.
    schema : `Schema`, optional
        Made from the columns where not given.
    rows : `int`, optional
        Counted in the first column where not given.
    metadata : `dict`, optional
        What stood in the file's header.
    label : `str`, optional
        Shown by `repr`.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        schema: Schema | None = None,
        *,
        rows: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        label: str = "",
    ) -> None:
        self.schema = schema or Schema(Field(name, str(column.dtype)) for name, column in columns.items())
        self.metadata = dict(metadata or {})
        self.label = label
        self._columns = columns
        self._rows = len(next(iter(columns.values()), ())) if rows is None else rows

    @classmethod
    def from_wire(cls, found: data.Catalog, buffers: Sequence[memoryview], directory: Path | None) -> Catalog:
        """Return the catalog that came with a reply; no column is read yet.

        Parameters
        ----------
        found : `object` of `mtv.wire.data`
            As the reply has it.
        buffers : sequence of `memoryview`
            Buffers of the reply.
        directory : `~pathlib.Path` or `None`
            Pixel directory that is shared with the daemon.

        Returns
        -------
        catalog : `Catalog`

        Raises
        ------
        RequestError
            ``unsupported`` where the daemon's pixel files cannot be read here.
        """
        every = [array for column in found.columns for array in (column.array, column.gaps)]
        incoming = Incoming(every, buffers, directory)
        columns = {column.name: column for column in found.columns}
        fields = (Field(c.name, c.kind or c.array.dtype.lstrip("<>|="), c.doc, c.unit) for c in found.columns)
        return cls(
            _Lazy(list(columns), lambda name: _column(columns[name], incoming)),
            Schema(fields, found.aliases),
            rows=found.rows,
            metadata=found.metadata,
            label=found.label,
        )

    # Columns and rows

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: object) -> bool:
        return name in self.schema

    def __iter__(self) -> Iterator[Row]:
        return (Row(self, index) for index in range(self._rows))

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> Row: ...
    @overload
    def __getitem__(self, key: slice | np.ndarray[Any, Any] | Sequence[int]) -> Catalog: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.column(key)
        if isinstance(key, slice):
            return self._choose(key, len(range(*key.indices(self._rows))))
        import numpy as np

        wanted = np.asarray(key)
        if wanted.ndim == 0 and wanted.dtype.kind in "iu":
            return Row(self, range(self._rows)[int(wanted)])
        return self._choose(*self._index(wanted))

    def _index(self, wanted: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], int]:
        import numpy as np

        if wanted.ndim != 1 or (wanted.dtype.kind not in "biu" and wanted.size):
            raise bad_value("key", f"rows cannot be chosen by {wanted.dtype} of shape {wanted.shape}")
        if wanted.dtype.kind != "b":
            return wanted.astype(np.intp), len(wanted)
        if len(wanted) != self._rows:
            raise bad_value("key", f"the mask has {len(wanted)} rows, the catalog {self._rows}")
        return wanted, int(np.count_nonzero(wanted))

    def _choose(self, key: slice | np.ndarray[Any, Any], rows: int) -> Catalog:
        columns = _Lazy(self.columns, lambda name: self.column(name)[key])
        return Catalog(columns, self.schema, rows=rows, metadata=self.metadata, label=self.label)

    def column(self, name: str) -> Column:
        """Return a column, by its name or through a slot; raises as `Schema.find` does.

        Parameters
        ----------
        name : `str`
            Name of the column, or a slot.

        Returns
        -------
        column : `numpy.ndarray`
            ``(rows,)``, or ``(rows, n)`` for a column of arrays; masked where it has gaps that are no NaN.

        Raises
        ------
        RequestError
            ``not_found``, with near names.
        """
        return self._columns[self.schema.find(name).key]

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return self.schema.names()

    @functools.cached_property
    def x(self) -> Column:
        """Centroids along x, 0-based parent pixels: the slot, else a column ``x``."""
        return self._first(_X)

    @functools.cached_property
    def y(self) -> Column:
        """Centroids along y."""
        return self._first(_Y)

    @property
    def xy(self) -> tuple[Column, Column]:
        """Centroids along x and y: ``display.overlay("psf", *src[src["calib_psf_used"]].xy)``."""
        return self.x, self.y

    @functools.cached_property
    def id(self) -> Column:
        """Identifiers."""
        return self._first(_ID)

    def get_x(self) -> Column:
        """Return centroids along x.

        Returns
        -------
        column : `numpy.ndarray`
            ``(rows,)``, 0-based parent pixels.

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.x

    def get_y(self) -> Column:
        """Return centroids along y.

        Returns
        -------
        column : `numpy.ndarray`
            ``(rows,)``, 0-based parent pixels.

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.y

    def get_id(self) -> Column:
        """Return identifiers.

        Returns
        -------
        column : `numpy.ndarray`
            ``(rows,)`` integers.

        Raises
        ------
        RequestError
            ``not_found`` where the catalog has no such column.
        """
        return self.id

    getX, getY, getId = get_x, get_y, get_id  # noqa: N815 - as in lsst.afw.table

    def _first(self, names: Sequence[str]) -> Column:
        name = next((name for name in names if name in self.schema), None)
        if name is None:
            raise RequestError(
                Error(code="not_found", message=f"the catalog has no column {' or '.join(names)}", where=names[0])
            )
        return self.column(name)

    def get_schema(self) -> Schema:
        """Return the schema.

        Returns
        -------
        schema : `Schema`
        """
        return self.schema

    getSchema = get_schema  # noqa: N815 - as in lsst.afw.table

    def sort(self, column: str) -> None:
        """Sort the rows in place, as ``lsst.afw.table`` and astropy do; equal ones keep their order.

        Rows of before (``catalog[3]``) are other ones then.

        Parameters
        ----------
        column : `str`
            Name of the column, or a slot; with ``-`` before it the largest come first. What has no value comes last.

        Raises
        ------
        RequestError
            ``not_found``, with near names; ``bad_value`` for a column of arrays.
        """
        descending = column.startswith("-") and column not in self.schema
        name = column.removeprefix("-") if descending else column
        order = order_of(self.column(name), name, descending=descending)
        before = self._columns
        self._columns = _Lazy(self.columns, lambda key: before[key][order])
        for made in ("x", "y", "id"):
            vars(self).pop(made, None)

    # Views

    def as_astropy(self) -> Any:
        """Return an `astropy.table.Table` on the same memory, with units and descriptions. Loads astropy.

        Returns
        -------
        table : `astropy.table.Table`
            Columns are not copied.
        """
        from astropy import units
        from astropy.table import Column as TableColumn
        from astropy.table import MaskedColumn, Table

        table = Table(meta=dict(self.metadata))
        for item in self.schema:
            field = item.field
            unit = units.Unit(field.units, parse_strict="silent") if field.units else None
            values = self.column(item.key)
            kind = MaskedColumn if hasattr(values, "mask") else TableColumn
            made = kind(values, field.name, unit=unit, description=field.doc, copy=False)
            table.add_column(made, copy=False)
        return table

    asAstropy = as_astropy  # noqa: N815 - as in lsst.afw.table

    def prominent(self) -> list[str]:
        """Return the names of all columns in the order in which tables show them: id, position, flux, and the others.

        Returns
        -------
        names : `list` [`str`]
            Slots stand for the columns that they have: ``slot_Centroid_x``.
        """
        return prominent_first(self.columns, self.schema.resolve)

    def _table(self) -> tuple[list[str], list[list[Any]], int]:
        names = self.prominent()[:_SHOWN_COLUMNS]
        shown = self[: min(self._rows, _SHOWN_ROWS)]
        rows = [list(row) for row in zip(*(shown.column(name).tolist() for name in names), strict=True)]
        return names, rows, self._rows

    def _more(self) -> str:
        more = len(self.schema) - _SHOWN_COLUMNS
        return f"{more} more column{'s' * (more > 1)}: catalog.schema lists them" if more > 0 else ""

    def __str__(self) -> str:
        return text_table(*self._table()) + (f"\n... and {more}" if (more := self._more()) else "")

    def __repr__(self) -> str:
        name = f" {self.label}" if self.label else ""
        return f"<mtv.Catalog{name}: {self._rows} rows, {len(self.schema)} columns>"

    def _repr_html_(self) -> str:
        return html_table(*self._table()) + (f"<p>and {more}</p>" if (more := self._more()) else "")
