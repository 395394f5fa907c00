"""Tables and columns of pandas and polars themselves, as `docs/tables.md` promises: values, gaps, ids, units, index."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support import tables
from tests.support.readers import column, pixels

from mtv.arguments.markers import columns_of
from mtv.data.catalog import Catalog
from mtv.shared.tables.positions import Wanted
from mtv.wire import steps
from mtv.wire.errors import RequestError
from mtv.wire.limits import Limits
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_positions
from mtvd.repo.readers.output import Output
from mtvd.repo.readers.pandasindex import ranges_of
from mtvd.resolving.marker_columns import pack_markers

ID = 2**62 + 1
DAY, NEXT = dt.date(2026, 1, 2), dt.date(2026, 1, 3)
TIME = dt.datetime(2026, 1, 2, 3, 4, 5)
SAID = ["2026-01-02 03:04:05.000000", None]
MOST = 10**9

# Files

PANDAS: dict[str, tuple[Any, list[Any]]] = {
    "nullable integers": (pd.array([ID, None, ID + 2], dtype="Int64"), [ID, None, ID + 2]),
    "nullable unsigned integers": (pd.array([2**64 - 1, None], dtype="UInt64"), [2**64 - 1, None]),
    "nullable fractions": (pd.array([1.5, None], dtype="Float64"), [1.5, None]),
    "nullable truth values": (pd.array([True, None, False], dtype="boolean"), [True, None, False]),
    "integers of arrow": (pd.array([ID, None], dtype="int64[pyarrow]"), [ID, None]),
    "integers": (np.array([ID, -1]), [ID, -1]),
    "fractions": (np.array([1.5, np.nan]), [1.5, None]),
    "texts": (["a", None, "ccc"], ["a", None, "ccc"]),
    "texts of its own": (pd.array(["a", None], dtype="string"), ["a", None]),
    "categories": (pd.Categorical(["r", None, "i"]), ["r", None, "i"]),
    "categories of numbers": (pd.Categorical([ID, ID + 1, ID]), [ID, ID + 1, ID]),
    "times": (pd.to_datetime([TIME, None]), SAID),
    "times with a zone": (pd.to_datetime([TIME, None], utc=True), ["2026-01-02 03:04:05.000000Z", None]),
    "dates": ([DAY, None, NEXT], ["2026-01-02", None, "2026-01-03"]),
    "decimals": ([Decimal("1.25"), None], [1.25, None]),
    "lists of one length": ([[1, 2], None, [3, 4]], [[1, 2], [None, None], [3, 4]]),
    "nested lists": ([[[1, 2]], [[3, 4]]], [[[1, 2]], [[3, 4]]]),
    "lists of several lengths": ([[1], [2, 3]], []),
    "durations": (pd.to_timedelta([1, 2], unit="s"), []),
    "maps": ([{"a": 1}, {"a": 2}], []),
    "periods": (pd.period_range("2026-01", periods=2, freq="M"), []),
    "nothing at all": ([None, None], []),
}
POLARS: dict[str, tuple[Any, list[Any]]] = {
    "integers": (pl.Series([ID, None, ID + 2], dtype=pl.Int64), [ID, None, ID + 2]),
    "unsigned integers": (pl.Series([2**64 - 1, None], dtype=pl.UInt64), [2**64 - 1, None]),
    "small integers": (pl.Series([-128, None], dtype=pl.Int8), [-128, None]),
    "fractions": (pl.Series([1.5, None, float("nan")]), [1.5, None, None]),
    "truth values": (pl.Series([True, None, False]), [True, None, False]),
    "texts": (pl.Series(["a", None, "ccc"]), ["a", None, "ccc"]),
    "categories": (pl.Series(["r", None, "i"], dtype=pl.Categorical), ["r", None, "i"]),
    "enumerations": (pl.Series(["r", None], dtype=pl.Enum(["r", "i"])), ["r", None]),
    "times": (pl.Series([TIME, None]), SAID),
    "dates": (pl.Series([DAY, None]), ["2026-01-02", None]),
    "times of day": (pl.Series([dt.time(1, 2, 3), None]), ["01:02:03.000000000", None]),
    "decimals": (pl.Series([Decimal("1.25"), None]), [1.25, None]),
    "lists of one length": (pl.Series([[1, 2], None]), [[1, 2], [None, None]]),
    "arrays": (pl.Series([[1, 2], None], dtype=pl.Array(pl.Int32, 2)), [[1, 2], [None, None]]),
    "nested lists": (pl.Series([[[1, 2]], [[3, 4]]]), [[[1, 2]], [[3, 4]]]),
    "lists of texts": (pl.Series([["a", "bb"], ["c", None]]), [["a", "bb"], ["c", None]]),
    "lists of several lengths": (pl.Series([[1], [2, 3]]), []),
    "durations": (pl.Series([dt.timedelta(seconds=1), None]), []),
    "structs": (pl.Series([{"a": 1}, {"a": 2}]), []),
    "nothing at all": (pl.Series([None, None], dtype=pl.Null), []),
}


def check(path: Path, wanted: list[Any]) -> None:
    """Hold a file's column ``a`` to values; to being left out, and refused by name, where there are none."""
    read = tables.read(path)
    assert read.left_out == ([] if wanted else ["a"])
    assert [tables.plain(values) for values in read.columns.values()] == ([wanted] if wanted else [])
    if not wanted:
        assert read.table.why_not("a")


