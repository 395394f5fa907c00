"""Which indexes SQLite is kept from: where that is worth it, and never at the cost of a row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

sqlalchemy = pytest.importorskip("sqlalchemy")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from mtvd.repo.butler.indexes import Index, advise, goes_further  # noqa: E402

UNIQUE = ("dataset_type_id", "collection_id", "instrument", "detector", "visit")
INDEXES: list[Index] = [
    ("instrument", "visit"),
    ("collection_id", "instrument"),
    ("instrument", "detector"),
    ("instrument",),
    UNIQUE,
]
KIND = {"dataset_type_id", "collection_id"}
VISITS, DETECTORS, RUNS, TYPES = range(4), range(3), range(3), range(2)


@pytest.mark.parametrize(
    ("asked_for", "worth_it"),
    [
        ({"instrument", "visit"}, True),
        ({"instrument", "visit", "detector"}, False),
        ({"instrument", "detector"}, False),
        ({"instrument"}, False),
        ({"visit"}, False),
        (set[str](), False),
    ],
    ids=str,
)
def test_the_index_of_a_visit_is_worth_it_where_the_one_of_types_ends_at_the_detector(
    asked_for: set[str], worth_it: bool
) -> None:
    assert goes_further(INDEXES, asked_for | KIND) is worth_it


def test_an_index_of_tract_and_patch_is_not_worth_it_where_the_one_of_types_has_them_first() -> None:
    indexes = [("dataset_type_id", "collection_id", "skymap", "tract", "patch", "band"), ("skymap", "tract", "patch")]
    assert not goes_further(indexes, {"skymap", "tract", "patch"} | KIND)


def test_without_an_index_of_the_visit_nothing_is_worth_it() -> None:
    assert not goes_further([UNIQUE, ("instrument",)], {"instrument", "visit"} | KIND)


METADATA = sqlalchemy.MetaData()
TAGS = sqlalchemy.Table(
    "dataset_tags_7",
    METADATA,
    *(sqlalchemy.Column(name, sqlalchemy.BigInteger) for name in ("dataset_type_id", "dataset_id", "collection_id")),
    sqlalchemy.Column("instrument", sqlalchemy.String(32)),
    *(sqlalchemy.Column(name, sqlalchemy.BigInteger) for name in ("detector", "visit")),
    sqlalchemy.UniqueConstraint(*UNIQUE),
)
ROWS = [
    {
        "dataset_type_id": kind,
        "dataset_id": number,
        "collection_id": run,
        "instrument": "HSC",
        "detector": detector,
        "visit": visit,
    }
    for number, (kind, run, visit, detector) in enumerate(itertools.product(TYPES, RUNS, VISITS, DETECTORS))
    if number % 5
]


@pytest.fixture(params=[1, -1], ids=["visits' index last", "visits' index first"], scope="module")
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    engine = sqlalchemy.create_engine("sqlite://")
    with engine.connect() as opened:
        METADATA.create_all(opened)
        for index in [("instrument", "detector"), ("instrument",), ("instrument", "visit")][:: request.param]:
            name = "_".join(index)
            opened.exec_driver_sql(f"CREATE INDEX {name} ON dataset_tags_7 ({', '.join(index)})")
        opened.execute(sqlalchemy.insert(TAGS), ROWS)
        yield opened
    engine.dispose()


def indexes_of(table: str) -> list[Index]:
    assert table == "dataset_tags_7"
    return INDEXES


def datasets(*terms: Callable[[Any], Any]) -> Any:
    """Datasets of one type in some runs, as Butler asks for them."""
    tags = TAGS.alias("calexp_tags")
    query = sqlalchemy.select(tags.c.dataset_id.label("id"), tags.c.visit.label("visit")).select_from(tags)
    return query.where(tags.c.dataset_type_id == 1, tags.c.collection_id.in_([0, 2]), *(term(tags.c) for term in terms))


def data_ids(*terms: Callable[[Any], Any]) -> Any:
    """Data IDs of such datasets, as Butler asks for them: in a subquery that knows nothing of the conditions."""
    tags = TAGS.alias("calexp_tags")
    names = ("instrument", "detector", "visit")
    inner = sqlalchemy.select(*(tags.c[name].label(name) for name in names)).select_from(tags).distinct()
    found = inner.where(tags.c.dataset_type_id == 1, tags.c.collection_id.in_([0, 2])).subquery()
    return sqlalchemy.select(*(found.c[name].label(name) for name in names)).where(*(term(found.c) for term in terms))


def plan_of(connection: Any, query: Any) -> str:
    compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
    return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}"))


def instrument(columns: Any) -> Any:
    return columns.instrument == "HSC"


VISIT: list[Callable[[Any], Any]] = [
    lambda columns: columns.visit == 2,
    lambda columns: sqlalchemy.literal(2) == columns.visit,
    lambda columns: columns.visit.in_([1, 2]),
    lambda columns: sqlalchemy.or_(columns.visit == 1, columns.visit == 2),
]


@pytest.mark.parametrize("visit", VISIT)
@pytest.mark.parametrize("kind", [datasets, data_ids])
def test_a_visit_is_found_by_its_index_whatever_order_the_indexes_were_made_in(
    connection: Any, kind: Callable[..., Any], visit: Callable[[Any], Any]
) -> None:
    query = kind(instrument, visit)
    asked = advise(query, indexes_of)
    assert asked is not query
    assert "USING INDEX instrument_visit (instrument=? AND visit=?)" in plan_of(connection, asked)
    assert sorted(connection.execute(asked)) == sorted(connection.execute(query))
    assert list(connection.execute(asked))


@pytest.mark.parametrize("kind", [datasets, data_ids])
@pytest.mark.parametrize(
    "terms",
    [
        [],
        [instrument],
        [instrument, lambda columns: columns.visit == 2, lambda columns: columns.detector == 1],
        [instrument, lambda columns: columns.visit != 2],
        [instrument, lambda columns: columns.visit > 2],
        [instrument, lambda columns: sqlalchemy.or_(columns.visit == 2, columns.detector == 1)],
        [instrument, lambda columns: columns.visit == columns.detector],
    ],
)
def test_what_says_less_or_more_than_a_visit_is_asked_as_it_is(
    kind: Callable[..., Any], terms: Sequence[Callable[[Any], Any]]
) -> None:
    query = kind(*terms)
    assert advise(query, indexes_of) is query


def test_what_was_advised_once_is_not_changed_again() -> None:
    for kind in (datasets, data_ids):
        once = advise(kind(instrument, VISIT[0]), indexes_of)
        assert advise(once, indexes_of) is once


@pytest.mark.parametrize(
    "change",
    [
        lambda inner: inner.limit(3),
        lambda inner: inner.group_by("visit"),
        lambda inner: inner.add_columns(sqlalchemy.func.row_number().over().label("rank")),
    ],
)
def test_a_condition_enters_no_subquery_whose_rows_depend_on_each_other(change: Callable[[Any], Any]) -> None:
    tags = TAGS.alias("calexp_tags")
    inner = sqlalchemy.select(tags.c.instrument, tags.c.visit).distinct()
    found = change(inner.where(tags.c.dataset_type_id == 1)).subquery()
    query = sqlalchemy.select(found.c.visit).where(found.c.instrument == "HSC", found.c.visit == 2)
    assert advise(query, indexes_of) is query


def test_other_tables_and_queries_without_conditions_are_left_alone() -> None:
    plain = sqlalchemy.select(TAGS.c.visit).where(TAGS.c.instrument == "HSC", TAGS.c.visit == 2)
    for query in (plain, sqlalchemy.select(TAGS.alias("calexp_tags").c.visit)):
        assert advise(query, indexes_of) is query


TERMS: dict[str, Callable[[Any, int], Any]] = {
    "visit =": lambda columns, value: columns.visit == value,
    "visit in": lambda columns, value: columns.visit.in_([0, value]),
    "visit or": lambda columns, value: sqlalchemy.or_(columns.visit == value, columns.visit == 1),
    "visit >": lambda columns, value: columns.visit > value,
    "visit !=": lambda columns, value: columns.visit != value,
    "detector =": lambda columns, value: columns.detector == value,
    "detector or visit": lambda columns, value: sqlalchemy.or_(columns.detector == value, columns.visit == value),
    "both": lambda columns, value: sqlalchemy.and_(columns.visit == value, columns.detector != value),
    "instrument": lambda columns, value: columns.instrument == ("HSC" if value else "LSSTCam"),
}


@given(
    kind=st.sampled_from([datasets, data_ids]),
    terms=st.lists(st.tuples(st.sampled_from(sorted(TERMS)), st.integers(0, 3)), max_size=4),
)
def test_advice_never_changes_the_rows(connection: Any, kind: Callable[..., Any], terms: list[tuple[str, int]]) -> None:
    query = kind(instrument, *(lambda columns, n=name, v=value: TERMS[n](columns, v) for name, value in terms))
    assert sorted(connection.execute(advise(query, indexes_of))) == sorted(connection.execute(query))
