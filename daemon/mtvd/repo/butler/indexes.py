"""Indexes that SQLite is kept from, because it does not know what they are worth.

Nobody runs ANALYZE, so SQLite knows of no index how many rows it leaves. It takes three columns for better than two, an
order that saves a sort for better than either, and of two that look alike the one that was made last; Butler makes
those of a table in no fixed order. Among a million datasets it finds the 400 of one visit in 84 ms, by (dataset type,
collection, instrument) through all detectors of ten runs, and their data IDs in 1.5 s, by (instrument) through all
there is. By (instrument, visit) both take 0.6 ms; with forty other dataset types in the same table 2.8 ms.

A unary plus keeps SQLite from using a column for an index and changes nothing else
(https://www.sqlite.org/optoverview.html, on terms that are disqualified by it).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import takewhile
from typing import Any, Final, NamedTuple

from sqlalchemy import Alias, BindParameter, Column, ColumnClause, ColumnElement, Select, Subquery, Table, select
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping, UnaryExpression
from sqlalchemy.sql.operators import custom_op, in_op

Index = tuple[str, ...]
"""Columns of an index, in its order."""
IndexesOf = Callable[[str], Collection[Index]]
"""Returns the indexes of a table of tags, by its name."""
_TAGS: Final = "dataset_tags_"
"""Butler's tables of which dataset is in which collection: one for each set of dimensions."""
_KIND: Final = frozenset({"dataset_type_id", "collection_id"})
"""Columns that say what is asked for and where, not of which data ID."""


class _Given(NamedTuple):
    """A condition that gives a column its value, or a few."""

    column: ColumnElement[Any]
    condition: Any


def advise(query: Select[Any], indexes_of: IndexesOf) -> Select[Any]:
    """Return the same query, or one with the same rows that finds datasets by their data ID, where that is worth it.

    Parameters
    ----------
    query : `~sqlalchemy.Select`
        As Butler makes them: a table of tags stands under an alias, or by itself in a subquery with ``DISTINCT``.
    indexes_of : callable
        See `IndexesOf`.
    """
    given = [_Given(column, term) for term in _terms(query.whereclause) if (column := _given_by(term)) is not None]
    changed: dict[int, Any] = {}
    for table in {pair.column.table for pair in given}:
        here = [pair for pair in given if pair.column.table is table]
        if isinstance(table, Subquery):
            changed |= _narrow(table.element, here, indexes_of)
        elif goes_further(_indexes(table, indexes_of), {pair.column.name for pair in here}):
            changed |= {
                id(kind.condition): _asked_of(_plus(kind.column), kind) for kind in given if kind.column.name in _KIND
            }
    return visitors.replacement_traverse(query, {}, lambda part, **_: changed.get(id(part))) if changed else query


def goes_further(indexes: Collection[Index], given: Collection[str]) -> bool:
    """Tell whether an index of data IDs uses a column that none of dataset type or collection reaches.

    Parameters
    ----------
    indexes : collection of `Index`
        Of one table of tags.
    given : collection of `str`
        Columns of which a query gives the value, or a few.
    """
    of_data_ids = [index for index in indexes if len(index) > 1 and {*index} <= {*given} - _KIND]
    reached = [{*takewhile(lambda name: name in given, index)} for index in indexes if index[0] in _KIND]
    return any(all(not {*index} <= columns for columns in reached) for index in of_data_ids)


def _narrow(inner: Any, given: Iterable[_Given], indexes_of: IndexesOf) -> dict[int, Any]:
    """Return what takes the place of a subquery: itself, with what is asked of its rows, and sorted on its own.

    Else SQLite applies that itself, but by the index that spares it the sort for ``DISTINCT``.
    """
    if not isinstance(inner, Select):
        return {}
    columns = {column.name: getattr(column, "element", column) for column in inner.selected_columns}
    shape = (
        select(*inner.selected_columns)
        .select_from(*inner.get_final_froms())
        .where(*_terms(inner.whereclause))
        .distinct()
    )
    if not inner.compare(shape) or not all(isinstance(column, Column) for column in columns.values()):
        return {}
    narrower = shape.where(*(_asked_of(columns[pair.column.name], pair) for pair in given))
    if advise(narrower, indexes_of) is narrower:
        return {}
    unsorted = (_plus(column).label(name) for name, column in columns.items())
    return {id(inner): advise(narrower.with_only_columns(*unsorted), indexes_of)}


def _terms(clause: Any) -> Iterator[Any]:
    """Yield what must all be true, however deep it is nested."""
    if isinstance(clause, Grouping):
        clause = clause.element
    if isinstance(clause, BooleanClauseList) and clause.operator is operator.and_:
        for inner in clause.clauses:
            yield from _terms(inner)
    elif clause is not None:
        yield clause


def _given_by(term: Any) -> Any:
    """Return the column to which a condition gives one value, or a few; None where it does not."""
    # Butler writes ``visit IN (1, 5, 9)`` with OR; SQLite makes an IN of it again.
    any_of = isinstance(term, BooleanClauseList) and term.operator is operator.or_
    columns = {_column_of(choice) for choice in (term.clauses if any_of else [term])}
    return columns.pop() if len(columns) == 1 else None


def _column_of(term: Any) -> Any:
    if not isinstance(term, BinaryExpression) or term.operator not in {operator.eq, in_op}:
        return None
    sides = (term.left, term.right)
    columns = [side for side in sides if isinstance(side, ColumnClause)]
    return columns[0] if columns and any(isinstance(side, BindParameter) for side in sides) else None


def _indexes(table: Any, indexes_of: IndexesOf) -> Collection[Index]:
    of_tags = isinstance(table, Alias) and isinstance(table.element, Table) and table.element.name.startswith(_TAGS)
    return indexes_of(table.element.name) if of_tags else ()


def _asked_of(column: ColumnElement[Any], pair: _Given) -> Any:
    """Return the condition, asked of something else than its column."""
    return visitors.replacement_traverse(pair.condition, {}, lambda part, **_: column if part is pair.column else None)


def _plus(column: ColumnElement[Any]) -> UnaryExpression[Any]:
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
