"""Gaps in whole numbers, truth values and texts: no id passes through a fraction, and a gap counts as NaN does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import tables as support
from tests.unit.test_repo_tables import got

import mtv
from mtv.shared.tables import gaps, tables
from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire import codec
from mtv.wire.data import Handle
from mtv.wire.limits import Limits
from mtv.wire.messages import Got
from mtv.wire.requests import Get
from mtvd.front import remote
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.output import Output
from mtvd.resolving import table_files

ID = 2**62
ROWS = 5


def masked(values: Any, *missing: int, dtype: Any = None) -> Any:
    array = np.array(values, dtype)
    where = np.zeros(array.shape, bool)
    where[list(missing)] = True
    return gaps.with_gaps(array, where)


def table() -> tables.ColumnTable:
    columns = {
        "id": masked([ID, ID + 1, ID + 2, ID + 3, ID + 4], 1, dtype="i8"),
        "u": masked([2**64 - 1, 2**64 - 2, 0, 4, 5], 2, dtype="u8"),
        "x": np.arange(5.0),
        "y": np.arange(5.0),
        "nx": masked([1, 2, 3, 4, 5], 0, 4, dtype="i2"),
        "flag": masked([True, True, False, True, False], 1),
        "name": masked(["a", "b", "", "d", "e"], 3),
        "pair": masked([[1, 2]] * 5, 0, dtype="i4"),
        "wide": np.zeros((5, 2, 3)),
    }
    return tables.ColumnTable(columns=columns, rows=5, fields=dict.fromkeys(columns, tables.Field()))


@pytest.mark.parametrize(
    ("select", "rows"),
    [
        (f"id == {ID}", [0]),
        (f"id == {ID + 1}", []),
        (f"id == {ID + 2}", [2]),
        (f"id > {ID}", [2, 3, 4]),
        (f"id != {ID}", [1, 2, 3, 4]),  # as NaN is: not equal
        (f"id in ({ID + 3}, {ID + 4})", [3, 4]),
        (f"id not in ({ID + 3}, {ID + 4})", [0, 1, 2]),
        (f"id - {ID} == 2", [2]),
        ("id % 2 == 0", [0, 2, 4]),
        ("id & 1", [3]),
        ("isnan(id)", [1]),
        ("isfinite(id) & (x < 3)", [0, 2]),
        ("abs(id) / 1 > 0", [0, 2, 3, 4]),
        (f"u == {2**64 - 1}", [0]),
        (f"u == {2**64 - 2}", [1]),
        ("u % 10 == 5", [0, 4]),
        ("u & 1", [0, 4]),
        ("nx", [1, 2, 3]),
        ("~(nx > 2)", [0, 1, 4]),
        ("flag", [0, 3]),
        ("not flag", [1, 2, 4]),
        ("name == ''", [2, 3]),
        ("pair[0] == 1", [1, 2, 3, 4]),
    ],
)
def test_a_gap_counts_as_nan_and_neighbours_of_an_id_are_not_chosen(select: str, rows: list[int]) -> None:
    chosen = tables.select(table(), select)
    assert chosen is not None
    assert np.flatnonzero(chosen).tolist() == rows


def test_rows_with_gaps_in_their_position_are_left_out() -> None:
    found = find_positions(table(), Wanted(x="nx", y="y"), most_markers=9)
    assert (found.x.tolist(), found.y.tolist(), found.left_out) == ([2, 3, 4], [1, 2, 3], 2)


def client_catalog(found: Any, directory: Path) -> mtv.Catalog:
    return mtv.Catalog.from_wire(found, (), directory)


def test_a_client_has_masked_columns_and_whole_ids(out: Output, store: PixelStore) -> None:
    catalog = client_catalog(tables.catalog(table(), out.together), store.directory)
    assert catalog["id"].tolist() == [ID, None, ID + 2, ID + 3, ID + 4]
    assert catalog["id"].dtype == np.int64
    assert catalog["flag"].tolist() == [True, None, False, True, False]
    assert catalog["name"].tolist() == ["a", "b", "", None, "e"]
    assert type(catalog["x"]) is np.ndarray
    assert catalog["wide"].shape == (5, 2, 3)
    assert (catalog[1]["id"], catalog[0]["id"], catalog[0].id) == (None, ID, ID)
    assert catalog[catalog["flag"]]["id"].tolist() == [ID, ID + 3], "a gap is not chosen"
    assert catalog[1:3]["id"].tolist() == [None, ID + 2]
    assert "None" in str(catalog)


def test_astropy_has_the_gaps_too(out: Output, store: PixelStore) -> None:
    pytest.importorskip("astropy")
    table_ = client_catalog(tables.catalog(table(), out.together), store.directory).as_astropy()
    assert table_["id"].mask.tolist() == [False, True, False, False, False]
    assert table_["id"][4] == ID + 4


def test_a_selection_a_handle_and_a_client_elsewhere_keep_the_gaps(out: Output, store: PixelStore) -> None:
    first = tables.catalog(table(), out.together, selection="x > 0")
    assert {array.file for one in first.columns for array in (one.array, one.gaps) if array} == table_files.files_of(
        first
    )
    asked = Get(target=Handle(handle="h"), columns=("id",), select=f"id > {ID}")
    held = table_files.copy(first, store, asked, Limits())
    assert client_catalog(held, store.directory)["id"].tolist() == [ID + 2, ID + 3, ID + 4]
    got_, buffers = remote.carry(Got(catalog=first), store, Limits())
    there = codec.decode_reply(codec.encode(got_))
    assert isinstance(there, Got)
    assert there.catalog is not None
    views = [memoryview(buffer) for buffer in buffers]
    assert mtv.Catalog.from_wire(there.catalog, views, None)["id"].tolist() == [None, ID + 2, ID + 3, ID + 4]


def test_gaps_are_gaps_in_every_text(tmp_path: Path, out: Output, store: PixelStore) -> None:
    from astropy.table import MaskedColumn, Table

    gap = [False, True]
    made = Table(
        {
            "n": MaskedColumn([ID + 1, 2], mask=gap),
            "x": MaskedColumn([1.5, 2.5], mask=gap),
            "t": MaskedColumn(["a", "b"], mask=gap),
            "f": MaskedColumn([True, True], mask=gap),
        }
    )
    for how in ("votable", "ascii.ecsv", "parquet"):
        path = tmp_path / how
        with support.quiet():
            made.write(path, format=how)
        catalog = client_catalog(got(path, out), store.directory)
        assert catalog["n"].tolist() == [ID + 1, None]
        assert np.isnan(catalog["x"][1])
        assert [value or "" for value in catalog["t"].tolist()] == ["a", ""]
        assert catalog["f"].tolist() == [True, None]
        assert got(path, out, select=f"n == {ID}").rows == 0
