"""Words to systemd, heard on a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from mtvd.host import notify


@dataclass
class Listener:
    """systemd's end."""

    socket: socket.socket
    environ: dict[str, str]

    def heard(self) -> list[str]:
        """Everything said so far."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@mtvd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        listener.setblocking(False)
        yield Listener(listener, {"NOTIFY_SOCKET": name})


def test_ready_says_so_together_with_its_status(systemd: Listener) -> None:
    assert notify.ready("serving", environ=systemd.environ)
    assert systemd.heard() == ["READY=1\nSTATUS=serving"]


def test_a_status_cannot_smuggle_in_another_field(systemd: Listener) -> None:
    assert notify.status("one\nREADY=1", environ=systemd.environ)
    assert systemd.heard() == ["STATUS=one READY=1"]


def test_stopping_says_so(systemd: Listener) -> None:
    assert notify.stopping(environ=systemd.environ)
    assert systemd.heard() == ["STOPPING=1\nSTATUS=stopping"]


@pytest.mark.parametrize("name", [None, "", "relative", "vsock:2:1234"])
def test_without_a_socket_nobody_is_told(name: str | None) -> None:
    assert not notify.ready(environ={} if name is None else {"NOTIFY_SOCKET": name})


def test_a_socket_that_nobody_reads_is_no_error(tmp_path: Path) -> None:
    assert not notify.ready(environ={"NOTIFY_SOCKET": str(tmp_path / "nobody")})


def test_a_socket_name_that_is_too_long_is_no_error() -> None:
    assert not notify.ready(environ={"NOTIFY_SOCKET": "/" + "x" * 300})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
    ],
)
def test_the_watchdog_interval_is_that_of_this_process(environ: dict[str, str], expected: float | None) -> None:
    assert notify.watchdog_interval_secs(environ, pid=42) == expected


async def _healthy() -> bool:
    return True


@pytest.mark.anyio
async def test_without_a_watchdog_the_loop_returns_at_once() -> None:
    with anyio.fail_after(5):
        await notify.serve_watchdog(_healthy, environ={})


@pytest.mark.anyio
async def test_the_watchdog_beats_while_the_daemon_is_healthy(systemd: Listener) -> None:
    asked = anyio.Event()
    times = 0

    async def healthy() -> bool:
        nonlocal times
        times += 1
        if times == 4:
            asked.set()
        return True

    await _watch_until(asked, systemd, healthy, usec=3_000)
    assert systemd.heard()[:3] == ["WATCHDOG=1"] * 3


@pytest.mark.anyio
async def test_a_check_that_says_no_or_hangs_costs_its_beat_and_no_more(systemd: Listener) -> None:
    asked = anyio.Event()
    answers = iter(["yes", "no", "hang", "yes"])

    async def check() -> bool:
        answer = next(answers, None)
        if answer is None:
            asked.set()
        if answer in ("hang", None):
            await anyio.sleep_forever()
        return answer == "yes"

    await _watch_until(asked, systemd, check, usec=30_000)
    assert systemd.heard() == ["WATCHDOG=1"] * 2


async def _watch_until(done: anyio.Event, systemd: Listener, check: object, *, usec: int) -> None:
    environ = systemd.environ | {"WATCHDOG_USEC": str(usec)}
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:

            async def serve() -> None:
                await notify.serve_watchdog(check, environ=environ)  # type: ignore[arg-type]

            group.start_soon(serve)
            await done.wait()
            group.cancel_scope.cancel()
