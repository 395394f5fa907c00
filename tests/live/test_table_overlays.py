"""Selections of tables on the screen: DS9 has the regions, and the client never had the table."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tests.support import fixtures
from tests.support.live_daemon import LiveDaemon, Probe

import mtv
from mtv.wire import codec, messages, steps
from mtv.wire.errors import RequestError

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
FRAME = 60
REJECTED = "calib_psf_candidate & ~calib_psf_used"


repository = fixtures.demo_client
ref, src, window = fixtures.demo_ref, fixtures.demo_src, fixtures.demo_window


@pytest.fixture
def display(demo_daemon: LiveDaemon, repository: mtv.Repository, chain: str) -> Iterator[mtv.Display]:
    display = mtv.Display(FRAME, connection=demo_daemon.connect())
    (calexp,) = repository.query("calexp", collections=chain, instrument="HSC", visit=23718, detector=41)
    display.mtv(calexp)
    yield display
    display.erase()


def circles(window: Probe, how: str = "physical fk5") -> np.ndarray[Any, Any]:
    """Return x, y and radius of all circles, sorted by x."""
    text = window.tcl(f"[Frame{FRAME} marker list ds9 {how} degrees no]")
    found = re.findall(r"^circle\(([-\d.]+),([-\d.]+),([-\d.]+)", text, re.MULTILINE)
    return np.array(sorted(tuple(map(float, one)) for one in found)).reshape(-1, 3)


def sorted_rows(*columns: Any) -> np.ndarray[Any, Any]:
    return np.array(sorted(zip(*columns, strict=True)))


def test_a_selection_of_a_dataset_is_drawn_where_its_slots_say(
    window: Probe, display: mtv.Display, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    display.overlay("psf", ref, select="calib_psf_used", symbol="o", size=10, colour="red", exact=True)
    used = src[src["calib_psf_used"]]
    assert len(used) > 0
    drawn = circles(window)
    assert window.markers(FRAME) == len(used) == len(drawn)
    np.testing.assert_allclose(drawn[:, :2], sorted_rows(used.x + 1, used.y + 1), atol=2e-3)
    assert set(drawn[:, 2]) == {10.0}
    assert window.regions(FRAME).count("color=#ff0000") >= 1

    display.overlay("rejected", ref, select=REJECTED, symbol="+", colour="green")
    rejected = int((src["calib_psf_candidate"] & ~src["calib_psf_used"]).sum())
    assert window.markers(FRAME) == len(used) + rejected
    assert display.describe().overlays == {"psf": len(used), "rejected": rejected}
    display.overlay("psf", ref, select="calib_psf_used & (slot_Centroid_x < 0)", exact=True)
    assert window.markers(FRAME) == rejected, "no row is chosen: the overlay is empty"


def test_positions_in_the_sky_become_regions_of_the_sky(
    window: Probe, display: mtv.Display, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    display.overlay("sky", ref, select="calib_psf_used", system="sky", size=1.5, exact=True)
    used = src[src["calib_psf_used"]]
    in_sky = circles(window, "wcs icrs")
    wanted = sorted_rows(np.degrees(used["coord_ra"]), np.degrees(used["coord_dec"]))
    np.testing.assert_allclose(in_sky[:, :2], wanted, atol=2e-6)
    np.testing.assert_allclose(circles(window)[:, :2], sorted_rows(used.x + 1, used.y + 1), atol=0.5)


def test_a_handle_gives_sizes_by_a_column(
    window: Probe, display: mtv.Display, repository: mtv.Repository, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    with repository.load(ref) as handle:
        assert handle.shape == (len(src),)
        display.overlay(
            "shapes", handle, select="calib_psf_used", columns=("base_SdssCentroid_x", "slot_Centroid_y"),
            size="slot_Shape_xx", exact=True,
        )  # fmt: skip
    used = src[src["calib_psf_used"]]
    np.testing.assert_allclose(circles(window), sorted_rows(used.x + 1, used.y + 1, used["slot_Shape_xx"]), atol=2e-3)


def test_the_answer_holds_no_table_and_no_file_of_it_stays(
    demo_daemon: LiveDaemon, display: mtv.Display, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    connection = demo_daemon.connect()
    assert connection.pixel_directory is not None
    before = {path.name for path in connection.pixel_directory.iterdir()}
    step = steps.Overlay(display=FRAME, target=ref._mtv_source_(), select="calib_psf_used", exact=True)
    answer = connection.ask(step)
    assert isinstance(answer.reply, messages.Outcome)
    assert answer.reply.steps[0].markers == int(src["calib_psf_used"].sum())
    assert (len(answer.buffers), len(codec.encode(answer.reply)) < 500) == (0, True)
    left = {path.name for path in connection.pixel_directory.iterdir()} - before
    assert not [name for name in left if name.startswith(("cat-", "pos-"))]


def test_a_client_needs_no_numpy_to_draw_a_selection(
    demo_daemon: LiveDaemon, window: Probe, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    program = f"""
