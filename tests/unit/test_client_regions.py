"""Regions, shapes and single pixels from Python and the shell: what is sent, and what is refused before."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scripted import Run

import mtv
from mtv.testing import ScriptedDaemon
from mtv.wire import messages, requests
from mtv.wire.regions import Region
from mtv.wire.steps import Overlay, Regions

CIRCLE = Region(shape="circle", points=(1.0, 2.0), sizes=(3.0,))
HAND = messages.RegionList(
    regions=(
        Region(shape="circle", points=(99.5, 2.0), sizes=(3.0,), overlay="user", system="image", unit="image"),
        Region(shape="polygon", points=(1, 2, 3, 4, 5, 6), text="a star", overlay="mine", system="image"),
    ),
    notes=("panda (1 left out)",),
)


def test_a_text_a_path_and_objects_are_sent_as_checked_regions(
    daemon: ScriptedDaemon, display: mtv.Display, tmp_path: Path
) -> None:
    display.regions("circle(2,3,3)")
    assert daemon.steps[-1] == Regions(regions=(CIRCLE,), replace=True)
    (tmp_path / "a.reg").write_text("image;circle(2,3,3) # color=red")
    display.regions(tmp_path / "a.reg", name="mine", replace=False, lasting=True)
    red = Region(shape="circle", points=(1.0, 2.0), sizes=(3.0,), system="image", unit="image", colour="#ff0000")
    assert daemon.steps[-1] == Regions(name="mine", regions=(red,), lasting=True)
    display.regions([CIRCLE, mtv.Region(shape="point", points=(0, 0))])
    assert len(daemon.steps[-1].regions) == 2


def test_numbers_of_numpy_are_as_good_and_fields_of_the_wrong_kind_are_refused(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    mine: Any = {"shape": "circle", "points": np.array([1.0, 2.0]), "sizes": [np.float32(3)], "width": np.int64(1)}
    display.regions(mtv.Region(**mine))
    assert daemon.steps[-1] == Regions(regions=(CIRCLE,), replace=True)
    for wrong in (
        {"points": ("a", 2)},
        {"points": 3},
        {"shape": "panda"},
        {"system": "moon"},
        {"text": 3},
        {"dash": 2},
    ):
        with pytest.raises(mtv.RequestError) as refused:
            display.regions([mtv.Region(**{**mine, **wrong})])
        assert refused.value.error.where == "regions[0]"


def test_what_is_left_out_is_told_and_nothing_left_is_refused(
    daemon: ScriptedDaemon, display: mtv.Display, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        display.regions("circle(2,3,3)\npanda(1,2,3,4,5,6,7,8)")
    assert "left out: panda (line 2)" in caplog.text
    with pytest.raises(mtv.RequestError, match="nothing can be drawn of it") as refused:
        display.regions("panda(1,2,3,4,5,6,7,8)")
    assert refused.value.error.where == "regions"
    assert len(daemon.steps) == 1


def test_shapes_of_dots_have_a_second_size_and_an_angle(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.dot("circle", 1, 2, size=5)
    display.dot("box", 1, 2, size=4, size2=2, angle=30)
    display.dot("vector", 1, 2, size=4, angle=45)
    display.text("circle", 1, 2)
    display.text("M 31", 1, 2)
    display.text("rectangle", 1, 2, size=14, colour="red")
    symbols = [step.symbol for step in daemon.steps if isinstance(step, Overlay)]
    assert symbols == ["circle", "@box:0.5,30.0", "@vector:1.0,45.0", "@text:circle", "M 31", "@text:rectangle"]


def test_whole_columns_have_an_ellipse_a_row(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    a, b = np.ma.masked_invalid([4.0, 2, np.nan]), np.array([2.0, 4, 1])
    display.overlay("s", [1, 2, 3], [1, 2, 3], symbol="ellipse", size=a, size2=b, angle=[0, 10, 20])
    step = daemon.steps[-1]
    assert isinstance(step, Overlay)
    assert step.symbol == ("@ellipse:0.5", "@ellipse:2.0,10.0", "ellipse")
    assert np.isnan(step.size[2])  # type: ignore[index]
    display.overlay("s", [1, 2, 3], [1, 2, 3], symbol="ellipse", size=4, size2=[np.nan, 0, 1], angle=[0, 0, np.nan])
    size: Any = daemon.steps[-1].size  # type: ignore[union-attr]
    assert np.isnan(size).all()
    display.overlay("s", [1, 2], [1, 2], symbol="vector", size=3, angle=np.array([5.0, 6]))
    assert daemon.steps[-1].symbol == ("@vector:1.0,5.0", "@vector:1.0,6.0")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda d: d.dot("cirlce", 1, 1), "symbol"),
        (lambda d: d.dot("o", 1, 1, size2=3), "size2"),
        (lambda d: d.dot("circle", 1, 1, angle=3), "angle"),
        (lambda d: d.dot("box", 1, 1, size2=0), "size2"),
        (lambda d: d.dot("box", 1, 1, size2="a"), "size2"),
        (lambda d: d.dot("box", 1, 1, angle=float("nan")), "angle"),
        (lambda d: d.dot("box", 1, 1, size=1e-9, size2=1), "symbol"),
        (lambda d: d.dot("box", 1, 1, size=0, size2=1), "size"),
        (lambda d: d.overlay("s", [1], [1], symbol="o", size2=3), "size2"),
        (lambda d: d.overlay("s", [1, 2], [1, 2], symbol="box", size2=[1, 2, 3]), "size2"),
        (lambda d: d.overlay("s", [1, 2], [1, 2], symbol="box", angle=[1]), "angle"),
        (lambda d: d.overlay("s", [1], [1], symbol=["box"], angle=3), "angle"),
        (lambda d: d.overlay("s", Path("/t.parq"), symbol="box", angle=3), "angle"),
        (lambda d: d.polygon([(1, 2), (3, 4)]), "points"),
        (lambda d: d.polygon([(1, 2), (3, 4), (np.nan, 1)]), "points"),
        (lambda d: d.polygon([(1, 2), (3, 4), (1e12, 1)]), "points"),
        (lambda d: d.polygon([(1, 2), (3, 4), (5, 6)], colour="gren"), "colour"),
        (lambda d: d.text("", 1, 1), "words"),
        (lambda d: d.text(3, 1, 1), "words"),
        (lambda d: d.regions("circle(1,2,3)", name=""), "name"),
        (lambda d: d.regions(3), "regions"),
        (lambda d: d.drawn_regions("galactic"), "system"),
        (lambda d: d.value("a", 1), "x"),
        (lambda d: d.value(1, float("nan")), "y"),
    ],
)
def test_wrong_values_are_refused_here_and_the_field_is_named(
    daemon: ScriptedDaemon, display: mtv.Display, call: Any, where: str
) -> None:
    with pytest.raises(mtv.RequestError) as refused:
        call(display)
    assert refused.value.error.where == where
    assert daemon.steps == []


def test_regions_by_hand_are_returned_and_saved(
    daemon: ScriptedDaemon, display: mtv.Display, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.script(requests.ListRegions, HAND)
    assert display.drawn_regions("sky", ours=True) == list(HAND.regions)
    assert daemon.of(requests.ListRegions)[-1].message == requests.ListRegions(system="sky", ours=True)
    assert "panda" in caplog.text
    assert display.save_regions(tmp_path / "a.reg") == 2
    assert (tmp_path / "a.reg").read_text().splitlines() == [
        "# Region file format: DS9 version 4.1",
        "image",
        "circle(100.5,3,3) # color=#00ff00",
        'polygon(2,3,4,5,6,7) # color=#00ff00 text="a star" tag="mine"',
    ]
    daemon.script(requests.ListRegions, messages.RegionList(regions=()))
    assert display.save_regions(tmp_path / "none.reg") == 0
    assert not (tmp_path / "none.reg").exists()


def test_the_shell_lists_and_saves(run: Run, daemon: ScriptedDaemon, tmp_path: Path) -> None:
    daemon.script(requests.ListRegions, HAND)
    told = run("regions")
    assert "circle" in told.output
    assert "3 vertices" in told.output
    assert "mtv: panda (1 left out)" in told.output
    assert json.loads(run("regions", "--json", "--all", "--system", "sky").stdout)[0]["shape"] == "circle"
    assert daemon.of(requests.ListRegions)[-1].message == requests.ListRegions(system="sky", ours=True)
    path = tmp_path / "out.reg"
    assert f"{path}: 2 regions" in run("regions", "--save", str(path)).output
    assert daemon.of(requests.ListRegions)[-1].message == requests.ListRegions(system="image")
    assert path.read_text().startswith("# Region file format")
    assert "save:" in run("regions", "--save", str(tmp_path / "no" / "out.reg"), code=1).output
    assert "unknown system" in run("regions", "--system", "galactic", code=1).output
    daemon.script(requests.ListRegions, messages.RegionList(regions=()))
    assert "--all lists" in run("regions").output
    assert "there are no regions to save" in run("regions", "--save", str(path), code=1).output


def test_the_shell_draws_a_region_file_by_its_name_or_by_what_it_begins_with(
    run: Run, daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    text = "# Region file format: DS9 version 4.1\ncircle(2,3,3)\npanda(1,2,3,4,5,6,7,8)\n"
    for name in ("a.reg", "b.txt"):
        (tmp_path / name).write_text(text)
        told = run("overlay", str(tmp_path / name))
        assert "left out: panda (line 3)" in told.output
        assert daemon.steps[-1] == Regions(regions=(CIRCLE,), replace=True), "drawn anew, as in Python"
    run("overlay", str(tmp_path / "a.reg"), "--add")
    assert daemon.steps[-1] == Regions(regions=(CIRCLE,))
    run("overlay", str(tmp_path / "a.reg"), "--name", "markers", "--replace", "--lasting", "-d", "2")
    assert daemon.steps[-1] == Regions(display=2, name="markers", regions=(CIRCLE,), replace=True, lasting=True)
    for words in (("--symbol", "x"), ("--size", "3"), ("--colour", "red"), ("--sky",), ("--x", "a"), ("--select", "a")):
        assert "a region file says itself" in run("overlay", str(tmp_path / "a.reg"), *words, code=1).output
    assert "cannot be read" in run("overlay", str(tmp_path / "none.reg"), code=1).output


def test_the_shell_tells_in_its_own_words_what_a_symbol_may_be_meant_as(run: Run, daemon: ScriptedDaemon) -> None:
    told = run("overlay", "--at", "1,2", "--symbol", "cirlce", code=1).output
    assert told == (
        "mtv: --symbol: symbol 'cirlce' is no shape "
        "(did you mean 'circle'? To write the word: --symbol '@text:cirlce')\n"
    )
    told = run("overlay", "--at", "1,2", "--symbol", "hexagon", code=1).output
    assert "did you mean a polygon of a region file? To write the word: --symbol '@text:hexagon'" in told
    run("overlay", "--at", "1,2", "--symbol", "@box:0.5,30")
    assert daemon.steps[-1].symbol == "@box:0.5,30"  # type: ignore[union-attr]


def test_a_scripted_daemon_has_no_regions_and_pixels_without_a_value(display: mtv.Display) -> None:
    assert display.drawn_regions() == []
    assert display.value(1.2, 3).value is None


def test_the_shell_tells_a_pixel(run: Run, daemon: ScriptedDaemon) -> None:
    value = messages.PixelValue(
        x=5, y=-7, value=1234567.25, unit="nJy", planes=("BAD", "SAT"), ra_deg=150.1, dec_deg=-2.5, notes=("a note",)
    )
    daemon.script(requests.ReadValue, value)
    told = run("value", "5.2", "-7", "-d", "3").output
    assert told == "mtv: a note\n5 -7: 1234567.25 nJy\nplanes BAD SAT\nra 150.1000000 dec -2.5000000\n"
    assert daemon.of(requests.ReadValue)[-1].message == requests.ReadValue(display=3, x=5.2, y=-7.0)
    assert json.loads(run("value", "1", "2", "--json").stdout)["planes"] == ["BAD", "SAT"]
    daemon.script(requests.ReadValue, messages.PixelValue(x=5, y=7))
    assert run("value", "5", "7").output == "5 7: not a finite number\n"
    assert run("value", "nan", "7", code=1)
    assert run("value", "a", "7", code=2)


def test_a_pixel_is_returned_with_all_that_is_told(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    daemon.script(requests.ReadValue, messages.PixelValue(x=5, y=7, value=3, planes=("BAD",)))
    told = display.value(5.1, 7)
    assert (told.value, told.planes, told.ra_deg) == (3, ("BAD",), None)
