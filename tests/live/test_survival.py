"""What was acknowledged is on the screen, once: DS9 dies, the daemon dies, the user closes the window."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]


def draw(daemon: LiveDaemon) -> mtv.Display:
    display = mtv.Display(0, connection=daemon.connect())
    mask = np.zeros((50, 60), "i4")
    mask[10:20, 10:20] = 1
    display.mtv(np.arange(3000, dtype="f4").reshape(50, 60), mask=mask, planes={"BAD": 0}, xy0=(100, 100))
    display.scale("asinh", -1, 30)
    display.overlay("stars", [110.0, 120.0], [110.0, 120.0], symbol="o", size=3)
    return display


def check(daemon: LiveDaemon, markers: int) -> None:
    with daemon.probe() as window:
        assert window.frames() == [0]
        assert window.markers() == markers
        assert window.masks() == 1
        assert float(window.value(101, 100)) == 1.0
        assert [float(limit) for limit in window.tcl("[Frame0 get clip]").split()] == [-1, 30]


def ended(pid: int) -> None:
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    psutil.wait_procs([process], timeout=START_SECS)


def test_no_window_opens_before_the_first_display_request(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    assert connection.status().window.state == "absent"
    draw(own_daemon)
    assert connection.status().window.state == "ready"


def test_a_killed_ds9_comes_back_with_its_picture(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    pid = own_daemon.window_pid()
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    display.dot("x", 105, 105)
    assert own_daemon.window_pid() != pid
    check(own_daemon, markers=3)


def test_a_new_window_gets_the_size_that_was_asked_for_and_what_was_fitted_is_fitted_into_it(
    own_daemon: LiveDaemon,
) -> None:
    connection = own_daemon.connect()
    display = mtv.Display(0, connection=connection)
    display.mtv(np.zeros((300, 400), "f4"))
    mtv.arrange(size=(440, 330), connection=connection)
    with own_daemon.probe() as window:
        before = window.tcl("[Frame0 get zoom]")
    pid = own_daemon.window_pid()
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    display.dot("x", 105, 105)
    assert own_daemon.window_pid() != pid
    with own_daemon.probe() as window:
        assert window.tcl('"[winfo width $::ds9(canvas)] [winfo height $::ds9(canvas)]"') == "440 330"
        assert window.tcl("[Frame0 get zoom]") == before
    assert connection.status().arrangement.size == (440, 330)


def test_an_image_that_was_aligned_by_wcs_is_upright_again_when_the_lock_ends_and_after_a_crash(
    own_daemon: LiveDaemon,
) -> None:
    connection = own_daemon.connect()
    display = mtv.Display(0, connection=connection)
    turned = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 150.0,
        "CRVAL2": 2.0,
        "CRPIX1": 50.0,
        "CRPIX2": 50.0,
    }
    turned |= {"CD1_1": 0.0, "CD1_2": -1e-4, "CD2_1": -1e-4, "CD2_2": 0.0, "RADESYS": "ICRS"}
    display.mtv(np.add.outer(3.0 * np.arange(80), np.arange(60)).astype("f4"), wcs=turned)
    upright = display.snapshot()
    mtv.arrange(lock_frame="wcs", connection=connection)
    aligned = display.snapshot()
    assert aligned != upright, "north is up"
    mtv.arrange(lock_frame="none", connection=connection)
    assert display.snapshot() == upright
    mtv.arrange(lock_frame="wcs", connection=connection)
    pid = own_daemon.window_pid()
    os.kill(pid, signal.SIGKILL)
    ended(pid)
    assert display.snapshot() == aligned
    mtv.arrange(lock_frame="image", connection=connection)
    assert display.snapshot() == upright


def test_a_stopped_ds9_is_woken_or_replaced_and_nothing_is_lost(short_path: Path) -> None:
    daemon = LiveDaemon(short_path, deadline_secs=5)
    daemon.start()
    try:
        display = draw(daemon)
        os.kill(daemon.window_pid(), signal.SIGSTOP)
        display.dot("x", 105, 105)
        check(daemon, markers=3)
    finally:
        daemon.stop()
        daemon.end_window()


def test_the_window_outlives_a_killed_daemon_and_the_next_one_adopts_it(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    pid = own_daemon.window_pid()
    own_daemon.kill()
    assert psutil.pid_exists(pid)
    own_daemon.start()
    display.dot("x", 105, 105)
    assert own_daemon.window_pid() == pid
    check(own_daemon, markers=3)


def test_a_request_sent_while_the_daemon_is_away_is_drawn_once(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    own_daemon.kill()
    failures: list[Exception] = []

    def publish() -> None:
        try:
            display.dot("x", 105, 105)
        except mtv.MtvError as error:
            failures.append(error)

    publisher = threading.Thread(target=publish)
    publisher.start()
    own_daemon.start()
    publisher.join(START_SECS)
    assert not failures
    check(own_daemon, markers=3)


def test_a_daemon_killed_in_the_middle_of_a_movie_goes_on_with_the_same_picture(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    display.overlay("kept", [130.0], [130.0], symbol="o", lasting=True)
    movie = mtv.Display(0, connection=own_daemon.connect())
    shown, ending = [0.0], threading.Event()

    def play() -> None:
        while not ending.is_set():
            shown[0] += 1
            movie.mtv(np.full((50, 60), shown[0], "f4"), xy0=(100, 100), wait=False, supersede=True)

    player = threading.Thread(target=play)
    player.start()
    try:
        while shown[0] < 20:
            display.connection.status()
        own_daemon.kill()
        between = threading.Thread(target=display.dot, args=("x", 105, 105), kwargs={"overlay": "kept"})
        between.start()
        own_daemon.start()
        between.join(START_SECS)
        assert not between.is_alive()
        until = shown[0] + 20
        while shown[0] < until:
            display.connection.status()
    finally:
        ending.set()
        player.join(START_SECS)
    movie.sync()
    with own_daemon.probe() as window:
        assert window.frames() == [0]
        assert window.markers() == 2
        assert float(window.value(101, 100)) == shown[0]
        assert [float(limit) for limit in window.tcl("[Frame0 get clip]").split()] == [-1, 30]


def test_closing_the_window_by_hand_is_no_crash_and_the_next_request_restores_it(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    pid = own_daemon.window_pid()
    with own_daemon.probe() as window:
        window.tcl("[after 500 QuitDS9]")  # not before this has been answered
        ended(pid)
    connection = own_daemon.connect()
    while connection.status().window.state == "ready":
        pass
    assert connection.status().window.state == "absent"
    display.dot("x", 105, 105)
    check(own_daemon, markers=3)


def test_an_orderly_stop_closes_the_window_and_leaves_nothing(own_daemon: LiveDaemon) -> None:
    draw(own_daemon)
    pid = own_daemon.window_pid()
    pixels = Path(own_daemon.connect().welcome.pixel_directory)
    assert own_daemon.stop() == 0
    ended(pid)
    assert not psutil.pid_exists(pid)
    assert not pixels.exists()
    own_daemon.start()
    assert own_daemon.connect().status().displays == ()
    mtv.Display("new", connection=own_daemon.connect()).mtv(np.zeros((8, 8), np.float32))
    with own_daemon.probe() as window:
        assert len(window.frames()) == 1


def test_a_window_that_is_kept_at_an_orderly_stop_is_the_next_daemons_with_its_picture(own_daemon: LiveDaemon) -> None:
    draw(own_daemon)
    pid = own_daemon.window_pid()
    own_daemon.connect().shutdown(keep_window=True)
    own_daemon.stop()
    own_daemon.start()
    mtv.Display(0, connection=own_daemon.connect()).dot("x", 105, 105)
    assert own_daemon.window_pid() == pid
    check(own_daemon, markers=3)


def draw_much(daemon: LiveDaemon) -> None:
    """Use everything that a scene can hold."""
    draw(daemon)
    connection = daemon.connect()
    for target in (3, "guider"):
        display = mtv.Display(target, connection=connection)
        mask = np.zeros((50, 60), "i4")
        mask[:10] = 1
        mask[20:30] = 2
        planes = {"BAD": 0, "CR": 1}
        display.mtv(np.full((50, 60), 7.0, "f4"), mask=mask, planes=planes, xy0=(100, 100))
        display.set_mask_transparency(40)
        display.scale("log", 1, 90)
        display.zoom(3)
        display.pan(120, 130)
        display.overlay("a", [110.0, 120.0, 130.0], [110.0, 120.0, 130.0], symbol="x", colour="#ff8800")
        display.overlay("b", [111.0], [112.0], symbol="hello")
    mtv.Display("guider", connection=connection).show()


def picture_of(daemon: LiveDaemon) -> list[str]:
    """What DS9 itself says of everything."""
    words = ["get zoom", "get cursor physical fk5", "get colorscale", "get clip", "get mask transparency",
             "get mask count", "get marker number"]  # fmt: skip
    with daemon.probe() as window:
        told = [f"{window.frames()} {window.front()}"]
        for frame in window.frames():
            told += [f"{frame} {word}: {window.tcl(f'[Frame{frame} {word}]')}" for word in words]
            told += [f"{frame} {window.value(115, 115, frame)} {window.regions(frame)}"]
        return told


def until_ready(daemon: LiveDaemon, *, restarts: int | None = None) -> None:
    """Wait for a window that comes back without being asked for."""
    connection = daemon.connect()
    deadline = time.monotonic() + START_SECS
    while True:
        window = connection.status().window
        if window.state == "ready" and restarts in {None, window.restarts}:
            return
        assert time.monotonic() < deadline, window


def test_whatever_is_killed_the_whole_scene_comes_back_by_itself(own_daemon: LiveDaemon) -> None:
    draw_much(own_daemon)
    before = picture_of(own_daemon)
    assert len(before) == 1 + 3 * 8

    # the daemon alone: the next one adopts the window
    own_daemon.kill()
    own_daemon.start()
    until_ready(own_daemon)
    assert picture_of(own_daemon) == before

    # the daemon and its window: the next one opens another
    pid = own_daemon.window_pid()
    own_daemon.kill()
    own_daemon.end_window()
    own_daemon.start()
    until_ready(own_daemon)
    assert own_daemon.window_pid() != pid
    own_daemon.connect().sync()
    assert picture_of(own_daemon) == before

    # the virtual screen, and with it DS9
    own_daemon.end_screen()
    until_ready(own_daemon, restarts=1)
    own_daemon.connect().sync()
    assert "virtual screen" in own_daemon.connect().status().window.reason
    assert picture_of(own_daemon) == before


def test_a_window_closed_while_no_daemon_ran_waits_for_the_next_request(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    pid = own_daemon.window_pid()
    with own_daemon.probe() as window:
        own_daemon.kill()
        window.tcl("[after 500 QuitDS9]")
        ended(pid)
    own_daemon.start()
    assert own_daemon.connect().status().window.state == "absent"
    display.dot("x", 105, 105)
    check(own_daemon, markers=3)
