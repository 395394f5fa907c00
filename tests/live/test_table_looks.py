"""Looks of tables, texts, raws and kept limits on the screen: DS9 has the regions and pixels that were asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import fixtures, raws
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
FRAME = 61

repository = fixtures.demo_client
ref, src, window = fixtures.demo_ref, fixtures.demo_src, fixtures.demo_window


@pytest.fixture
def display(demo_daemon: LiveDaemon, repository: mtv.Repository, chain: str) -> Iterator[mtv.Display]:
    display = mtv.Display(FRAME, connection=demo_daemon.connect())
    (calexp,) = repository.query("calexp", collections=chain, instrument="HSC", visit=23718, detector=41)
    display.mtv(calexp)
    yield display
    display.erase()
    display.scale("linear", "zscale")


def drawn(window: Probe) -> list[tuple[float, float, float, str]]:
    """Return x, y, radius and colour of all circles, by x."""
    text = window.tcl(f"[Frame{FRAME} marker list ds9 physical fk5 degrees no]")
    found = re.findall(r"^circle\(([-\d.]+),([-\d.]+),([-\d.]+)\)[^\n]*?color=(\S+)", text, re.MULTILINE)
    return sorted((float(x), float(y), float(size), colour) for x, y, size, colour in found)


def run(daemon: LiveDaemon, *words: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mtv.cli", *words, "-d", str(FRAME)],
        env=daemon.environment(), capture_output=True, text=True, check=False, input=stdin,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_sizes_and_colours_come_from_the_rows_of_a_dataset(
    window: Probe, display: mtv.Display, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    flux = src["slot_PsfFlux_instFlux"]
    display.overlay(
        "src",
        ref,
        select="slot_PsfFlux_instFlux > 1",
        size="log10(slot_PsfFlux_instFlux) * 3",
        colour="calib_psf_used ? #ff0000 : slot_PsfFlux_instFlux > 1000 ? #0000ff : #00ff00",
        exact=True,
    )
    rows = np.flatnonzero(flux > 1)
    wanted = sorted(
        (src.x[row] + 1, src.y[row] + 1, np.log10(flux[row]) * 3,
         "#ff0000" if src["calib_psf_used"][row] else "#0000ff" if flux[row] > 1000 else "#00ff00")
        for row in rows
    )  # fmt: skip
    found = drawn(window)
    assert len(found) == len(wanted) > 10
    np.testing.assert_allclose([one[:3] for one in found], [one[:3] for one in wanted], rtol=1e-4, atol=2e-3)
    assert [one[3] for one in found] == [one[3] for one in wanted]


@pytest.mark.parametrize("road", ["file", "standard input"])
def test_a_text_is_marked_as_the_table_that_it_is(
    demo_daemon: LiveDaemon, window: Probe, tmp_path: Path, road: str
) -> None:
    text = "x,y,mag,used\n100,200,20,True\n300,400,22,False\n500,600,24,\n"
    (tmp_path / "t.csv").write_text(text)
    given = (str(tmp_path / "t.csv"), "") if road == "file" else ("-", text)
    look = (
        "--select",
        "mag < 23",
        "--size",
        "30 - mag",
        "--colour",
        "used ? #ff0000 : #00ff00",
        "--name",
        "csv",
        "--exact",
    )
    assert "2 markers in overlay 'csv'" in run(demo_daemon, "overlay", given[0], *look, stdin=given[1])
    assert drawn(window) == [(101, 201, 10, "#ff0000"), (301, 401, 8, "#00ff00")]


def test_an_overlay_that_is_named_is_drawn_anew_and_one_without_a_name_is_added_to(
    demo_daemon: LiveDaemon, window: Probe
) -> None:
    named = ("--name", "a")
    for options, count in ((named, 1), (named, 1), ((*named, "--add"), 2), ((), 3), ((), 4), (("--replace",), 3)):
        run(demo_daemon, "overlay", "--at", "100,100", *options)
        assert window.markers(FRAME) == count, options


def test_a_sexagesimal_position_is_where_its_degrees_are(
    demo_daemon: LiveDaemon, window: Probe, src: mtv.Catalog, tmp_path: Path
) -> None:
    from astropy.coordinates import SkyCoord

    place = SkyCoord(src["coord_ra"][5], src["coord_dec"][5], unit="rad")
    (tmp_path / "t.txt").write_text(
        f"name RAJ2000 DEJ2000\na {place.ra.to_string('hour', sep=':', precision=4)} "
        f"{place.dec.to_string('deg', sep=':', precision=4)}\n"
    )
    run(demo_daemon, "overlay", str(tmp_path / "t.txt"), "--sky", "--size", "2")
    ((x, y, *_),) = drawn(window)
    np.testing.assert_allclose((x, y), (src.x[5] + 1, src.y[5] + 1), atol=0.2)


def test_a_raw_is_shown_whole_and_its_note_is_told(
    display: mtv.Display, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole: Any = raws.detector()
    path = raws.write_raw(tmp_path / "raw.fits", whole, raws.lsst(), width=16, height=40)
    display.mtv(path)
    assert "16 amplifiers are put together" in caplog.text
    assert tuple(display.describe().shape) == (80, 128)


def test_kept_limits_that_show_nothing_are_told(display: mtv.Display, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(1).normal(0, 5, (200, 300)).astype("f4")
    display.mtv(noise)
    display.scale("asinh", -20, 20)
    display.mtv(noise + 1)
    assert "kept from the image before" not in caplog.text
    display.mtv(noise + 5000)
    assert "the limits -20..20, kept from the image before, show nothing of this one" in caplog.text


def test_a_snapshot_shows_and_saves_itself(display: mtv.Display, tmp_path: Path) -> None:
    picture = display.snapshot()
    assert picture.size is not None
    assert picture.save(tmp_path / "a.png").read_bytes() == picture
    assert picture._repr_png_() == bytes(picture)
