"""Parquet tables as Butler writes them, without pandas. The only importer of pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from mtv.wire.data import Catalog, Column
from mtvd.repo.readers.afwtable import unknown_column
from mtvd.repo.readers.failures import check_file, unreadable
from mtvd.repo.readers.hdus import Pixels
from mtvd.repo.readers.output import Output

_ASTROPY_META: Final = b"table_meta_yaml"


def read_parquet(path: Path, out: Output, *, columns: tuple[str, ...] = (), label: str = "") -> Catalog:
    """Read a parquet file: numbers, booleans, texts, time stamps and lists of one length.

    Columns of other types are left out, and named in ``metadata["left_out"]``. Missing numbers are NaN, missing texts
    empty, missing booleans False.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``bad_value`` for an unknown column, ``where`` is ``columns[n]``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path)
    try:
        schema = pq.read_schema(path)
        for number, name in enumerate(columns):
            if name not in schema.names:
                raise unknown_column(number, name, schema.names)
        table = pq.read_table(path, columns=list(columns) or None, use_pandas_metadata=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable("this is no parquet file, or a damaged one") from error
    read = {name: _values(table.column(name)) for name in table.column_names}
    kept = {name: values for name, values in read.items() if values is not None}
    described = _descriptions(schema.metadata or {})
    arrays = out.together(list(kept.values()), "cat")
    left_out = [name for name in read if name not in kept]
    return Catalog(
        rows=table.num_rows,
        columns=tuple(
            Column(name=name, array=array, unit=described.get(name, ("", ""))[0], doc=described.get(name, ("", ""))[1])
            for name, array in zip(kept, arrays, strict=True)
        ),
        metadata={"left_out": left_out} if left_out else {},
        label=label,
    )


def _values(column: Any) -> Pixels | None:
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


def _texts(column: Any) -> Pixels:
    texts = column.to_pylist()
    return np.array(texts, dtype=f"<U{max(map(len, texts), default=0) or 1}")


def _lists(column: Any) -> Pixels | None:
    rows = column.to_pylist()
    if not rows or any(row is None or len(row) != len(rows[0]) for row in rows):
        return None
    values = np.array(rows)
    return values if values.ndim == 2 and values.dtype.kind in "biuf" else None


def _descriptions(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, str]]:
    from astropy.table import meta

    text = metadata.get(_ASTROPY_META)
    if text is None:
        return {}
    try:
        header = meta.get_header_from_yaml(text.decode().splitlines())
    except Exception:  # noqa: BLE001 - units are a courtesy; a table without them is still a table
        return {}
    return {
        str(entry["name"]): (str(entry.get("unit", "")), str(entry.get("description", "")))
        for entry in header.get("datatype", ())
    }
