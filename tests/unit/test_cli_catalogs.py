"""Catalogs on the command line: printed, chosen from, and drawn as overlays."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from tests.support.commands import only_step
from tests.support.scripted import Run

from mtv.testing import ScriptedDaemon
from mtv.wire import messages as ms
from mtv.wire import requests
from mtv.wire import steps as st
from mtv.wire.data import Array, Catalog, Column, Dataset, File


def catalog_of(rows: int = 3) -> tuple[ms.Got, tuple[bytes, ...]]:
    x = np.array([10.5, np.nan, 30.5][:rows])
    y = np.array([1.0, 2.0, 3.0][:rows])
    used = np.array([True, True, False][:rows])
    pairs = np.arange(2.0 * rows).reshape(rows, 2)
    columns = (
        Column(name="base_Sdss_x", array=Array(dtype="<f8", shape=(rows,), buffer=0), unit="pixel", doc="along x"),
        Column(name="base_Sdss_y", array=Array(dtype="<f8", shape=(rows,), buffer=1), unit="pixel"),
        Column(name="used", array=Array(dtype="|b1", shape=(rows,), buffer=2), kind="Flag"),
        Column(name="pair", array=Array(dtype="<f8", shape=(rows, 2), buffer=3)),
    )
    found = Catalog(rows=rows, columns=columns, aliases={"slot_Centroid": "base_Sdss"}, label="src")
    return ms.Got(catalog=found), (x.tobytes(), y.tobytes(), used.tobytes(), pairs.tobytes())


def test_the_schema_of_a_catalog_tells_types_units_and_slots(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Get, catalog_of())
    output = run("catalog", "src", "visit=1", "--schema").output
    assert "base_Sdss_x  f8    pixel  along x" in output
    assert "slot_Centroid  base_Sdss" in output


def test_rows_of_a_catalog_can_be_chosen_by_column_flag_and_number(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Get, catalog_of())
    given = ("--columns", "slot_Centroid_y,pair", "--select", "used", "--limit", "1", "--json")
    found = json.loads(run("catalog", "src", "visit=1", *given).output)
    assert found == {"label": "src", "rows": [{"slot_Centroid_y": 1.0, "pair": [0.0, 1.0]}], "total": 3}
    (seen,) = daemon.of(requests.Get)
    assert isinstance(seen.message, requests.Get)
    assert (seen.message.columns, seen.message.select) == (("slot_Centroid_y", "pair"), "used")


def test_a_catalog_as_csv_has_one_column_for_each_element_of_an_array(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Get, catalog_of())
    rows = list(csv.reader(io.StringIO(run("catalog", "src", "visit=1", "--csv", "--limit", "1").output)))
    assert rows == [
        ["base_Sdss_x", "base_Sdss_y", "used", "pair[0]", "pair[1]"],
        ["10.5", "1.0", "True", "0.0", "1.0"],
    ]


def odd_catalog() -> tuple[ms.Got, tuple[bytes, ...]]:
    """Return a catalog with gaps, arrays of two axes, complex numbers, and columns that were left out."""
    ids, gaps = np.array([2**62, 0]), np.array([False, True])
    wide, waves = np.arange(8.0).reshape(2, 2, 2), np.array([1 + 2j, 0])
    arrays = (ids, gaps, wide, waves)
    named = [Array(dtype=array.dtype.str, shape=array.shape, buffer=number) for number, array in enumerate(arrays)]
    columns = (
        Column(name="id", array=named[0], gaps=named[1]),
        Column(name="wide", array=named[2]),
        Column(name="waves", array=named[3]),
    )
    metadata = {"left_out": ["ragged"], "other_tables": ["more"]}
    found = Catalog(rows=2, columns=columns, metadata=metadata)
    return ms.Got(catalog=found), tuple(array.tobytes() for array in arrays)


def test_gaps_and_arrays_of_a_catalog_are_printed_and_what_is_left_out_is_said(
    run: Run, daemon: ScriptedDaemon
) -> None:
    daemon.script(requests.Get, odd_catalog())
    told = json.loads(run("catalog", "src", "visit=1", "--json").stdout)
    assert told["rows"][0] == {"id": 2**62, "wide": [[0, 1], [2, 3]], "waves": "(1+2j)"}
    assert (told["rows"][1]["id"], told["left_out"], told["other_tables"]) == (None, ["ragged"], ["more"])
    daemon.script(requests.Get, odd_catalog())
    printed = run("catalog", "src", "visit=1", "--csv")
    heads, first, _ = csv.reader(io.StringIO(printed.stdout))
    assert heads == ["id", "wide[0,0]", "wide[0,1]", "wide[1,0]", "wide[1,1]", "waves"]
    assert first == [str(2**62), "0.0", "1.0", "2.0", "3.0", "(1+2j)"]
    assert "columns of other types are left out: ragged" in printed.stderr
    assert "the file has more tables: more" in printed.stderr
    for option in ("--schema", "--limit=1"):
        daemon.script(requests.Get, odd_catalog())
        assert "left out: ragged" in run("catalog", "src", "visit=1", option).output


def test_what_is_no_catalog_is_refused(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Get, ms.Got(value=3))
    assert "no catalog" in run("catalog", "calexp.bbox", "visit=1", code=1).output


def test_an_overlay_of_a_table_is_read_by_the_daemon(run: Run, daemon: ScriptedDaemon) -> None:
    step = ms.StepOutcome(markers=2, note="1 row without a position left out")
    daemon.script(requests.Transaction, ms.Outcome(steps=(step,)))
    given = ("--select", "used", "--symbol", "x", "--size", "10", "--colour", "red", "--name", "stars", "--replace")
    result = run("overlay", "src", "visit=1", *given)
    target = Dataset(dataset_type="src", data_id={"visit": 1})
    assert only_step(daemon) == st.Overlay(
        name="stars", target=target, select="used", symbol="x", size=10.0, colour="red", replace=True
    )
    assert "1 row without a position left out" in result.output
    assert "2 markers in overlay 'stars'" in result.output
    assert daemon.of(requests.Get) == []


def test_an_overlay_of_a_table_may_name_its_columns(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(requests.Transaction, ms.Outcome(steps=(ms.StepOutcome(),)))
    (tmp_path / "t.parq").touch()
    result = run(
        "overlay", str(tmp_path / "t.parq"), "--sky", "--x", "ra", "--y", "dec", "--size", "radius", "--hdu", "2"
    )
    step = only_step(daemon)
    assert (step.x, step.y, step.size, step.system) == ("ra", "dec", "radius", "sky")
    assert step.target == File(path=str(tmp_path / "t.parq"), hdu=2)
    assert "no row is chosen" in result.output


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        (("a & ~b",), "a & ~b"),
        (("!a",), "not (a)"),
        (("a", "!b | c", "n > 3"), "(a) and (not (b | c)) and (n > 3)"),
    ],
)
def test_several_selections_must_all_hold(
    run: Run, daemon: ScriptedDaemon, given: tuple[str, ...], expression: str
) -> None:
    daemon.script(requests.Get, catalog_of())
    run("catalog", "src", "visit=1", *(word for text in given for word in ("--select", text)))
    assert daemon.of(requests.Get)[0].message.select == expression  # type: ignore[union-attr]


def test_many_markers_travel_in_a_buffer(run: Run, daemon: ScriptedDaemon) -> None:
    lines = "\n".join(f"{index} {index + 0.5}" for index in range(100))
    run("overlay", "-", stdin=lines)
    (seen,) = daemon.of(requests.Transaction)
    step = only_step(daemon)
    assert step.x.shape == (100,)
    assert np.frombuffer(seen.buffers[0])[100] == 0.5


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("# stars\nid,x,y\n1,3,4\n2,-5,6\n", ()),
        ("id\txpix\typix\n1\t3\t4\n\n2\t-5\t6\n", ("--x", "xpix", "--y", "ypix")),
        ("3 4\n-5 6\n", ()),
    ],
)
def test_points_come_from_texts_with_commas_tabs_or_blanks(
    run: Run, daemon: ScriptedDaemon, text: str, options: tuple[str, ...]
) -> None:
    run("overlay", "-", *options, stdin=text)
    assert (only_step(daemon).x, only_step(daemon).y) == ((3.0, -5.0), (4.0, 6.0))


def test_a_text_is_a_table_that_the_daemon_reads(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(requests.Transaction, ms.Outcome(steps=(ms.StepOutcome(markers=1),)))
    (tmp_path / "points.csv").write_text("x,y,mag\n1,2,20\n")
    look = ("--select", "mag < 21", "--size", "25 - mag", "--colour", "mag > 20 ? red : green")
    run("overlay", str(tmp_path / "points.csv"), *look)
    step = only_step(daemon)
    assert step.target == File(path=str(tmp_path / "points.csv"))
    assert (step.select, step.size, step.colour) == ("mag < 21", "25 - mag", "mag > 20 ? red : green")


def test_rows_of_the_standard_input_are_chosen_by_the_daemon(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Transaction, ms.Outcome(steps=(ms.StepOutcome(markers=1),)))
    run("overlay", "-", "--select", "mag < 21", stdin="x,y,mag\n1,2,20\n")
    step = only_step(daemon)
    assert step.select == "mag < 21"
    assert not Path(step.target.path).exists()


@pytest.mark.parametrize(
    ("options", "name", "replaced"),
    [
        ((), "markers", False),
        (("--replace",), "markers", True),
        (("--name", "psf"), "psf", True),
        (("--name", "psf", "--add"), "psf", False),
    ],
)
def test_an_overlay_that_is_named_is_drawn_anew_and_markers_without_a_name_are_added(
    run: Run, daemon: ScriptedDaemon, options: tuple[str, ...], name: str, replaced: bool
) -> None:
    run("overlay", "--at", "1,2", *options)
    step = only_step(daemon)
    assert (step.name, step.replace) == (name, replaced)


def test_a_line_without_numbers_is_named(run: Run, daemon: ScriptedDaemon) -> None:
    assert "line 3: 'here z' has no x and y" in run("overlay", "-", stdin="x,y\n1,2\nhere,z\n", code=1).output
    assert daemon.steps == []


def test_a_column_that_the_text_lacks_is_refused_with_those_it_has(run: Run) -> None:
    assert "there are id, ra" in run("overlay", "-", stdin="id,ra\n1,2\n", code=1).output
