"""Pages of a query: where one begins, what its cursor holds, and how rows come in order.

SQLite without statistics may walk a whole table only because an order is asked for: 5 s for the 400 datasets of one
visit among a million, against 20 ms without an order. So rows are first asked for unordered, up to a bound, and
sorted here; only where there are more is the database asked for the order, and it then finds the page soon.

A page begins at the key of the last row before it, not at a number of rows: so the tenth page costs what the first did.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import msgpack
import msgspec

from mtv.wire.errors import bad_value
from mtv.wire.steps import Query
from mtvd.repo.butler.errors import in_field

_LEAST_UNORDERED: Final = 2_000
_MOST_UNORDERED: Final = 20_000
_WORTH: Final = 4
"""A page that is less than this share of all rows is found soon by an ordered walk."""
_REPORT_EVERY_ROWS: Final = 1_000
Report = Callable[[int], None]
"""Called with the number of rows that were read."""
Values = tuple[Any, ...]
Getter = Callable[[Sequence[str]], Callable[[Any], Values]]
"""Given names of columns, returns what takes their values out of a row."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Rows that are wanted."""

    start: int
    """Rows that were given before."""
    stop: int
    """The first row that is not wanted, counted from the very first."""
    after: Values | None = None
    """Key of the last row before; None for the first page, and where an order has no key."""
    seen: int = 0
    """Number of rows of exactly that key that earlier pages had."""

    @property
    def wanted(self) -> int:
        """Rows of this page at most."""
        return self.stop - self.start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """How rows are sorted: always in full, so that pages neither miss nor repeat a row."""

    terms: tuple[str, ...]
    """Columns to sort by, as Butler takes them; ``-`` in front reverses."""
    columns: frozenset[str]
    """Terms that rows have a value of."""
    keys: tuple[str, ...] | None
    """The terms that a page can begin at; None where one of them is no dimension."""

    @property
    def sortable(self) -> bool:
        """True where rows can be sorted without the database."""
        return all(plain(term) in self.columns for term in self.terms)


def order_of(wanted: Sequence[str], required: Sequence[str], others: Iterable[str], run: str = "") -> Order:
    """Return an order that leaves no two rows equal.

    Parameters
    ----------
    wanted : sequence of `str`
        What the user asked for.
    required, others : iterable of `str`
        Required dimensions, in the order of the default; other dimensions that rows have.
    run : `str`, optional
        The column of the run, where several rows may have one data ID.

    Raises
    ------
    RequestError
        ``bad_value``, ``order_by``, for a term without a name.
    """
    if not all(map(plain, wanted)):
        raise bad_value("order_by", "a name in the order is empty", "for example: -visit, detector")
    dimensions = {*required, *others}
    given = {plain(term) for term in wanted}
    terms = (*wanted, *(name for name in (*required, *([run] if run else [])) if name not in given))
    keys = terms[:-1] if run and terms[-1] == run else terms
    keyed = bool(keys) and all(plain(term) in dimensions for term in keys)
    return Order(terms=terms, columns=frozenset(dimensions | ({run} if run else set())), keys=keys if keyed else None)


