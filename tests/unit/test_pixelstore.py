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


def test_bytes_with_a_second_name_are_not_written_over(store: PixelStore) -> None:
    first = made(store)
    second = store.link(first)
    store.recycle([first])
    assert (free(store), store.names()) == ([], (second,))
    store.recycle([second])
    assert len(free(store)) == 1


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


def orphan(store: PixelStore, kind: str = "mtv") -> str:
    """A file whose writer has gone: no process has the highest pid that Linux gives."""
    name = f"{kind}-4194304-0123456789abcdef.fits"
    (store.directory / name).write_bytes(b"x")
    return name


def test_a_file_of_a_crashed_client_goes_at_the_second_sweep_while_the_daemon_runs(store: PixelStore) -> None:
    name = orphan(store)
    assert store.sweep_orphans([]) == 0, "its request may still be on its way"
    assert store.sweep_orphans([]) == 1
    assert name not in store.names()


def test_sweeping_spares_what_is_kept_claimed_free_or_being_written(store: PixelStore) -> None:
    claimed = store.claim(orphan(store))
    kept = orphan(store, "mask")
    written = pixelstore.new_name("mtv")
    (store.directory / written).write_bytes(b"x")
    store.recycle([made(store)])
    before = set(store.names())
    for _ in range(3):
        assert store.sweep_orphans([kept]) == 0
    assert set(store.names()) == before
    assert {claimed, kept, written} < before


def test_a_copy_that_no_client_has_fetched_goes_after_a_while(store: PixelStore) -> None:
    name = pixelstore.new_name("out")
    (store.directory / name).write_bytes(b"x")
    assert store.sweep_orphans([]) == 0
    os.utime(store.directory / name, (0, 0))
    assert store.sweep_orphans([]) == 1


def test_files_of_clients_beyond_the_budget_are_refused_after_free_ones_have_gone(store: PixelStore) -> None:
    store.recycle([made(store) for _ in range(4)])
    (store.directory / pixelstore.new_name("mtv")).write_bytes(bytes(16 * SIZE))
    store.hold_budget()
    assert not free(store)
    assert store.room_bytes() == 0
    (store.directory / pixelstore.new_name("mtv")).write_bytes(b"x")
    with pytest.raises(DaemonError, match="no room"):
        store.hold_budget()


def test_free_files_give_way_where_the_file_system_is_full(store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.recycle([made(store)])

    def allocate(path: Path, size: int) -> int:
        if free(store):
            raise pixelstore.storage_full(size)
        return os.open(path, os.O_RDWR | os.O_CREAT)

    monkeypatch.setattr(pixelstore, "allocate", allocate)
    _, descriptor = store.create("mtv", 10)
    os.close(descriptor)
