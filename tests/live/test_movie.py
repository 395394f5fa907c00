"""Movies in a real window, of a real repository: what is on the screen, what ends them, files that are read back."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.live_daemon import START_SECS, LiveDaemon
from tests.support.waiting import until

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
QUERY: dict[str, Any] = {"instrument": "HSC", "collections": sample.CHAIN}
ORDER = [(visit, detector) for visit in sorted(sample.VISITS) for detector in sample.DETECTORS]
COUNT = len(ORDER)
LABELS = [f"calexp HSC {visit} {detector} ({place} of {COUNT})" for place, (visit, detector) in enumerate(ORDER, 1)]
CORNERS = [(0, 0), (59, 49), (30, 20)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.build(tmp_path_factory.mktemp("sample"))


daemon = fixtures.own_daemon


@pytest.fixture(scope="module")
def served(root: Path) -> dict[str, Path]:
    return {"sample": root}


@pytest.fixture
def repository(daemon: LiveDaemon) -> mtv.Repository:
    return mtv.Repository(connection=daemon.connect())


def on_screen(daemon: LiveDaemon) -> tuple[int, int]:
    """Return visit and detector of the image in the window: each has pixels of its own."""
    with daemon.probe() as window:
        found = [float(window.value(sample.XY0[0] + x, sample.XY0[1] + y)) for x, y in CORNERS]
    (where,) = [
        (visit, detector)
        for visit, detector in ORDER
        if found == [sample.image_of(visit, detector)[y, x] for x, y in CORNERS]
    ]
    return where


def picture(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def pictures_of(path: Path) -> list[np.ndarray[Any, Any]]:
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]


def mtv_command(daemon: LiveDaemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mtv.cli", "movie", *arguments],
        env=daemon.environment() | {"MTV_COLLECTIONS": sample.CHAIN},
        capture_output=True,
        text=True,
        timeout=START_SECS,
        check=True,
    )


def test_each_frame_has_the_pixels_of_its_dataset_also_when_stepped_and_sought(
    daemon: LiveDaemon, repository: mtv.Repository
) -> None:
    movie = repository.movie("calexp", order_by="visit", paused=True, **QUERY)
    for index in (0, 5, 2):
        assert movie.seek(index).label == LABELS[index]
        assert on_screen(daemon) == ORDER[index]
    assert movie.step().position == 3
    assert on_screen(daemon) == ORDER[3]
    movie.step(-3)
    assert on_screen(daemon) == ORDER[0]
    movie.speed(50)
    movie.play()
    state = movie.wait(START_SECS)
    assert (state.reason, state.position, state.failed) == ("end", COUNT - 1, 0)
    assert on_screen(daemon) == ORDER[-1], "the last frame stays"
    assert mtv.Display(0, connection=repository.connection).describe().label == LABELS[-1]


def test_stretch_zoom_mask_colours_and_lasting_overlays_stay(daemon: LiveDaemon, repository: mtv.Repository) -> None:
    display = mtv.Display(0, connection=repository.connection)
    movie = repository.movie("calexp", paused=True, order_by="visit", **QUERY)
    movie.seek(0)
    display.scale("asinh", 0, 900)
    display.zoom(3)
    display.pan(110, 220)
    display.set_mask_plane_color("BAD", "fuchsia")
    display.overlay("kept", [110.0], [220.0], symbol="o", lasting=True)
    movie.seek(4)
    report = display.describe()
    assert (report.stretch, report.limits, report.zoom, report.pan) == ("asinh", (0, 900), 3, (110, 220))
    assert report.mask.colours["BAD"] == "fuchsia"
    with daemon.probe() as window:
        assert window.markers() == 1
        assert window.masks() > 0
        assert float(window.tcl("[Frame0 get zoom]").split()[0]) == 3
    assert on_screen(daemon) == ORDER[4]


@pytest.mark.parametrize("name", ["movie.gif", "movie.mp4"])
def test_a_saved_movie_has_the_pictures_of_the_window(repository: mtv.Repository, tmp_path: Path, name: str) -> None:
    display = mtv.Display(0, connection=repository.connection)
    movie = repository.movie("calexp", component="image", detector=41, paused=True, fps=4, **QUERY)
    movie.seek(0)
    display.scale("linear", 200, 900)  # so that each has a grey of its own
    expected = []
    for index in range(movie.count):
        movie.seek(index)
        expected.append(picture(display.snapshot()))
    saved = movie.save(tmp_path / name)
    assert (saved.frames, saved.failed) == (3, 0)
    found = pictures_of(tmp_path / name)
    assert len(found) == 3
    height, width, _ = expected[0].shape
    size = (height, width) if name.endswith("gif") else (height + height % 2, width + width % 2)
    assert {one.shape[:2] for one in found} == {size}
    for index, one in enumerate(found):
        distances = [abs(one[:height, :width].astype(int) - other).mean() for other in expected]
        assert int(np.argmin(distances)) == index
        assert distances[index] < 3


def test_a_movie_is_saved_as_pictures_from_the_shell(daemon: LiveDaemon, tmp_path: Path) -> None:
    done = mtv_command(daemon, "calexp", "instrument=HSC", "detector=41", "--save", str(tmp_path / "frames"))
    assert done.stdout == f"{tmp_path}/frames: 3 frames\n"
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == ["00000.png", "00001.png", "00002.png"]
    pictures = [picture((tmp_path / "frames" / name).read_bytes()) for name in names]
    assert not (pictures[0] == pictures[1]).all()


def test_it_outlives_its_client_and_is_steered_from_another_shell(daemon: LiveDaemon) -> None:
    started = mtv_command(daemon, "calexp", "instrument=HSC", "--fps", "20", "--loop", "--background", "-d", "strip")
    assert "playing" in started.stdout
    connection = daemon.connect()
    until(lambda: bool(connection.status().movies) and connection.status().movies[0].shown > COUNT)
    status = subprocess.run(
        [sys.executable, "-m", "mtv.cli", "status"],
        env=daemon.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"movies +on strip: playing", status.stdout)
    assert "paused" in mtv_command(daemon, "--pause", "-d", "strip").stdout
    paused = connection.status().movies[0]
    other = (paused.position + 1) % COUNT  # the frame that it stands on is not drawn again
    assert f"{other + 1}/{COUNT}" in mtv_command(daemon, "--seek", str(other), "-d", "strip").stdout
    assert connection.status().movies[0].shown == paused.shown + 1
    assert "ended (stopped)" in mtv_command(daemon, "--stop", "-d", "strip").stdout
    assert connection.status().movies == ()


def test_another_image_ends_it_and_stays_on_the_screen(daemon: LiveDaemon, repository: mtv.Repository) -> None:
    movie = repository.movie("calexp", fps=100, loop=True, **QUERY)
    until(lambda: movie.state.shown > 3)
    other = mtv.Display(0, connection=daemon.connect())
    other.mtv(np.full((10, 20), 7, "f4"))
    state = movie.wait(START_SECS)
    assert (state.reason, state.failed) == ("replaced", 0)
    other.sync()
    with daemon.probe() as window:
        assert float(window.value(3, 3)) == 7


def test_it_goes_on_after_the_window_was_killed(daemon: LiveDaemon, repository: mtv.Repository) -> None:
    movie = repository.movie("calexp", fps=50, loop=True, **QUERY)
    until(lambda: movie.state.shown > 3)
    for _ in range(2):
        before = movie.state
        os.kill(daemon.window_pid(), signal.SIGKILL)
        until(lambda: movie.state.shown > before.shown + 5, movie.state)  # noqa: B023
    state = movie.pause()
    assert (state.state, state.failed) == ("paused", 0)
    assert LABELS[state.position].startswith(state.label[:16])
    on_screen(daemon)


def test_the_user_who_closes_the_window_is_not_given_another(daemon: LiveDaemon, repository: mtv.Repository) -> None:
    movie = repository.movie("calexp", fps=1, loop=True, **QUERY)
    until(lambda: movie.state.shown > 1)
    closing = movie.pause()
    with daemon.probe() as window:
        window.tcl("[after 500 QuitDS9]")
    assert movie.wait(START_SECS).reason == "closed"
    assert movie.state.shown == closing.shown
    until(lambda: repository.connection.status().window.state == "absent")


def test_it_ends_with_the_daemon_whose_next_run_shows_the_last_frame(
    daemon: LiveDaemon, repository: mtv.Repository
) -> None:
    movie = repository.movie("calexp", fps=50, loop=True, **QUERY)
    until(lambda: movie.state.shown > 3)
    daemon.kill()
    daemon.start()
    connection = daemon.connect()
    assert connection.status().movies == ()
    on_screen(daemon)
    with pytest.raises(mtv.RequestError) as caught:
        movie.pause()
    assert caught.value.code == "not_found"
    again = mtv.Repository(connection=connection).movie("calexp", fps=50, loop=True, **QUERY)
    until(lambda: again.state.shown > 3)
    assert daemon.stop() == 0


def test_a_dataset_whose_file_is_gone_is_passed_over(
    daemon: LiveDaemon, root: Path, repository: mtv.Repository
) -> None:
    path = root / sample.RUN / "calexp" / "calexp_23694_42.fits"
    aside = path.rename(path.with_suffix(".aside"))
    try:
        state = repository.movie("calexp", order_by="visit", fps=50, every=True, **QUERY).wait(START_SECS)
    finally:
        aside.rename(path)
    assert (state.reason, state.shown, state.failed) == ("end", COUNT - 1, 1)
    assert state.error is not None
    assert state.error.code == "unreadable_file"
