"""Watches into a real window, of a repository that a pipeline of its own process fills, and of a directory."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.support import fixtures
from tests.support import repo_sample as sample
from tests.support.landing import Pipeline
from tests.support.live_daemon import START_SECS, LiveDaemon

import mtv
from mtv.streams import watching
from mtv.streams.watching import Watch, WatchCounts

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
LULL_SECS = 60
PAUSE = threading.Event()


root, daemon = fixtures.own_sample, fixtures.own_daemon


@pytest.fixture
def served(root: Path) -> dict[str, Path]:
    return {"hsc": root}


@pytest.fixture
def repository(daemon: LiveDaemon) -> mtv.Repository:
    return mtv.Repository("hsc", connection=daemon.connect())


def begun(watch: Watch[mtv.DatasetRef]) -> Watch[mtv.DatasetRef]:
    """Return a watch that has had its first look: what is put from now on is new."""
    watch._look()
    return watch


def shown_pixel(daemon: LiveDaemon, x: float = 100, y: float = 200) -> float:
    with daemon.probe() as window:
        return float(window.value(x, y))


def expected(visit: int, detector: int) -> float:
    return float(sample.image_of(visit, detector)[0, 0])


def adds_up(counts: WatchCounts) -> bool:
    return counts.seen == counts.shown + counts.passed_over + counts.failed + counts.waiting


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECS
    while not condition():
        assert time.monotonic() < deadline
        PAUSE.wait(0.02)


def test_datasets_of_a_pipeline_of_another_process_are_shown_as_they_come(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path
) -> None:
    watch = begun(repository.watch("calexp", collections=sample.CHAIN, every_secs=0.2, timeout_secs=LULL_SECS))
    command = [sys.executable, "-m", "tests.support.landing", str(root), "12", "0.3"]
    environment = daemon.environment()
    environment["PYTHONPATH"] += f":{Path(__file__).parents[2]}"
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as pipeline:
        for ref in watch:
            assert shown_pixel(daemon) == expected(ref["visit"], 41)
            if watch.counts.seen == 12 and not watch.counts.waiting:
                break
        assert pipeline.wait(START_SECS) == 0
    assert watch.counts.shown > 3
    assert watch.counts.failed == 0
    assert adds_up(watch.counts)
    assert ref["visit"] == 30_011


def test_of_a_burst_of_fifty_the_newest_is_in_the_window_and_the_view_stays(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path
) -> None:
    display = mtv.Display(0, connection=repository.connection)
    with Pipeline(root) as pipeline:
        watch = begun(repository.watch("calexp", every_secs=0.1, limit=2))
        first = pipeline.put((1214, 41))
        assert next(watch).id == first[0]
        display.scale("asinh", 0, 500)
        display.zoom(3)
        display.pan(120, 220)
        visits = pipeline.visits(25)
        ids = pipeline.put(*((visit, detector) for visit in visits for detector in sample.DETECTORS))
        assert [ref.id for ref in watch] == [ids[-1]]
    assert watch.counts == (51, 2, 49, 0, 0, 0)
    assert shown_pixel(daemon) == expected(visits[-1], 42)
    report = display.connection.status().displays[0]
    assert (report.stretch, report.limits, report.zoom, report.pan) == ("asinh", (0, 500), 3, (120, 220))


def test_a_catalog_that_comes_later_is_drawn_on_its_image(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path
) -> None:
    with Pipeline(root) as pipeline:
        options = {"catalog": "src", "select": "calib_psf_candidate", "size": 3}
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=1.0, **options))  # type: ignore[arg-type]
        pipeline.put((1214, 41))
        next(watch)
        with daemon.probe() as window:
            assert window.markers() == 0
        pipeline.put((1214, 42), name="src")
        assert list(watch) == []
        assert watch.counts.catalogs == 0, "that is another detector's"
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=2.0, **options))  # type: ignore[arg-type]
        pipeline.put((23694, 41))
        next(watch)
        pipeline.put((23694, 41), name="src")
        assert list(watch) == []
        assert watch.counts.catalogs == 1
    with daemon.probe() as window:
        assert window.markers() == sample.ROWS // 2


def test_a_dataset_without_a_file_is_shown_when_the_file_is_there(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path
) -> None:
    from lsst.daf.butler import FileDataset

    from mtvd.demo.registry import StandInFormatter

    with Pipeline(root) as pipeline:
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=1.0))
        ref = pipeline.announce((1214, 41))
        assert list(watch) == []
        assert watch.counts == (1, 0, 1, 0, 0, 0)
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=LULL_SECS))
        ref = pipeline.announce((1214, 42))
        watch._look()
        assert watch._show() is None
        path = pipeline.written(1214, 42)
        pipeline.butler.ingest(FileDataset(str(path), ref, formatter=StandInFormatter), transfer="direct")
        assert next(watch).id == str(ref.id)
    assert shown_pixel(daemon) == expected(1214, 42)


def test_a_dataset_whose_file_is_still_short_is_never_shown(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE_SECS", START_SECS)
    with Pipeline(root) as pipeline:
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=LULL_SECS))
        pipeline.put((1214, 41))
        path = pipeline.path(1214, 41)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2 // 2880 * 2880])
        watch._look()
        for _ in range(3):
            assert watch._show() is None
        path.write_bytes(whole)
        next(watch)
    assert watch.counts == (1, 1, 0, 0, 0, 0)
    assert shown_pixel(daemon) == expected(1214, 41)


def test_nothing_is_lost_while_the_daemon_is_away(daemon: LiveDaemon, repository: mtv.Repository, root: Path) -> None:
    with Pipeline(root) as pipeline:
        watch = begun(repository.watch("calexp", every_secs=0.1, timeout_secs=LULL_SECS))
        pipeline.put((1214, 41))
        next(watch)
        daemon.kill()
        pipeline.put((1214, 42))
        ids = pipeline.put((23694, 41))
        daemon.start()
        assert next(watch).id == ids[0]
    assert watch.counts == (3, 2, 1, 0, 0, 0)
    assert shown_pixel(daemon) == expected(23694, 41)


def test_a_registry_that_is_locked_is_waited_for(repository: mtv.Repository, root: Path) -> None:
    notes: list[str] = []
    with Pipeline(root) as pipeline:
        watch = begun(repository.watch("calexp", every_secs=0.05, timeout_secs=LULL_SECS, on_note=notes.append))
        found = pipeline.put((1214, 41))
        with closing(sqlite3.connect(root / "gen3.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            watch._look()
            assert watch.counts.seen == 0
            other.execute("ROLLBACK")
        assert next(watch).id == found[0]
    assert "locked" in notes[0]
    assert notes[1:] == ["going on"]


def test_a_repository_that_is_moved_or_not_there_yet_is_waited_for(
    daemon: LiveDaemon, repository: mtv.Repository, root: Path
) -> None:
    notes: list[str] = []
    away = root.rename(root.with_name("away"))
    watch = repository.watch("calexp", every_secs=0.05, timeout_secs=LULL_SECS, on_note=notes.append)
    watch._look()
    assert "no Butler repository" in notes[0]
    away.rename(root)
    next(watch)
    assert watch.counts.seen == 6, "all that it has once it is there is new"
    with Pipeline(root) as pipeline:
        found = pipeline.put((1214, 41))
    root.rename(away)
    watch._look()
    assert len(notes) == 3
    away.rename(root)
    assert next(watch).id == found[0]
    assert notes[1] == notes[3] == "going on"
    assert adds_up(watch.counts)


def test_a_watch_does_not_hold_up_a_pipeline(repository: mtv.Repository, root: Path) -> None:
    """Puts take as long with a watch that looks without pause as without one."""
    with Pipeline(root) as pipeline:
        visits = pipeline.visits(60)

        def median_secs(some: list[int]) -> float:
            took = []
            for visit in some:
                began = time.monotonic()
                pipeline.put((visit, 41))
                took.append(time.monotonic() - began)
            return float(np.median(took))

        alone = median_secs(visits[:30])
        with begun(repository.watch("calexp", every_secs=0.05)) as watch:
            thread = threading.Thread(target=lambda: [None for _ in watch], daemon=True)
            thread.start()
            watched = median_secs(visits[30:])
            wait_until(lambda: watch.counts.seen == 30)
        thread.join(START_SECS)
    assert adds_up(watch.counts)
    assert watched < 3 * alone + 0.05


# A directory


def test_a_file_that_is_written_slowly_is_shown_once_and_whole(daemon: LiveDaemon, tmp_path: Path) -> None:
    night = tmp_path / "night"
    night.mkdir()
    whole = tmp_path / "whole.fits"
    sample.write_exposure(whole, 23718, 41)
    data = whole.read_bytes()
    watch = mtv.watch_directory(
        night, every_secs=0.05, settle_secs=0.4, timeout_secs=LULL_SECS, connection=daemon.connect()
    )
    watch._look()

    def write() -> None:
        with (night / "slow.fits").open("wb") as file:
            for begin in range(0, len(data), 5760):
                file.write(data[begin : begin + 5760])
                file.flush()
                PAUSE.wait(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    path = next(watch)
    assert path.stat().st_size == len(data)
    writer.join()
    assert watch.counts == (1, 1, 0, 0, 0, 0)
    assert shown_pixel(daemon) == expected(23718, 41)


def test_a_file_whose_writer_stops_half_way_is_not_shown_before_it_is_whole(daemon: LiveDaemon, tmp_path: Path) -> None:
    night = tmp_path / "night"
    night.mkdir()
    fits.PrimaryHDU(np.full((200, 300), 7, "f4")).writeto(tmp_path / "whole.fits")
    data = (tmp_path / "whole.fits").read_bytes()
    watch = mtv.watch_directory(
        night, every_secs=0.05, settle_secs=0.05, timeout_secs=LULL_SECS, connection=daemon.connect()
    )
    watch._look()
    path = night / "half.fits"
    path.write_bytes(data[: len(data) // 2 // 2880 * 2880])
    while not watch.counts.waiting:
        watch._wait(None)
        watch._look()
    assert watch._show() is None
    with path.open("ab") as file:
        file.write(data[path.stat().st_size :])
    assert next(watch) == path
    assert watch.counts.shown == 1
    assert watch.counts.failed == 0
    assert shown_pixel(daemon, 299, 199) == 7
    assert adds_up(watch.counts)
