"""The virtual screen grows where an arrangement needs it, and nothing of what is shown is lost by that."""

from __future__ import annotations

import io
import os
import signal

import numpy as np
import PIL.Image
import pytest
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=30)]


def size_of(display: mtv.Display) -> tuple[int, int]:
    return PIL.Image.open(io.BytesIO(display.snapshot())).size


def test_an_image_area_beyond_the_screen_is_had_on_a_larger_one(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    display = mtv.Display(0, connection=connection)
    display.mtv(np.arange(3000, dtype="f4").reshape(50, 60))
    display.dot("o", 20, 20, size=5)
    with own_daemon.probe() as window:
        window.tcl("[set by_hand {physical; circle(30,30,4)}; Frame0 marker command ds9 var by_hand]")
        before = int(window.tcl("[winfo screenwidth .]"))
    pid = own_daemon.window_pid()
    mtv.arrange(size=(before + 400, 700), connection=connection)
    assert own_daemon.window_pid() != pid
    assert size_of(display) == (before + 400, 700)
    with own_daemon.probe() as window:
        assert window.markers() == 2, "the one that was drawn by hand comes along"
        screen = int(window.tcl("[winfo screenwidth .]")), int(window.tcl("[winfo screenheight .]"))
    assert screen[0] > before
    status = connection.status()
    assert status.window.state == "ready"
    assert "larger virtual screen" in status.window.reason
    pid = own_daemon.window_pid()
    mtv.arrange(size=(before + 300, 700), connection=connection)
    assert own_daemon.window_pid() == pid, "there is room for it"
    os.kill(pid, signal.SIGKILL)
    display.dot("x", 10, 10)
    assert size_of(display) == (before + 300, 700)


def test_a_screen_that_would_take_too_much_memory_is_refused(
    own_daemon: LiveDaemon,
) -> None:
    connection = own_daemon.connect()
    mtv.Display(0, connection=connection).mtv(np.zeros((5, 6), "f4"))
    pid = own_daemon.window_pid()
    with pytest.raises(mtv.RequestError, match="the screen has room for an image area of"):
        mtv.arrange(size=(8192, 8192), connection=connection)
    assert own_daemon.window_pid() == pid


def test_a_daemon_that_finds_an_arrangement_for_a_larger_screen_makes_one(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    display = mtv.Display(0, connection=connection)
    display.mtv(np.zeros((5, 6), "f4"))
    mtv.arrange(size=(2900, 500), connection=connection)
    pid = own_daemon.window_pid()
    own_daemon.kill()
    os.kill(pid, signal.SIGKILL)
    own_daemon.start()
    again = mtv.Display(0, connection=own_daemon.connect())
    again.dot("o", 2, 2)
    assert size_of(again) == (2900, 500)
