"""Markers, masks and colours in the words of ``lsst.afw.display``: what is drawn, what is left out, what is hidden."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.support import afw_programs, scripted
from tests.support.afw_programs import names_of

import mtv
import mtv.afw as afw_display
from mtv.afw import utils
from mtv.afw.colours import colour_of_marker, colour_of_plane
from mtv.afw.glyphs import glyph_of, is_local
from mtv.testing import ScriptedDaemon
from mtv.wire.errors import RequestError
from mtv.wire.markers import moments_of
from mtv.wire.requests import Transaction
from mtv.wire.steps import MaskColour, MaskTransparency, Mtv, Overlay

as_new, at_home, daemon = afw_programs.as_new, afw_programs.at_home, scripted.daemon
IMAGE = np.zeros((3, 4), "f4")
XY0 = (100, 200)
USUAL = ("BAD", "SAT", "DETECTED")


def exposure(*planes: str) -> mtv.Exposure:
    bits = {name: bit for bit, name in enumerate(planes or USUAL)}
    return mtv.Exposure(IMAGE, mask=np.zeros((3, 4), "u1"), planes=bits, xy0=XY0)


def of(daemon: ScriptedDaemon, kind: Any) -> list[Any]:
    mtv.default_connection().flush()
    return [step for step in daemon.steps if isinstance(step, kind)]


def rows(daemon: ScriptedDaemon) -> list[tuple[float, float]]:
    return [place for step in of(daemon, Overlay) for place in zip(step.x, step.y, strict=True)]


# Places


def test_parent_and_local_pixels(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.dot("o", 1, 2, 2, None, afw_display.LOCAL)
    display.image(exposure())
    display.dot("o", 1, 2, 2, None, afw_display.LOCAL)
    display.dot("o", 1, 2, origin=afw_display.PARENT)
    display.line([(0, 0), (3, 4)], origin=afw_display.LOCAL)
    display.line([(0, 0), (3, 4)], symbs="ox", origin=afw_display.LOCAL)
    assert rows(at_home) == [(1, 2), (101, 202), (1, 2), (100, 200), (103, 204), (100, 200), (103, 204)]


@pytest.mark.parametrize(
    ("origin", "local"),
    [("LOCAL", True), (SimpleNamespace(name="LOCAL"), True), ("PARENT", False), (None, False), (0, False)],
)
def test_origins_of_afw_itself_are_understood(origin: Any, local: bool) -> None:
    assert is_local(origin) is local


def test_markers_without_a_position_are_left_out_and_one_note_says_so(
    at_home: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    display = afw_display.Display()
    with display.Buffering():
        for c, r, size in ((1, 1, 2), (math.nan, 2, 2), (3, math.inf, 2), (4, 4, math.nan), (5, 5, 0), (6, 6, 2)):
            display.dot("o", c, r, size=size)
        display.dot("@:nan,nan,nan", 7, 7)
        display.dot("@:1,5,1", 8, 8)
        display.dot("", 9, 9)
        display.dot("o", 9, 9, ctype=afw_display.IGNORE)
    assert rows(at_home) == [(1, 1), (6, 6)]
    assert len(caplog.records) == 2
    with pytest.raises(RequestError, match="no ellipse"):
        display.dot("@:round", 1, 1)


class Point:
    """Has what Point2D has."""

    def __init__(self, x: float, y: float) -> None:
        self._at = x, y

    def __getitem__(self, index: int) -> float:
        return self._at[index]


def test_lines_of_anything_with_two_numbers(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.line([])
    display.line([Point(1, 2)])
    assert at_home.seen == []
    display.line([Point(1, 2), Point(3, 4)], ctype=afw_display.RED)
    display.line(np.array([(5, 6), (math.inf, 0), (7, 8)]))
    first, second = of(at_home, Overlay)
    assert (first.lines, first.colour, first.x, first.y) == (True, "red", (1, 3), (2, 4))
    assert [math.isnan(x) for x in second.x] == [False, True, False]


@pytest.mark.parametrize(
    ("symbs", "drawn"),
    [("+x", "+x+"), (["o", 7, "x"], ["o", "@text:7", "x"]), (True, "+++"), ("*", "***")],
)
def test_points_of_a_line_are_marked_in_place_of_it(at_home: ScriptedDaemon, symbs: Any, drawn: Any) -> None:
    afw_display.Display().line([(1, 1), (2, 2), (3, 3)], symbs=symbs, size=3)
    (step,) = of(at_home, Overlay)
    found = (step.symbol,) * 3 if isinstance(step.symbol, str) else step.symbol
    assert (found, step.lines) == (tuple(drawn), False)


# Symbols


@pytest.mark.parametrize(
    ("symb", "size", "glyph"),
    [
        ("o", 20, ("o", 20)),
        ("+", 0.4, ("+", 0.4)),
        (17, 3, ("@text:17", 15)),
        ("circle", 2, ("@text:circle", 10)),
        ("square", 1.25, ("@text:square", 6)),
        ("@text:x", 2, ("@text:@text:x", 10)),
        ("two\nlines", 0.4, ("@text:two lines", 4)),
        ("@:4,0,1", 2, ("@:4,0,1", 2)),
    ],
)
def test_symbols_are_shapes_or_texts_in_points_of_a_font(symb: Any, size: float, glyph: Any) -> None:
    assert glyph_of(symb, size) == glyph


def test_ellipses_of_afw_are_drawn_by_their_moments() -> None:
    axes = SimpleNamespace(getA=lambda: 3.0, getB=lambda: 1.0, getTheta=lambda: math.pi / 6)
    moments = SimpleNamespace(getIxx=lambda: 7.0, getIxy=lambda: 2 * math.sqrt(3), getIyy=lambda: 3.0)
    for ellipse in (axes, moments):
        glyph = glyph_of(ellipse, 2)
        assert glyph is not None
        assert moments_of(glyph.symbol) == pytest.approx((7, 2 * math.sqrt(3), 3))


@pytest.mark.parametrize(
    ("ctype", "colour"),
    [
        (None, "green"),
        ("RED", "red"),
        ("#377eb8", "#377eb8"),
        ("#377eb880", "#377eb8"),
        ("rgba(255, 128, 0, 0.5)", "#ff8000"),
        ("C1", "#ff7f0e"),
        ("tab:grey", "#7f7f7f"),
        ("k", "black"),
        ((1, 0, 0), "#ff0000"),
        ("Ignore", None),
        ("no colour at all", "green"),
        (object(), "green"),
    ],
)
def test_colours_in_anybodys_words(as_new: None, ctype: Any, colour: str | None) -> None:
    assert colour_of_marker(ctype) == colour


def test_a_plane_of_an_unknown_colour_has_its_usual_one(as_new: None, caplog: pytest.LogCaptureFixture) -> None:
    assert colour_of_plane("DETECTED", "no such colour") == "blue"
    assert len(caplog.records) == 1


# Buffers


def draw_and_fail(display: afw_display.Display) -> None:
    with display.Buffering():
        display.dot("o", 1, 1)
        raise ZeroDivisionError


def test_a_buffer_is_one_transaction_and_buffers_nest(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    with display.Buffering():
        display.dot("o", 1, 1)
        with display.Buffering():
            display.line([(1, 1), (2, 2)])
        display.erase()
        display.image(IMAGE)
        display.scale("asinh", "zscale")
        assert not at_home.of(Transaction)
    assert len(at_home.of(Transaction)) == 1
    assert names_of(at_home.steps) == ["Overlay", "Overlay", "Erase", "Mtv", "Scale"]


def test_what_was_buffered_is_sent_also_after_an_exception(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    with pytest.raises(ZeroDivisionError):
        draw_and_fail(display)
    assert rows(at_home) == [(1, 1)]
    display.dot("o", 2, 2)
    assert rows(at_home) == [(1, 1), (2, 2)], "no buffer is open any more"


def test_the_error_on_its_way_wins_over_that_of_the_buffer(
    at_home: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    from mtv.wire.errors import DaemonError, Error

    def fail(_: Any) -> Any:
        raise DaemonError(Error(code="draw_failed", message="the window refuses"))

    at_home.script(Transaction, fail)
    display = afw_display.Display()
    with pytest.raises(ZeroDivisionError):
        draw_and_fail(display)
    assert "the window refuses" in caplog.text
    with pytest.raises(DaemonError, match="refuses"), display.Buffering():
        display.dot("o", 1, 1)


def test_a_flush_within_a_buffer_sends_what_there_is(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    with display.Buffering():
        display.dot("o", 1, 1)
        display.flush()
        assert len(at_home.of(Transaction)) == 1
        display.dot("o", 2, 2)
        display.frame = 1
        display.dot("o", 3, 3)
    assert [step.display for step in of(at_home, Overlay)] == [0, 0, 1]


# Catalogs


class SourceCatalog(list[Any]):
    """Has what a SourceCatalog has."""

    def __init__(self, *places: tuple[float, float], valid: bool = True) -> None:
        super().__init__(SimpleNamespace(getX=lambda x=x: x, getY=lambda y=y: y) for x, y in places)
        self._valid = valid

    def getCentroidSlot(self) -> Any:  # noqa: N802 - of afw
        return SimpleNamespace(isValid=lambda: self._valid)


STRUCTURED = np.array([(1, 2), (3, 4)], dtype=[("x", "f8"), ("y", "f8")])
TABLES = {
    "afw": lambda: SourceCatalog((1, 2), (math.nan, 3), (3, 4)),
    "mapping": lambda: {"slot_Centroid_x": [1, math.nan, 3], "slot_Centroid_y": [2, 3, 4]},
    "structured": lambda: STRUCTURED,
    "masked": lambda: {"x": np.ma.array([1, 9, 3], mask=[False, True, False]), "y": [2, 3, 4]},
    "pandas": lambda: pytest.importorskip("pandas").DataFrame({"xcentroid": [1, 3], "ycentroid": [2, 4]}),
    "astropy": lambda: pytest.importorskip("astropy.table").Table(STRUCTURED),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_centroids_of_tables_and_those_without_one_are_left_out(at_home: ScriptedDaemon, table: Any) -> None:
    display = afw_display.Display()
    with display.Buffering():
        display.centroids(table(), symbol="x", size=10, ctype="red")
    (step,) = of(at_home, Overlay)
    assert (step.symbol, step.size, step.colour, step.replace) == ("x", 10, "red", False)
    assert rows(at_home) == [(1, 2), (3, 4)]


@pytest.mark.parametrize("table", [SourceCatalog(valid=False), {"ra": [1], "dec": [2]}, 5])
def test_a_catalog_without_centroids_is_a_runtime_error(as_new: None, table: Any) -> None:
    with pytest.raises(RuntimeError, match=r"not valid|has no columns"):
        afw_display.Display().centroids(table)


# Masks


def transparencies(daemon: ScriptedDaemon) -> list[tuple[float, str | None]]:
    return [(step.percent, step.plane) for step in of(daemon, MaskTransparency)]


def test_all_planes_are_hidden_but_one(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.image(exposure())
    display.setMaskTransparency(100)
    assert transparencies(at_home) == [(100, None)]
    display.setMaskTransparency(0, "DETECTED")
    assert transparencies(at_home)[1:] == [(0, None), (100, "BAD"), (100, "SAT")]
    assert [display.getMaskTransparency(name) for name in (None, "DETECTED", "SAT")] == [100, 0, 100]
    assert len(at_home.of(Transaction)) == 3, "what belongs together is one transaction"


def test_what_is_hidden_stays_so_with_the_next_image_of_other_planes(at_home: ScriptedDaemon) -> None:
    afw_display.setDefaultMaskTransparency({"EDGE": 100})
    display = afw_display.Display()
    display.setMaskTransparency(100, name="SENSOR_EDGE")
    display.image(exposure("BAD", "SENSOR_EDGE", "EDGE"))
    assert transparencies(at_home) == [(100, "SENSOR_EDGE"), (100, "EDGE")]
    display.image(exposure("EDGE", "BAD"))
    assert transparencies(at_home)[2:] == [(100, "EDGE")]
    display.setMaskTransparency(30)
    display.image(exposure())
    assert transparencies(at_home)[3:] == [(30, None)], "what the user changes in the window stays"


@pytest.mark.parametrize(("given", "sent"), [(-3, 0), (130, 100), (None, None), (55, 55)])
def test_a_transparency_out_of_range_is_clipped_with_a_note(
    at_home: ScriptedDaemon, caplog: pytest.LogCaptureFixture, given: Any, sent: Any
) -> None:
    display = afw_display.Display()
    display.setMaskTransparency(given)
    display.image(exposure())
    assert transparencies(at_home) == ([] if sent is None else [(sent, None)])
    assert len(caplog.records) == (given in (-3, 130))


def test_of_two_values_that_are_seen_the_newest_counts(
    at_home: ScriptedDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    display = afw_display.Display()
    display.image(exposure())
    display.setMaskTransparency({"BAD": 20, "SAT": 100})
    display.setMaskTransparency(40, "DETECTED")
    display.setMaskTransparency(60, "BAD")
    assert transparencies(at_home)[-2:] == [(60, None), (100, "SAT")]
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


def test_planes_have_the_colours_of_the_class_and_new_ones_the_next(at_home: ScriptedDaemon) -> None:
    afw_display.setDefaultMaskPlaneColor("SAT", "magenta")
    display = afw_display.Display()
    assert display.getMaskPlaneColor("ODD") is None
    assert display.getMaskPlaneColor()["SAT"] == "magenta"
    display.setMaskPlaneColor({"BAD": "ignore", "DETECTED": "#377eb8"})
    display.image(exposure("ODD", "BAD", "SAT", "DETECTED", "EVEN"))
    colours = of(at_home, MaskColour)[0].colours
    assert colours == {"ODD": "red", "BAD": "ignore", "SAT": "magenta", "DETECTED": "#377eb8", "EVEN": "green"}
    assert afw_display.Display(5).getMaskPlaneColor("EVEN") == display.getMaskPlaneColor("EVEN") == "green"
    display.setMaskPlaneColor("SAT", color="green")
    display.setMaskPlaneColor("NOT_THERE", "green")
    assert [step.colours for step in of(at_home, MaskColour)[1:]] == [{"SAT": "green"}]
    for words in ((("BAD", None)), ({"BAD": "red"}, "green")):
        with pytest.raises(AssertionError):
            display.setMaskPlaneColor(*words)
    with pytest.raises(AssertionError):
        afw_display.setDefaultMaskPlaneColor({"BAD": "red"}, "green")


def test_a_new_colour_leaves_hidden_planes_hidden(at_home: ScriptedDaemon) -> None:
    display = afw_display.Display()
    display.image(exposure())
    display.setMaskTransparency(100, "SAT")
    display.setMaskPlaneColor("SAT", "orange")
    assert names_of(at_home.steps)[-2:] == ["MaskColour", "MaskTransparency"]


def test_the_generator_of_colours_never_ends() -> None:
    colours = afw_display.Display.maskColorGenerator()
    found = [next(colours) for _ in range(10)]
    assert (found[0], found[7], len(set(found))) == ("red", "red", 7)
    assert next(afw_display.Display.maskColorGenerator(omitBW=False)) == "white"


# Boxes, footprints, mosaics


def box(x0: int, y0: int, x1: int, y1: int) -> Any:
    return SimpleNamespace(getMinX=lambda: x0, getMinY=lambda: y0, getMaxX=lambda: x1, getMaxY=lambda: y1)


def test_a_box_is_a_closed_line(at_home: ScriptedDaemon) -> None:
    utils.drawBBox(box(10, 20, 13, 26), borderWidth=0.5, origin=(10, 20), bin=2)
    (step,) = of(at_home, Overlay)
    assert rows(at_home) == [(-0.25, -0.25), (1.75, -0.25), (1.75, 3.25), (-0.25, 3.25), (-0.25, -0.25)]
    assert step.lines


def test_a_footprint_is_its_spans_and_peaks(at_home: ScriptedDaemon) -> None:
    span = SimpleNamespace(getX0=lambda: 4, getX1=lambda: 6, getY=lambda: 5)
    peak = SimpleNamespace(getIx=lambda: 5, getIy=lambda: 5)
    foot = SimpleNamespace(getSpans=lambda: [span], getPeaks=lambda: [peak])
    display = afw_display.Display(2)
    utils.drawFootprint(foot, XY0=(1, 1), peaks=True, ctypePeak="red", display=display)
    assert rows(at_home) == [(2.5, 3.5), (5.5, 3.5), (5.5, 4.5), (2.5, 4.5), (2.5, 3.5), (4, 4)]
    assert len(at_home.of(Transaction)) == 1
    with pytest.raises(RuntimeError, match="both"):
        utils.drawFootprint(foot, origin=(0, 0), XY0=(1, 1))


def test_a_mosaic_is_shown_with_its_labels(at_home: ScriptedDaemon) -> None:
    mosaic = afw_display.Mosaic(gutter=1, background=-1, mode="x")
    mosaic.append(np.ones((2, 3), "f4"), "one", afw_display.RED)
    assert mosaic.append(exposure()) == 1
    pixels = mosaic.makeMosaic(title="both")
    assert pixels.tolist() == [[1, 1, 1, -1, -1, 0, 0, 0, 0], [1, 1, 1, -1, -1, 0, 0, 0, 0], [-1] * 5 + [0] * 4]
    assert of(at_home, Mtv)[0].target.label == "both"
    assert (of(at_home, Overlay)[0].symbol, rows(at_home)) == ("@text:one", [(1.5, 0)])
    assert (mosaic.getBBox(1).getMinX(), mosaic.getBBox(1, 0).getMaxX(), mosaic.nImage) == (5, 8, 2)
    assert mosaic.makeMosaic([IMAGE] * 4, display=None, mode="square", background=0).shape == (7, 9)
    with pytest.raises(RuntimeError, match="labels"):
        mosaic.drawLabels(["a"])
    with pytest.raises(RuntimeError, match="mode"):
        mosaic.setMode("diagonal")
    mosaic.reset()
    with pytest.raises(RuntimeError, match="at least one"):
        mosaic.makeMosaic()
