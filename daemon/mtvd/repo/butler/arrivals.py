"""Arrivals: datasets that came to a repository since a mark, for those who watch a pipeline. Runs in a worker.

An SQLite registry has one writer at a time, so its rows stand in the order in which they were committed. Those after
the mark's row are found within 0.1 ms however many there are before it, whatever the clocks of the writers say, and
Butler is asked only where there are some. By date Butler would walk all datasets: 96 ms of a million, during which no
pipeline can commit.

In other registries the date decides. Each answer looks back for a minute before the newest that was seen, because
clocks differ and transactions last; so an answer may repeat datasets of the one before.
"""

from __future__ import annotations

import base64
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgpack
import msgspec

from mtv.wire.errors import RequestError, bad_value
from mtv.wire.messages import Rows
from mtv.wire.steps import NOW, START, Query
from mtvd.repo.butler import constraints, foreign, governors
from mtvd.repo.butler.chains import search_in
from mtvd.repo.butler.errors import refusal
from mtvd.repo.butler.names import columns_of, plain_type
from mtvd.repo.butler.pages import items

if TYPE_CHECKING:
    from lsst.daf.butler import Butler

LOOK_BACK_SECS: Final = 60.0
MOST: Final = 1_000
"""Datasets of an answer from SQLite: Butler takes 80 ms for so many. The next answer goes on behind them."""

_ALL: Final = ("*",)
_NOBODY: Final = uuid.UUID(int=0)
_NEWEST: Final = "SELECT rowid, id, ingest_date FROM dataset ORDER BY rowid DESC LIMIT 1"
_BY_ID: Final = "SELECT rowid FROM dataset WHERE id = ?"
_BEFORE: Final = "SELECT rowid FROM dataset WHERE ingest_date <= ? ORDER BY rowid DESC LIMIT 1"
_AFTER: Final = """
    SELECT dataset.rowid, dataset.id, dataset.ingest_date, collection.name
    FROM dataset JOIN collection ON collection.collection_id = dataset.run_id
    WHERE dataset_type_id = (SELECT id FROM dataset_type WHERE name = ?) AND dataset.rowid > ?
    ORDER BY dataset.rowid LIMIT ?
"""


class _RowMark(msgspec.Struct, frozen=True, array_like=True, tag="row"):
    """Mark in an SQLite registry: the newest dataset that was looked at."""

    row: int = 0
    id: str = ""
    date: int | str = 0


class _TimeMark(msgspec.Struct, frozen=True, array_like=True, tag="date"):
    """Mark in another registry: a moment."""

    begin: str = ""
    """TAI; all that came later is told. Empty: everything is."""
    now_ns: int = 0
    """When the registry was looked at: nobody can tell here that nothing has come, so no two marks are the same."""


class _Arrival(NamedTuple):
    row: int
    id: str
    date: int | str
    run: str


def answer(
    query: Query,
    *,
    database: Path | None,
    clone: Callable[[], Butler],
    page_rows: int,
    busy_timeout_secs: float,
) -> Rows:
    """Answer a query that has ``since``, in the order of arrival.

    Parameters
    ----------
    query : `Query`
        All runs are searched where no collections are named and the repository has no default ones. Every dataset
        counts: ``find_first`` says nothing here.
    database : `~pathlib.Path` or `None`
        File of an SQLite registry; None for another registry.
    clone : callable
        Returns a Butler; called only where one is needed.
    page_rows : `int`
        Rows of an answer at most, the newest; of an SQLite registry `MOST`, the oldest.

    Raises
    ------
    RequestError
        ``bad_value`` naming ``since``; else as `mtvd.repo.butler.query.run`.
    """

    def look(asked: Query) -> Rows:
        if database is None:
            return _by_date(clone(), asked, _read(query.since, _TimeMark), page_rows)
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=busy_timeout_secs)) as registry:
            return _by_row(registry, clone, asked, _read(query.since, _RowMark))

    return governors.with_the_only_ones(clone, query, look)


# SQLite


def _by_row(registry: sqlite3.Connection, clone: Callable[[], Butler], query: Query, since: _RowMark) -> Rows:
    newest, arrived = _look(registry, query, since)
    rows = Rows(columns=(), rows=(), dataset_type=query.dataset_type, mark=_write(newest))
    if query.since in {NOW, START} and not arrived:
        _records(clone(), query, None, (_NOBODY,))  # what is wrong with a query is said before anything comes
    return _rows_of(clone(), query, arrived, rows) if arrived else rows


def _look(registry: sqlite3.Connection, query: Query, since: _RowMark) -> tuple[_RowMark, list[_Arrival]]:
    """Return how far the registry goes, or was looked at, and what has come up to there."""
    registry.isolation_level = None
    registry.execute("BEGIN")  # both from one state of the registry
    newest = _RowMark(*(registry.execute(_NEWEST).fetchone() or ()))
    if query.since == NOW or newest == since:
        return newest, []
    found = registry.execute(_AFTER, (query.dataset_type, _row_of(registry, since), MOST))
    arrived = [_Arrival(*row) for row in found]
    if len(arrived) == MOST:
        newest = _RowMark(*arrived[-1][:3])
    return newest, arrived


def _row_of(registry: sqlite3.Connection, mark: _RowMark) -> int:
    """Return the row behind which all is newer than a mark.

    Rows get other numbers where somebody vacuums, or makes the registry anew; the numbers of deleted ones are used
    again. Where the mark's own dataset has gone, its date must do.
    """
    if not mark.row:
        return 0
    found = registry.execute(_BY_ID, (mark.id,)).fetchone() or registry.execute(_BEFORE, (mark.date,)).fetchone()
    return int(found[0]) if found else 0


