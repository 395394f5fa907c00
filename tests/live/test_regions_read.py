"""Regions that people draw in the window by hand, read back: as they are, and without a change of anything."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.support import fixtures
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.region_files import CARDS, NX, NY, PIXELS, XY0

import mtv
from mtv.cli import cli
from mtv.shared.regions.reading import parse

pytestmark = [pytest.mark.live, pytest.mark.slow("a window starts in it", secs=30)]

FRAME = 31
BY_HAND = PIXELS.replace("image; circle", "physical; circle").partition("physical; circle")[0]

daemon = fixtures.shared_daemon


@pytest.fixture(scope="module")
def connection(daemon: LiveDaemon) -> mtv.Connection:
    return daemon.connect()


@pytest.fixture(scope="module")
def window(daemon: LiveDaemon, connection: mtv.Connection) -> Iterator[Probe]:
    mtv.Display(FRAME, connection=connection).mtv(np.zeros((NY, NX), "f4"), wcs=CARDS, xy0=XY0)
    with daemon.probe() as probe:
        yield probe


@pytest.fixture
def display(connection: mtv.Connection, window: Probe) -> Iterator[mtv.Display]:
    display = mtv.Display(FRAME, connection=connection)
    yield display
    display.erase()
    window.tcl(f"[Frame{FRAME} marker delete all]")


def draw_by_hand(window: Probe, text: str) -> None:
    window.tcl(f"[set ::by_hand [encoding convertfrom utf-8 [binary decode hex {text.encode().hex()}]]]")
    window.tcl(f"[Frame{FRAME} marker command ds9 var by_hand]")


def state(window: Probe) -> str:
    every = f"[Frame{FRAME} get marker id all]"
    return window.tcl(f"[list [Frame{FRAME} get marker select] {every} $::ds9(msg) $::errorInfo]")


def test_what_was_drawn_by_hand_is_told_as_it_is_and_nothing_is_changed(window: Probe, display: mtv.Display) -> None:
    display.dot("o", 100, 100)
    draw_by_hand(window, BY_HAND)
    before = state(window), window.regions(FRAME)
    found = display.drawn_regions()
    wanted = parse(BY_HAND).regions
    assert [one.shape for one in found] == [one.shape for one in wanted]
    for mine, its in zip(found, wanted, strict=True):
        assert mine.points == pytest.approx(its.points, abs=0.01)
        assert (mine.exclude, mine.text, mine.width, mine.dash) == (its.exclude, its.text, its.width, its.dash)
        assert (mine.colour, mine.overlay, mine.symbol, mine.arrows) == (its.colour, "user", its.symbol, its.arrows)
        assert mine.angle_deg == pytest.approx(its.angle_deg, abs=0.01)
        if its.unit == "pixel":
            assert mine.sizes == pytest.approx(its.sizes, abs=0.01)
    assert (state(window), window.regions(FRAME)) == before


def test_other_systems_and_those_of_programs_are_told_where_asked_for(window: Probe, display: mtv.Display) -> None:
    display.overlay("mine", [200.0, 210], [150.0, 160], symbol=["o", "box"], size=4)
    draw_by_hand(window, "physical;circle(241,201,10)\n")
    (image,) = display.drawn_regions("image")
    assert image.points == pytest.approx((200, 150), abs=0.01)
    (sky,) = display.drawn_regions("sky")
    assert sky.points == pytest.approx((150, 30), abs=1e-6)
    assert (sky.system, sky.unit) == ("icrs", "arcsec")
    assert sky.sizes == pytest.approx((1.8,), abs=0.001)
    assert [(one.overlay, one.shape) for one in display.drawn_regions(ours=True)] == [
        ("mine", "circle"),
        ("mine", "box"),
        ("user", "circle"),
    ]
    mtv.Display(32, connection=display.connection).mtv(np.zeros((20, 20)))
    with pytest.raises(mtv.RequestError, match="no WCS"):
        mtv.Display(32, connection=display.connection).drawn_regions("sky")
    with pytest.raises(mtv.RequestError) as refused:
        mtv.Display(33, connection=display.connection).drawn_regions()
    assert refused.value.code == "unknown_display"


def test_a_region_that_ds9_cannot_write_down_is_left_out_and_the_selection_stays(
    window: Probe, display: mtv.Display, daemon: LiveDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    pid = daemon.window_pid()
    draw_by_hand(window, "physical;circle(100,100,5)\ncircle(110,100,5)\ncircle(120,100,7)\n")
    last = window.tcl(f"[lindex [lsort -integer [Frame{FRAME} get marker id all]] end]")
    window.tcl("[rename ::mtv::is_unwritable ::mtv::really_unwritable]")  # as if the last one were
    window.tcl(f"[proc ::mtv::is_unwritable {{which id}} {{expr {{$id == {last}}}}}]")
    first = f"[lindex [lsort -integer [Frame{FRAME} get marker id all]] 0]"
    window.tcl(f"[Frame{FRAME} marker unselect all][Frame{FRAME} marker {first} select]")
    before = state(window)
    with caplog.at_level(logging.WARNING):
        assert [one.shape for one in display.drawn_regions()] == ["circle", "circle"]
    assert "font that DS9 cannot write down (1 left out)" in caplog.text
    assert state(window) == before
    window.tcl(f"[::mtv::hand::did Frame{FRAME}]")
    display.zoom(2)
    assert daemon.window_pid() == pid
    assert display.describe().overlays["user"] == 2
    window.tcl("[rename ::mtv::is_unwritable {}][rename ::mtv::really_unwritable ::mtv::is_unwritable]")


def test_shapes_that_only_ds9_has_are_told_as_left_out(
    window: Probe, display: mtv.Display, caplog: pytest.LogCaptureFixture
) -> None:
    draw_by_hand(window, "physical;panda(110,110,0,90,2,3,9,1)\nruler(100,100,110,110)\ncircle(100,100,3)\n")
    assert len(display.drawn_regions()) == 1
    assert "panda (1 left out)" in caplog.text
    assert "ruler (1 left out)" in caplog.text


@pytest.mark.parametrize("system", ["image", "sky", "pixel"])
def test_what_is_saved_is_drawn_again_the_same(
    window: Probe, display: mtv.Display, tmp_path: Path, system: str
) -> None:
    draw_by_hand(window, BY_HAND)
    before = window.regions(FRAME)
    path = tmp_path / "saved.reg"
    assert display.save_regions(path, system) == len(parse(BY_HAND).regions)  # type: ignore[arg-type]
    window.tcl(f"[Frame{FRAME} marker delete all]")
    display.regions(path)
    again, wanted = parse(window.regions(FRAME), tags_are_overlays=True).regions, parse(before).regions
    for mine, its in zip(again, wanted, strict=True):
        assert (mine.shape, mine.text, mine.exclude) == (its.shape, its.text, its.exclude)
        assert mine.points == pytest.approx(its.points, abs=0.01)
        assert mine.sizes == pytest.approx(its.sizes, abs=0.01)


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("system", ["image", "sky"])
def test_astropys_package_reads_what_is_saved(window: Probe, display: mtv.Display, tmp_path: Path, system: str) -> None:
    package = pytest.importorskip("regions")
    draw_by_hand(window, BY_HAND)
    display.save_regions(tmp_path / "saved.reg", system)  # type: ignore[arg-type]
    found = package.Regions.read(tmp_path / "saved.reg", format="ds9")
    kinds = [type(one).__name__ for one in found]
    for kind in ("Circle", "Ellipse", "Rectangle", "Polygon", "Line", "CircleAnnulus", "Point", "Text"):
        assert any(name.startswith(kind) for name in kinds), kind
    first = display.drawn_regions(system)[0]  # type: ignore[arg-type]
    centre = found[0].center
    place = (centre.ra.deg, centre.dec.deg) if system == "sky" else (centre.x, centre.y)
    assert place == pytest.approx(first.points, abs=1e-6 if system == "sky" else 0.01)


def test_the_shell_draws_lists_and_saves_regions(
    window: Probe, display: mtv.Display, daemon: LiveDaemon, tmp_path: Path
) -> None:
    path = tmp_path / "mine.reg"
    path.write_text(PIXELS + "panda(110,110,0,90,2,3,9,1)\n")

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            cli, [*words, "--endpoint", daemon.endpoint, "-d", str(FRAME)], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.output

    said = run("overlay", str(path))
    count = len(parse(PIXELS).regions)
    assert f"{count} regions in overlay 'regions'" in said
    assert f"left out: panda (line {len(path.read_text().splitlines())})" in said
    draw_by_hand(window, "physical;circle(141.5,151.5,10) # text={a star}\n")
    assert "a star" in run("regions")
    assert run("regions", "--all").count("regions  ") == count
    assert "1 region" in run("regions", "--save", str(tmp_path / "saved.reg"))
    (saved,) = parse((tmp_path / "saved.reg").read_text()).regions
    assert (saved.points, saved.text) == ((100.5, 100.5), "a star")
