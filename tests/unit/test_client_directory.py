"""Watches of a directory: files are shown once they are whole, whoever writes them however slowly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mtv
from mtv.streams import directory
from mtv.streams.directory import Files, watch_directory
from mtv.testing import ScriptedDaemon
from mtv.wire.data import File
from mtv.wire.errors import RequestError
from mtv.wire.steps import Mtv

BLOCK = b"x" * 2880


class Clock:
    """Stands for `time` in `mtv.streams.directory`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(directory, "time", made)
    return made


class Night:
    """A directory with files that is looked at every half second."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self.files = Files(path, mtv.Display(), hdu=None, settle_secs=1.0)

    def look(self) -> list[str]:
        self.clock.now += 0.5
        return [path.name for path in self.files.look()]

    def looks(self, count: int = 4) -> list[str]:
        return [name for _ in range(count) for name in self.look()]

    def write(self, name: str, data: bytes = BLOCK, *, mtime: int | None = None) -> Path:
        path = self.path / name
        path.write_bytes(data)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path


@pytest.fixture
def night(tmp_path: Path, clock: Clock) -> Night:
    made = Night(tmp_path / "night", clock)
    made.path.mkdir()
    made.write("before.fits")
    assert made.look() == []
    return made


def test_a_new_file_is_told_once_when_it_has_settled(night: Night) -> None:
    night.write("a.fits")
    assert [night.look() for _ in range(5)] == [[], [], ["a.fits"], [], []]


def test_a_file_that_is_written_slowly_is_never_told_half(night: Night) -> None:
    with (night.path / "slow.fits").open("wb") as file:
        for _ in range(10):
            file.write(BLOCK[:1440])
            file.flush()
            assert night.look() == []
        file.write(BLOCK)
        file.flush()
        assert [night.look() for _ in range(3)] == [[], [], ["slow.fits"]]


def test_a_file_of_no_whole_blocks_waits_longer(night: Night) -> None:
    night.write("short.fits", BLOCK + b"x")
    night.write("short.fits.gz", b"xyz")
    assert night.looks(10) == ["short.fits.gz"]
    assert night.looks(12) == ["short.fits"]


def test_a_file_renamed_into_place_is_told_under_its_name(night: Night) -> None:
    written = night.write(".a.fits.part")
    assert night.looks() == []
    written.rename(night.path / "a.fits")
    assert night.looks() == ["a.fits"]


def test_a_file_that_changes_is_told_again_also_one_that_was_there_before(night: Night) -> None:
    night.write("before.fits", BLOCK * 2)
    assert night.looks() == ["before.fits"]
    night.write("before.fits", BLOCK, mtime=5)
    assert night.looks() == ["before.fits"]
    night.write("other.fits", BLOCK, mtime=5).rename(night.path / "before.fits")
    assert night.looks() == ["before.fits"]


def test_files_are_told_in_the_order_of_their_last_change(night: Night) -> None:
    for name, mtime in (("c.fits", 10), ("a.fits", 30), ("b.fits", 20)):
        night.write(name, mtime=mtime)
    assert night.looks() == ["c.fits", "b.fits", "a.fits"]


def test_only_fits_files_count(night: Night) -> None:
    for name in ("a.fits.part", "a.fits~", ".a.fits", "fits", "a.txt", "a.FIT", "a.fits.fz", "b.fits.gz"):
        night.write(name)
    (night.path / "d.fits").mkdir()
    (night.path / "gone.fits").symlink_to(night.path / "nowhere")
    night.write("empty.fits", b"")
    assert sorted(night.looks()) == ["a.FIT", "a.fits.fz", "b.fits.gz"]


def test_a_file_that_goes_and_comes_back_is_new(night: Night) -> None:
    path = night.write("a.fits", mtime=5)
    assert night.looks() == ["a.fits"]
    path.rename(night.path / "away")
    night.looks()
    (night.path / "away").rename(path)
    assert night.looks() == ["a.fits"]


def test_all_files_of_a_directory_that_comes_later_are_new(tmp_path: Path, clock: Clock) -> None:
    night = Night(tmp_path / "later", clock)
    with pytest.raises(RequestError) as caught:
        night.look()
    assert (caught.value.code, caught.value.error.where) == ("not_found", "directory")
    night.path.mkdir()
    night.write("a.fits")
    assert night.looks() == ["a.fits"]
    away = night.path.rename(tmp_path / "away")
    with pytest.raises(RequestError):
        night.look()
    away.rename(night.path)
    assert night.looks() == []


def test_there_is_a_bound_on_the_number_of_files(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MOST_FILES", 2)
    night.write("a.fits")
    assert night.looks() == ["a.fits"]
    night.write("b.fits")
    with pytest.raises(RequestError) as caught:
        night.look()
    assert (caught.value.code, caught.value.error.where) == ("bad_value", "directory")


# Into a display


def test_the_newest_file_is_shown_with_its_hdu(daemon: ScriptedDaemon, tmp_path: Path) -> None:
    with mtv.connect(daemon.endpoint) as connection:
        watch = watch_directory(
            tmp_path, display="live", hdu="SCI", settle_secs=0, every_secs=0.01, limit=1, connection=connection
        )
        watch._look()
        for number, name in enumerate(("a.fits", "b.fits", "c.fits")):
            (tmp_path / name).write_bytes(BLOCK)
            os.utime(tmp_path / name, (number, number))
        assert list(watch) == [tmp_path / "c.fits"]
    assert watch.counts == (3, 1, 2, 0, 0, 0)
    (step,) = daemon.steps
    assert isinstance(step, Mtv)
    assert (step.display, step.target) == ("live", File(path=str(tmp_path / "c.fits"), hdu="SCI"))


def test_the_public_name_is_there() -> None:
    assert mtv.watch_directory is watch_directory


def test_without_a_daemon_a_watch_is_refused_at_once_though_its_directory_is_not_there_either(tmp_path: Path) -> None:
    with mtv.Connection(f"ipc://{tmp_path}/nobody.sock") as connection, pytest.raises(mtv.Unavailable):
        mtv.watch_directory(tmp_path / "later", connection=connection)
