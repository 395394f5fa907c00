"""Settings of Butler's connections to SQLite: how long to wait for a lock, and which indexes to leave alone."""

from __future__ import annotations

import sqlite3
from itertools import groupby
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Select, event
from sqlalchemy.pool import Pool

from mtvd.repo.butler.indexes import Index, advise

_INDEXES: Final = (
    "SELECT i.name, c.name FROM pragma_index_list(?) AS i, pragma_index_info(i.name) AS c ORDER BY i.name, c.seqno"
)


def install(busy_timeout_secs: float) -> None:
    """Tell every SQLite connection that SQLAlchemy opens in this process.

    Parameters
    ----------
    busy_timeout_secs : `float`
        How long a locked registry is waited for. Butler sets five minutes, which looks like a hang.
    """
    timeout_ms = int(busy_timeout_secs * 1000)
    known: WeakKeyDictionary[Engine, dict[str, list[Index]]] = WeakKeyDictionary()

    def cap_busy_timeout(connection: Any, *_: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA busy_timeout={timeout_ms}")

    def advise_against_indexes(
        connection: Connection, clause: Any, many: Any, values: Any, _: Any
    ) -> tuple[Any, Any, Any]:
        if connection.dialect.name != "sqlite" or not isinstance(clause, Select):
            return clause, many, values
        tables = known.setdefault(connection.engine, {})

        def indexes_of(table: str) -> list[Index]:
            if table not in tables:
                tables[table] = _indexes(connection, table)
            return tables[table]

        return advise(clause, indexes_of), many, values

    event.listen(Pool, "checkout", cap_busy_timeout)
    event.listen(Engine, "before_execute", advise_against_indexes, retval=True)


def _indexes(connection: Connection, table: str) -> list[Index]:
    rows = connection.exec_driver_sql(_INDEXES, (table,))
    return [tuple(column for _, column in columns) for _, columns in groupby(rows, key=lambda row: row[0])]
