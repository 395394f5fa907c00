"""The user's hand, end to end: a daemon, its window, and clients in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.timeout(600)]
CANVAS = "$::ds9(canvas)"
WAIT_SECS = 60


@pytest.fixture
def own_daemon(short_path: Path) -> Iterator[LiveDaemon]:
    daemon = LiveDaemon(short_path)
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.end_window()


def press(probe: Probe, key: str, x: int = 500, y: int = 300) -> None:
    probe.tcl(f"[event generate {CANVAS} <Motion> -x {x} -y {y} -warp 1][update][focus -force {CANVAS}]")
    probe.tcl(f"[event generate {CANVAS} <Key-{key}> -x {x} -y {y}][update]")


def image() -> Any:
    return np.arange(200 * 300, dtype="f4").reshape(200, 300)


def test_a_key_is_heard_in_two_processes_and_the_end_of_the_window_and_of_the_daemon_too(
    own_daemon: LiveDaemon,
) -> None:
    connection = own_daemon.connect()
    display = mtv.Display("guider", connection=connection)
    display.mtv(image(), xy0=(100, 50))
    command = [sys.executable, "-m", "mtv.cli", "events", "--json", "--count", "2", "--kind", "key"]
    with (
        subprocess.Popen(command, env=own_daemon.environment(), stdout=subprocess.PIPE, text=True) as shell,
        display.events(("key", "window")) as events,
        own_daemon.probe() as probe,
    ):
        while not any(info.subscribed and info.pid == shell.pid for info in connection.status().sessions):
            pass
        press(probe, "a")
        press(probe, "b")
        told = [events.get(WAIT_SECS), events.get(WAIT_SECS)]
        assert shell.stdout is not None
        lines = [json.loads(line) for line in shell.stdout]
        assert shell.wait(WAIT_SECS) == 0
        assert [event and (event.name, event.key, event.x) for event in told] == [
            (line["name"], line["key"], line["x"]) for line in lines
        ]
        assert told[0] is not None
        assert told[0].name == "guider"
        assert told[0].value is not None
        probe.tcl("[after 500 QuitDS9]")
        closed = events.get(WAIT_SECS)
        assert closed is not None
        assert closed.action == "closed"
    ending = mtv.Display(0, connection=connection)
    with ending.events("window") as events:
        ending.mtv(image())
        while (event := events.get(WAIT_SECS)) is not None and event.action != "open":
            pass
        assert event is not None
        own_daemon.kill()
        own_daemon.start()
        event = events.get(WAIT_SECS)
        assert event is not None
        assert event.kind == "gap"
        with own_daemon.probe() as probe:
            probe.tcl("[after 500 QuitDS9]")
            event = events.get(WAIT_SECS)
        assert event is not None
        assert event.action == "closed"
