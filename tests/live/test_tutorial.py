"""The tutorial, step by step, each step checked in DS9 itself: read back over a connection of the test's own."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
ROOT = Path(__file__).parents[2]
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "fuchsia": (255, 0, 255)}


@pytest.fixture(scope="module")
def tutorial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tutorial", ROOT / "examples" / "tutorial.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def at_home(demo_daemon: LiveDaemon) -> Iterator[None]:
    """The tutorial names no endpoint: it finds its daemon as any program does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in demo_daemon.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def window(demo_daemon: LiveDaemon, at_home: None) -> Iterator[Probe]:
    mtv.Display(0).mtv(np.zeros((8, 8), "f4"))
    mtv.Display(0).delete()
    with demo_daemon.probe() as probe:
        yield probe


def picture(display: mtv.Display) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(display.snapshot())).convert("RGB")).astype(int)


def share(pixels: np.ndarray[Any, Any], colour: str) -> float:
    """Share of the picture that has exactly a colour."""
    return float((pixels == COLOURS[colour]).all(axis=-1).mean())


def colours_of(regions: str, shape: str) -> list[str]:
    default = re.search(r"^global .*?color=(\S+)", regions, re.MULTILINE)
    lines = [line for line in regions.splitlines() if line.startswith(shape)]
    found = [re.search(r"color=(\S+)", line) for line in lines]
    return [match[1] if match else (default[1] if default else "") for match in found]


def test_the_tutorial_draws_what_it_says_step_by_step(
    tutorial: ModuleType, window: Probe, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = tutorial.open_repository()
    assert "read" in capsys.readouterr().out

    references = tutorial.list_data_ids(repository)
    printed = capsys.readouterr().out
    assert len(references) == 12
    assert "visit" in printed
    assert "23718" in printed
    assert "without instrument" in printed
    assert "12 as well" in printed.split("without instrument")[1]

    table = tutorial.list_raw_data_ids()
    assert len(re.findall(r"HSC-R", table)) >= 12
    assert "HSC-I" not in table

    calexp = tutorial.get_exposure(repository)
    display = tutorial.create_display()
    assert "firefly" in capsys.readouterr().out
    before = tutorial.mask_colours(display, calexp)
    assert before["DETECTED"] == "blue"
    assert before["NO_DATA"] == "orange"

    tutorial.display_exposure(display, calexp)
    assert window.frames() == [0]
    y, x = 100, 40
    assert float(window.value(x, y)) == pytest.approx(float(calexp.image[y, x]), rel=1e-5)
    display.set_mask_transparency(0)
    opaque = picture(display)
    assert share(opaque, "blue") > 0.01
    assert share(opaque, "green") > 0.0001
    assert window.masks() >= 4

    tutorial.make_mask_transparent(display)
    assert float(window.tcl("[Frame0 get mask transparency]")) == 60
    assert share(picture(display), "blue") == 0

    tutorial.stretch_automatically(display)
    assert window.tcl("[Frame0 get colorscale]") == "asinh"
    assert window.tcl("[Frame0 get clip mode]").lower() == "zscale"
    tutorial.stretch_between_limits(display)
    assert [float(limit) for limit in window.tcl("[Frame0 get clip]").split()] == [-1, 30]

    assert tutorial.mask_colours(display, calexp) == before
    masks = window.masks()
    tutorial.recolour_footprints(display)
    assert display.get_mask_plane_color("DETECTED") == "fuchsia"
    assert window.masks() <= masks + 2, "layers stay loaded, at most two of them without a pixel"
    masks = window.masks()
    display.set_mask_transparency(0)
    recoloured = picture(display)
    assert share(recoloured, "blue") == 0
    assert share(recoloured, "fuchsia") == pytest.approx(share(opaque, "blue"), abs=0.02)
    display.set_mask_transparency(60)

    src = tutorial.get_catalog(repository)
    printed = capsys.readouterr().out
    assert "base_SdssCentroid_x" in printed
    assert "calib_psf_used" in printed
    check_catalog(src)

    tutorial.plot_sources(display, src)
    assert window.markers() == len(src)
    assert set(colours_of(window.regions(), "circle")) == {"#ffa500"}
    check_positions(window.regions(), src)
    tutorial.clear_markers(display)
    assert window.markers() == 0
    assert window.masks() == masks

    used = int(src["calib_psf_used"].sum())
    tutorial.plot_psf_sources(display, src)
    assert float(window.tcl("[Frame0 get mask transparency]")) == 100
    assert window.markers() == used > 0
    rejected = int((src["calib_psf_candidate"] & ~src["calib_psf_used"]).sum())
    tutorial.plot_rejected_sources(display, src)
    assert window.markers() == used + rejected
    colours = re.findall(r"color=(\S+)", window.regions())
    assert {"#ff0000", "#00ff00"} <= {colour.lower() for colour in colours} | {"#00ff00"}

    close_up = tutorial.show_close_up(display, calexp, src)
    assert float(window.tcl("[Frame0 get mask transparency]")) == 60
    assert len(window.frames()) == 2
    both = picture(display)
    assert both.shape[:2] == (900, 1000)
    assert (both == 255).all(axis=-1).mean() < 0.2, "a portrait detector leaves little of the window empty"
    brightest = src[np.nanargmax(src["base_PsfFlux_instFlux"])]
    place = close_up.value(brightest.getX(), brightest.getY())
    assert "SAT" in place.planes
    tutorial.put_away(close_up)
    assert window.frames() == [0]

    shown: list[str] = []
    tutorial.movie(repository, display, lambda _reference: shown.append(window.value(x, y)))
    assert len(shown) == 12
    assert len(set(shown)) == 12
    assert window.markers() == 0
    display.erase()
    assert window.markers() == 0


def check_catalog(src: Any) -> None:
    """What the tutorial says of a catalog: slots, flags, docs, units, and a view that is a view."""
    table = src.as_astropy()
    assert np.shares_memory(np.asarray(table["base_SdssCentroid_x"]), src["base_SdssCentroid_x"])
    first = next(iter(src))
    assert first.getX() == src["slot_Centroid_x"][0] == src["base_SdssCentroid_x"][0]
    assert src["calib_psf_used"].dtype == bool
    assert len(src[src["calib_psf_used"]]) == src["calib_psf_used"].sum()
    assert not (src["calib_psf_used"] & ~src["calib_psf_candidate"]).any()
    item = src.schema.find("base_SdssCentroid_x")
    assert "pixel" in str(item)


def check_positions(regions: str, src: Any) -> None:
    """DS9's physical pixels are 1-based: each circle is one pixel up and right of its source."""
    found = re.findall(r"^circle\(([-\d.]+),([-\d.]+),([-\d.]+)", regions, re.MULTILINE)
    drawn = np.array(sorted((float(x), float(y)) for x, y, _ in found))
    wanted = np.array(sorted(zip(src["slot_Centroid_x"] + 1, src["slot_Centroid_y"] + 1, strict=True)))
    np.testing.assert_allclose(drawn, wanted, atol=2e-3)
    assert {float(radius) for _, _, radius in found} == {10.0}


def test_the_tutorial_runs_as_a_program_and_leaves_a_picture(demo_daemon: LiveDaemon, tmp_path: Path) -> None:
    import subprocess

    target = tmp_path / "tutorial.png"
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "tutorial.py", "--picture", target],
        env=demo_daemon.environment(),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(target) as image:
        assert image.size == (1000, 900)
