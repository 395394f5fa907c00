"""Types of parquet columns, as arrow, pandas, polars and astropy write them: read with their gaps, or named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import tables

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
BIG = 2**62 + 1


def read(tmp_path: Path, values: list[Any], kind: Any) -> tables.Read:
    pq.write_table(pa.table({"a": pa.array(values, kind)}), tmp_path / "t.parquet")
    return tables.read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        (pa.int64(), [BIG, None, BIG + 1], [BIG, None, BIG + 1]),
        (pa.uint64(), [2**64 - 1, None], [2**64 - 1, None]),
        (pa.int8(), [-128, 127, None], [-128, 127, None]),
        (pa.float16(), [1.5, None], [1.5, None]),
        (pa.float32(), [1.5, None], [1.5, None]),
        (pa.bool_(), [True, None, False], [True, None, False]),
        (pa.string(), ["a", None, ""], ["a", None, ""]),
        (pa.large_string(), ["a", None], ["a", None]),
        (pa.string_view(), ["a", None], ["a", None]),
        (pa.dictionary(pa.int8(), pa.string()), ["r", None, "i"], ["r", None, "i"]),
        (pa.dictionary(pa.int8(), pa.int64()), [BIG, None], [BIG, None]),
        (pa.binary(), [b"ab", None], ["ab", None]),
        (pa.large_binary(), [b"ab"], ["ab"]),
        (pa.binary(3), [b"ab\0"], ["ab"]),
        (pa.decimal128(10, 2), [Decimal("1.25"), None], [1.25, None]),
        (pa.decimal128(18, 0), [Decimal(10**17 + 1), None], [10**17 + 1, None]),
        (pa.date32(), [dt.date(2026, 1, 2), None], ["2026-01-02", None]),
        (pa.timestamp("us"), [dt.datetime(2026, 1, 2, 3)], ["2026-01-02 03:00:00.000000"]),
        (pa.time32("s"), [dt.time(1, 2, 3)], ["01:02:03.000"]),
        (pa.list_(pa.int64()), [[BIG, 2], None, [3, None]], [[BIG, 2], [None, None], [3, None]]),
        (pa.large_list(pa.float64()), [[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
        (pa.list_(pa.float32(), 2), [[1.0, None], None], [[1.0, None], [None, None]]),
        (pa.list_(pa.list_(pa.int32(), 2), 2), [[[1, 2], [3, 4]]], [[[1, 2], [3, 4]]]),
        (pa.large_list(pa.large_string()), [["a", "b"], ["c", None]], [["a", "b"], ["c", None]]),
    ],
    ids=str,
)
def test_a_type_is_read_with_its_gaps(tmp_path: Path, kind: Any, values: list[Any], wanted: list[Any]) -> None:
    found = read(tmp_path, values, kind)
    assert tables.plain(found.columns["a"]) == wanted
    assert found.left_out == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.list_(pa.int32()), [[1], [2, 3]]),
        (pa.list_(pa.int32()), [[], []]),
        (pa.list_(pa.int32()), [None, None]),
        (pa.struct([("a", pa.int32())]), [{"a": 1}]),
        (pa.map_(pa.string(), pa.int32()), [[("a", 1)]]),
        (pa.duration("s"), [1]),
        (pa.binary(), [b"\xff\xfe"]),
        (pa.decimal128(38, 0), [Decimal(10**30)]),
        (pa.null(), [None]),
    ],
    ids=str,
)
def test_what_no_column_of_numpy_holds_is_named(tmp_path: Path, kind: Any, values: list[Any]) -> None:
    found = read(tmp_path, values, kind)
    assert (found.columns, found.left_out) == ({}, ["a"])


def test_names_with_points_and_folders_with_equal_signs_are_no_more_than_names(tmp_path: Path) -> None:
    place = tmp_path / "visit=3"
    place.mkdir()
    pq.write_table(pa.table({"a": [1], "a.b": [2]}), place / "t.parquet")
    found = tables.read(place / "t.parquet")
    assert {name: tables.plain(values) for name, values in found.columns.items()} == {"a": [1], "a.b": [2]}


def test_masks_and_coordinates_of_astropy_are_gaps_and_columns(tmp_path: Path) -> None:
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.table import MaskedColumn, Table

    made = Table({"n": MaskedColumn([BIG, 2], mask=[False, True])})
    made["v"] = MaskedColumn([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    made["sky"] = SkyCoord([150.0, 151.0], [2.0, 3.0], unit="deg")
    made["angle"] = [0.5, 1.0] * units.rad
    for how in ("parquet", "ascii.ecsv"):
        with tables.quiet():
            made.write(tmp_path / how, format=how)
        found = tables.read(tmp_path / how)
        assert tables.plain(found.columns["n"]) == [BIG, None]
        assert tables.plain(found.columns["v"]) == [[1, None], [3, 4]]
        assert not [name for name in found.table.fields if name.endswith(".mask")]
        np.testing.assert_allclose(found.columns["sky.ra"], [150.0, 151.0])
        assert (found.table.fields["sky.dec"].unit, found.table.fields["angle"].unit) == ("deg", "rad")


def test_a_coordinate_in_another_frame_is_turned_to_icrs(tmp_path: Path) -> None:
    from astropy.coordinates import SkyCoord
    from astropy.table import Table

    sky = SkyCoord([150.0, 151.0], [2.0, 3.0], unit="deg")
    Table({"sky": sky.galactic}).write(tmp_path / "t.ecsv", format="ascii.ecsv")
    found = tables.read(tmp_path / "t.ecsv").columns
    np.testing.assert_allclose(found["sky.ra"], [150.0, 151.0], atol=1e-9)
    np.testing.assert_allclose(found["sky.dec"], [2.0, 3.0], atol=1e-9)