import sys, mtv
from mtv.wire.data import Dataset
mtv.Display({FRAME}).overlay("psf", Dataset(id={ref.id!r}), select="calib_psf_used", exact=True)
assert "numpy" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=demo_daemon.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert window.markers(FRAME) == int(src["calib_psf_used"].sum())


def test_the_command_draws_and_lists_a_selection(
    demo_daemon: LiveDaemon, window: Probe, chain: str, src: mtv.Catalog
) -> None:
    def run(*words: str) -> str:
        target = ("src", "instrument=HSC", "visit=23718", "detector=41", "--collections", chain)
        done = subprocess.run(
            [sys.executable, "-m", "mtv.cli", words[0], *target, *words[1:]],
            env=demo_daemon.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    rejected = src["calib_psf_candidate"] & ~src["calib_psf_used"]
    told = run("overlay", "--select", REJECTED, "-d", str(FRAME), "--name", "rejected", "--colour", "#00ff00")
    assert f"{rejected.sum()} marker" in told
    assert window.markers(FRAME) == rejected.sum()
    listed = run("catalog", "--select", REJECTED, "--columns", "id", "--csv").split()
    assert listed == ["id", *map(str, src["id"][rejected].tolist())]


def test_a_selection_that_fails_draws_nothing_of_its_transaction(
    window: Probe, display: mtv.Display, ref: mtv.DatasetRef
) -> None:
    def draw() -> None:
        with display.buffering():
            display.overlay("good", ref, select="calib_psf_used", exact=True)
            display.overlay("bad", ref, select="calib_psf_usd")

    with pytest.raises(RequestError) as caught:
        draw()
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "steps[1].select")
    assert "'calib_psf_used'" in caught.value.error.hint
    assert window.markers(FRAME) == 0


def test_files_of_tables_are_marked_too(window: Probe, display: mtv.Display, src: mtv.Catalog, tmp_path: Path) -> None:
    table = src.as_astropy()["id", "coord_ra", "coord_dec", "base_SdssCentroid_x", "base_SdssCentroid_y"]
    bright = src["slot_PsfFlux_instFlux"] > np.median(src["slot_PsfFlux_instFlux"])
    table["bright"] = bright
    table.meta.clear()
    for name, form in (("t.fits", "fits"), ("t.vot", "votable"), ("t.ecsv", "ascii.ecsv")):
        table.write(tmp_path / name, format=form)
        pixels = ("base_SdssCentroid_x", "base_SdssCentroid_y")
        display.overlay("file", tmp_path / name, select="bright", columns=pixels, exact=True)
        assert window.markers(FRAME) == bright.sum(), name
        wanted = sorted_rows(src.x[bright] + 1, src.y[bright] + 1)
        np.testing.assert_allclose(circles(window)[:, :2], wanted, atol=2e-3)
        display.overlay("file", tmp_path / name, select="~bright", system="sky", exact=True)
        assert window.markers(FRAME) == (~bright).sum(), name


def test_a_parquet_dataset_is_marked_as_the_catalog_that_it_was_made_of(
    window: Probe, display: mtv.Display, repository: mtv.Repository, chain: str, src: mtv.Catalog
) -> None:
    dataset = repository.dataset("sourceTable", collections=chain, instrument="HSC", visit=23718, detector=41)
    table = repository.get("sourceTable", collections=chain, instrument="HSC", visit=23718, detector=41)
    display.overlay("table", dataset, select="calib_psf_used", exact=True)
    used = table["calib_psf_used"]
    np.testing.assert_allclose(circles(window)[:, :2], sorted_rows(table.x[used] + 1, table.y[used] + 1), atol=2e-3)
    display.overlay("table", dataset, select="calib_psf_used", system="sky", size=1, exact=True)
    used_src = src[src["calib_psf_used"]]
    wanted = sorted_rows(np.degrees(used_src["coord_ra"]), np.degrees(used_src["coord_dec"]))
    np.testing.assert_allclose(circles(window, "wcs icrs")[:, :2], wanted, atol=2e-6)


def test_a_window_that_is_killed_comes_back_with_the_selection(
    demo_daemon: LiveDaemon, display: mtv.Display, ref: mtv.DatasetRef, src: mtv.Catalog
) -> None:
    display.overlay("psf", ref, select="calib_psf_used", exact=True)
    psutil.Process(demo_daemon.window_pid()).kill()
    display.dot("o", 10, 10, overlay="after")
    with demo_daemon.probe() as window:
        assert window.markers(FRAME) == int(src["calib_psf_used"].sum()) + 1


def test_the_real_catalog_is_chosen_from_and_marked(
    window: Probe, display: mtv.Display, repository: mtv.Repository, shared_data: Path
) -> None:
    path = shared_data / "sourceCatalog-hsc-v2.fits"
    real = repository.get(path)
    display.overlay("real", path, select="~base_PixelFlags_flag_edge & isfinite(slot_Centroid_x)", size=3, exact=True)
    chosen = ~real["base_PixelFlags_flag_edge"] & np.isfinite(real.x)
    np.testing.assert_allclose(circles(window)[:, :2], sorted_rows(real.x[chosen] + 1, real.y[chosen] + 1), atol=2e-3)
