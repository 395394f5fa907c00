"""The commands that draw: show, load, scale, zoom, pan, erase, rotate, arrange, mask, snap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.commands import error, only_step, raising
from tests.support.scripted import Run

from mtv.testing import ScriptedDaemon
from mtv.wire import messages as ms
from mtv.wire import reports, requests
from mtv.wire import steps as st
from mtv.wire.data import Dataset, File, Handle, SkyBox
from mtv.wire.errors import Code


def test_show_draws_image_scale_zoom_and_front_as_one_transaction(run: Run, daemon: ScriptedDaemon) -> None:
    shown = ms.StepOutcome(display=3, planes={"BAD": "red"})
    daemon.script(requests.Transaction, ms.Outcome(steps=(shown,), note="the window is on a virtual screen"))
    result = run("show", "calexp", "visit=1", "-d", "3", "--scale", "asinh -1 30", "--zoom", "fit")
    assert len(daemon.of(requests.Transaction)) == 1
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
    daemon.script(requests.Get, ms.Got(value=value))
    assert said in run("get", "calexp.some", "visit=1").output
    assert json.loads(run("get", "calexp.some", "visit=1", "--json").output) == value


def test_pixels_are_not_printed(run: Run, daemon: ScriptedDaemon) -> None:
    for words in (("calexp", "visit=1"), ("calexp", "visit=1", "--component", "mask"), ("calexp.image", "visit=1")):
        assert "component" in run("get", *words, code=1).output
    assert daemon.of(requests.Get) == []


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
    daemon.script(requests.Transaction, ms.Outcome(steps=(ms.StepOutcome(loaded=loaded),)))
    result = run("load", "calexp", "visit=1", "--lease", "60")
    assert result.output.splitlines()[0] == "handle:abc"
    assert "calexp: 2048 x 4176 >f4" in result.output
    assert only_step(daemon).lease_secs == 60
    table = ms.Loaded(handle="def", shape=(345,), label="src")
    daemon.script(requests.Transaction, ms.Outcome(steps=(ms.StepOutcome(loaded=table),)))
    assert "src: 345 rows" in run("load", "src", "visit=1").output


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
        (("snap", "x.png", "--size", "100000x100000"), "no picture has 100000x100000 pixels"),
        (("show", "calexp", "visit=1", "-d", "-1"), "-1 is no display"),
    ],
)
def test_a_wrong_value_is_refused_before_it_is_drawn(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], message: str
) -> None:
    assert message in run(*words, code=1).output
    assert daemon.steps == []


def test_a_zoom_at_a_place_is_one_transaction_of_zoom_and_pan(run: Run, daemon: ScriptedDaemon) -> None:
    run("zoom", "8", "--at", "347.5,-805", "-d", "guider")
    assert daemon.steps == [st.Zoom(display="guider", factor=8.0), st.Pan(display="guider", x=347.5, y=-805.0)]
    assert len([seen for seen in daemon.seen if isinstance(seen.message, requests.Transaction)]) == 1


@pytest.mark.parametrize("at", ["347", "1,2,3", "a,b", "", "nan,1"])
def test_a_zoom_at_no_place_is_refused_whole(run: Run, daemon: ScriptedDaemon, at: str) -> None:
    assert run("zoom", "8", "--at", at, code=1).stderr.startswith(("mtv: --at: ", "mtv: x: "))
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


def test_flip_names_the_axes(run: Run, daemon: ScriptedDaemon) -> None:
    run("flip", "xy", "-d", "1")
    assert daemon.steps == [st.Flip(display=1, axes="xy")]
    refused = run("flip", "z", code=1).output
    assert "unknown axes 'z'" in refused
    assert "none, x, y, xy" in refused


def test_rotate_and_arrange_say_what_is_to_change_and_leave_the_rest(run: Run, daemon: ScriptedDaemon) -> None:
    run("rotate", "-90", "-d", "1")
    run("arrange", "--tile", "--lock", "wcs", "--free-scale")
    assert daemon.steps == [
        st.Rotate(display=1, angle_deg=-90.0),
        st.Arrange(tile=True, lock_frame="wcs", lock_scale=False),
    ]
    daemon.steps.clear()
    run("arrange", "--tile", "--columns", "3")
    assert daemon.steps[-1] == st.Arrange(tile=True, columns=3)
    assert "--columns" in run("arrange", "--columns", "101", code=1).output
    run("arrange", "-d", "guider", "-d", "2", "--blink", "0.5")
    assert daemon.steps[-1] == st.Arrange(displays=("guider", 2), blink_secs=0.5)
    run("arrange", "--lock-crosshair", "wcs")
    assert daemon.steps[-1] == st.Arrange(lock_crosshair="wcs")
    assert "--lock-crosshair" in run("arrange", "--lock-crosshair", "sky", code=1).output
    run("arrange", "--all")
    assert daemon.steps[-1] == st.Arrange(displays=())
    assert "exclude each other" in run("arrange", "--all", "-d", "1", code=2).output
    assert "--blink" in run("arrange", "--blink", "0.01", code=1).output
    assert "--display" in run("arrange", "--single", "-d", "1", code=1).output
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
    (seen,) = daemon.of(requests.Transaction)
    assert isinstance(seen.message, requests.Transaction)
    assert seen.message.strict


@pytest.mark.parametrize(
    ("code", "where", "told"),
    [
        ("unknown_display", "steps[0].display", "mtv: --display: it went wrong (did you mean 'mine'?)\n"),
        ("unknown_overlay", "steps[0].name", "mtv: name: it went wrong (did you mean 'mine'?)\n"),
        ("unknown_plane", "steps[0].plane", "mtv: plane: it went wrong (did you mean 'mine'?)\n"),
    ],
)
def test_what_is_not_there_is_refused_with_exit_code_1(
    run: Run, daemon: ScriptedDaemon, code: Code, where: str, told: str
) -> None:
    daemon.script(requests.Transaction, raising(error(code, where, "did you mean 'mine'?")))
    assert run("erase", "nosuch", code=1).output == told


def test_mask_sets_colours_and_transparency_at_once(run: Run, daemon: ScriptedDaemon) -> None:
    run("mask", "DETECTED", "fuchsia", "--hide", "BAD", "--transparency", "50")
    assert daemon.steps == [
        st.MaskColour(colours={"DETECTED": "fuchsia", "BAD": "ignore"}),
        st.MaskTransparency(percent=50.0),
    ]


@pytest.mark.parametrize(("word", "distinct"), [("--distinct", True), ("--usual", False)])
def test_mask_gives_planes_colours_of_their_own(run: Run, daemon: ScriptedDaemon, word: str, distinct: bool) -> None:
    run("mask", word, "-d", "3")
    run("mask", word, "SAT", "red")
    assert daemon.steps == [
        st.MaskColour(display=3, colours={}, distinct=distinct),
        st.MaskColour(colours={"SAT": "red"}, distinct=distinct),
    ]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--legend",), {"legend": True}),
        (("--no-label", "--scale-bar"), {"label": False, "scale_bar": True}),
        (("--all",), {"label": True, "limits": True, "legend": True, "scale_bar": True, "compass": True}),
        (("--none",), dict.fromkeys(("label", "limits", "legend", "scale_bar", "compass", "grid"), False)),
        (
            ("--all", "--no-compass", "--grid"),
            {"label": True, "limits": True, "legend": True, "scale_bar": True, "compass": False, "grid": True},
        ),
    ],
)
def test_annotate_chooses_what_is_named_alone(
    run: Run, daemon: ScriptedDaemon, words: tuple[str, ...], wanted: dict[str, bool]
) -> None:
    run("annotate", *words, "-d", "mine")
    assert daemon.steps == [st.Annotate(display="mine", **wanted)]


def test_annotate_without_a_choice_lists_what_is_shown(run: Run, daemon: ScriptedDaemon) -> None:
    daemon.script(requests.Describe, reports.DisplayReport(number=0, annotations=("label", "grid")))
    assert [line.split() for line in run("annotate").output.splitlines()] == [
        ["part", "shown"],
        ["label", "yes"],
        ["limits", "no"],
        ["legend", "no"],
        ["scale_bar", "no"],
        ["compass", "no"],
        ["grid", "yes"],
    ]
    assert daemon.steps == []


def test_mask_lists_planes_by_bit_with_their_colours(run: Run, daemon: ScriptedDaemon) -> None:
    mask = reports.MaskState(planes={"DETECTED": 5, "BAD": 0}, colours={"DETECTED": "ignore"}, transparency_percent=30)
    daemon.script(requests.Describe, reports.DisplayReport(number=0, mask=mask))
    assert [line.split() for line in run("mask").output.splitlines()] == [
        ["bit", "plane", "colour"],
        ["0", "BAD", "red"],
        ["5", "DETECTED", "hidden"],
        ["transparency", "30", "%"],
    ]


def test_snap_writes_what_the_daemon_sends(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(requests.Snapshot, (ms.Picture(format="jpeg"), (b"picture",)))
    run("snap", str(tmp_path / "x.jpg"), "-d", "2")
    assert (tmp_path / "x.jpg").read_bytes() == b"picture"
    assert daemon.of(requests.Snapshot)[0].message == requests.Snapshot(display=2, format="jpeg")
    run("snap", str(tmp_path / "x.jpg"), "--size", "4096x3000")
    assert daemon.of(requests.Snapshot)[1].message == requests.Snapshot(format="jpeg", size=(4096, 3000))
