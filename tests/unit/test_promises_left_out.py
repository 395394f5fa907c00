"""Columns that the file has and that are not read: named where all are got, and refused, with the reason, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import repo_sample as sample
from tests.support import tables
from tests.support.refusals import refused

from mtv.shared.tables.positions import Wanted, find_positions
from mtv.wire.data import Handle
from mtv.wire.limits import Limits
from mtv.wire.requests import Get
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.readers.choose import read_all, read_positions
from mtvd.repo.readers.output import Output
from mtvd.resolving import table_files

fits = pytest.importorskip("astropy.io.fits")
MOST = 10**9
FORMATS = {
    "fits": "its rows have several lengths",
    "fits of empty rows": "its rows hold nothing",
    "fpack": "fpack has compressed them",
    "parquet": "its rows have several lengths",
    "parquet of structs": "struct",
    "parquet of durations": "duration",
    "ascii.ecsv": "its rows have several lengths",
    "votable": "its rows have several lengths",
}


def ragged() -> Any:
    rows = np.empty(2, object)
    rows[0], rows[1] = np.array([1, 2], "i4"), np.array([3], "i4")
    return rows


def write(path: Path, how: str) -> Path:
    """Write a table of the columns x, y and odd, the last of which cannot be read."""
    x, y = [1.0, 2.0], [3.0, 4.0]
    if how.startswith("parquet"):
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        odd = {
            "parquet": pa.array([[1, 2], [3]]),
            "parquet of structs": pa.array([{"a": 1}, {"a": 2}]),
            "parquet of durations": pa.array([1, 2], pa.duration("s")),
        }
        pq.write_table(pa.table({"x": x, "y": y, "odd": odd[how]}), path)
    elif how.startswith("fits"):
        column = fits.Column("odd", "0E") if "empty" in how else fits.Column("odd", "PJ()", array=ragged())
        columns = [fits.Column("x", "D", array=x), fits.Column("y", "D", array=y), column]
        fits.BinTableHDU.from_columns(columns).writeto(path)
    elif how == "fpack":
        fpacked(path, x, y)
    else:
        from astropy.table import Table

        with tables.quiet():
            Table({"x": x, "y": y, "odd": ragged()}).write(path, format=how)
    return path


def fpacked(path: Path, x: list[float], y: list[float]) -> None:
    """Write a table as ``fpack -table`` does: each cell holds one column; NOCOMPRESS, so that its bytes are plain."""
    content = {"x": np.array(x, ">f8"), "y": np.array(y, ">f8"), "odd": np.zeros((2, 2), ">i4")}
    cells = []
    for name, values in content.items():
        cell = np.empty(1, object)
        cell[0] = np.frombuffer(values.tobytes(), "u1")
        cells.append(fits.Column(name, "1PB()", array=cell))
    table = fits.BinTableHDU.from_columns(cells)
    table.header.update({"ZTABLE": True, "ZNAXIS1": 24, "ZNAXIS2": 2, "ZTILELEN": 2, "ZPCOUNT": 0})
    for number, form in enumerate(("D", "D", "PJ(2)"), 1):
        table.header.update({f"ZFORM{number}": form, f"ZCTYP{number}": "NOCOMPRESS"})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


@pytest.mark.parametrize("how", FORMATS)
def test_a_column_that_is_left_out_is_named_and_refused_with_the_reason_where_it_is_asked_for(
    tmp_path: Path, out: Output, store: PixelStore, how: str
) -> None:
    path = write(tmp_path / "t", how)
    found = read_all(path, out, most=MOST).catalog
    assert found is not None
    assert ([one.name for one in found.columns], found.metadata["left_out"]) == (["x", "y"], ["odd"])
    some = read_all(path, out, most=MOST, columns=("x",)).catalog
    assert some is not None
    assert "left_out" not in some.metadata, "of one column nothing is left out"
    errors = {
        "columns[1]": refused(read_all, path, out, most=MOST, columns=("x", "odd")),
        "select": refused(read_all, path, out, most=MOST, select="odd > 1"),
        "x": refused(read_positions, path, out, wanted=Wanted(x="odd", y="y"), most_markers=9),
        "size": refused(read_positions, path, out, wanted=Wanted(size="odd"), most_markers=9),
    }
    for where, error in errors.items():
        assert (error.code, error.error.where) == ("bad_value", where)
        assert error.error.message.startswith("the column 'odd' is left out: ")
        assert FORMATS[how] in error.error.message


def test_a_column_that_was_left_out_when_a_table_was_loaded_is_refused_of_its_handle(
    tmp_path: Path, out: Output, store: PixelStore
) -> None:
    held = read_all(write(tmp_path / "t", "fits"), out, most=MOST).catalog
    assert held is not None
    target = Handle(handle="h")
    error = refused(table_files.copy, held, store, Get(target=target, columns=("odd",)), Limits())
    assert (error.code, error.error.where) == ("bad_value", "columns[0]")
    assert "'odd' is left out: it was when the table was loaded" in error.error.message
    table = table_files.map_catalog(held, store)
    assert refused(find_positions, table, Wanted(select="odd > 1"), most_markers=9).error.where == "select"
    again = table_files.copy(held, store, Get(target=target), Limits())
    assert again.metadata["left_out"] == ["odd"], "and the catalog of a handle still says so"
    assert "left_out" not in table_files.copy(held, store, Get(target=target, columns=("x",)), Limits()).metadata


def test_a_header_of_its_own_may_call_something_left_out(tmp_path: Path, out: Output, store: PixelStore) -> None:
    from astropy.table import Table

    Table({"x": [1.0], "odd": [2.0]}, meta={"left_out": "odd"}).write(tmp_path / "t", format="ascii.ecsv")
    held = read_all(tmp_path / "t", out, most=MOST, columns=("x", "odd")).catalog
    assert held is not None
    assert held.metadata["left_out"] == "odd"
    again = table_files.copy(held, store, Get(target=Handle(handle="h")), Limits())
    assert (len(again.columns), again.metadata["left_out"]) == (2, "odd")


@pytest.mark.parametrize("storage_class", ["", "ExposureF"])
@pytest.mark.parametrize(("options", "where"), [({"select": "used"}, "select"), ({"columns": ("x",)}, "columns")])
@pytest.mark.parametrize("component", ["", "mask", "wcs"])
def test_of_an_image_neither_rows_nor_columns_can_be_chosen(
    tmp_path: Path, out: Output, storage_class: str, options: Any, where: str, component: str
) -> None:
    sample.write_exposure(tmp_path / "calexp.fits", 23718, 41)
    whose = {"storage_class": storage_class, "component": component}
    error = refused(read_all, tmp_path / "calexp.fits", out, most=MOST, **whose, **options)
    assert (error.code, error.error.where, error.error.hint) == ("unsupported", where, "leave it out")
