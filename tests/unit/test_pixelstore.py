"""The pixel directory: budget, ownership, and files that are used again."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtv.shared import freefiles
from mtv.wire.errors import DaemonError, RequestError
from mtvd.host import allocating, pixel_names
from mtvd.host.pixel_directory import PixelDirectory
from mtvd.host.pixelstore import PixelStore

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
    taken = [freefiles.take(store.directory / pixel_names.new_name("mtv"), SIZE) for _ in range(2)]
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
    written = pixel_names.new_name("mtv")
    (store.directory / written).write_bytes(b"x")
    store.recycle([made(store)])
    before = set(store.names())
    for _ in range(3):
        assert store.sweep_orphans([kept]) == 0
    assert set(store.names()) == before
    assert {claimed, kept, written} < before


def test_a_copy_that_no_client_has_fetched_goes_after_a_while(store: PixelStore) -> None:
    name = pixel_names.new_name("out")
    (store.directory / name).write_bytes(b"x")
    assert store.sweep_orphans([]) == 0
    os.utime(store.directory / name, (0, 0))
    assert store.sweep_orphans([]) == 1


def test_files_of_clients_beyond_the_budget_are_refused_after_free_ones_have_gone(store: PixelStore) -> None:
    store.recycle([made(store) for _ in range(4)])
    (store.directory / pixel_names.new_name("mtv")).write_bytes(bytes(16 * SIZE))
    store.hold_budget()
    assert not free(store)
    assert store.room_bytes() == 0
    (store.directory / pixel_names.new_name("mtv")).write_bytes(b"x")
    with pytest.raises(DaemonError, match="no room"):
        store.hold_budget()


def test_free_files_give_way_where_the_file_system_is_full(store: PixelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.recycle([made(store)])

    def grow(descriptor: int, size: int) -> None:
        if free(store):
            raise allocating.storage_full(size)

    monkeypatch.setattr(allocating, "grow", grow)
    _, descriptor = store.create("mtv", 10)
    os.close(descriptor)


def broken(monkeypatch: pytest.MonkeyPatch, code: int, *names: str) -> None:
    """Let functions of the system fail."""

    def fail(*_args: object, **_options: object) -> Any:
        raise OSError(code, os.strerror(code), "/secret/path")

    for name in names:
        monkeypatch.setattr(os, name, fail)


@pytest.mark.parametrize(
    ("code", "told"),
    [(errno.ENOSPC, "storage_full"), (errno.EDQUOT, "storage_full"), (errno.EMFILE, "busy"), (5, "internal")],
)
@pytest.mark.parametrize(
    ("broke", "use"),
    [
        ("open", lambda store, _: store.create("mtv", SIZE)),
        ("posix_fallocate", lambda store, _: store.create("mtv", SIZE)),
        ("ftruncate", lambda store, _: store.create("mtv", SIZE)),
        ("scandir", lambda store, _: store.create("mtv", SIZE)),
        ("scandir", lambda store, _: store.names()),
        ("scandir", lambda store, _: store.used_bytes()),
        ("scandir", lambda store, _: store.hold_budget()),
        ("statvfs", lambda store, _: store.room_bytes()),
        ("link", lambda store, name: store.link(name)),
        ("rename", lambda store, name: store.adopt(name)),
        ("open", lambda store, name: store.copy(name, pixel_names.new_name("out"))),
        ("posix_fallocate", lambda store, name: store.copy(name, pixel_names.new_name("out"))),
        ("lstat", lambda store, name: store.check(name, 1)),
    ],
)
def test_what_the_system_refuses_is_an_error_of_the_wire_without_a_path(
    store: PixelStore,
    monkeypatch: pytest.MonkeyPatch,
    broke: str,
    use: Callable[[PixelStore, str], object],
    code: int,
    told: str,
) -> None:
    name = made(store)
    before = store.names()
    with monkeypatch.context() as patched:
        broken(patched, code, broke, *(["stat"] if broke == "lstat" else []))
        with pytest.raises(DaemonError) as raised:
            use(store, name)
    assert raised.value.error.code == told
    assert "secret" not in raised.value.error.message
    assert store.names() == before, "nothing is left behind"


def test_tidying_goes_on_whatever_the_system_refuses_and_says_so_once(
    store: PixelStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [made(store) for _ in range(3)]
    lent = f"feed-{os.getpid()}-0123456789abcdef.fits"
    store.lend([lent])
    with monkeypatch.context() as patched:
        broken(patched, errno.EIO, "unlink", "scandir", "listdir", "rename", "lstat")
        for _ in range(3):
            store.recycle(names[:1])
            store.remove(names[1:])
            store.trim()
            store.remove_written_by(1)
            store.take_back([lent], [])
            assert (store.sweep([]), store.sweep_orphans([])) == (0, 0)
            assert store.present(names) == set(names), "one that cannot be looked at is not gone"
            assert store.reuse("mtv", SIZE) is None
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == len({record.getMessage().partition(" failed")[0] for record in said})
    store.trim()
    assert store.names() == (), "it is tried again"


def test_a_pixel_directory_that_was_removed_is_made_again_for_its_owner_alone(
    store: PixelStore, caplog: pytest.LogCaptureFixture
) -> None:
    name = made(store)
    (store.directory / name).unlink()
    store.directory.rmdir()
    again = made(store)
    assert store.names() == (again,)
    assert store.directory.stat().st_mode & 0o777 == 0o700
    assert "1 files that were in use are gone" in caplog.text
    assert store.present([name, again]) == {again}
    with pytest.raises(RequestError, match="gone"):
        store.check(name, 1)


def test_a_name_with_a_number_that_no_process_can_have_is_that_of_nobody(store: PixelStore) -> None:
    for pid in ("9999999999", "0", "4194305"):
        (store.directory / f"mtv-{pid}-0123456789abcdef.fits").write_bytes(b"x")
    assert store.sweep([]) == 3


@pytest.mark.parametrize("way", ["create", "copy", "both"])
def test_files_that_are_made_at_once_stay_together_within_the_budget(
    store: PixelStore, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    source = made(store)
    start, together = threading.Barrier(8), threading.Barrier(8)
    used = PixelDirectory.used_bytes

    def look_together(directory: PixelDirectory) -> int:
        """Return what is used; where nothing keeps them apart, all have looked before the first goes on."""
        found = used(directory)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return found

    monkeypatch.setattr(PixelDirectory, "used_bytes", look_together)
    kept: list[str] = []
    refused: list[str] = []

    def work(number: int) -> None:
        start.wait()
        try:
            if way == "create" or (way == "both" and number % 2):
                name, descriptor = store.create("mtv", 3 * SIZE)
                os.close(descriptor)
            else:
                name = pixel_names.new_name("out")
                store.copy(source, name)
            kept.append(name)
        except DaemonError as error:
            refused.append(error.error.code)

    if way != "create":
        (store.directory / pixel_names.new_name("fill")).write_bytes(bytes(12 * SIZE))
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.used_bytes() <= store.budget_bytes
    assert kept
    assert set(refused) == {"storage_full"}


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory", "missing"])
def test_what_is_no_file_of_ours_is_neither_read_nor_copied_nor_waited_for(store: PixelStore, kind: str) -> None:
    name = f"mtv-{os.getpid()}-0123456789abcdef.fits"
    path = store.directory / name
    elsewhere = store.directory.parent / "secret"
    elsewhere.write_bytes(b"secret")
    if kind == "symlink":
        path.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    for use in (
        lambda: store.check(name, 0),
        lambda: store.open_file(name),
        lambda: store.open_file(name, writable=True),
        lambda: store.copy(name, pixel_names.new_name("out")),
    ):
        with pytest.raises(RequestError) as raised:
            use()
        assert raised.value.error.code == "bad_value"
    assert not [other for other in store.names() if other != name]
