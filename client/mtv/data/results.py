"""Results of queries: sequences that fetch their pages when these are needed, and print as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar, overload

from mtv.data.datasets import DataId, DatasetRef, html_table, text_table
from mtv.wire.messages import Rows

_SHOWN_ROWS: Final = 20
Row = TypeVar("Row")
Fetch = Callable[[str], Rows]
"""Given a cursor, or an empty text for the beginning, returns a page."""


class Pages(Sequence[Row]):
    """Rows of a query. The first page is here; the next are fetched by whoever goes on to them.

    A loop takes them page by page. ``len``, ``==`` and an index from the end fetch all. A page that cannot be had
    raises what the query would have raised, and is asked for again the next time.

    Parameters
    ----------
    fetch : callable
        See `Fetch`; called at once for the first page.
    row : callable
        ``row(page, index)`` makes one row.
    """

    def __init__(self, fetch: Fetch, row: Callable[[Rows, int], Row]) -> None:
        self._fetch, self._row = fetch, row
        self._rows: list[Row] = []
        self._add(fetch(""))

    def __iter__(self) -> Iterator[Row]:
        index = 0
        while index < len(self._rows) or self._go_on():
            yield self._rows[index]
            index += 1

    def __len__(self) -> int:
        while self._go_on():
            pass
        return len(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        stop = index.stop if isinstance(index, slice) else index + 1
        last = stop is None or stop <= 0 or (isinstance(index, slice) and (index.start or 0) < 0)
        while (last or len(self._rows) < stop) and self._go_on():
            pass
        return self._rows[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pages | list) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<mtv.{type(self).__name__}: {len(self._rows)} rows{' so far' if self._cursor else ''}>"

    def __str__(self) -> str:
        return text_table(*self._table(), len(self._rows)) + ("\n... and more to fetch" if self._cursor else "")

    def _repr_html_(self) -> str:
        return html_table(*self._table(), len(self._rows)) + ("<p>and more to fetch</p>" if self._cursor else "")

    def _go_on(self) -> bool:
        if not self._cursor:
            return False
        self._add(self._fetch(self._cursor))
        return True

    def _add(self, page: Rows) -> None:
        self._rows += [self._row(page, index) for index in range(len(page.rows))]
        self._cursor = page.cursor
        self.columns = page.columns
        """Names of the columns, as the daemon gave them."""

    def _table(self) -> tuple[Sequence[str], list[list[Any]]]:
        raise NotImplementedError


class Records(Pages[DataId]):
    """Rows of a query, each a mapping from column to value."""

    def __init__(self, fetch: Fetch) -> None:
        super().__init__(fetch, lambda page, index: DataId(zip(page.columns, page.rows[index], strict=True)))

    def _table(self) -> tuple[Sequence[str], list[list[Any]]]:
        return self.columns, [[row.get(name) for name in self.columns] for row in self._rows[:_SHOWN_ROWS]]


class Refs(Pages[DatasetRef]):
    """References found by a query; prints as a table of their data IDs."""

    @property
    def data_ids(self) -> list[DataId]:
        """Their data IDs."""
        return [ref.data_id for ref in self]

    def _table(self) -> tuple[Sequence[str], list[list[Any]]]:
        shown = self._rows[:_SHOWN_ROWS]
        names = tuple(dict.fromkeys(name for ref in shown for name in ref.data_id))
        return (*names, "run"), [[*(ref.data_id.get(name) for name in names), ref.run] for ref in shown]
