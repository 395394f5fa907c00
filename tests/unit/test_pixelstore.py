"""The pixel directory: budget, ownership, and files that are used again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mtv import freefiles
from mtv.wire.errors import DaemonError, RequestError
from mtvd import pixelstore
from mtvd.pixelstore import PixelStore

SIZE = freefiles.LEAST_BYTES


@pytest.fixture
def store(tmp_path: Path) -> PixelStore:
    return PixelStore(tmp_path / "pixels", 16 * SIZE)


def made(store: PixelStore, size: int = SIZE, kind: str = "mtv") -> str:
    name, descriptor = store.create(kind, size)
    os.close(descriptor)
    return name


def free(store: PixelStore) -> list[str]:
    return [name for name in store.names() if freefiles.NAME.fullmatch(name)]


def test_a_recycled_file_is_taken_again_by_whoever_needs_its_size(store: PixelStore) -> None:
    first = made(store)
    inode = (store.directory / first).stat().st_ino
    store.recycle([first])
    assert len(free(store)) == 1
    assert store.reuse("mtv", SIZE + 1) is None
    taken = store.reuse("mtv", SIZE)
    assert taken is not None
    os.close(taken[1])
    assert (store.directory / taken[0]).stat().st_ino == inode
    assert store.reuse("mtv", SIZE) is None


def test_two_who_want_one_free_file_get_it_once(store: PixelStore) -> None:
    store.recycle([made(store)])
    taken = [freefiles.take(store.directory / pixelstore.new_name("mtv"), SIZE) for _ in range(2)]
    assert taken == [True, False]


def test_small_files_and_those_beyond_the_room_for_free_ones_are_removed(store: PixelStore) -> None:
    store.recycle([made(store, SIZE - 1)])
    assert store.names() == ()
    store.recycle([made(store) for _ in range(6)])
    assert len(free(store)) == 4, "a quarter of the budget"


def test_free_files_give_way_to_the_budget(store: PixelStore) -> None:
    store.recycle([made(store) for _ in range(4)])
    made(store, 14 * SIZE)
    assert free(store) == []
    with pytest.raises(DaemonError, match="no room"):
        made(store, 3 * SIZE)


def test_a_free_file_that_nobody_wants_is_removed_at_the_second_trim(store: PixelStore) -> None:
    store.recycle([made(store)])
    store.trim()
    assert len(free(store)) == 1
    store.trim()
    assert store.names() == ()


def test_a_free_file_cannot_be_claimed_and_does_not_outlive_a_start(store: PixelStore) -> None:
    store.recycle([made(store)])
    (name,) = free(store)
    with pytest.raises(RequestError, match="another request"):
        store.claim(name)
    assert store.sweep([]) == 1
    assert store.names() == ()


def test_a_file_that_is_gone_is_no_error_to_recycle(store: PixelStore) -> None:
    name = made(store)
    (store.directory / name).unlink()
    store.recycle([name])
    assert store.names() == ()
