"""What status and doctor say of the window."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mtv.cli import doctor
from mtv.cli.daemon import status_lines
from mtv.wire.reports import FeedInfo, Report, WindowState
from mtvd.settings import options
from mtvd.settings.config import ConfigError, Settings


def window_line(**state: Any) -> str:
    window = WindowState(**state)
    report = Report(release="1", pid=1, uptime_secs=1, endpoint="ipc:///x", window=window)
    return next(line for line in status_lines(report) if line.startswith("window"))


@pytest.mark.parametrize("state", ["absent", "starting", "ready", "lost", "failed"])
def test_status_tells_each_state_with_its_reason(state: str) -> None:
    assert window_line(state=state, reason="because").split(maxsplit=1)[1] == f"{state}, because"


def test_status_tells_whose_a_window_is() -> None:
    assert "your own DS9 'mine'" in window_line(state="ready", title="mine", attached=True)


def test_status_tells_the_room_that_is_left_and_the_memory() -> None:
    report = Report(
        release="1",
        pid=1,
        uptime_secs=1,
        endpoint="ipc:///x",
        window=WindowState(),
        pixel_room_bytes=5_000_000,
        memory_bytes=7_000_000,
    )
    line = next(line for line in status_lines(report) if line.startswith("memory"))
    assert "room for 5 MB" in line
    assert "daemon 7 MB" in line


def test_status_tells_feeds_only_where_there_are_some() -> None:
    report = Report(release="1", pid=1, uptime_secs=1, endpoint="ipc:///x", window=WindowState())
    assert not any(line.startswith("feeds") for line in status_lines(report))
    feed = FeedInfo(feed="guider", display=3, published=9, shown=7, dropped=2, bytes=5_000_000, latency_p50_secs=0.02)
    (line,) = (
        line for line in status_lines(msgspec.structs.replace(report, feeds=(feed,))) if line.startswith("feeds")
    )
    assert "guider on 3: 9 published, 7 shown, 2 dropped, 5 MB" in line
    assert "latency 20 ms" in line


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("there is no DS9 with the title 'a': XPA_METHOD=local ds9 -title a", "XPA_METHOD=local ds9 -title a"),
        ("the DS9 'a' takes no scripts: start it with XPA_METHOD=local ds9 -title a", "XPA_METHOD=local ds9 -title a"),
        ("there is no ds9: sudo apt-get install saods9", "sudo apt-get install saods9"),
        ("the DS9 'a' (pid 7) is stopped: kill -CONT 7", "kill -CONT 7"),
        ("DS9 was killed by SIGKILL (it wrote nothing)", ""),
    ],
)
def test_doctor_hands_on_the_command_that_the_daemon_names(reason: str, command: str) -> None:
    assert doctor._remedy(reason) == command


def test_attach_is_a_title_or_refused() -> None:
    assert options.merge(Settings(), attach="mine").stage.attach == "mine"
    with pytest.raises(ConfigError, match="attach"):
        options.merge(Settings(), attach="a; exit")


def test_status_says_where_other_hosts_are_heard() -> None:
    told = {"release": "1", "pid": 1, "uptime_secs": 1, "endpoint": "ipc:///x", "listen": "tcp://0.0.0.0:5"}
    report = msgspec.convert({"type": "report", "window": {"type": "window_state"}, **told}, Report)
    assert "other hosts   tcp://0.0.0.0:5" in status_lines(report)
    assert not any("other hosts" in line for line in status_lines(msgspec.structs.replace(report, listen="")))
