"""Tables in texts: VOTable and ECSV, read whole by astropy, for they have no columns that could be read alone."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mtv.shared.tables.columns import plain_columns, values_of, words_of
from mtv.shared.tables.gaps import Values
from mtv.shared.tables.tables import ColumnTable, Field
from mtvd.repo.readers.failures import check_file, parsing, unreadable, unsupported
from mtvd.repo.readers.unpacking import is_packed, whole

MOST_BYTES: Final = 256 << 20
"""Texts are parsed in memory, at several times their size."""
_PARQUET: Final = b"<PARQUET"


def open_votable(path: Path) -> ColumnTable:
    """Read the first table of a VOTable; the names of others stand in the metadata, as ``other_tables``.

    Raises
    ------
    RequestError
        ``unreadable_file``; ``unsupported`` for a text that is too large.
    """
    from astropy.io.votable import parse

    content = _content(path)
    if _PARQUET in content:  # astropy would follow the address in it, wherever it leads
        hint = "read the parquet file itself"
        raise unsupported("the VOTable has its rows in a parquet file beside it", hint=hint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many tables in use break some rule of the format
        with parsing("this is no VOTable, or a damaged one"):
            tables = list(parse(io.BytesIO(content), table_number=0).iter_tables())
            if not tables:
                raise unreadable("the VOTable has no table")
            names = [str(one.name or one.ID or "") for one in tables[1:]]
            named = {"other_tables": names} if names else {}
            return column_table(tables[0].to_table(use_names_over_ids=True), named)


def open_ecsv(path: Path) -> ColumnTable:
    """Read an ECSV table; raises as `open_votable`."""
    from astropy.table import Table

    content = _content(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with parsing("this is no ECSV table, or a damaged one"):
            return column_table(Table.read(content.decode("utf-8").splitlines(), format="ascii.ecsv"))


def _content(path: Path) -> bytes:
    check_file(path)
    if not is_packed(path) and path.stat().st_size > MOST_BYTES:
        raise unsupported(f"a text of more than {MOST_BYTES} bytes is not read", hint="write it as parquet or FITS")
    return whole(path, MOST_BYTES)


def column_table(table: Any, metadata: Mapping[str, Any] | None = None) -> ColumnTable:
    """Return a table of astropy's as one of ours: numbers, truth values and texts; others are left out."""
    columns: dict[str, Values] = {}
    fields: dict[str, Field] = {}
    left_out: dict[str, str] = {}
    for name, column in plain_columns(table):
        values = values_of(column)
        if values is None:
            left_out[name] = "its rows have several lengths, or hold objects"
        else:
            columns[name], fields[name] = values, words_of(column)
    return ColumnTable(
        columns=columns,
        rows=len(table),
        fields=fields,
        metadata={**_plain(table.meta), **(metadata or {})},
        left_out=left_out,
    )


def _plain(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in meta.items() if isinstance(value, str | int | float | bool)}
