"""A compressed exposure of a Butler repository on a real window: first its image, then its mask."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pytest
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.waiting import until

import mtv

pytestmark = [
    pytest.mark.live("ds9", "Xvfb", "pyds9", "lsst.daf.butler"),
    pytest.mark.slow("a window and workers start in it", secs=40),
]
SHAPE_YX: Final = (3000, 3000)
PLACE: Final = (sample.XY0[0] + 2000, sample.XY0[1] + 1000)
"""Parent pixel that only the large exposure has."""
VALUE: Final = sample.image_of(23718, 41, (1001, 2001))[1000, 2000]
WAIT_SECS: Final = 120.0


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.build(tmp_path_factory.mktemp("repository") / "demo", large_yx=SHAPE_YX)


daemon = fixtures.own_daemon


@pytest.fixture(scope="module")
def served(repository: Path) -> dict[str, Path]:
    return {"demo": repository}


@pytest.fixture(autouse=True)
def small_exposure(daemon: LiveDaemon) -> None:
    """Show a small exposure with a dot on it; of the large one the daemon has decoded nothing yet."""
    display = mtv.Display(0, connection=daemon.connect())
    display.mtv(ref(display, 1214))
    display.dot("o", 120, 220)
    display.sync()


def ref(display: mtv.Display, visit: int) -> mtv.DatasetRef:
    repository = mtv.Repository("demo", connection=display.connection)
    (found,) = repository.query("calexp", collections=sample.CHAIN, instrument="HSC", visit=visit, detector=41)
    return found


def large(probe: Probe) -> bool:
    """Tell whether the window shows the large exposure's image."""
    found = probe.value(*PLACE)
    return bool(found) and float(found) == VALUE


def workers(daemon: LiveDaemon) -> list[psutil.Process]:
    assert daemon.process is not None
    children = psutil.Process(daemon.process.pid).children(recursive=True)
    return [child for child in children if "mtvd.repo.worker" in child.cmdline()]


@contextlib.contextmanager
def image_alone(daemon: LiveDaemon, probe: Probe, display: mtv.Display) -> Iterator[Future[Any]]:
    """Have the image on the screen, and whoever reads its mask stopped until the end."""
    target = ref(display, 23718)
    stopped: list[psutil.Process] = []
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(display.mtv, target)
        until(lambda: asked.done() or large(probe), pause_secs=0)
        assert not asked.done(), asked.exception() or "the mask came too soon"
        try:
            stopped = workers(daemon)
            for worker in stopped:
                worker.suspend()
            assert not asked.done()
            assert probe.masks() == 0
            yield asked
        finally:
            for worker in stopped:
                worker.send_signal(signal.SIGCONT)


def test_the_image_is_on_the_screen_before_its_mask_and_what_is_done_between_stays(daemon: LiveDaemon) -> None:
    display = mtv.Display(0, connection=daemon.connections[0])
    with daemon.probe() as probe:
        with image_alone(daemon, probe, display) as asked:
            loads = probe.tcl("[Frame0 get fits file name full 1]")
            assert probe.markers() == 0
            mtv.Display(0, connection=daemon.connect()).dot("o", *PLACE)
            probe.tcl("[Frame0 zoom to 0.5 0.5][Frame0 clip mode user][Frame0 clip user 3 900]")
        asked.result(WAIT_SECS)
        assert display.describe().mask.planes == sample.PLANES
        assert probe.masks() > 0
        assert large(probe)
        assert probe.markers() == 1
        assert probe.tcl("[Frame0 get zoom]") == "0.5 0.5"
        assert probe.tcl("[Frame0 get clip]") == "3 900"
        assert probe.tcl("[Frame0 get fits file name full 1]") == loads
        told = display.describe()
        assert (told.zoom, told.limits) == (0.5, (3.0, 900.0))
        two_steps = display.snapshot()
        display.mtv(ref(display, 1214))
        display.mtv(ref(display, 23718))
        display.zoom(0.5)
        mtv.Display(0, connection=daemon.connections[-1]).dot("o", *PLACE)
        assert display.snapshot() == two_steps, "as from the cache, where both come as one"


def test_a_mask_that_cannot_be_read_puts_the_display_back(daemon: LiveDaemon, repository: Path) -> None:
    display = mtv.Display(0, connection=daemon.connections[0])
    with daemon.probe() as probe:
        before = (display.snapshot(), display.describe(), probe.masks(), probe.markers())
        for number in range(10):  # on a busy machine the image can come and go between two looks
            path = daemon.directory / f"damaged-{number}.fits"
            path.write_bytes((repository / sample.RUN / "calexp" / "calexp_23718_41.fits").read_bytes())
            sample.damage_mask(path)
            seen = []
            with ThreadPoolExecutor(1) as pool:
                asked = pool.submit(display.mtv, path)
                while not asked.done():
                    seen.append(large(probe))
            error = asked.exception()
            assert isinstance(error, mtv.RequestError)
            assert error.code == "unreadable_file"
            assert (display.snapshot(), display.describe(), probe.masks(), probe.markers()) == before
            if any(seen):
                return
    pytest.fail("the image was never there")


def is_back(display: mtv.Display) -> bool:
    """Tell whether the connection, which has given the daemon up, has found the new one."""
    try:
        display.connection.status()
    except mtv.Unavailable:
        return False
    return True


def test_a_daemon_killed_between_shows_the_old_picture_and_then_image_and_mask(daemon: LiveDaemon) -> None:
    display = mtv.Display(0, connection=daemon.connections[0])
    with daemon.probe() as probe:
        small = probe.value(sample.XY0[0] + 1, sample.XY0[1] + 1)
        masks = probe.masks()
        with image_alone(daemon, probe, display) as asked:
            daemon.kill()
            assert isinstance(asked.exception(WAIT_SECS), mtv.Unavailable)
            assert large(probe)
        daemon.start()
        assert probe.value(sample.XY0[0] + 1, sample.XY0[1] + 1) == small
        assert (probe.masks(), probe.markers()) == (masks, 1)
        until(lambda: is_back(display), "the connection is not made anew")
        display.mtv(ref(display, 23718))
        assert display.describe().mask.planes == sample.PLANES
        assert large(probe)
        assert probe.masks() == masks
        assert np.isclose(float(probe.value(*PLACE)), VALUE)
