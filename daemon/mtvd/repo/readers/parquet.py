"""Parquet tables of Butler, pandas, polars, astropy and arrow, read without pandas. The only importer of pyarrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.shared.tables.gaps import Values, data_of, gaps_of, with_gaps
from mtv.shared.tables.tables import Field
from mtvd.repo.readers.failures import check_file, parsing, unsupported
from mtvd.repo.readers.pandasindex import ranges_of
from mtvd.repo.readers.serialized import without_masks
from mtvd.repo.readers.unpacking import is_packed, whole

_ASTROPY_META: Final = b"table_meta_yaml"
_SERIALIZED: Final = b"__serialized_columns__"
_MOST_DIGITS: Final = 18
"""Decimal digits that a whole number of 64 bits always has space for."""


@dataclass(frozen=True, kw_only=True)
class ParquetTable:
    """A parquet file: numbers, truth values, texts, times, lists of one length. A `mtv.shared.tables.tables.Table`."""

    path: Path
    rows: int
    fields: Mapping[str, Field]
    aliases: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    """Column to the column of truth values that tells its gaps, as astropy writes them."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Type of each column, in the words of arrow."""
    ranges: Mapping[str, range] = field(default_factory=dict)
    """Columns that are no more than numbers in even steps: an index of pandas."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """See `mtv.shared.tables.tables.Table.left_out`; what cannot be read is known when it is."""
        return {}

    def why_not(self, name: str) -> str:
        """See `mtv.shared.tables.tables.Table.why_not`."""
        kind = self.types[name]
        if "list<" in kind or "list_view<" in kind:
            return f"its rows have several lengths, are empty, or hold what is not read ({kind[:100]})"
        return f"columns of type {kind[:100]} are not read"

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtv.shared.tables.tables.Table.read`."""
        if not names:
            return {}
        with parsing("the table is damaged or truncated"):
            return without_masks(self._read, names, self.masks)

    def _read(self, names: Sequence[str]) -> dict[str, Values]:
        import pyarrow.parquet as pq

        stored = [name for name in names if name not in self.ranges]
        with pq.ParquetFile(_source(self.path)) as file:
            table = file.read(columns=stored, use_pandas_metadata=False)
        read = {name: self._index(name) if name in self.ranges else _values(table.column(name)) for name in names}
        return {name: values for name, values in read.items() if values is not None}

    def _index(self, name: str) -> Values:
        numbers = self.ranges[name]
        return np.arange(len(numbers), dtype=np.int64) * numbers.step + numbers.start

    def elsewhere(self, names: Sequence[str]) -> str:  # noqa: ARG002 - a parquet file is one table
        """See `mtv.shared.tables.tables.Table.elsewhere`."""
        return ""


def open_table(path: Path) -> ParquetTable:
    """Read the schema of a parquet file: units and descriptions as Butler and astropy write them.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``unsupported`` for one with a column of a type that arrow does not know.
    """
    import pyarrow.parquet as pq

    check_file(path)
    with parsing("this is no parquet file, or a damaged one"):
        try:
            with pq.ParquetFile(_source(path)) as file:
                schema, rows = file.schema_arrow, file.metadata.num_rows
        except NotImplementedError as error:
            hint = "write it without that column"
            raise unsupported(f"arrow does not read this parquet file: {str(error)[:200]}", hint=hint) from error
        metadata = schema.metadata or {}
        described = _descriptions(metadata)
        masks = _masks(schema) if _SERIALIZED in metadata.get(_ASTROPY_META, b"") else {}
        fields = {one.name: _words(one, described) for one in schema if one.name not in masks.values()}
        types = {one.name: str(one.type) for one in schema}
        ranges = ranges_of(metadata, rows, schema.names)
        fields |= dict.fromkeys(ranges, Field())
        return ParquetTable(path=path, rows=rows, fields=fields, masks=masks, types=types, ranges=ranges)


def _source(path: Path) -> Any:
    if not is_packed(path):
        return path
    import pyarrow as pa

    return pa.BufferReader(whole(path))


def _masks(schema: Any) -> dict[str, str]:
    pairs = {name: f"{name}.mask" for name in schema.names}
    return {name: mask for name, mask in pairs.items() if mask in schema.names and _is_truth(schema.field(mask).type)}


def _is_truth(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_truth(kind.value_type)
    return bool(pa.types.is_boolean(kind))


def _words(column: Any, described: Mapping[str, Field]) -> Field:
    own = column.metadata or {}
    if b"unit" in own or b"description" in own:
        return Field(
            unit=own.get(b"unit", b"").decode("utf-8", "replace"),
            doc=own.get(b"description", b"").decode("utf-8", "replace"),
        )
    return described.get(column.name, Field())


def _values(column: Any) -> Values | None:
    """Return a column's values and gaps; None for a type that is not read."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_decimal(kind):
        if kind.scale == 0 and kind.precision > _MOST_DIGITS:
            return None
        column = column.cast(pa.int64() if kind.scale == 0 else pa.float64())
        kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return with_gaps(np.asarray(column.fill_null(False if pa.types.is_boolean(kind) else 0)), _gaps(column))
    if pa.types.is_floating(kind):
        return np.asarray(column)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return _texts(column.cast(pa.string()).to_pylist())
    if _is_text(kind):
        return _texts(column.to_pylist())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _decode(column.to_pylist())
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _lists(column)
    return None


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _gaps(column: Any) -> Values | None:
    return np.asarray(column.is_null()) if column.null_count else None


def _texts(values: Sequence[str | None]) -> Values:
    texts = [value or "" for value in values]
    made = np.array(texts, dtype=f"<U{max(map(len, texts), default=0) or 1}")
    return with_gaps(made, np.array([value is None for value in values], dtype=bool))


def _decode(values: Sequence[bytes | None]) -> Values | None:
    try:
        return _texts([None if value is None else value.rstrip(b"\0").decode() for value in values])
    except UnicodeDecodeError:  # bytes that are no text
        return None


def _lists(column: Any) -> Values | None:
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column).drop_null()).to_pylist()
    if len(lengths) != 1 or not lengths[0]:  # of several lengths, all empty, or all missing
        return None
    items = _values(pc.list_flatten(column))
    if items is None:
        return None
    gaps = _gaps(column)
    present = np.ones(len(column), bool) if gaps is None else ~gaps
    shape = (len(column), lengths[0], *items.shape[1:])
    values = np.zeros(shape, items.dtype)
    values[present] = data_of(items).reshape(-1, *shape[1:])
    missing = np.zeros(shape, bool)
    missing[~present] = True
    if (own := gaps_of(items)) is not None:
        missing[present] = own.reshape(-1, *shape[1:])
    return with_gaps(values, missing)


def _descriptions(metadata: Mapping[bytes, bytes]) -> dict[str, Field]:
    from astropy.table import meta

    text = metadata.get(_ASTROPY_META)
    if text is None:
        return {}
    try:
        header = meta.get_header_from_yaml(text.decode().splitlines())
    except Exception:  # noqa: BLE001 - units are a courtesy; a table without them is still a table
        return {}
    return {
        str(entry["name"]): Field(str(entry.get("unit", "")), str(entry.get("description", "")))
        for entry in header.get("datatype", ())
    }
