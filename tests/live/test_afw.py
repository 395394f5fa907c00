"""Programs written for ``lsst.afw.display``, run as they are but for the import, and looked at in DS9 itself."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support import afw_programs
from tests.support.live_daemon import START_SECS, LiveDaemon, Probe
from tests.support.waiting import until

import mtv
import mtv.afw as afwDisplay  # noqa: N812 - as everybody imports it
from mtv.session import default

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
as_new = afw_programs.as_new
CANVAS = "$::ds9(canvas)"
BLUE, GREEN, ORANGE, RED = (0, 0, 255), (0, 255, 0), (255, 165, 0), (255, 0, 0)


@pytest.fixture(scope="module")
def connection(demo_daemon: LiveDaemon) -> Iterator[mtv.Connection]:
    """The connection that programs find which name none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "_default", demo_daemon.connect())
        yield mtv.default_connection()


@pytest.fixture(scope="module")
def at_home(connection: mtv.Connection, chain: str) -> mtv.Repository:
    return mtv.Repository(collections=chain, instrument="HSC")


@pytest.fixture(scope="module")
def calexp(at_home: mtv.Repository) -> Any:
    return at_home.get("calexp", visit=23718, detector=41)


@pytest.fixture(scope="module")
def src(at_home: mtv.Repository) -> Any:
    return at_home.get("src", visit=23718, detector=41)


@pytest.fixture(scope="module")
def window(demo_daemon: LiveDaemon, connection: mtv.Connection) -> Iterator[Probe]:
    mtv.Display(999).mtv(np.zeros((8, 8), "f4"))
    mtv.Display(999).delete()
    with demo_daemon.probe() as probe:
        yield probe