@pytest.mark.parametrize("kind", PANDAS)
def test_a_column_of_a_pandas_table_is_read_with_its_gaps_or_left_out_by_name(tmp_path: Path, kind: str) -> None:
    values, wanted = PANDAS[kind]
    pd.DataFrame({"a": values}).to_parquet(tmp_path / "t")
    check(tmp_path / "t", wanted)


@pytest.mark.parametrize("by_arrow", [False, True])
@pytest.mark.parametrize("kind", POLARS)
def test_a_column_of_a_polars_table_is_read_with_its_gaps_or_left_out_by_name(
    tmp_path: Path, kind: str, *, by_arrow: bool
) -> None:
    values, wanted = POLARS[kind]
    pl.DataFrame({"a": values}).write_parquet(tmp_path / "t", use_pyarrow=by_arrow)
    check(tmp_path / "t", wanted)


def test_a_file_with_a_type_that_arrow_does_not_know_is_unsupported_and_not_damaged(tmp_path: Path) -> None:
    pl.DataFrame({"a": pl.Series([1, 2], dtype=pl.Int128), "b": [1, 2]}).write_parquet(tmp_path / "t")
    with pytest.raises(RequestError) as caught:
        tables.read(tmp_path / "t")
    assert caught.value.code == "unsupported"
    assert "more than 64 bits" in str(caught.value)
    assert "damaged" not in str(caught.value)


INDEXES: dict[str, tuple[Any, dict[str, list[Any]]]] = {
    "named": (pd.Index([7, 5, 9], name="src"), {"src": [7, 5, 9]}),
    "named, in even steps": (pd.Index([10, 20, 30], name="src"), {"src": [10, 20, 30]}),
    "a named range": (pd.RangeIndex(3, 0, -1, name="src"), {"src": [3, 2, 1]}),
    "a named count": (pd.RangeIndex(3, name="src"), {"src": [0, 1, 2]}),
    "of large ids in a row": (pd.RangeIndex(ID, ID + 3, name="src"), {"src": [ID, ID + 1, ID + 2]}),
    "without a name": (pd.Index([7, 5, 9]), {"__index_level_0__": [7, 5, 9]}),
    "a range without a name": (pd.RangeIndex(10, 40, 10), {"__index_level_0__": [10, 20, 30]}),
    "of texts": (pd.Index(["u", "v", "w"], name="src"), {"src": ["u", "v", "w"]}),
    "of several levels": (
        pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["visit", "band"]),
        {"visit": [1, 1, 2], "band": ["a", "b", "a"]},
    ),
    "called as a column": (pd.RangeIndex(10, 40, 10, name="id"), {"id_2": [10, 20, 30]}),
    "no more than a count": (pd.RangeIndex(3), {}),
}


