"""Queries: from a typed `Query` to a page of `Rows`. Runs in a worker; closes its cursor before anything is sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgpack
import msgspec

from mtv.wire.errors import bad_value
from mtv.wire.messages import Rows
from mtv.wire.steps import Query, Value
from mtvd.repo import constraints
from mtvd.repo.errors import near, refusal, some

if TYPE_CHECKING:
    from lsst.daf.butler import Butler, DimensionGroup

_GLOB: Final = frozenset("*?[")
_Page = tuple[int, int]


def run(butler: Butler, query: Query, *, page_rows: int) -> Rows:
    """Answer a query with one page.

    Columns, by ``query.what``:

    - ``datasets``: required dimensions, implied ones, ``run``; ids are the UUIDs.
    - ``data_ids``: required dimensions, implied ones.
    - ``dimension_records``: the element's own columns; a time span becomes two columns, a region none.
    - ``collections``: ``name``, ``type``, ``children`` (names, comma and space between).
    - ``dataset_types``: ``name``, ``dimensions``, ``storage_class``.

    Rows are sorted by `Query.order_by`, else by their required dimensions, the detector last.

    Raises
    ------
    RequestError
        With the field in ``where``; Butler's own exceptions pass, for `mtvd.repo.errors.translate`.
    """
    start = _start_of(query)
    stop = start + page_rows if query.limit is None else min(start + page_rows, query.limit)
    if query.limit is not None and query.limit < 0:
        raise bad_value("limit", "a limit is not negative")
    rows = _KINDS[query.what](butler, query, (start, stop + 1))
    if len(rows.rows) <= stop - start:
        return rows
    cursor = _cursor(query, stop) if query.limit is None or stop < query.limit else ""
    count = stop - start
    return msgspec.structs.replace(rows, rows=rows.rows[:count], ids=rows.ids[:count], cursor=cursor)


def search_in(butler: Butler, names: Sequence[str], *, find_first: bool) -> list[str]:
    """Return the collections to search, in their order: those named, else the repository's default ones.

    Raises
    ------
    RequestError
        ``bad_query`` where there are none, or globs with ``find_first``; ``unknown_collection`` for a glob without a
        match.
    """
    if not names:
        names = butler.collections.defaults or ((butler.run,) if butler.run else ())
    if not names:
        raise refusal(
            "bad_query",
            "no collections are named, and the repository has no default ones",
            "collections",
            f"for example collections={_examples(butler)}",
        )
    found: list[str] = []
    for name in names:
        found += _expand(butler, name, find_first=find_first) if _GLOB & set(name) else [name]
    return list(dict.fromkeys(found))


def _datasets(butler: Butler, query: Query, page: _Page) -> Rows:
    name = _plain_type(butler, query.dataset_type)
    kind = butler.get_dataset_type(name)
    constraints.check(butler, query.data_id)
    searched = search_in(butler, query.collections, find_first=query.find_first)
    columns = columns_of(kind.dimensions)
    with butler.query() as asked:
        results = constraints.applied(butler, asked.join_dataset_search(name, searched), query)
        found = results.general(
            kind.dimensions, dataset_fields={name: {"dataset_id", "run"}}, find_first=query.find_first
        )
        order = query.order_by or (*sort_keys(kind.dimensions), *(() if query.find_first else (f"{name}.run",)))
        records = list(_sliced(found.order_by(*order), page))
    return Rows(
        columns=(*columns, "run"),
        rows=tuple((*(record[column] for column in columns), record[f"{name}.run"]) for record in records),
        ids=tuple(str(record[f"{name}.dataset_id"]) for record in records),
        dataset_type=name,
    )


def _data_ids(butler: Butler, query: Query, page: _Page) -> Rows:
    dimensions = _dimensions(butler, query)
    constraints.check(butler, query.data_id)
    columns = columns_of(dimensions)
    with butler.query() as asked:
        if query.dataset_type:
            searched = search_in(butler, query.collections, find_first=False)
            asked = asked.join_dataset_search(_plain_type(butler, query.dataset_type), searched)
        found = constraints.applied(butler, asked, query).data_ids(dimensions)
        records = list(_sliced(found.order_by(*(query.order_by or sort_keys(dimensions))), page))
    return Rows(
        columns=columns,
        rows=tuple(tuple(record[column] for column in columns) for record in records),
        dataset_type=query.dataset_type,
    )


def _dimension_records(butler: Butler, query: Query, page: _Page) -> Rows:
    if len(query.dimensions) != 1:
        raise bad_value("dimensions", "name the one dimension whose records are wanted", "for example 'visit'")
    element = butler.dimensions.elements[_element(butler, query.dimensions[0])]
    constraints.check(butler, query.data_id)
    with butler.query() as asked:
        if query.dataset_type:
            searched = search_in(butler, query.collections, find_first=False)
            asked = asked.join_dataset_search(_plain_type(butler, query.dataset_type), searched)
        found = constraints.applied(butler, asked, query).dimension_records(element.name)
        order = query.order_by or sort_keys(element.minimal_group)
        records = [_flat(record.toDict()) for record in _sliced(found.order_by(*order), page)]
    columns = tuple(records[0]) if records else tuple(_flat(dict.fromkeys(element.schema.names)))
    return Rows(columns=columns, rows=tuple(tuple(record.get(column) for column in columns) for record in records))


def _collections(butler: Butler, query: Query, page: _Page) -> Rows:
    for name in query.collections:
        if not _GLOB & set(name):
            butler.collections.get_info(name)
    infos = butler.collections.query_info(list(query.collections) or "*")
    rows = sorted((info.name, info.type.name, ", ".join(info.children)) for info in infos)
    return Rows(columns=("name", "type", "children"), rows=tuple(rows[slice(*page)]))


def _dataset_types(butler: Butler, query: Query, page: _Page) -> Rows:
    kinds = {kind.name: kind for kind in butler.registry.queryDatasetTypes(query.dataset_type or ...)}
    if query.dataset_type and not kinds:
        names = [kind.name for kind in butler.registry.queryDatasetTypes()]
        hint = near(query.dataset_type, names, otherwise=f"there are {some(sorted(names))}")
        raise refusal("unknown_dataset_type", f"no dataset type is {query.dataset_type!r}", "dataset_type", hint)
    if query.collections:
        infos = butler.collections.query_info(list(query.collections), include_summary=True, flatten_chains=True)
        there = {name for info in infos for name in info.dataset_types or ()}
        kinds = {name: kind for name, kind in kinds.items() if name in there}
    rows = [
        (name, ", ".join(columns_of(kinds[name].dimensions)), kinds[name].storageClass_name) for name in sorted(kinds)
    ]
    return Rows(columns=("name", "dimensions", "storage_class"), rows=tuple(rows[slice(*page)]))


_KINDS: Final[dict[str, Callable[[Any, Query, _Page], Rows]]] = {
    "datasets": _datasets,
    "data_ids": _data_ids,
    "dimension_records": _dimension_records,
    "collections": _collections,
    "dataset_types": _dataset_types,
}


def columns_of(dimensions: DimensionGroup) -> tuple[str, ...]:
    """Return the required dimensions, sorted as people count them, then the implied ones."""
    return (*sort_keys(dimensions), *dimensions.implied)


def sort_keys(dimensions: DimensionGroup) -> tuple[str, ...]:
    """Return the required dimensions with the detector last: a visit's detectors stand together."""
    return tuple(sorted(dimensions.required, key=lambda name: name == "detector"))