def picture(display: Any, keep: str = "") -> np.ndarray[Any, Any]:
    """Return the picture of a display, ``(y, x, rgb)``; ``keep`` names a file for people to look at."""
    data = display.snapshot()
    if keep and (place := os.environ.get("MTV_KEEP_PICTURES")):
        Path(place, keep).write_bytes(data)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def share(pixels: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> float:
    """Share of the picture that has exactly a colour."""
    return float((pixels == colour).all(axis=-1).mean())


def words(regions: str) -> list[str]:
    return re.findall(r"text\(.*?\{(.*?)\}", regions)


def test_a_notebook_for_firefly(as_new: None, window: Probe, calexp: Any, src: Any) -> None:
    afwDisplay.setDefaultBackend("firefly")
    afw_display = afwDisplay.Display(frame=1)
    afw_display.mtv(calexp)
    afw_display.setMaskTransparency(100)
    with afw_display.Buffering():
        for s in src:
            afw_display.dot("o", s.getX(), s.getY(), size=20, ctype="orange")
    assert window.markers(1) == len(src)
    pixels = picture(afw_display, "afw-firefly.png")
    assert share(pixels, BLUE) == 0
    assert share(pixels, ORANGE) > 0.001


def test_all_planes_are_hidden_but_one(as_new: None, window: Probe, calexp: Any) -> None:
    afw_display = afwDisplay.Display(frame=2)
    afw_display.scale("asinh", "zscale")
    afw_display.image(calexp)
    afw_display.setMaskTransparency(0)
    whole = picture(afw_display, "afw-all-planes.png")
    assert share(whole, BLUE) > 0.01
    assert share(whole, GREEN) > 0.0001
    afw_display.setMaskTransparency(100)
    assert share(picture(afw_display), BLUE) == 0
    afw_display.setMaskTransparency(0, "DETECTED")
    alone = picture(afw_display, "afw-detected-alone.png")
    assert share(alone, BLUE) >= share(whole, BLUE)
    assert share(alone, GREEN) == 0
    assert float(window.tcl("[Frame2 get mask transparency]")) == 0
    assert window.tcl("[Frame2 get colorscale]") == "asinh"


class Figure:
    """Stands for a figure of matplotlib."""


def test_a_notebook_for_matplotlib(as_new: None, window: Probe, calexp: Any) -> None:
    afwDisplay.setDefaultBackend("matplotlib")
    before = set(window.frames())
    figures = Figure(), Figure()
    for fig, stretch in zip(figures, ("asinh", "linear"), strict=True):
        display = afwDisplay.Display(frame=fig)
        display.scale(stretch, "zscale")
        display.image(calexp.image)
        display.show_colorbar(False)  # type: ignore[attr-defined]
    made = sorted(set(window.frames()) - before)
    assert [window.tcl(f"[Frame{frame} get colorscale]") for frame in made] == ["asinh", "linear"]


def test_a_task_that_is_debugged(as_new: None, window: Probe, calexp: Any) -> None:
    afwDisplay.setDefaultMaskTransparency(75)
    afwDisplay.getDisplay(3).scale("asinh", "zscale")
    display = afwDisplay.getDisplay(frame=3)
    display.mtv(calexp, title="calexp before repair")
    with display.Buffering():
        for number in range(5):
            display.dot("+", 30 * number, 40, ctype=afwDisplay.RED)
            display.dot(str(number), 30 * number, 60, size=3, ctype=afwDisplay.RED)
        display.dot("@:100,30,60", 60, 90, ctype=afwDisplay.GREEN)
        display.line([(0, 0), (50, 50), (100, 0)], ctype=afwDisplay.ORANGE)
    assert float(window.tcl("[Frame3 get mask transparency]")) == 75
    regions = window.regions(3)
    assert sorted(words(regions)) == list("01234")
    assert re.search(r"helvetica 15", regions), "size 3 is a font of 15 points"
    assert "ellipse(" in regions
    assert mtv.Display(3).describe().caption in {"calexp before repair", ""}
    picture(display, "afw-task.png")


def test_the_tutorial_of_the_pipelines(as_new: None, window: Probe, calexp: Any, src: Any) -> None:
    display = afwDisplay.getDisplay()
    display.image(calexp)
    display.setMaskTransparency(60)
    assert display.getMaskTransparency() == 60
    display.scale("asinh", "zscale")
    display.scale("asinh", -1, 30)
    assert [float(limit) for limit in window.tcl("[Frame0 get clip]").split()] == [-1, 30]
    assert {plane: display.getMaskPlaneColor(plane) for plane in ("DETECTED", "NO_DATA")} == {
        "DETECTED": "blue",
        "NO_DATA": "orange",
    }
    display.setMaskPlaneColor("DETECTED", "fuchsia")
    display.image(calexp)
    assert mtv.Display(0).get_mask_plane_color("DETECTED") == "fuchsia"
    display.centroids(src, size=10, ctype="orange")
    mtv.Display(0).sync()
    assert window.markers() == len(src)
    display.erase()
    used = src[src["calib_psf_used"]]
    display.setMaskTransparency(100)
    display.centroids(used, symbol="x", size=10, ctype="red")
    mtv.Display(0).sync()
    assert window.markers() == len(used)
    assert share(picture(display, "afw-tutorial.png"), RED) > 0.0001
    display.zoom(4, 205, 180)
    assert float(window.tcl("[Frame0 get zoom]").split()[0]) == 4


def test_images_are_aligned_on_the_sky(as_new: None, window: Probe, calexp: Any) -> None:
    for frame in (0, 1):
        display = afwDisplay.Display(frame=frame)
        display.image(calexp)
    display.alignImages(match_type="Standard")
    assert window.tcl("$::current(display)") == "tile"
    assert window.tcl("$::panzoom(lock)") == "wcs"
    display.alignImages(match_type="Pixel", lock_match=False)
    assert window.tcl("$::panzoom(lock)") == "none"
    mtv.arrange(tile=False)


def test_keys_end_the_interaction_and_others_draw_meanwhile(
    as_new: None, window: Probe, demo_daemon: LiveDaemon
) -> None:
    display = afwDisplay.Display(frame=0)
    heard: list[str] = []
    display.setCallback("a", lambda k, x, y: heard.append(k))
    task = threading.Thread(target=display.interact, daemon=True)
    task.start()
    until(lambda: any(session.subscribed for session in mtv.default_connection().status().sessions))
    other = mtv.Display(5, connection=demo_daemon.connect())
    other.mtv(np.zeros((20, 20), "f4"))
    assert task.is_alive()
    other.show()
    display.show()
    for key in "aq":
        window.tcl(f"[event generate {CANVAS} <Motion> -x 200 -y 200 -warp 1][update][focus -force {CANVAS}]")
        window.tcl(f"[event generate {CANVAS} <Key-{key}> -x 200 -y 200][update]")
    task.join(START_SECS)
    assert not task.is_alive()
    assert heard[:1] == ["a"]
