"""Parquet tables as Butler writes them, without pandas. The only importer of pyarrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mtvd.repo.evaluation import Values
from mtvd.repo.readers.failures import check_file, parsing
from mtvd.repo.tables import Field

_ASTROPY_META: Final = b"table_meta_yaml"


@dataclass(frozen=True, kw_only=True)
class ParquetTable:
    """A parquet file: numbers, booleans, texts, time stamps and lists of one length. See `mtvd.repo.tables.Table`.

    Missing numbers are NaN, missing texts empty, missing booleans False.
    """

    path: Path
    rows: int
    fields: Mapping[str, Field]
    aliases: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def read(self, names: Sequence[str]) -> dict[str, Values]:
        """See `mtvd.repo.tables.Table.read`."""
        import pyarrow.parquet as pq

        if not names:
            return {}
        with parsing("the table is damaged or truncated"):
            table = pq.read_table(self.path, columns=list(names), use_pandas_metadata=False)
            read = {name: _values(table.column(name)) for name in names}
        return {name: values for name, values in read.items() if values is not None}


def open_table(path: Path) -> ParquetTable:
    """Read the schema of a parquet file: units and descriptions as Butler and astropy write them.

    Raises
    ------
    RequestError
        ``unreadable_file``.
    """
    import pyarrow.parquet as pq

    check_file(path)
    with parsing("this is no parquet file, or a damaged one"):
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        described = _descriptions(schema.metadata or {})
        return ParquetTable(path=path, rows=rows, fields={one.name: _words(one, described) for one in schema})


def _words(column: Any, described: Mapping[str, Field]) -> Field:
    own = column.metadata or {}
    if b"unit" in own or b"description" in own:
        return Field(
            unit=own.get(b"unit", b"").decode("utf-8", "replace"),
            doc=own.get(b"description", b"").decode("utf-8", "replace"),
        )
    return described.get(column.name, Field())


def _values(column: Any) -> Values | None:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return np.asarray(column.fill_null(False).to_numpy(), dtype=bool)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(column.to_numpy())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column.fill_null(""))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _texts(column.cast(pa.string()).fill_null(""))
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return _lists(column)
    return None


def _texts(column: Any) -> Values:
    texts = column.to_pylist()
    return np.array(texts, dtype=f"<U{max(map(len, texts), default=0) or 1}")


def _lists(column: Any) -> Values | None:
    import pyarrow.compute as pc

    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:  # missing, of several lengths, or all empty
        return None
    flat = pc.list_flatten(column)
    values = np.asarray(flat.to_numpy())
    return values.reshape(len(column), lengths[0]) if values.dtype.kind in "biuf" else None


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
