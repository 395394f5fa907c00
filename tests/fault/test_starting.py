"""Where a daemon may start: not where another runs, listens or has its pixels; and what it says where it cannot."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from tests.fault.conftest import RawClient

from mtv.wire import reports, requests
from mtvd.app import App, application
from mtvd.front.zsocket import CannotListen, RouterSocket
from mtvd.host import locks
from mtvd.settings.config import ConfigError, Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        runtime_directory=str(tmp_path / "r"), pixel_directory=str(tmp_path / "p"), endpoint=f"ipc://{tmp_path}/s"
    )


def elsewhere(settings: Settings, *same: str) -> Settings:
    """Return settings of another daemon that has but some paths in common."""
    other = {name: f"{getattr(settings, name)}2" for name in ("runtime_directory", "pixel_directory", "endpoint")}
    return msgspec.structs.replace(settings, **{name: path for name, path in other.items() if name not in same})


@pytest.fixture
async def first(settings: Settings) -> AsyncIterator[App]:
    async with application(settings) as app:
        yield app


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def is_served(endpoint: str) -> bool:
    """Tell whether a daemon answers there."""
    with zmq.Context[zmq.Socket[bytes]]() as context:
        client = RawClient(context, endpoint)
        try:
            return isinstance(await client.ask(requests.Status()), reports.Report)
        finally:
            client.socket.close(0)


@pytest.mark.parametrize(
    ("same", "told"),
    [
        ("runtime_directory", "already runs here"),
        ("endpoint", "already listens at ipc://"),
        ("pixel_directory", "already has its pixels in"),
    ],
)
async def test_a_second_daemon_is_refused_what_the_first_one_has(
    first: App, settings: Settings, same: str, told: str
) -> None:
    second = elsewhere(settings, same)
    with pytest.raises(ConfigError, match=told) as raised:
        async with application(second):
            pass
    assert f"(pid {os.getpid()})" in str(raised.value)
    assert "mtv down" in str(raised.value)
    assert await is_served(settings.endpoint)
    assert not {"s2", "s2.lock"} & names(Path(settings.runtime_directory).parent), "nothing is left"


async def test_two_daemons_with_nothing_in_common_run_side_by_side(first: App, settings: Settings) -> None:
    second = elsewhere(settings)
    async with application(second):
        assert await is_served(settings.endpoint)
        assert await is_served(second.endpoint)
    assert await is_served(settings.endpoint)


async def test_a_daemon_that_ends_leaves_no_lock_and_the_next_one_starts(settings: Settings, tmp_path: Path) -> None:
    for _ in range(2):
        async with application(settings):
            assert await is_served(settings.endpoint)
        assert {"s", "s.lock"}.isdisjoint(names(tmp_path))


async def test_a_daemon_that_ends_leaves_the_socket_of_another_alone(settings: Settings, tmp_path: Path) -> None:
    async with application(settings):
        (tmp_path / "s").unlink()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(str(tmp_path / "s"))
    assert (tmp_path / "s").is_socket()


async def test_what_a_killed_daemon_has_left_is_in_nobodys_way(settings: Settings, tmp_path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(tmp_path / "s"))
    (tmp_path / "s.lock").write_text("1\n")
    async with application(settings):
        assert await is_served(settings.endpoint)


async def test_somebody_elses_listening_socket_and_file_are_left_alone(settings: Settings, tmp_path: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(str(tmp_path / "s"))
        other.listen(1)
        with pytest.raises(ConfigError, match=rf"listens there \(pid {os.getpid()}\)"):
            async with application(settings):
                pass
        assert (tmp_path / "s").is_socket()
    (tmp_path / "s").unlink()
    (tmp_path / "s").write_text("a letter")
    with pytest.raises(ConfigError, match="a file that is no socket"):
        async with application(settings):
            pass
    assert (tmp_path / "s").read_text() == "a letter"


async def test_only_the_owner_can_knock(settings: Settings, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with application(settings):
            assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


async def test_a_pixel_directory_that_is_made_again_is_locked_again(
    first: App, settings: Settings, tmp_path: Path
) -> None:
    for path in (tmp_path / "p").iterdir():
        path.unlink()
    (tmp_path / "p").rmdir()
    assert first.pixels.names() == ()
    with pytest.raises(ConfigError, match="already has its pixels"):
        async with application(elsewhere(settings, "pixel_directory")):
            pass


async def test_a_lock_that_is_removed_in_the_moment_of_taking_it_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    real = fcntl.flock
    removals = iter([path.unlink])

    def flock(descriptor: int, operation: int) -> None:
        real(descriptor, operation)
        for remove in removals:
            remove()

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.lock_file(path, "runs", "stop it"):
        assert path.read_text() == f"{os.getpid()}\n"
        monkeypatch.undo()
        told = pytest.raises(locks.Taken, match=rf"already runs \(pid {os.getpid()}\): stop it")
        with told, locks.lock_file(path, "runs", "stop it"):
            pass
    assert not path.exists()


def fails(code: int) -> Callable[..., Any]:
    def fail(*args: Any, **_options: Any) -> Any:
        raise OSError(code, os.strerror(code), str(args[0]) if args else None)

    return fail


@pytest.mark.parametrize(
    ("where", "name"), [(os, "open"), (os, "mkdir"), (locks, "OwnSocket"), (Path, "chmod"), (os, "ftruncate")]
)
async def test_a_runtime_directory_that_cannot_be_written_is_said_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    monkeypatch.setattr(where, name, fails(errno.EROFS))
    if where is locks:
        monkeypatch.setattr("mtvd.front.zsocket.OwnSocket", fails(errno.EROFS))
    with pytest.raises(ConfigError, match="Read-only file system"):
        async with application(settings):
            pass


async def test_a_journal_that_cannot_be_read_now_ends_the_start_with_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", fails(errno.EMFILE))
    with pytest.raises(ConfigError, match=r"the journal .* cannot be read now: Too many open files"):
        async with application(settings):
            pass


async def test_a_pixel_directory_that_ds9_would_misread_is_said_so(settings: Settings, tmp_path: Path) -> None:
    odd = msgspec.structs.replace(settings, pixel_directory=str(tmp_path / "a b"))
    with pytest.raises(ConfigError, match="DS9 needs a path of letters"):
        async with application(odd):
            pass


@contextlib.contextmanager
def shut(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o500)
    try:
        yield
    finally:
        directory.chmod(0o700)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_the_command_ends_with_words_and_a_status_where_it_may_not_write(tmp_path: Path) -> None:
    with shut(tmp_path / "r"):
        _check_ends(["--runtime-dir", str(tmp_path / "r"), "--pixel-dir", str(tmp_path / "p")], "cannot lock")


def test_the_command_ends_with_words_and_a_status_where_it_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _check_ends(["--runtime-dir", str(tmp_path / "file")], "cannot be used: File exists")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--endpoint", "ipc://relative"], "is no endpoint"),
        (["--endpoint", "ipc:///" + 200 * "x"], "at most 107 work"),
        (["--runtime-dir", "/tmp/" + 200 * "x"], "at most 107 work"),
        (["--endpoint", "ipc:///nowhere/at/all/s"], "cannot lock /nowhere/at/all/s.lock: No such file"),
    ],
)
def test_the_command_ends_with_words_where_its_endpoint_is_no_good(
    tmp_path: Path, options: list[str], told: str
) -> None:
    _check_ends([*options, *([] if "--runtime-dir" in options else ["--runtime-dir", str(tmp_path / "r")])], told)


def _check_ends(options: list[str], told: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MTV_ENDPOINT"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "mtvd", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


async def test_as_many_clients_as_the_system_allows_can_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    from mtvd import app

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    app._raise_descriptor_limit()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, resource.RLIM_INFINITY))
    app._raise_descriptor_limit()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
    app._raise_descriptor_limit()
    assert asked == [(4096, 4096), (1 << 16, resource.RLIM_INFINITY)]


async def test_an_address_that_is_taken_is_said_so_with_its_holder(tmp_path: Path) -> None:
    with zmq.Context[zmq.Socket[bytes]]() as context:
        held = RouterSocket(context, f"ipc://{tmp_path}/s", 1 << 20)
        with pytest.raises(CannotListen, match=rf"listens there \(pid {os.getpid()}\)"):
            RouterSocket(context, f"ipc://{tmp_path}/s", 1 << 20)
        held.close()
    assert not (tmp_path / "s").exists()