def items(names: Sequence[str]) -> Callable[[Any], Values]:
    """Return what takes values out of a row by index: the `Getter` of most rows."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)


def plain(term: str) -> str:
    """Return a term of an order without its sign."""
    return term.removeprefix("-")


def page_of(query: Query, page_rows: int) -> Page:
    """Return the page that a query asks for, with one row more: it tells whether another page follows.

    Raises
    ------
    RequestError
        ``bad_value`` for a negative limit, or a cursor of another query.
    """
    if query.limit is not None and query.limit < 0:
        raise bad_value("limit", "a limit is not negative")
    start, seen, after = _read_cursor(query) if query.cursor else (0, 0, None)
    stop = start + page_rows if query.limit is None else min(start + page_rows, query.limit)
    return Page(start=start, stop=stop + 1, after=after, seen=seen)


def cursor_of(query: Query, page: Page, key_of: Callable[[int], Values] | None) -> str:
    """Return the cursor of the page that follows one which is full.

    Parameters
    ----------
    key_of : callable or None
        Gives the key of a row of the page, from 0; None where the order has no key.
    """
    stop = page.stop - 1
    if query.limit is not None and stop >= query.limit:
        return ""
    after, seen = (None, 0) if key_of is None else _last(page, key_of)
    return base64.urlsafe_b64encode(msgpack.packb([stop, seen, after, _digest(query)])).decode()


def take(
    results: Any,
    order: Order,
    page: Page,
    *,
    values: Getter,
    unordered: bool,
    report: Report,
    choose: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    repeats: int = 1,
    walkable: Callable[[Any], Any] = lambda results: results,
) -> list[Any]:
    """Return the rows of a page, in order.

    Parameters
    ----------
    results : query results of Butler
        Already constrained to what comes at or after ``page.after``, where that is given.
    values : callable
        See `Getter`.
    unordered : `bool`
        True: try without the database's order first.
    choose : callable, optional
        Takes sorted rows and leaves some out: at most ``repeats - 1`` for each that stays.
    walkable : callable, optional
        Makes of results the same that the database can walk through in order, where there are too many to sort.
    """
    if unordered and order.sortable and not page.start:
        most = min(max(_WORTH * page.stop * repeats, _LEAST_UNORDERED), _MOST_UNORDERED)
        rows = list(_count(results.limit(most + 1), report))
        if len(rows) <= most:
            return list(islice(choose(_sort(rows, order, values)), page.wanted))
        results = walkable(results)
    bound = page.stop if page.after is None else page.wanted + page.seen
    with in_field("order_by"):
        ordered = results.order_by(*order.terms)
    sorted_rows = choose(_count(ordered.limit(bound * repeats), report))
    return list(islice(_beginning(sorted_rows, order, page, values), page.wanted))


def _beginning(rows: Iterable[Any], order: Order, page: Page, values: Getter) -> Iterator[Any]:
    if page.after is None or order.keys is None:
        yield from islice(rows, page.start, None)
        return
    key_of = values([plain(term) for term in order.keys])
    left = page.seen
    for row in rows:
        if left and key_of(row) == page.after:
            left -= 1
            continue
        left = 0
        yield row


def _sort(rows: list[Any], order: Order, values: Getter) -> list[Any]:
    # A stable sort, the last keys first; all that go one way at once.
    for downwards, same in groupby(reversed(order.terms), key=lambda term: term.startswith("-")):
        names = [plain(term) for term in same][::-1]
        rows.sort(key=values(names), reverse=downwards)
    return rows


def _count(rows: Iterable[Any], report: Report) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number and not number % _REPORT_EVERY_ROWS:
            report(number)
        yield row


def _last(page: Page, key_of: Callable[[int], Values]) -> tuple[Values, int]:
    last = page.wanted - 2  # the one after it is of the next page
    after = key_of(last)
    seen = 1
    while seen <= last and key_of(last - seen) == after:
        seen += 1
    whole_page = seen > last and after == page.after
    return after, seen + page.seen if whole_page else seen


def _read_cursor(query: Query) -> tuple[int, int, Values | None]:
    try:
        start, seen, after, digest = msgpack.unpackb(base64.urlsafe_b64decode(query.cursor))
    except (ValueError, TypeError, msgpack.UnpackException):
        start, seen, after, digest = -1, 0, None, b""
    whole = isinstance(start, int) and start >= 0 and isinstance(seen, int) and isinstance(after, list | None)
    if not whole or digest != _digest(query):
        raise bad_value("cursor", "the cursor does not belong to this query", "send the same query with its cursor")
    return start, seen, None if after is None else tuple(after)


def _digest(query: Query) -> bytes:
    plain_query = msgspec.json.encode(msgspec.structs.replace(query, cursor="", repo=""), order="sorted")
    return hashlib.blake2b(plain_query, digest_size=8).digest()
