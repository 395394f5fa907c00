"""Of several datasets with one data ID the first in the chain: Butler's own choice, in any order and by any page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support import shadowed

from mtv.wire.data import Dataset
from mtv.wire.errors import RequestError
from mtv.wire.messages import Rows
from mtv.wire.steps import Query
from mtvd.repo.butler import constraints, pages
from mtvd.repo.butler.find import find
from mtvd.repo.butler.query import run

pytestmark = [
    pytest.mark.live("lsst.daf.butler"),
    pytest.mark.slow("repositories are made and workers start in it", secs=40),
]
REQUIRED = ("instrument", "visit", "detector")
ORDERS: list[tuple[str, ...]] = [
    (),
    ("-visit",),
    ("detector", "-visit"),
    ("physical_filter", "-detector"),
    ("visit.exposure_time", "-instrument"),
    ("-detector.full_name",),
    ("calexp.run",),
    ("-ingest_date", "visit"),
]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"data_id": {"instrument": "CAM2"}},
    {"where": "instrument = 'CAM1' AND visit > 3"},
    {"data_id": {"instrument": "CAM1", "physical_filter": "F-R"}},
    {"where": "instrument IN ('CAM1', 'CAM2') AND detector IN (:d)", "bind": {"d": [0, 2]}},
    {"where": "instrument = 'CAM1' AND calexp.run != 'run/2'"},
]


@pytest.fixture(scope="module")
def butler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from lsst.daf.butler import Butler

    root = shadowed.build(tmp_path_factory.mktemp("shadowed") / "repo")
    with Butler.from_config(str(root)) as opened:
        yield opened


@pytest.fixture(params=["sorted here", "sorted by the database"])
def sorter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "sorted by the database":
        monkeypatch.setattr(pages, "_MOST_UNORDERED", 0)
    return str(request.param)


def by_butler(butler: Any, query: Query) -> list[str]:
    """UUIDs as Butler's own find-first gives them, with what makes an order whole behind the user's."""
    where, bind = query.where, dict(query.bind)
    for number, (key, value) in enumerate(query.data_id.items()):
        where = f"{where} AND {key} = :k{number}" if where else f"{key} = :k{number}"
        bind[f"k{number}"] = value
    with butler.query() as asked:
        found = asked.datasets("calexp", list(query.collections), find_first=query.find_first)
        constrained = found.where(where, bind=bind) if where else found
        last = () if query.find_first else ("calexp.run",)
        return [str(ref.id) for ref in constrained.order_by(*query.order_by, *REQUIRED, *last).limit(query.limit)]


def all_pages(butler: Any, query: Query, page_rows: int) -> list[Rows]:
    found = [run(butler, query, page_rows=page_rows, sqlite=True)]
    while found[-1].cursor:
        found.append(run(butler, replace(query, cursor=found[-1].cursor), page_rows=page_rows, sqlite=True))
    return found


def ids(found: list[Rows]) -> list[str]:
    return [one for rows in found for one in rows.ids]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
def test_the_first_in_the_chain_is_butlers_own(
    butler: Any, order: tuple[str, ...], conditions: dict[str, Any], sorter: str
) -> None:
    query = Query(dataset_type="calexp", collections=(shadowed.CHAIN,), order_by=order, **conditions)
    for limit in (None, 3):
        wanted = replace(query, limit=limit)
        assert ids(all_pages(butler, wanted, 1000)) == by_butler(butler, wanted)


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("page_rows", [2])
@pytest.mark.parametrize("find_first", [True, False])
def test_pages_miss_nothing_and_repeat_nothing(
    butler: Any, order: tuple[str, ...], page_rows: int, find_first: bool, sorter: str
) -> None:
    condition: dict[str, Any] = {"where": "instrument = 'CAM1' AND detector < 2"}
    query = Query(
        dataset_type="calexp",
        collections=(shadowed.CHAIN,),
        order_by=order,
        find_first=find_first,
        limit=11,
        **condition,
    )
    found = all_pages(butler, query, page_rows)
    assert [len(rows.ids) for rows in found[:-1]] == [page_rows] * (len(found) - 1)
    assert ids(found) == by_butler(butler, query)


@pytest.mark.parametrize("collections", [("run/0", shadowed.TAGGED, shadowed.CHAIN), ("run/1",), ("inner", "run/2")])
def test_tagged_collections_single_runs_and_several_chains_are_searched_in_order(
    butler: Any, collections: tuple[str, ...], sorter: str
) -> None:
    query = Query(dataset_type="calexp", collections=collections)
    assert ids(all_pages(butler, query, 4)) == by_butler(butler, query)


def test_a_page_that_follows_begins_where_the_one_before_ended_whatever_came_between(butler: Any) -> None:
    query = Query(dataset_type="calexp", collections=(shadowed.CHAIN,), data_id={"instrument": "CAM1"})
    first = run(butler, query, page_rows=4, sqlite=True)
    page = pages.page_of(replace(query, cursor=first.cursor), 4)
    assert page.after == first.rows[-1][:3]
    assert (page.start, page.seen) == (4, 1)


@pytest.mark.parametrize(
    "query",
    [
        Query(what="data_ids", dimensions=("visit", "detector")),
        Query(what="data_ids", dataset_type="calexp", collections=("run/1",), order_by=("-detector", "visit")),
        Query(what="data_ids", dimensions=("band",)),
        Query(what="dimension_records", dimensions=("visit",), data_id={"instrument": "CAM2"}),
        Query(what="dimension_records", dimensions=("detector",), order_by=("-detector.full_name",)),
        Query(what="collections"),
        Query(what="dataset_types"),
    ],
    ids=str,
)
def test_other_rows_come_in_pages_too(butler: Any, query: Query, sorter: str) -> None:
    (whole,) = all_pages(butler, query, 1000)
    in_pages = all_pages(butler, query, 3)
    assert [row for rows in in_pages for row in rows.rows] == list(whole.rows)
    assert len(set(whole.rows)) == len(whole.rows)


def test_where_the_database_is_trusted_the_answer_is_the_same(butler: Any) -> None:
    query = Query(dataset_type="calexp", collections=(shadowed.CHAIN,), order_by=("-visit",))
    assert run(butler, query, page_rows=100, sqlite=False) == run(butler, query, page_rows=100, sqlite=True)


@pytest.mark.parametrize(
    ("given", "key", "hint"),
    [
        ({"instrument": "cam2"}, "instrument", "did you mean 'CAM2' or 'CAM1'?"),
        ({"instrument": "x"}, "instrument", "there are 'CAM1', 'CAM2'"),
        ({"physical_filter": "f-r"}, "physical_filter", "did you mean 'F-R' or 'F-I'?"),
        ({"band": "R"}, "band", "did you mean 'r'?"),
    ],
)
def test_a_text_that_no_record_has_is_refused_with_near_names(butler: Any, given: Any, key: str, hint: str) -> None:
    data_id = {"detector": 99, "visit": 99, "instrument": "CAM1", **given}  # the registry has none of those either
    with pytest.raises(RequestError) as caught:
        find(butler, Dataset(dataset_type="calexp", collections=(shadowed.CHAIN,), data_id=data_id))
    error = caught.value.error
    assert (error.code, error.where, error.hint) == ("not_found", f"data_id.{key}", hint)


def test_of_two_instruments_none_is_guessed(butler: Any) -> None:
    with pytest.raises(RequestError) as caught:
        find(butler, Dataset(dataset_type="calexp", collections=(shadowed.CHAIN,), data_id={"visit": 1, "detector": 1}))
    error = caught.value.error
    assert (error.code, error.where) == ("ambiguous", "data_id.instrument")
    assert error.hint == "add instrument=..., one of 'CAM1', 'CAM2'"
    with pytest.raises(Exception, match="dependent on instrument without") as refused:
        run(butler, Query(dataset_type="calexp", collections=(shadowed.CHAIN,), where="visit = 1"), page_rows=9)
    assert not isinstance(refused.value, RequestError), "Butler's own, which is translated with the names of both"


@pytest.mark.parametrize("what", ["datasets", "provenance", "data_ids", "dimension_records"])
def test_a_query_that_finds_nothing_of_an_instrument_that_there_is_not_says_so(butler: Any, what: Any) -> None:
    dimensions = ("visit",) if what in {"data_ids", "dimension_records"} else ()
    asked = Query(what=what, dataset_type="" if dimensions else "calexp", dimensions=dimensions)
    asked = replace(asked, collections=() if dimensions else (shadowed.CHAIN,))
    with pytest.raises(RequestError) as caught:
        run(butler, replace(asked, data_id={"instrument": "cam2"}), page_rows=9)
    assert (caught.value.code, caught.value.error.where) == ("not_found", "data_id.instrument")
    nothing = replace(asked, data_id={"instrument": "CAM2", "visit": 999})
    assert run(butler, nothing, page_rows=9).rows == (), "and what is merely not there yet is no error"


def test_a_registry_of_very_many_names_is_not_searched_through(butler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraints, "_MOST_NAMES", 2)
    constraints.check_known(butler, {"band": "R"})
    monkeypatch.setattr(constraints, "_MOST_NAMES", 3)
    with pytest.raises(RequestError):
        constraints.check_known(butler, {"band": "R"})