@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_of_pandas_is_a_column_and_a_mere_count_is_none(
    tmp_path: Path, out: Output, store: PixelStore, kind: str
) -> None:
    index, wanted = INDEXES[kind]
    pd.DataFrame({"id": [1, 2, 3]}, index=index).to_parquet(tmp_path / "t")
    read = tables.read(tmp_path / "t")
    found = {name: tables.plain(values) for name, values in read.columns.items()}
    assert found == {"id": [1, 2, 3], **wanted}
    for name, values in wanted.items():
        if isinstance(values[0], int):
            chosen = read_all(tmp_path / "t", out, most=MOST, columns=(name,), select=f"{name} == {values[1]}").catalog
            assert chosen is not None
            assert (column(store.directory, chosen, name) == values[1]).all()


def test_an_id_that_pandas_made_an_index_is_found_by_butlers_storage_class(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    frame = pd.DataFrame({"objectId": [ID, ID + 1, ID + 2], "x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0]})
    frame.set_index("objectId").to_parquet(tmp_path / "t")
    found = read_all(tmp_path / "t", out, most=MOST, storage_class="DataFrame", select=f"objectId == {ID + 1}").catalog
    assert found is not None
    assert [column(store.directory, found, name).tolist() for name in ("objectId", "x")] == [[ID + 1], [2.0]]


@pytest.mark.parametrize(
    "words",
    [
        "no json",
        "[]",
        '{"index_columns": 3}',
        '{"index_columns": [3, null, "x", {"kind": "range"}]}',
        '{"index_columns": [{"kind": "range", "name": "i", "start": 0, "stop": 3, "step": 0}]}',
        '{"index_columns": [{"kind": "range", "name": "i", "start": 0, "stop": 9, "step": 1}]}',
        '{"index_columns": [{"kind": "range", "name": "i", "start": 99999999999999999999, "stop": 3, "step": -1}]}',
        f'{{"index_columns": [{{"kind": "range", "name": "i", "start": {2**64}, "stop": {2**64 + 3}, "step": 1}}]}}',
        "[" * 100_000,
    ],
)
def test_words_of_pandas_that_make_no_sense_cost_the_index_alone(tmp_path: Path, words: str) -> None:
    assert ranges_of({b"pandas": words.encode()}, 3, ["a"]) == {}
    pq.write_table(pa.table({"a": [1, 2, 3]}).replace_schema_metadata({"pandas": words}), tmp_path / "t")
    assert tables.plain(tables.read(tmp_path / "t").columns["a"]) == [1, 2, 3]


def test_a_table_that_was_cut_out_of_one_with_an_index_has_no_index_of_another_length() -> None:
    one = {"kind": "range", "name": "i", "start": 5, "stop": 8, "step": 1}
    metadata = {b"pandas": json.dumps({"index_columns": [one]}).encode()}
    assert ranges_of(metadata, 3, ["a"]) == {"i": range(5, 8)}
    assert ranges_of(metadata, 2, ["a"]) == {}


def test_units_of_fields_count_for_a_table_of_pandas_and_of_polars(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    values = {"ra": [1.0, None], "dec": [0.5, 0.25]}
    for name, table in {
        "pandas": pa.Table.from_pandas(pd.DataFrame(values)),
        "polars": pl.DataFrame(values).to_arrow(),
    }.items():
        fields = [one.with_metadata({"unit": "rad", "description": "where"}) for one in table.schema]
        pq.write_table(table.cast(pa.schema(fields, table.schema.metadata)), tmp_path / name)
        found = read_all(tmp_path / name, out, most=MOST).catalog
        assert found is not None
        assert [(one.unit, one.doc) for one in found.columns] == [("rad", "where")] * 2
        marked = read_positions(tmp_path / name, out, wanted=Wanted(system="sky"), most_markers=9)
        assert pixels(store.directory, marked.x).tolist() == [np.degrees(1.0)]
        assert marked.left_out == 1


@pytest.mark.parametrize("write", [
    lambda path: pd.DataFrame({"id": pd.array([ID, None, ID + 2], dtype="Int64"), "x": [1.0, 2, 3]}).to_parquet(path),
    lambda path: pl.DataFrame({"id": [ID, None, ID + 2], "x": [1.0, 2, 3]}).write_parquet(path),
])  # fmt: skip
def test_a_nullable_id_selects_itself_and_its_gap_is_none(
    tmp_path: Path, out: Output, store: PixelStore, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "t")
    chosen = read_all(tmp_path / "t", out, most=MOST, select=f"id == {ID}").catalog
    assert chosen is not None
    assert column(store.directory, chosen, "x").tolist() == [1.0]
    every = read_all(tmp_path / "t", out, most=MOST).catalog
    assert every is not None
    catalog = Catalog.from_wire(every, (), store.directory)
    assert isinstance(catalog["id"], np.ma.MaskedArray)
    assert (catalog["id"].dtype, catalog["id"].tolist(), catalog[1]["id"]) == (np.int64, [ID, None, ID + 2], None)


# Columns in the hands of callers


def drawn(x: Any, y: Any, **options: Any) -> tuple[list[list[float]], int, steps.Overlay]:
    given: dict[str, Any] = {"symbol": "o", "size": 2.0, "colour": "red", **options}
    packed = columns_of(x, y, given["symbol"], given["size"], given["colour"], Limits(), "pixel")
    step = steps.Overlay(display=0, name="a", **packed.fields)
    made, left_out = pack_markers(step, packed.buffers, "k", Limits())
    return np.stack([np.frombuffer(made.x), np.frombuffer(made.y)], axis=1).tolist(), left_out, step


SERIES: dict[str, Callable[[list[Any]], Any]] = {
    "pandas, nullable": lambda values: pd.Series(values, dtype="Int64"),
    "pandas, nullable fractions": lambda values: pd.Series(values, dtype="Float64"),
    "pandas, fractions": lambda values: pd.Series(values, dtype="f8"),
    "pandas, of objects": lambda values: pd.Series(values, dtype=object),
    "pandas, of arrow": lambda values: pd.Series(values, dtype="int32[pyarrow]"),
    "pandas, an array": lambda values: pd.array(values, dtype="Int64"),
    "pandas, another index": lambda values: pd.Series(values, dtype="Int64", index=[9, 7, 8]),
    "pandas, an index": lambda values: pd.Index(values, dtype="Int64"),
    "polars": lambda values: pl.Series(values),
    "polars, fractions": lambda values: pl.Series([None if one is None else float(one) for one in values]),
    "polars, in chunks": lambda values: pl.concat([pl.Series(values[:1]), pl.Series(values[1:])], rechunk=False),
    "polars, small": lambda values: pl.Series(values, dtype=pl.Int8),
}


@pytest.mark.parametrize("kind", SERIES)
def test_rows_with_a_gap_in_a_column_of_pandas_or_polars_are_left_out_and_counted(kind: str) -> None:
    make = SERIES[kind]
    found, left_out, _ = drawn(make([1, None, 3]), make([4, 5, 6]))
    assert (found, left_out) == ([[1, 4], [3, 6]], 1)
    found, left_out, _ = drawn(make([1, 2, 3]), make([4, None, None]), size=make([1, 2, 3]))
    assert (found, left_out) == ([[1, 4]], 2)
    _, left_out, _ = drawn([1, 2, 3], [4, 5, 6], size=make([1, None, 3]))
    assert left_out == 1


@pytest.mark.parametrize("make", [pd.Series, pl.Series, lambda values: pd.Series(values, dtype="category")])
def test_symbols_and_colours_may_be_columns_of_pandas_and_polars(make: Any) -> None:
    _, _, step = drawn([1, 2], [3, 4], symbol=make(["o", "x"]), colour=make(["red", "blue"]))
    assert (step.symbol, step.colour) == (("o", "x"), ("red", "blue"))


@pytest.mark.parametrize(
    "x",
    [
        pd.Series(["a", "b"]),
        pl.Series(["a", "b"]),
        pd.Series([TIME, TIME]),
        pd.Series([TIME - TIME] * 2),
        pd.Series([TIME, TIME], dtype="timestamp[us][pyarrow]"),
        pl.Series([TIME, TIME]),
    ],
)
def test_a_column_without_numbers_is_refused_by_its_name(x: Any) -> None:
    with pytest.raises(RequestError) as caught:
        drawn(x, [1, 2])
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "x")
