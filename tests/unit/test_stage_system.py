"""What the system refuses the stage and its processes: told as what it is, and nothing that lives is taken for dead."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import zmq
from tests.support.agent import descriptors

from mtv.wire.errors import DaemonError
from mtv.wire.messages import Event
from mtvd.front.health import Health
from mtvd.host import notify
from mtvd.host.children import Child, ChildNotStarted
from mtvd.host.pixelstore import PixelStore
from mtvd.repo.workers import WorkerPool
from mtvd.stage.ds9 import Ds9Stage
from mtvd.stage.port import WindowLost, WindowUnavailable
from mtvd.stage.settings import StageSettings
from mtvd.stage.talk import listening
from mtvd.stage.talk.channel import NoChannel
from mtvd.stage.talk.listening import Listening
from mtvd.stage.window import held, owned, process
from mtvd.stage.window.owned import Owned, spawn
from mtvd.stage.window.process import Window
from mtvd.stage.window.screen import Screen
from mtvd.stage.window.supervisor import Supervisor

pytestmark = pytest.mark.anyio
WAIT_SECS = 20


def refused(*_args: object, **_options: object) -> Any:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/secret/path")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for DS9."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as made:
        yield made
        made.kill()


def left_window(stage: Path, pid: int) -> Window:
    """Write what a daemon leaves of a window of a process."""
    directory = stage / "w-left"
    (directory / "xpa").mkdir(parents=True)
    process_held = Owned(pid)
    window = Window(
        title="mtv",
        pid=pid,
        started=process_held.started,
        socket=str(directory / "xpa" / "socket"),
        directory=str(directory),
        screen=Screen(x_display=":0"),
    )
    process_held.close()
    process.remember(stage, window)
    return window


async def test_a_process_that_the_system_does_not_tell_of_is_not_called_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = descriptors("anon_inode:[pidfd]")
    for name in ("_stat", "os.pidfd_open"):
        with monkeypatch.context() as patched:
            patched.setattr(f"mtvd.stage.window.owned.{name}", refused)
            with pytest.raises(OSError, match="Too many") as raised:
                Owned(os.getpid())
        assert not isinstance(raised.value, ProcessLookupError)
    assert descriptors("anon_inode:[pidfd]") == before


async def test_the_end_of_a_process_is_seen_though_no_descriptor_is_left(
    monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(owned, "_POLL_SECS", 0.01)
    owned_one = Owned(sleeper.pid)
    monkeypatch.setattr(os, "dup", refused)
    sleeper.kill()
    with anyio.fail_after(WAIT_SECS):
        await owned_one.wait_for_end()
    owned_one.close()


async def test_a_process_that_cannot_be_held_is_not_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = []
    real = os.posix_spawnp

    def spawned(*args: Any, **options: Any) -> int:
        pids.append(real(*args, **options))
        return pids[-1]

    monkeypatch.setattr(os, "posix_spawnp", spawned)
    monkeypatch.setattr(os, "pidfd_open", refused)
    with pytest.raises(OSError, match="Too many"):
        spawn(["sleep", "600"], environment=os.environ, directory=tmp_path, log=tmp_path / "log")
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_child_that_cannot_be_started_is_said_so_in_the_systems_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anyio, "open_process", refused)
    with pytest.raises(ChildNotStarted, match=r"no process could be started: Too many open files$"):
        await Child.start("mtvd.stage.window.lane", log=tmp_path / "log")

    async def start(_slot: int) -> Child:
        return await Child.start("mtvd.repo.worker", log=tmp_path / "log")

    pool = WorkerPool(start, size=1)
    for _ in range(3):
        with pytest.raises(DaemonError) as raised:
            await pool.call("read", {}, deadline_secs=1)
        assert raised.value.error.code == "busy"
        assert "Too many open files" in raised.value.error.message


async def test_a_state_file_that_cannot_be_read_costs_no_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]
) -> None:
    left = left_window(tmp_path, sleeper.pid)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refused)
        with pytest.raises(OSError, match="Too many"):
            process.recall(tmp_path)
    assert Path(left.directory).is_dir()
    assert process.recall(tmp_path) == left


@pytest.mark.parametrize("broken", ["read_bytes", "pidfd_open", "Channel"])
async def test_a_window_that_cannot_be_adopted_now_is_adopted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes], broken: str
) -> None:
    left_window(tmp_path, sleeper.pid)
    supervisor = Supervisor(StageSettings(), tmp_path)

    with monkeypatch.context() as patched:
        target: Any = {"read_bytes": Path, "pidfd_open": os, "Channel": held}[broken]
        patched.setattr(target, broken, refused)
        for ask in (supervisor.recall, supervisor.ensure, supervisor.ensure):
            with pytest.raises(WindowUnavailable, match=r"Too many open files$"):
                await ask()
            assert supervisor.state.state == "failed"
    assert sleeper.poll() is None, "it lives"
    asked: list[str] = []

    def connects(directory: Path, *_options: object) -> Any:
        asked.append(directory.name)
        raise NoChannel("it is no DS9")

    monkeypatch.setattr(held, "Channel", connects)
    await supervisor.recall()
    assert asked == ["w-left"], "it was found"


async def test_a_daemon_starts_though_the_window_of_the_last_run_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Ds9Stage(StageSettings(), PixelStore(tmp_path / "p", 1 << 20), tmp_path / "w")
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(WindowLost, match=r"Too many open files$"):
        await stage.adopt()


async def test_a_window_that_cannot_be_opened_is_said_so_without_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(StageSettings(), tmp_path)
    monkeypatch.setattr(process, "new_directory", refused)
    with pytest.raises(WindowUnavailable, match=r"^Too many open files$"):
        await supervisor.ensure()
    assert supervisor.state.reason == "Too many open files"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
async def test_a_file_system_without_pipes_is_said_so_and_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "mkfifo", none)
    with pytest.raises(WindowUnavailable, match="can have no pipes: set XDG_RUNTIME_DIR to one that can"):
        process.write_agent(tmp_path, "install")


async def test_a_window_that_is_gone_is_put_down_though_nothing_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    left_window(tmp_path, sleeper.pid)
    gone: list[str] = []
    supervisor = Supervisor(StageSettings(), tmp_path, on_gone=lambda: gone.append("gone"))

    monkeypatch.setattr(os, "unlink", refused)
    await supervisor.recall()
    assert (supervisor.state.state, supervisor.held, gone) == ("lost", None, ["gone"])
    assert "could be cleared away" in caplog.text


async def test_a_fifo_that_cannot_be_opened_or_read_now_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listening, "RETRY_SECS", 0.01)
    fifos = [tmp_path / "first", tmp_path / "second"]
    for fifo in fifos:
        os.mkfifo(fifo, 0o600)
    writers = [os.open(fifo, os.O_RDWR | os.O_NONBLOCK) for fifo in fifos]
    heard: list[Event] = []
    came = anyio.Event()

    def hear(event: Event) -> None:
        heard.append(event)
        came.set()

    reader = Listening(hear)
    real = os.open
    left = iter(range(3))

    def opened(path: Any, *args: Any, **options: Any) -> int:
        return refused() if path in fifos and next(left, None) is not None else real(path, *args, **options)

    monkeypatch.setattr(os, "open", opened)
    async with anyio.create_task_group() as group:
        await group.start(reader.serve)
        reader.attach(fifos[0])
        os.write(writers[0], b"e1\t1\tkey\t0\ta\t1\t2\t\n")
        with anyio.fail_after(WAIT_SECS):
            while reader._missed is not None:
                await anyio.sleep(0.01)
        with monkeypatch.context() as patched:
            patched.setattr(os, "read", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "no")))
            os.write(writers[0], b"x\n")
            with anyio.fail_after(WAIT_SECS):
                while reader._attached:
                    await anyio.sleep(0.01)
        assert "cannot tell any more" in caplog.text
        reader.attach(fifos[1])
        assert len(reader._attached) == 1
        group.cancel_scope.cancel()
    failures = [
        record for record in caplog.records if record.levelno == logging.ERROR and "hearing" in record.msg % record.args
    ]
    assert len(failures) == 1, "told once"
    for writer in writers:
        os.close(writer)


async def test_without_descriptors_the_watchdog_is_neither_ended_nor_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"NOTIFY_SOCKET": "/run/systemd/notify"}
    monkeypatch.setattr("socket.socket", refused)
    assert not notify.ready("serving", environ=environ)

    class Exhausted:
        def socket(self, _kind: int) -> Any:
            raise zmq.ZMQError(errno.EMFILE)

    assert await Health(Exhausted(), "ipc:///nowhere").answers()  # type: ignore[arg-type]
