"""Queries: from a typed `Query` to a page of `Rows`. Runs in a worker; closes its cursor before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from mtv.wire.messages import Rows
from mtv.wire.steps import Query, Value
from mtvd.repo.butler import constraints, foreign, governors, listing, provenance
from mtvd.repo.butler.chains import first_of, runs_of, search_in
from mtvd.repo.butler.names import columns_of, dimensions_of, element_of, plain_type, sort_keys
from mtvd.repo.butler.pages import Getter, Order, Page, Report, Values, cursor_of, items, order_of, page_of, plain, take

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, DatasetType

__all__ = ["columns_of", "run", "search_in", "sort_keys"]


class _Asked(NamedTuple):
    """A query with what is needed to answer it."""

    butler: Butler
    query: Query
    page: Page
    unordered: bool
    report: Report


class _Answer(NamedTuple):
    """A page, and the key of each of its rows where the next page can begin at one."""

    rows: Rows
    key_of: Callable[[int], Values] | None = None


def run(
    butler: Butler,
    query: Query,
    *,
    page_rows: int,
    sqlite: bool = False,
    report: Report = lambda _rows: None,
) -> Rows:
    """Answer a query with one page.

    Columns, by ``query.what``:

    - ``datasets``: required dimensions, implied ones, ``run``; ids are the UUIDs.
    - ``provenance``: as ``datasets``, then the columns of `mtvd.repo.butler.provenance`.
    - ``data_ids``: required dimensions, implied ones.
    - ``dimension_records``: the element's own columns; a time span becomes two columns, a region none.
    - ``collections``: ``name``, ``type``, ``children`` (names, comma and space between).
    - ``dataset_types``: ``name``, ``dimensions``, ``storage_class``.

    Rows are sorted by `Query.order_by`, then by their required dimensions, the detector last, then by run.

    Parameters
    ----------
    page_rows : `int`
        Rows of a page at most.
    sqlite : `bool`, optional
        True: the registry is SQLite, whose planner is to be trusted with little; see `mtvd.repo.butler.pages`.
    report : callable, optional
        Told how many rows were read.

    Raises
    ------
    RequestError
        With the field in ``where``; Butler's own exceptions pass, for `mtvd.repo.butler.errors.translate`.
    """
    page = page_of(query, page_rows)

    def answer(asked: Query) -> _Answer:
        return _KINDS[asked.what](_Asked(butler, asked, page, sqlite, report))

    rows, key_of = governors.with_the_only_ones(lambda: butler, query, answer)
    if not rows.rows and not query.cursor:
        constraints.check_known(butler, query.data_id, governors_only=True)
    if len(rows.rows) < page.wanted:
        return rows
    count = page.wanted - 1
    cursor = cursor_of(query, page, key_of)
    return msgspec.structs.replace(rows, rows=rows.rows[:count], ids=rows.ids[:count], cursor=cursor)


def _datasets(asked: _Asked) -> _Answer:
    kind, records, order = _find(asked)
    name, columns = kind.name, columns_of(kind.dimensions)
    run = f"{name}.run"
    rows = Rows(
        columns=(*columns, "run"),
        rows=tuple(map(items((*columns, run)), records)),
        ids=tuple(str(record[f"{name}.dataset_id"]) for record in records),
        dataset_type=name,
    )
    return _Answer(rows, _keys(records, order, items))


def _provenance(asked: _Asked) -> _Answer:
    kind, records, order = _find(asked, "ingest_date")
    rows = provenance.rows(asked.butler, kind, columns_of(kind.dimensions), records)
    return _Answer(rows, _keys(records, order, items))


def _find(asked: _Asked, *fields: str) -> tuple[DatasetType, list[dict[str, Any]], Order]:
    butler, query = asked.butler, asked.query
    name = plain_type(butler, query.dataset_type)
    kind = butler.get_dataset_type(name)
    constraints.check(butler, query.data_id)
    foreign.check(butler, kind, query.data_id)
    searched = search_in(butler, query.collections, find_first=query.find_first)
    required, run = sort_keys(kind.dimensions), f"{name}.run"
    order = order_of(query.order_by, required, kind.dimensions.implied, "" if query.find_first else run)
    runs = _runs_to_choose_from(asked, kind, searched)
    choice: dict[str, Any] = {"choose": first_of(runs, required, run), "repeats": len(runs)} if runs else {}
    with butler.query() as started:
        joined = _constrain(asked, started.join_dataset_search(name, searched), order)
        results = joined.general(
            kind.dimensions,
            dataset_fields={name: {"dataset_id", "run", *fields}},
            find_first=query.find_first and not runs,
        )
        records = _take(
            asked,
            results,
            order,
            items,
            walkable=lambda all_: constraints.walkable(butler, all_, order.terms, required),
            **choice,
        )
    return kind, records, order


def _runs_to_choose_from(asked: _Asked, kind: DatasetType, searched: list[str]) -> list[str]:
    """Return the runs of which the first that has a data ID is chosen here; none where Butler chooses better."""
    if not asked.query.find_first or not asked.unordered or not _by_data_id(kind, asked.query):
        return []
    runs = runs_of(asked.butler, searched) or []
    return runs if len(runs) > 1 else []


def _by_data_id(kind: DatasetType, query: Query) -> bool:
    """Tell whether all datasets of one data ID stand together in the order that is asked for."""
    elements = kind.dimensions.elements
    return all(plain(term).partition(".")[0] in elements for term in query.order_by)


def _data_ids(asked: _Asked) -> _Answer:
    butler, query = asked.butler, asked.query
    dimensions = dimensions_of(butler, query)
    constraints.check(butler, query.data_id)
    order = order_of(query.order_by, sort_keys(dimensions), dimensions.implied)
    with butler.query() as started:
        found = _constrain(asked, _with_datasets(asked, started), order).data_ids(dimensions)
        records = _take(asked, found, order, items)
    columns = columns_of(dimensions)
    rows = Rows(
        columns=columns,
        rows=tuple(map(items(columns), records)),
        dataset_type=query.dataset_type,
    )
    return _Answer(rows, _keys(records, order, items))


def _dimension_records(asked: _Asked) -> _Answer:
    butler, query = asked.butler, asked.query
    element = butler.dimensions.elements[element_of(butler, query.dimensions)]
    constraints.check(butler, query.data_id)
    order = order_of(query.order_by, sort_keys(element.minimal_group), ())
    with butler.query() as started:
        found = _constrain(asked, _with_datasets(asked, started), order).dimension_records(element.name)
        records = _take(asked, found, order, _of_record)
    flat = [_flat(record.toDict()) for record in records]
    columns = tuple(flat[0]) if flat else tuple(_flat(dict.fromkeys(element.schema.names)))
    rows = Rows(columns=columns, rows=tuple(tuple(record.get(column) for column in columns) for record in flat))
    return _Answer(rows, _keys(records, order, _of_record))


_KINDS: Final[dict[str, Callable[[_Asked], _Answer]]] = {
    "datasets": _datasets,
    "provenance": _provenance,
    "data_ids": _data_ids,
    "dimension_records": _dimension_records,
    "collections": lambda asked: _Answer(listing.collections(asked.butler, asked.query, asked.page)),
    "dataset_types": lambda asked: _Answer(listing.dataset_types(asked.butler, asked.query, asked.page)),
}


def _with_datasets(asked: _Asked, started: Any) -> Any:
    if not asked.query.dataset_type:
        return started
    searched = search_in(asked.butler, asked.query.collections, find_first=False)
    return started.join_dataset_search(plain_type(asked.butler, asked.query.dataset_type), searched)


def _constrain(asked: _Asked, joined: Any, order: Order) -> Any:
    constrained = constraints.apply(asked.butler, joined, asked.query)
    if asked.page.after is None or order.keys is None:
        return constrained
    return constraints.start_at(asked.butler, constrained, order.keys, asked.page.after)


def _take(asked: _Asked, results: Any, order: Order, values: Getter, **choice: Any) -> list[Any]:
    def report(count: int) -> None:
        asked.report(asked.page.start + count)

    return take(results, order, asked.page, values=values, unordered=asked.unordered, report=report, **choice)


def _keys(records: list[Any], order: Order, values: Getter) -> Callable[[int], Values] | None:
    if order.keys is None:
        return None
    key_of = values([plain(term) for term in order.keys])
    return lambda row: key_of(records[row])


def _of_record(names: Sequence[str]) -> Callable[[Any], Values]:
    key_of = items(names)
    return lambda record: key_of(record.dataId)


def _flat(record: Mapping[str, Any]) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in record.items():
        if name == "timespan":
            flat["timespan_begin"] = None if value is None or value.begin is None else str(value.begin.isot)
            flat["timespan_end"] = None if value is None or value.end is None else str(value.end.isot)
        elif name != "region":
            flat[name] = value if value is None or isinstance(value, str | int | float) else str(value)
    return flat
