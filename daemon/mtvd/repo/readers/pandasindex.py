"""The index of a pandas table where its numbers have even steps: pandas writes no column of it, only words. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from mtvd.repo.readers.fitscolumns import unique

_PANDAS: Final = b"pandas"
_UNNAMED: Final = "__index_level_0__"
"""Name that pandas gives to a column made of an index without a name."""
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def ranges_of(metadata: Mapping[bytes, bytes], rows: int, columns: Collection[str]) -> dict[str, range]:
    """Return the indexes that stand in the words of a parquet file alone, by the names of the columns that they are.

    Rows that are only counted, from 0, have none.

    Parameters
    ----------
    metadata : `dict` [`bytes`, `bytes`]
        Words of the file's schema.
    rows : `int`
        Of the file; an index of another length belongs to some other table that it was made of.
    columns : collection of `str`
        Names of the file's columns; an index of such a name is called ``NAME_2``.
    """
    try:
        entries = json.loads(metadata.get(_PANDAS, b"{}")).get("index_columns", ())
        found = [_range_of(entry) for entry in entries if isinstance(entry, dict) and entry.get("kind") == "range"]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return {}  # a courtesy of pandas: a table without it is still a table
    named = [(name, one) for name, one in found if len(one) == rows and (name or one != range(rows))]
    names = list(unique(iter([*columns, *(name or _UNNAMED for name, _ in named)])))[len(columns) :]
    return dict(zip(names, (one for _, one in named), strict=True))


def _range_of(entry: Mapping[str, Any]) -> tuple[str, range]:
    start, stop, step = (int(entry[word]) for word in ("start", "stop", "step"))
    numbers = range(start, stop, step)
    if numbers and not all(_LOWEST <= end <= _HIGHEST for end in (numbers[0], numbers[-1])):
        raise ValueError("beyond 64 bits")
    name = entry.get("name")
    return "" if name is None else str(name), numbers
