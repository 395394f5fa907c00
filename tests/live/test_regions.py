"""Region files on a real window: every shape and system is drawn as DS9 itself draws the file, and read back equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support import fixtures
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.region_files import CARDS, NX, NY, PIXELS, SKY, XY0

import mtv
from mtv.shared.regions.reading import parse

pytestmark = [pytest.mark.live, pytest.mark.slow("a window starts in it", secs=30)]

OURS, THEIRS = 21, 22

daemon = fixtures.shared_daemon


@pytest.fixture(scope="module")
def served() -> dict[str, Path]:
    return {}


@pytest.fixture(scope="module")
def connection(daemon: LiveDaemon) -> mtv.Connection:
    return daemon.connect()


@pytest.fixture(scope="module")
def window(daemon: LiveDaemon, connection: mtv.Connection) -> Iterator[Probe]:
    for number in (OURS, THEIRS):
        mtv.Display(number, connection=connection).mtv(np.zeros((NY, NX), "f4"), wcs=CARDS, xy0=XY0)
    with daemon.probe() as probe:
        yield probe


@pytest.fixture
def display(connection: mtv.Connection, window: Probe) -> Iterator[mtv.Display]:
    display = mtv.Display(OURS, connection=connection)
    yield display
    display.erase()
    window.tcl(f"[Frame{THEIRS} marker delete all]")


def loaded_by_ds9(window: Probe, text: str) -> str:
    window.tcl(f"[set ::theirs [encoding convertfrom utf-8 [binary decode hex {text.encode().hex()}]]]")
    window.tcl(f"[Frame{THEIRS} marker command ds9 var theirs]")
    return window.regions(THEIRS)


def numbers(listed: str) -> list[tuple[str, bool, list[float]]]:
    found = parse(listed, tags_are_overlays=True)
    assert not found.notes
    return [(one.shape, one.exclude, [*one.points, *one.sizes, one.angle_deg]) for one in found.regions]


@pytest.mark.parametrize("text", [PIXELS, SKY], ids=["pixels", "sky"])
def test_a_file_is_drawn_as_ds9_draws_it_to_a_hundredth_of_a_pixel(
    window: Probe, display: mtv.Display, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "shapes.reg"
    path.write_text(text)
    display.regions(path)
    ours, theirs = numbers(window.regions(OURS)), numbers(loaded_by_ds9(window, text))
    assert len(ours) == len(theirs) == len(parse(text).regions)
    for mine, its in zip(ours, theirs, strict=True):
        assert mine[:2] == its[:2]
        assert mine[2] == pytest.approx(its[2], abs=0.01), mine[0]


def test_named_shapes_are_regions_of_ds9_at_their_pixels(window: Probe, display: mtv.Display) -> None:
    for angle, symbol in enumerate(("circle", "ellipse", "box", "diamond", "annulus", "vector", "line", "point")):
        two = 6.0 if symbol in {"ellipse", "box", "diamond", "annulus"} else None
        degrees = 30.0 + angle if symbol not in {"circle", "annulus", "point"} else 0.0
        display.dot(symbol, 100.5, 110.25, size=12, size2=two, angle=degrees)
    display.text("circle", 100, 100)
    display.polygon([(100, 100), (120, 100), (110, 120)])
    shown = {one[0]: one[2] for one in numbers(window.regions(OURS))}
    assert shown["circle"] == pytest.approx([100.5, 110.25, 12, 0], abs=0.01)
    assert shown["ellipse"] == pytest.approx([100.5, 110.25, 12, 6, 31], abs=0.01)
    assert shown["box"] == pytest.approx([100.5, 110.25, 24, 12, 32], abs=0.01)
    assert shown["annulus"] == pytest.approx([100.5, 110.25, 6, 12, 0], abs=0.01)
    assert shown["vector"] == pytest.approx([100.5, 110.25, 12, 35], abs=0.01)
    assert shown["polygon"] == pytest.approx([100, 100, 120, 100, 110, 120, 0], abs=0.01)
    assert "text={circle}" in window.regions(OURS)
    turn = math.radians(36)
    ends = [100.5 + 12 * math.cos(turn), 110.25 + 12 * math.sin(turn), 100.5 - 12 * math.cos(turn)]
    assert shown["line"][:3] == pytest.approx(ends, abs=0.01)


def test_ellipses_of_whole_columns_have_their_own_axes_and_angles(window: Probe, display: mtv.Display) -> None:
    a, b, theta = np.array([5.0, 6, np.nan, 8]), np.array([2.0, 3, 4, 0]), np.array([10.0, -20, 30, 40])
    display.overlay("sex", [100, 110, 120, 130], [100, 100, 100, 100], symbol="ellipse", size=a, size2=b, angle=theta)
    shown = [one[2] for one in numbers(window.regions(OURS))]
    assert shown == [pytest.approx([100, 100, 5, 2, 10], abs=0.01), pytest.approx([110, 100, 6, 3, 340], abs=0.01)]


def test_shapes_on_the_sky_stand_where_ds9_has_that_place(window: Probe, display: mtv.Display) -> None:
    for symbol in ("box", "diamond", "line"):
        display.dot(symbol, 150.001, 30.001, size=5, angle=20, system="sky")
    box, diamond, line = (one[2] for one in numbers(window.regions(OURS)))
    assert diamond[:2] == pytest.approx(line[:2], abs=0.01)
    along = math.radians(box[-1])
    ends = [box[0] + box[2] / 2 * math.cos(along), box[1] + box[2] / 2 * math.sin(along)]
    assert line[:2] == pytest.approx(ends, abs=0.02)


def test_what_the_projection_does_not_reach_is_left_out_whole_and_counted(
    window: Probe, display: mtv.Display, caplog: pytest.LogCaptureFixture
) -> None:
    display.regions(
        'icrs\ncircle(150,30,5")\npolygon(150,30,150.01,30,330,-30)\nline(150,30,330,-30)\npolygon(150,30,150.01,30,150,30.01)\n'
        'circle(330,-30,5")\nimage\nline(1,1,50,50)\n'
    )
    assert [one[0] for one in numbers(window.regions(OURS))] == ["circle", "polygon", "line"]
    assert "3 markers beyond the image's projection left out" in caplog.text
    assert window.markers(OURS) == 3


def test_an_image_without_a_sky_refuses_regions_on_it_and_keeps_what_there_was(
    window: Probe, connection: mtv.Connection
) -> None:
    blank = mtv.Display(23, connection=connection)
    blank.mtv(np.zeros((50, 60), "f4"))
    blank.regions("image;circle(10,10,3)")
    for text in (
        'icrs;circle(150,30,5")',
        "fk5;polygon(150,30,151,30,150,31)",
        "image;circle(10,10,3);galactic;point(1,2)",
    ):
        with pytest.raises(mtv.RequestError, match="WCS"):
            blank.regions(text)
    assert window.markers(23) == 1


def test_regions_are_an_overlay_that_grows_is_replaced_and_is_erased(window: Probe, display: mtv.Display) -> None:
    display.regions(PIXELS, name="shapes")
    assert display.describe().overlays == {"shapes": len(parse(PIXELS).regions)}
    display.regions("circle(100,100,3)", name="shapes", replace=False)
    display.regions("circle(100,100,3)", name="shapes")
    assert display.describe().overlays == {"shapes": 1}
    display.erase("shapes")
    assert window.markers(OURS) == 0


def test_objects_of_astropys_package_are_drawn_where_it_has_them(window: Probe, display: mtv.Display) -> None:
    package = pytest.importorskip("regions")
    objects = package.Regions.parse(PIXELS.replace("physical\n", "image\n").split("line(")[0], format="ds9")
    display.regions(objects)
    ours = numbers(window.regions(OURS))
    theirs = numbers(loaded_by_ds9(window, objects.serialize(format="ds9")))
    assert len(ours) == len(theirs) == 4
    for mine, its in zip(ours, theirs, strict=True):
        assert mine[2] == pytest.approx(its[2], abs=0.01), mine[0]
