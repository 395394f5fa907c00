"""Pages: where they begin, what their cursors hold, when rows are sorted here and when by the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtv.wire.steps import NOW, Query
from mtvd.repo.butler.pages import cursor_of, items, order_of, page_of, take
from mtvd.resolving.limits import check_query

REQUIRED = ("instrument", "visit", "detector")
QUERY = Query(dataset_type="calexp")


class Results:
    """What Butler's results do, on a list of rows that is in the database's order."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows
        self.asked: list[Any] = []

    def order_by(self, *terms: str) -> Results:
        self.asked.append(terms)
        return self

    def limit(self, count: int) -> Iterator[dict[str, Any]]:
        self.asked.append(count)
        return iter(self._rows[:count])


def rows(count: int) -> list[dict[str, Any]]:
    return [{"instrument": "HSC", "visit": number // 3, "detector": number % 3} for number in range(count)]


def taken(results: Results, query: Query = QUERY, page_rows: int = 10, **options: Any) -> list[Any]:
    order = order_of(query.order_by, REQUIRED, ())
    chosen = {"values": items, "unordered": True, "report": lambda _: None, **options}
    return take(results, order, page_of(query, page_rows), **chosen)


def test_an_order_is_made_whole_so_that_no_two_rows_are_equal() -> None:
    order = order_of(("-visit", "band"), REQUIRED, ("band",), "calexp.run")
    assert order.terms == ("-visit", "band", "instrument", "detector", "calexp.run")
    assert order.keys == ("-visit", "band", "instrument", "detector")
    assert order.sortable


def test_a_page_cannot_begin_at_a_key_that_no_row_has() -> None:
    order = order_of(("visit.exposure_time",), REQUIRED, ())
    assert (order.keys, order.sortable) == (None, False)
    assert order_of((), (), ()).keys is None


def test_few_rows_are_asked_for_without_an_order_and_sorted_here() -> None:
    results = Results(rows(30)[::-1])
    assert taken(results) == rows(30)[:11]
    assert results.asked == [2001]


def test_many_rows_are_sorted_by_the_database() -> None:
    results = Results(rows(3000))
    assert taken(results) == rows(3000)[:11]
    assert results.asked == [2001, REQUIRED, 11]


def test_keys_downwards_and_upwards_are_sorted_as_they_are_asked_for() -> None:
    found = taken(Results(rows(9)), replace(QUERY, order_by=("-visit", "detector")))
    assert [(row["visit"], row["detector"]) for row in found] == [(v, d) for v in (2, 1, 0) for d in (0, 1, 2)]


def test_what_is_left_out_is_asked_for_in_addition() -> None:
    results = Results(rows(3000))
    found = taken(results, choose=lambda all_rows: (row for row in all_rows if row["detector"] == 1), repeats=3)
    assert [row["visit"] for row in found] == list(range(11))
    assert results.asked == [2001, REQUIRED, 33]


def test_the_next_page_begins_at_the_key_of_the_last_row() -> None:
    first = taken(Results(rows(30)))
    cursor = cursor_of(QUERY, page_of(QUERY, 10), lambda index: items(REQUIRED)(first[index]))
    page = page_of(replace(QUERY, cursor=cursor), 10)
    assert (page.start, page.wanted, page.after, page.seen) == (10, 11, ("HSC", 3, 0), 1)
    results = Results(rows(30)[9:])  # those at or after the key, as the database gives them
    assert taken(results, replace(QUERY, cursor=cursor)) == rows(30)[10:21]
    assert results.asked == [REQUIRED, 12]


def test_rows_of_one_key_that_fill_a_page_are_counted_on() -> None:
    keys = [("HSC", 1, 1)] * 4
    cursor = cursor_of(QUERY, page_of(QUERY, 2), keys.__getitem__)
    again = cursor_of(QUERY, page_of(replace(QUERY, cursor=cursor), 2), keys.__getitem__)
    page = page_of(replace(QUERY, cursor=again), 2)
    assert (page.start, page.seen) == (4, 4)


def test_no_page_follows_the_limit() -> None:
    limited = replace(QUERY, limit=2)
    assert cursor_of(limited, page_of(limited, 2), None) == ""
    assert page_of(replace(QUERY, limit=5), 2).wanted == 3


@pytest.mark.parametrize("cursor", ["garbage", "kQ==", "", "lAEBwMQIAAAAAAAAAAA="])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    if cursor:
        with pytest.raises(RequestError) as caught:
            page_of(replace(QUERY, cursor=cursor), 10)
        assert caught.value.error.where == "cursor"
    other = cursor_of(QUERY, page_of(QUERY, 1), None)
    with pytest.raises(RequestError):
        page_of(replace(QUERY, dataset_type="src", cursor=other), 10)


def test_rows_that_are_read_are_reported_now_and_then() -> None:
    reported: list[int] = []
    taken(Results(rows(1500)), report=reported.append)
    assert reported == [1000]


@pytest.mark.parametrize(
    "changes", [{"order_by": ("visit",)}, {"limit": 3}, {"cursor": "x"}, {"what": "provenance"}, {"what": "data_ids"}]
)
def test_arrivals_have_an_order_of_their_own_and_no_pages(changes: dict[str, Any]) -> None:
    check_query(replace(QUERY, since=NOW), Limits())
    with pytest.raises(RequestError) as caught:
        check_query(replace(QUERY, since=NOW, **changes), Limits())
    assert caught.value.error.where == "since"
