"""The ``mtv`` command against a scripted daemon: what it asks, what it prints, how it fails."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
from tests.support.scripted import Run

from mtv.cli import COMMANDS, cli
from mtv.testing import ScriptedDaemon, Seen
from mtv.wire import messages as ms
from mtv.wire import steps as st
from mtv.wire.data import Array, Catalog, Column, Dataset, File, Handle, SkyBox
from mtv.wire.errors import Code, Error, exception_for

ROWS = ms.Rows(
    columns=("instrument", "visit", "run"),
    rows=(("HSC", 23718, "u/me/1"), ("HSC", 1214, "u/me/1")),
    ids=("6f3b2c1e00000000000000000000000a", "6f3b2c1e00000000000000000000000b"),
    dataset_type="calexp",
)


def only_step(daemon: ScriptedDaemon) -> Any:
    (step,) = daemon.steps
    return step


def error(code: Code, where: str = "", hint: str = "") -> Exception:
    return exception_for(Error(code=code, message="it went wrong", where=where, hint=hint))


def raising(problem: Exception) -> Callable[[Seen], ms.Reply]:
    def answer(_seen: Seen) -> ms.Reply:
        raise problem

    return answer


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


# The list of commands


def test_every_command_of_the_table_is_there_and_has_a_help_text() -> None:
    for name in COMMANDS:
        result = click.testing.CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0, name
        assert "Usage: mtv" in result.output or f"Usage: cli {name}" in result.output


def test_an_unknown_command_is_a_usage_error_with_a_near_name(run: Run) -> None:
    assert "did you mean 'show'" in run("shwo", code=2).output


def test_the_card_s_own_word_shows_too(run: Run, daemon: ScriptedDaemon) -> None:
    run("mtv", "calexp", "visit=1")
    assert isinstance(daemon.steps[0], st.Mtv)


# Errors


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("bad_value", 1),
        ("unknown_collection", 1),
        ("no_daemon", 3),
        ("no_window", 3),
        ("deadline", 4),
        ("internal", 5),
        ("draw_failed", 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(run: Run, daemon: ScriptedDaemon, code: Code, exit_code: int) -> None:
    daemon.script(ms.Transaction, raising(error(code, "steps[0].stretch", "try another")))
    result = run("scale", "log", code=exit_code)
    assert result.output == "mtv: stretch: it went wrong (try another)\n"


def test_a_step_that_failed_is_an_error_in_the_words_of_the_shell(run: Run, daemon: ScriptedDaemon) -> None:
    problem = Error(code="not_found", message="no such dataset", where="steps[0].target.data_id")
    daemon.script(ms.Transaction, ms.Outcome(steps=(ms.StepOutcome(state="failed", error=problem),)))
    assert run("show", "calexp", "visit=1", code=1).output == "mtv: target.data_id: no such dataset\n"


def test_no_answer_within_the_timeout_is_exit_code_4(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.hold(ms.Status)
    assert "in time" in run("status", "--timeout", "0.05", code=4).output


def test_nobody_listening_is_exit_code_3_with_the_command_that_helps(run: Run, tmp_path: Path) -> None:
    assert "mtv up" in run("status", "--endpoint", f"ipc://{tmp_path}/nobody", code=3).output


# Queries


def test_a_dataset_type_alone_asks_for_datasets(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, ROWS)
    given = ("instrument=HSC", "visit=23718", "--collections", "a,b", "--where", "visit > :v", "--bind", "v=1.5")
    result = run("query", "calexp", *given, "--order-by", "-visit", "--limit", "5", "--repo", "demo")
    (seen,) = daemon.of(st.Query)
    assert seen.message == st.Query(
        repo="demo",
        dataset_type="calexp",
        data_id={"instrument": "HSC", "visit": 23718},
        collections=("a", "b"),
        where="visit > :v",
        bind={"v": 1.5},
        order_by=("-visit",),
        limit=5,
    )
    lines = result.output.splitlines()
    assert lines[0].split() == ["instrument", "visit", "run", "id"]
    assert lines[2] == "HSC          1214  u/me/1  6f3b2c1e00000000000000000000000b"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("data-ids", "--datasets", "raw"), st.Query(what="data_ids", dataset_type="raw")),
        (("data-ids", "--dimensions", "visit,detector"), st.Query(what="data_ids", dimensions=("visit", "detector"))),
        (("records", "detector"), st.Query(what="dimension_records", dimensions=("detector",))),
        (("collections", "u/*"), st.Query(what="collections", collections=("u/*",))),
        (("types",), st.Query(what="dataset_types")),
        (("provenance", "src", "--all"), st.Query(what="provenance", dataset_type="src", find_first=False)),
        (("datasets", "types", "--all"), st.Query(dataset_type="types", find_first=False)),
        (("calexp", "day='007'"), st.Query(dataset_type="calexp", data_id={"day": "007"})),
        (
            ("calexp", "visit.target_name=M 31"),
            st.Query(dataset_type="calexp", data_id={"visit.target_name": "M 31"}),
        ),
    ],
)
def test_each_kind_of_query_asks_for_what_it_says(
    run: Run, daemon: ScriptedDaemon, arguments: tuple[str, ...], asked: st.Query
) -> None:
    daemon.script(st.Query, ms.Rows(columns=("name",), rows=(("x",),)))
    run("query", *arguments)
    assert [seen.message for seen in daemon.of(st.Query)] == [asked]


@pytest.mark.parametrize(("limit", "said"), [("1", "the first 1 row; there may be more"), ("0", "nothing found")])
def test_a_limit_that_was_reached_is_said(run: Run, daemon: ScriptedDaemon, limit: str, said: str) -> None:
    found = (("x",),) if limit == "1" else ()
    daemon.script(st.Query, ms.Rows(columns=("name",), rows=found))
    assert run("query", "calexp", "--limit", limit).stderr == f"mtv: {said}\n"


def test_a_query_follows_all_pages(run: Run, daemon: ScriptedDaemon) -> None:
    def page(seen: Seen) -> ms.Rows:
        assert isinstance(seen.message, st.Query)
        number = int(seen.message.cursor or 0)
        return ms.Rows(columns=("n",), rows=((number,),), cursor=str(number + 1) if number < 2 else "")

    daemon.script(st.Query, page)
    assert [row["n"] for row in json.loads(run("query", "calexp", "--json").output)["rows"]] == [0, 1, 2]


def test_rows_as_json_are_objects_with_the_uuid_as_id(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(st.Query, ROWS)
    found = json.loads(run("query", "calexp", "--json").output)
    assert found["rows"][0] == {"instrument": "HSC", "visit": 23718, "run": "u/me/1", "id": ROWS.ids[0]}


def test_a_word_that_is_no_key_and_value_is_refused_before_anything_is_sent(run: Run, daemon: ScriptedDaemon) -> None:
    assert "'visit' is not key=value" in run("query", "calexp", "visit", code=1).output
    assert daemon.seen == []


def test_repository_and_collections_come_from_the_environment_too(
    run: Run, daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTV_REPO", "demo")
    monkeypatch.setenv("MTV_COLLECTIONS", "u/me/single_frame")
    run("show", "calexp", "visit=1")
    target = daemon.steps[0].target  # type: ignore[union-attr]
    assert target == Dataset(
        repo="demo", dataset_type="calexp", data_id={"visit": 1}, collections=("u/me/single_frame",)
    )


def test_repositories_are_listed(run: Run, daemon: ScriptedDaemon) -> None:
    known = ms.RepositoryInfo(alias="demo", location="/data/demo", state="open", default=True)
    daemon.script(ms.Repositories, ms.RepositoryList(repositories=(known,)))
    assert "demo   /data/demo  open   default" in run("repos").output


# Showing


def test_show_draws_image_scale_zoom_and_front_as_one_transaction(run: Run, daemon: ScriptedDaemon) -> None:
    shown = ms.StepOutcome(display=3, planes={"BAD": "red"})
    daemon.script(ms.Transaction, ms.Outcome(steps=(shown,), note="the window is on a virtual screen"))
    result = run("show", "calexp", "visit=1", "-d", "3", "--scale", "asinh -1 30", "--zoom", "fit")
    assert len(daemon.of(ms.Transaction)) == 1
    assert daemon.steps == [
        st.Mtv(display=3, target=Dataset(dataset_type="calexp", data_id={"visit": 1})),
        st.Scale(display=3, stretch="asinh", low=-1.0, high=30.0),
        st.Zoom(display=3),
        st.Show(display=3),
    ]
    assert "display 3: mask BAD red" in result.output
    assert "virtual screen" in result.output


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (("6f3b2c1e-0000-0000-0000-00000000000a",), Dataset(id="6f3b2c1e-0000-0000-0000-00000000000a")),
        (("handle:abc",), Handle(handle="abc")),
        (("calexp.mask", "visit=1", "--bbox", "-5,0,10,10"),
         Dataset(dataset_type="calexp.mask", data_id={"visit": 1}, bbox=(-5, 0, 10, 10))),
        (("calexp", "visit=1", "--component", "mask", "--hdu", "SCI,2", "--slice", "0,3"),
         Dataset(dataset_type="calexp.mask", data_id={"visit": 1}, hdu="SCI,2", cube_index=(0, 3))),
        (("calexp", "visit=1", "--sky", "150.1,-2,30"),
         Dataset(dataset_type="calexp", data_id={"visit": 1},
                 sky=SkyBox(ra_deg=150.1, dec_deg=-2, width_arcsec=30, height_arcsec=30))),
    ],
)  # fmt: skip
def test_a_target_is_known_by_its_form(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], target: Dataset | Handle
) -> None:
    run("show", *words, "--behind")
    assert only_step(daemon) == st.Mtv(target=target)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"width": 3, "x_min": 1}, "x_min"),
        ([1, 2], "1 2\n"),
        ("A".ljust(80) + "B".ljust(80), "A\nB\n"),
        ("nJy", "nJy\n"),
    ],
)
def test_a_component_that_is_a_value_is_printed(run: Run, daemon: ScriptedDaemon, value: Any, said: str) -> None:
    daemon.script(ms.Get, ms.Got(value=value))
    assert said in run("get", "calexp.some", "visit=1").output
    assert json.loads(run("get", "calexp.some", "visit=1", "--json").output) == value


def test_pixels_are_not_printed(run: Run, daemon: ScriptedDaemon) -> None:
    for words in (("calexp", "visit=1"), ("calexp", "visit=1", "--component", "mask"), ("calexp.image", "visit=1")):
        assert "component" in run("get", *words, code=1).output
    assert daemon.of(ms.Get) == []


@pytest.mark.parametrize("words", [("--sky", "1,2"), ("--slice", "x"), ("--bbox", "1,2,3"), ("--sky", "1,2,3,4,5")])
def test_a_part_that_cannot_be_understood_is_a_wrong_command_line(run: Run, words: tuple[str, ...]) -> None:
    assert words[0] in run("show", "calexp", "visit=1", *words, code=2).output


@pytest.mark.parametrize("name", ["a.fits.gz", "a.FITS.bz2", "a.fit.xz", "a.fits.zip", "a.fits.fz", "a.fz", "a.parq"])
def test_a_file_is_known_by_how_its_name_ends(
    run: Run, daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    run("show", name, "--behind")
    assert only_step(daemon) == st.Mtv(target=File(path=str(tmp_path / name)))


def test_a_file_is_named_by_its_absolute_path(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    file = tmp_path / "image.fits"
    file.touch()
    run("show", str(file), "--hdu", "2", "--behind")
    assert only_step(daemon).target == File(path=str(file), hdu=2)


def test_a_file_that_is_not_there_is_refused_before_anything_is_sent(run: Run, daemon: ScriptedDaemon) -> None:
    assert run("show", "nowhere.fits", code=1).output == "mtv: target: nowhere.fits is not there\n"
    assert daemon.seen == []


def test_load_prints_a_handle_that_show_takes(run: Run, daemon: ScriptedDaemon) -> None:
    loaded = ms.Loaded(handle="abc", shape=(4176, 2048), dtype=">f4", label="calexp", expires_secs=600)
    daemon.script(ms.Transaction, ms.Outcome(steps=(ms.StepOutcome(loaded=loaded),)))
    result = run("load", "calexp", "visit=1", "--lease", "60")
    assert result.output.splitlines()[0] == "handle:abc"
    assert "calexp: 2048 x 4176 >f4" in result.output
    assert only_step(daemon).lease_secs == 60
    table = ms.Loaded(handle="def", shape=(345,), label="src")
    daemon.script(ms.Transaction, ms.Outcome(steps=(ms.StepOutcome(loaded=table),)))
    assert "src: 345 rows" in run("load", "src", "visit=1").output


# View


@pytest.mark.parametrize(
    ("words", "scale"),
    [
        (("asinh", "zscale"), st.Scale(stretch="asinh", mode="zscale")),
        (("asinh", "-1", "30"), st.Scale(stretch="asinh", low=-1.0, high=30.0)),
        (("-1e2", "-.5"), st.Scale(low=-100.0, high=-0.5)),
        (("99.5",), st.Scale(mode=99.5)),
        (("minmax",), st.Scale(mode="minmax")),
        (("log",), st.Scale(stretch="log")),
    ],
)
def test_scale_takes_stretch_and_limits_negative_ones_too(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], scale: st.Scale
) -> None:
    run("scale", *words)
    assert only_step(daemon) == scale


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("scale", "asinh", "30", "-1"), "high (-1) must be above low (30)"),
        (("scale", "asinh", "-inf", "3"), "low is -inf"),
        (("scale", "asihn"), "did you mean 'asinh'?"),
        (("zoom", "0"), "a zoom of 0 shows nothing"),
        (("pan", "nan", "3"), "x is nan"),
        (("mask", "DETECTED", "fuchsya"), "did you mean 'fuchsia'?"),
        (("mask", "DETECTED"), "no colour is given"),
        (("mask", "--transparency", "-3"), "-3 is not from 0"),
        (("overlay", "--at", "1,2", "--colour", "gren"), "unknown colour 'gren'"),
        (("overlay", "--at", "1,2", "--size", "-1"), "draws nothing"),
        (("overlay", "--at", "1"), "no point"),
        (("overlay",), "give a target, or points"),
        (("snap", "x.gif"), "no name of a picture"),
        (("show", "calexp", "visit=1", "-d", "-1"), "-1 is no display"),
    ],
)
def test_a_wrong_value_is_refused_before_it_is_drawn(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], message: str
) -> None:
    assert message in run(*words, code=1).output
    assert daemon.steps == []


def test_zoom_pan_and_erase_reach_the_display_that_is_named(run: Run, daemon: ScriptedDaemon) -> None:
    run("zoom", "2", "-d", "guider")
    run("pan", "-3", "4.5", "--display", "1")
    run("erase", "stars")
    assert daemon.steps == [
        st.Zoom(display="guider", factor=2.0),
        st.Pan(display=1, x=-3.0, y=4.5),
        st.Erase(name="stars"),
    ]


def test_rotate_and_arrange_say_what_is_to_change_and_leave_the_rest(run: Run, daemon: ScriptedDaemon) -> None:
    run("rotate", "-90", "-d", "1")
    run("arrange", "--tile", "--lock", "wcs", "--free-scale")
    assert daemon.steps == [
        st.Rotate(display=1, angle_deg=-90.0),
        st.Arrange(tile=True, lock_frame="wcs", lock_scale=False),
    ]
    daemon.steps.clear()
    run("arrange", "--size", "600x400")
    assert daemon.steps[-1] == st.Arrange(size=(600, 400))
    assert "no WIDTHxHEIGHT" in run("arrange", "--size", "600", code=2).output
    assert "nothing is to be arranged" in run("arrange", code=1).output
    assert "lock_frame" in run("arrange", "--lock", "nonsense", code=1).output


@pytest.mark.parametrize(
    "words",
    [("mask", "DETECTD", "red"), ("mask", "--hide", "DETECTD"), ("erase", "nosuch"), ("pan", "1", "2", "-d", "77"),
     ("scale", "log", "-d", "nosuch"), ("zoom", "2", "-d", "77"), ("rotate", "5", "-d", "77"), ("erase", "-d", "77"),
     ("mask", "--transparency", "20", "-d", "77"), ("show", "calexp", "visit=1"), ("batch", "-")],
)  # fmt: skip
def test_whatever_the_shell_draws_acts_on_what_is_there_alone(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...]
) -> None:
    run(*words, stdin='{"type": "erase"}')
    (seen,) = daemon.of(ms.Transaction)
    assert isinstance(seen.message, ms.Transaction)
    assert seen.message.strict


@pytest.mark.parametrize(
    ("code", "where", "told"),
    [
        ("unknown_display", "steps[0].display", "mtv: display: it went wrong (did you mean 'mine'?)\n"),
        ("unknown_overlay", "steps[0].name", "mtv: name: it went wrong (did you mean 'mine'?)\n"),
        ("unknown_plane", "steps[0].plane", "mtv: plane: it went wrong (did you mean 'mine'?)\n"),
    ],
)
def test_what_is_not_there_is_refused_with_exit_code_1(
    run: Run, daemon: ScriptedDaemon, code: Code, where: str, told: str
) -> None:
    daemon.script(ms.Transaction, raising(error(code, where, "did you mean 'mine'?")))
    assert run("erase", "nosuch", code=1).output == told


def test_mask_sets_colours_and_transparency_at_once(run: Run, daemon: ScriptedDaemon) -> None:
    run("mask", "DETECTED", "fuchsia", "--hide", "BAD", "--transparency", "50")
    assert daemon.steps == [
        st.MaskColour(colours={"DETECTED": "fuchsia", "BAD": "ignore"}),
        st.MaskTransparency(percent=50.0),
    ]


def test_mask_lists_planes_by_bit_with_their_colours(run: Run, daemon: ScriptedDaemon) -> None:
    mask = ms.MaskState(planes={"DETECTED": 5, "BAD": 0}, colours={"DETECTED": "ignore"}, transparency_percent=30)
    daemon.script(ms.Describe, ms.DisplayReport(number=0, mask=mask))
    assert [line.split() for line in run("mask").output.splitlines()] == [
        ["bit", "plane", "colour"],
        ["0", "BAD", "red"],
        ["5", "DETECTED", "hidden"],
        ["transparency", "30", "%"],
    ]


def test_snap_writes_what_the_daemon_sends(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(ms.Snapshot, (ms.Picture(format="jpeg"), (b"picture",)))
    run("snap", str(tmp_path / "x.jpg"), "-d", "2")
    assert (tmp_path / "x.jpg").read_bytes() == b"picture"
    assert daemon.of(ms.Snapshot)[0].message == ms.Snapshot(display=2, format="jpeg")


# Catalogs and markers


def test_the_schema_of_a_catalog_tells_types_units_and_slots(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Get, catalog_of())
    output = run("catalog", "src", "visit=1", "--schema").output
    assert "base_Sdss_x  f8    pixel  along x" in output
    assert "slot_Centroid  base_Sdss" in output


def test_rows_of_a_catalog_can_be_chosen_by_column_flag_and_number(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Get, catalog_of())
    given = ("--columns", "slot_Centroid_y,pair", "--select", "used", "--limit", "1", "--json")
    found = json.loads(run("catalog", "src", "visit=1", *given).output)
    assert found == {"label": "src", "rows": [{"slot_Centroid_y": 1.0, "pair": [0.0, 1.0]}], "total": 3}
    (seen,) = daemon.of(ms.Get)
    assert isinstance(seen.message, ms.Get)
    assert (seen.message.columns, seen.message.select) == (("slot_Centroid_y", "pair"), "used")


def test_a_catalog_as_csv_has_one_column_for_each_element_of_an_array(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Get, catalog_of())
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
    daemon.script(ms.Get, odd_catalog())
    told = json.loads(run("catalog", "src", "visit=1", "--json").stdout)
    assert told["rows"][0] == {"id": 2**62, "wide": [[0, 1], [2, 3]], "waves": "(1+2j)"}
    assert (told["rows"][1]["id"], told["left_out"], told["other_tables"]) == (None, ["ragged"], ["more"])
    daemon.script(ms.Get, odd_catalog())
    printed = run("catalog", "src", "visit=1", "--csv")
    heads, first, _ = csv.reader(io.StringIO(printed.stdout))
    assert heads == ["id", "wide[0,0]", "wide[0,1]", "wide[1,0]", "wide[1,1]", "waves"]
    assert first == [str(2**62), "0.0", "1.0", "2.0", "3.0", "(1+2j)"]
    assert "columns of other types are left out: ragged" in printed.stderr
    assert "the file has more tables: more" in printed.stderr
    for option in ("--schema", "--limit=1"):
        daemon.script(ms.Get, odd_catalog())
        assert "left out: ragged" in run("catalog", "src", "visit=1", option).output


def test_what_is_no_catalog_is_refused(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Get, ms.Got(value=3))
    assert "no catalog" in run("catalog", "calexp.bbox", "visit=1", code=1).output


def test_an_overlay_of_a_table_is_read_by_the_daemon(run: Run, daemon: ScriptedDaemon) -> None:
    step = ms.StepOutcome(markers=2, note="1 row without a position left out")
    daemon.script(ms.Transaction, ms.Outcome(steps=(step,)))
    given = ("--select", "used", "--symbol", "x", "--size", "10", "--colour", "red", "--name", "stars", "--replace")
    result = run("overlay", "src", "visit=1", *given)
    target = Dataset(dataset_type="src", data_id={"visit": 1})
    assert only_step(daemon) == st.Overlay(
        name="stars", target=target, select="used", symbol="x", size=10.0, colour="red", replace=True
    )
    assert "1 row without a position left out" in result.output
    assert "2 markers in overlay 'stars'" in result.output
    assert daemon.of(ms.Get) == []


def test_an_overlay_of_a_table_may_name_its_columns(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(ms.Transaction, ms.Outcome(steps=(ms.StepOutcome(),)))
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
    daemon.script(ms.Get, catalog_of())
    run("catalog", "src", "visit=1", *(word for text in given for word in ("--select", text)))
    assert daemon.of(ms.Get)[0].message.select == expression  # type: ignore[union-attr]


def test_many_markers_travel_in_a_buffer(run: Run, daemon: ScriptedDaemon) -> None:
    lines = "\n".join(f"{index} {index + 0.5}" for index in range(100))
    run("overlay", "-", stdin=lines)
    (seen,) = daemon.of(ms.Transaction)
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
    run: Run, daemon: ScriptedDaemon, tmp_path: Path, text: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "points.csv").write_text(text)
    run("overlay", str(tmp_path / "points.csv"), *options)
    assert (only_step(daemon).x, only_step(daemon).y) == ((3.0, -5.0), (4.0, 6.0))


def test_a_line_without_numbers_is_named(run: Run, daemon: ScriptedDaemon) -> None:
    assert "line 3: 'here z' has no x and y" in run("overlay", "-", stdin="x,y\n1,2\nhere,z\n", code=1).output
    assert daemon.steps == []


def test_a_column_that_the_text_lacks_is_refused_with_those_it_has(run: Run) -> None:
    assert "there are id, ra" in run("overlay", "-", stdin="id,ra\n1,2\n", code=1).output


# Batches


def test_a_batch_is_one_transaction_of_its_lines(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    (tmp_path / "image.fits").touch()
    lines = [
        "# a picture and its scale",
        json.dumps({"type": "mtv", "target": {"source": "file", "path": str(tmp_path / "image.fits")}}),
        "",
        json.dumps({"type": "scale", "stretch": "asinh", "low": -1, "high": 30}),
    ]
    run("batch", "-", stdin="\n".join(lines))
    assert len(daemon.of(ms.Transaction)) == 1
    assert daemon.steps == [
        st.Mtv(target=File(path=str(tmp_path / "image.fits"))),
        st.Scale(stretch="asinh", low=-1.0, high=30.0),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "mtv: line 2: this is no JSON"),
        ('{"type": "scale", "stretch": "asihn"}', "mtv: line 2: stretch: Invalid enum value 'asihn'"),
        ('{"type": "paint"}', "mtv: line 2: type: Invalid value 'paint' (one of query, load, mtv"),
        ('{"type": "pan", "x": 1}', "mtv: line 2: Object missing required field `y`"),
        (
            '{"type": "mtv", "target": {"source": "file", "path": "no.fits"}}',
            "mtv: line 2: target.path: no.fits is not",
        ),
    ],
)
def test_a_wrong_line_of_a_batch_is_named_and_nothing_is_sent(
    run: Run, daemon: ScriptedDaemon, line: str, message: str
) -> None:
    assert message in run("batch", "-", stdin='{"type": "erase"}\n' + line, code=1).output
    assert daemon.seen == []


def sky_box(**more: object) -> str:
    box = {"ra_deg": 1, "dec_deg": 2, "width_arcsec": 3, "height_arcsec": 4, **more}
    return json.dumps({"type": "mtv", "target": {"source": "dataset", "sky": box}})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"type": "zoom", "factr": 2}', "line 2: factr: 'zoom' has no such field (did you mean 'factor'?)"),
        ('{"type": "pan", "x": 1, "yy": 2}', "line 2: yy: 'pan' has no such field (did you mean 'y'?)"),
        ('{"type": "erase", "overlay": "a"}', "line 2: overlay: 'erase' has no such field (it has display, name)"),
        ('{"type": "mtv", "target": {"source": "dataset", "dataset_typ": "calexp"}}',
         "line 2: target.dataset_typ: 'dataset' has no such field (did you mean 'dataset_type'?)"),
        (sky_box(angle=5),
         "line 2: target.sky.angle: 'sky' has no such field"),
        ('{"type": "load", "target": {"source": "dataset", "id": "x"}, "ahead": [{"source": "dataset", "ids": "y"}]}',
         "line 2: ahead[0].ids: 'dataset' has no such field (did you mean 'id'?)"),
    ],
)  # fmt: skip
def test_an_unknown_field_of_a_batch_is_refused_and_nothing_is_sent(
    run: Run, daemon: ScriptedDaemon, line: str, told: str
) -> None:
    assert told in run("batch", "-", stdin='{"type": "erase"}\n' + line, code=1).output
    assert daemon.seen == []


def test_what_a_field_of_a_batch_holds_may_have_any_keys(run: Run, daemon: ScriptedDaemon) -> None:
    lines = [
        '{"type": "mask_colour", "colours": {"MY_PLANE": "red"}}',
        '{"type": "query", "dataset_type": "calexp", "data_id": {"visit": 1}, "bind": {"any": 2}}',
    ]
    run("batch", "-", stdin="\n".join(lines))
    assert len(daemon.steps) == 2


def test_what_the_daemon_refuses_of_a_batch_is_named_by_its_line(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Transaction, raising(error("bad_value", "steps[1].colour")))
    lines = '{"type": "erase"}\n\n{"type": "overlay", "x": [1], "y": [2]}\n'
    assert run("batch", "-", stdin=lines, code=1).output == "mtv: line 3: colour: it went wrong\n"


# The daemon


def report(**changes: Any) -> ms.Report:
    display = ms.DisplayReport(
        number=0,
        label="calexp 23718 41",
        shape=(4176, 2048),
        mask=ms.MaskState(planes={"BAD": 0, "CR": 1}),
        overlays={"markers": 345},
        stretch="asinh",
        mode="zscale",
    )
    fields = {
        "release": "0.1.0",
        "pid": 77,
        "uptime_secs": 3725.0,
        "endpoint": "ipc:///x",
        "window": ms.WindowState(state="ready", pid=78, x_display=":9", headless=True),
        "displays": (display, ms.DisplayReport(number=1001, name="guider", limits=(-1.0, 30.5))),
        "front": 0,
        "repositories": (ms.RepositoryInfo(alias="demo", location="/d", state="open", default=True),),
        "pixel_bytes": 123_456_789,
    }
    return ms.Report(**{**fields, **changes})


def test_status_tells_of_window_displays_repositories_and_memory(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Status, report())
    output = run("status").output
    assert "mtvd 0.1.0, pid 77, up 1 h 2 min, ipc:///x" in output
    assert "window        ready, pid 78, on :9, a virtual screen" in output
    assert "0: 2048 x 4176 calexp 23718 41, asinh zscale, 2 mask planes, markers: markers 345, in front" in output
    assert "1001 'guider': empty, linear -1 to 30.5" in output
    assert "demo (default) /d open" in output
    assert "123 MB" in output


def test_status_leaves_out_the_session_that_asks(run: Run, daemon: ScriptedDaemon) -> None:
    def answer(seen: Seen) -> ms.Report:
        own = ms.SessionInfo(session=seen.header.session.hex(), program="mtv", pid=1)
        return report(sessions=(own, ms.SessionInfo(session="00", program="tutorial.py", pid=2)))

    daemon.script(ms.Status, answer)
    output = run("status").output
    assert "sessions      tutorial.py, pid 2" in output
    assert "mtv, pid 1" not in output


def test_status_counts_the_sessions_of_programs_that_have_ended_and_names_those_that_live(
    run: Run, daemon: ScriptedDaemon
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = os.uname().nodename
    told = [("living", os.getpid(), here), ("gone", ended.pid, here), ("elsewhere", ended.pid, "another")]
    sessions = tuple(
        ms.SessionInfo(session=f"{index:02x}", program=program, pid=pid, host=host)
        for index, (program, pid, host) in enumerate(told)
    )
    daemon.script(ms.Status, report(sessions=sessions))
    output = run("status").output
    assert "living" in output
    assert "elsewhere" in output
    assert "gone" not in output
    assert "1 more, of programs that have ended" in output


def test_a_file_that_is_there_is_shown_whatever_its_name(
    run: Run, daemon: ScriptedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "img.dat").write_bytes(b"")
    run("show", "img.dat", "--behind")
    run("show", "calexp", "--behind")
    file, dataset = File(path=str(tmp_path / "img.dat")), Dataset(dataset_type="calexp")
    assert daemon.steps == [st.Mtv(target=file), st.Mtv(target=dataset)]


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("choose a slice: cube_index=(0, 0); or another HDU", "choose a slice: --slice 0,0; or another HDU"),
        ("choose a slice: cube_index=(0,); or another HDU", "choose a slice: --slice 0; or another HDU"),
        ("for example collections='u/me/run'", "for example --collections 'u/me/run'"),
        ("a longer timeout_secs waits longer", "a longer --timeout waits longer"),
        ("cut it out by pixels: bbox", "cut it out by pixels: --bbox X,Y,WIDTH,HEIGHT"),
        ("wcs, bbox, xy0 or unit", "wcs, bbox, xy0 or unit"),
    ],
)
def test_hints_name_options_as_the_shell_has_them(run: Run, daemon: ScriptedDaemon, hint: str, told: str) -> None:
    daemon.script(ms.Transaction, raising(error("bad_value", hint=hint)))
    assert f"({told})" in run("show", "calexp", code=1).output


def test_status_as_json_is_the_report(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Status, report())
    assert json.loads(run("status", "--json").output)["displays"][0]["overlays"] == {"markers": 345}


def test_options_that_all_commands_have_may_stand_before_the_command(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Status, report())
    assert json.loads(run("--json", "status").output)["pid"] == 77


def test_cancel_tells_how_many_and_refuses_an_id_that_does_not_wait(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Cancel, lambda seen: ms.Cancelled(count=2 if seen.message.request_id == ms.EVERYBODYS else 0))  # type: ignore[union-attr]
    assert run("cancel").output == "cancelled 2\n"
    assert "no request 'ab-3' waits" in run("cancel", "ab-3", code=1).output


def test_down_where_no_daemon_runs_has_nothing_to_do(run: Run, tmp_path: Path) -> None:
    assert run("down", "--endpoint", f"ipc://{tmp_path}/nobody").output == "no daemon runs\n"


def test_up_where_a_daemon_runs_says_so(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(ms.Status, report())
    assert "runs already, pid 77" in run("up").output