def _rows_of(butler: Butler, query: Query, arrived: Sequence[_Arrival], empty: Rows) -> Rows:
    """Return those of the arrivals that the query is about.

    Each run is asked for alone: over a chain SQLite without statistics needs a second for a handful among a million.
    """
    wanted = set(_runs(butler, query.collections))
    ids: dict[str, list[uuid.UUID]] = {}
    for one in arrived:
        if one.run in wanted:
            ids.setdefault(one.run, []).append(uuid.UUID(one.id))
    records = {
        record[f"{query.dataset_type}.dataset_id"]: record
        for run, same in ids.items()
        for record in _records(butler, query, (run,), same)
    }
    ordered = (records.get(uuid.UUID(one.id)) for one in arrived)
    return _fill(butler, query, [record for record in ordered if record is not None], empty)


def _records(
    butler: Butler, query: Query, runs: Sequence[str] | None, ids: Sequence[uuid.UUID]
) -> list[Mapping[str, Any]]:
    name = plain_type(butler, query.dataset_type)
    kind = butler.get_dataset_type(name)
    searched = _runs(butler, query.collections) if runs is None else runs
    constraints.check(butler, query.data_id)
    foreign.check(butler, kind, query.data_id)
    with butler.query() as started:
        joined = constraints.apply(butler, started.join_dataset_search(name, searched), query)
        found = joined.where(started.expression_factory[name].dataset_id.in_iterable(ids))
        return list(found.general(kind.dimensions, dataset_fields={name: {"dataset_id", "run"}}, find_first=False))


def _runs(butler: Butler, names: Sequence[str]) -> list[str]:
    defaults = butler.collections.defaults or ((butler.run,) if butler.run else _ALL)
    searched = search_in(butler, names or defaults, find_first=False)
    infos = butler.collections.query_info(searched, flatten_chains=True)
    runs = [info.name for info in infos if info.type.name == "RUN"]
    if infos and not runs:
        hint = "name runs, or chains of runs: into others datasets are put after they have come"
        raise refusal("unsupported", "nothing comes into these collections", "collections", hint)
    return runs


# Others


def _by_date(butler: Butler, query: Query, since: _TimeMark, page_rows: int) -> Rows:
    from astropy.time import Time, TimeDelta

    back = TimeDelta(LOOK_BACK_SECS, format="sec")
    begin = since.begin
    if query.since == NOW:
        latest = _find_dated(butler, query, "", 1)
        begin = _date(latest[0][_field(query)] - back) if latest else ""
    found = _find_dated(butler, query, begin, page_rows)
    if found:
        begin = max(begin, _date(Time(found[0][_field(query)]) - back))
    empty = Rows(columns=(), rows=(), dataset_type=query.dataset_type)
    mark = _write(_TimeMark(begin, time.time_ns()))
    return msgspec.structs.replace(_fill(butler, query, found[::-1], empty), mark=mark)


def _find_dated(butler: Butler, query: Query, begin: str, most: int) -> list[Mapping[str, Any]]:
    """Return the newest datasets that came after a moment, the newest first."""
    name = plain_type(butler, query.dataset_type)
    kind = butler.get_dataset_type(name)
    constraints.check(butler, query.data_id)
    foreign.check(butler, kind, query.data_id)
    with butler.query() as started:
        joined = started.join_dataset_search(name, _runs(butler, query.collections))
        asked = constraints.apply(butler, joined, query)
        date = started.expression_factory[name].ingest_date
        if begin:
            asked = asked.where(date > _time(begin))
        fields = {name: {"dataset_id", "run", "ingest_date"}}
        found = asked.general(kind.dimensions, dataset_fields=fields, find_first=False)
        return list(found.order_by(date.desc).limit(most))


def _field(query: Query) -> str:
    return f"{query.dataset_type}.ingest_date"


def _date(moment: Any) -> str:
    """Return a time as text that sorts as it does."""
    from astropy.time import Time

    return str(Time(moment.tai, precision=9).isot)


def _time(date: str) -> Any:
    from astropy.time import Time

    try:
        return Time(date, scale="tai")
    except ValueError:
        raise _no_mark() from None


# Both


def _fill(butler: Butler, query: Query, records: Sequence[Mapping[str, Any]], empty: Rows) -> Rows:
    name = query.dataset_type
    columns = columns_of(butler.get_dataset_type(name).dimensions)
    return msgspec.structs.replace(
        empty,
        columns=(*columns, "run"),
        rows=tuple(map(items((*columns, f"{name}.run")), records)),
        ids=tuple(str(record[f"{name}.dataset_id"]) for record in records),
    )


def _write(mark: _RowMark | _TimeMark) -> str:
    return base64.urlsafe_b64encode(msgpack.packb(msgspec.to_builtins(mark))).decode()


def _read(text: str, kind: type[Any]) -> Any:
    if text in {NOW, START}:
        return kind()
    try:
        return msgspec.convert(msgpack.unpackb(base64.urlsafe_b64decode(text)), kind)
    except (ValueError, TypeError, msgpack.UnpackException, msgspec.ValidationError):
        raise _no_mark() from None


def _no_mark() -> RequestError:
    return bad_value("since", "this is no mark of this repository", f"begin with {NOW!r}")
