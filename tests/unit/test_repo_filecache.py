"""Files of other hosts are kept within a budget; nobody loses the file that he reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mtvd.repo.files.filecache import FileCache


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "files", budget_bytes=100)


def keep(cache: FileCache, key: str, size: int) -> None:
    file = cache.folder() / "file.fits"
    file.write_bytes(key[:1].encode() * size)
    cache.keep(key, ".fits", file)


def take(cache: FileCache, key: str) -> Path | None:
    return cache.take(key, ".fits", cache.folder())


def test_nothing_is_made_before_it_is_needed(cache: FileCache, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
    cache.folder()
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


def test_an_entry_is_found_by_its_key_and_has_its_suffix(cache: FileCache) -> None:
    keep(cache, "a", 10)
    found = take(cache, "a")
    assert found is not None
    assert (found.suffix, found.read_bytes()) == (".fits", b"a" * 10)
    assert take(cache, "b") is None


def test_the_least_used_entry_goes_first(cache: FileCache, tmp_path: Path) -> None:
    for number, key in enumerate("abc"):
        keep(cache, key, 30)
        entry = cache._entry(key, ".fits")
        os.utime(entry, (number, number))
    take(cache, "a")
    keep(cache, "d", 30)
    assert [key for key in "abcd" if take(cache, key)] == ["a", "c", "d"]
    assert cache.used_bytes == 90


def test_a_file_larger_than_all_is_not_kept_and_costs_no_other(cache: FileCache) -> None:
    keep(cache, "a", 30)
    keep(cache, "b", 101)
    assert take(cache, "a")
    assert take(cache, "b") is None


def test_who_reads_keeps_his_file_when_the_entry_goes(cache: FileCache) -> None:
    keep(cache, "a", 30)
    found = take(cache, "a")
    cache.drop("a", ".fits")
    assert found is not None
    assert found.read_bytes() == b"a" * 30
    assert take(cache, "a") is None


def test_two_workers_that_fetch_the_same_agree(cache: FileCache) -> None:
    keep(cache, "a", 30)
    keep(cache, "a", 30)
    assert cache.used_bytes == 30


def test_what_a_lost_worker_left_is_swept_and_no_living_one_s(cache: FileCache, tmp_path: Path) -> None:
    directory = tmp_path / "files"
    lost, living = directory / "worker-99999999", directory / f"worker-{os.getppid()}"
    for folder in (lost, living):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    cache.folder()
    assert not lost.exists()
    assert living.exists()