def _plain_type(butler: Butler, name: str) -> str:
    if not name:
        raise bad_value("dataset_type", "name a dataset type", f"there are {some(_type_names(butler))}")
    if _GLOB & set(name):
        raise bad_value(
            "dataset_type", "a query of datasets takes one dataset type, no pattern", "ask for the dataset types first"
        )
    parent, _, component = name.partition(".")
    if component:
        raise bad_value(
            "dataset_type",
            f"{name!r} is a component, and queries know whole datasets only",
            f"query {parent!r}, then get the component",
        )
    return name


def _type_names(butler: Butler) -> list[str]:
    return sorted(kind.name for kind in butler.registry.queryDatasetTypes())


def _dimensions(butler: Butler, query: Query) -> DimensionGroup:
    for number, name in enumerate(query.dimensions):
        if name not in butler.dimensions.dimensions.names:
            raise _unknown_dimension(butler, name, f"dimensions[{number}]")
    if query.dimensions:
        return butler.dimensions.conform(query.dimensions)
    if query.dataset_type:
        return butler.get_dataset_type(_plain_type(butler, query.dataset_type)).dimensions
    raise bad_value("dimensions", "name dimensions, or a dataset type whose dimensions are wanted")


def _element(butler: Butler, name: str) -> str:
    if name not in butler.dimensions.elements.names:
        raise _unknown_dimension(butler, name, "dimensions[0]")
    return name


def _unknown_dimension(butler: Butler, name: str, where: str) -> Exception:
    names = sorted(butler.dimensions.elements.names)
    return refusal("bad_query", f"there is no dimension {name!r}", where, near(name, names))


def _expand(butler: Butler, pattern: str, *, find_first: bool) -> list[str]:
    names = sorted(butler.collections.query(pattern))
    if not names:
        raise refusal("unknown_collection", f"no collection matches {pattern!r}", "collections")
    if find_first and len(names) > 1:
        raise refusal(
            "bad_query",
            f"{pattern!r} matches {len(names)} collections, and the first match needs an order",
            "collections",
            "name the collections, or ask for all matches (find_first=False)",
        )
    return names


def _examples(butler: Butler) -> str:
    infos = sorted(butler.collections.query_info("*"), key=lambda info: (info.type.name != "CHAINED", info.name))
    return some([info.name for info in infos], 3) or "..."


def _sliced(results: Any, page: _Page) -> Iterable[Any]:
    start, stop = page
    # Butler has no offset: what comes before the page is read and dropped.
    for number, record in enumerate(results.limit(stop)):
        if number >= start:
            yield record


def _flat(record: Mapping[str, Any]) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in record.items():
        if name == "timespan":
            flat["timespan_begin"] = None if value is None or value.begin is None else str(value.begin.isot)
            flat["timespan_end"] = None if value is None or value.end is None else str(value.end.isot)
        elif name != "region":
            flat[name] = value if value is None or isinstance(value, str | int | float) else str(value)
    return flat


def _start_of(query: Query) -> int:
    if not query.cursor:
        return 0
    try:
        start, digest = msgpack.unpackb(base64.urlsafe_b64decode(query.cursor))
    except (ValueError, TypeError, msgpack.UnpackException):
        start, digest = -1, b""
    if not isinstance(start, int) or start < 0 or digest != _digest(query):
        raise bad_value("cursor", "the cursor does not belong to this query", "send the same query with its cursor")
    return start


def _cursor(query: Query, start: int) -> str:
    return base64.urlsafe_b64encode(msgpack.packb([start, _digest(query)])).decode()


def _digest(query: Query) -> bytes:
    plain = msgspec.json.encode(msgspec.structs.replace(query, cursor="", repo=""), order="sorted")
    return hashlib.blake2b(plain, digest_size=8).digest()
