"""Displays that are chosen, in the order that was asked for, and displays that follow each other: as DS9 has them."""

from __future__ import annotations

import io
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image
from tests.support.live_daemon import START_SECS, LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

GREYS = {1: 40.0, 2: 120.0, 3: 200.0}


def fill(daemon: LiveDaemon, *names: int | str) -> mtv.Connection:
    connection = daemon.connect()
    for index, name in enumerate(names, 1):
        display = mtv.Display(name, connection=connection)
        display.mtv(np.full((50, 40), GREYS[index], "f4"))
        display.scale("linear", 0, 255)
        display.annotate(label=False)
    return connection


def active(window: Probe) -> list[int]:
    return [int(name.removeprefix("Frame")) for name in window.tcl("$::ds9(active)").split()]


def test_those_that_are_named_alone_are_side_by_side_in_their_order(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2, "guider")
    mtv.arrange(displays=["guider", 1], connection=connection)
    with own_daemon.probe() as window:
        assert window.tcl("$::ds9(display)") == "tile"
        assert active(window) == [1001, 1]
        boxes = {number: window.tcl(f"[::mtv::frames::box_of Frame{number}]").split() for number in (1001, 1)}
        assert int(boxes[1001][0]) < int(boxes[1][0]), "from the left"
        hidden = mtv.Display(2, connection=connection)
        hidden.mtv(np.full((50, 40), 7.0, "f4"))
        mtv.Display(4, connection=connection).mtv(np.full((50, 40), 9.0, "f4"))
        assert active(window) == [1001, 1], "what is drawn behind them stays there"
        assert float(window.value(5, 5, frame=2)) == 7
        hidden.show()
        assert active(window) == [1001, 1, 2], "it joins them"
        assert connection.status().arrangement.displays == ("guider", 1, 2)
        mtv.Display("guider", connection=connection).delete()
        assert active(window) == [1, 2]
        pid = own_daemon.window_pid()
    os.kill(pid, signal.SIGKILL)
    mtv.arrange(displays=[2, 1], connection=connection)
    with own_daemon.probe() as window:
        assert active(window) == [2, 1]
        assert window.tcl("$::ds9(display)") == "tile"
        mtv.arrange(displays=(), connection=connection)
        assert active(window) == [1, 2, 4], "all, in the order in which they were made"
        mtv.arrange(tile=False, connection=connection)
        assert window.tcl("$::ds9(display)") == "single"


def test_the_picture_of_the_window_has_them_in_their_places(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2, 3)
    mtv.arrange(displays=[3, 1], columns=2, connection=connection)
    picture = np.asarray(Image.open(io.BytesIO(mtv.Display(3, connection=connection).snapshot())).convert("L"))
    height, width = picture.shape
    found = [int(picture[height // 3, width // 4]), int(picture[height // 3, 3 * width // 4])]
    assert found == pytest.approx([GREYS[3], GREYS[1]], abs=2)


def test_a_picture_of_a_hidden_display_leaves_it_hidden(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2, 3)
    mtv.arrange(displays=[3, 1], connection=connection)
    hidden = mtv.Display(2, connection=connection)
    for size in (None, (300, 400)):
        picture = np.asarray(Image.open(io.BytesIO(hidden.snapshot(size=size))).convert("L"))
        assert (abs(picture.astype(int) - GREYS[2]) < 3).mean() > 0.15
        with own_daemon.probe() as window:
            assert active(window) == [3, 1]
            assert window.tcl("$::current(frame)") == "Frame3"
    mtv.Display(1, connection=connection).dot("o", 5, 5)
    assert connection.status().arrangement.displays == (3, 1)
    assert connection.status().front == 3


def test_a_picture_of_a_display_shows_it_though_displays_follow_each_other(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2, 3)
    mtv.arrange(blink_secs=0.1, connection=connection)
    for index in (1, 2, 3) * 3:
        for size in (None, (600, 500)):
            picture = Image.open(io.BytesIO(mtv.Display(index, connection=connection).snapshot(size=size))).convert("L")
            grey = np.asarray(picture)[picture.height // 3, picture.width // 2]
            assert int(grey) == pytest.approx(GREYS[index], abs=2)


def test_displays_follow_each_other_and_scripts_draw_meanwhile(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2, 3)
    heard: list[mtv.Event] = []
    connection.on_event(heard.append)
    mtv.arrange(blink_secs=0.1, displays=[3, 1], connection=connection)
    with own_daemon.probe() as window:
        assert (window.tcl("$::ds9(display)"), window.tcl("$::blink(interval)")) == ("blink", "100")
        assert active(window) == [3, 1]
        seen: set[str] = set()
        ends = time.monotonic() + START_SECS
        while seen != {"Frame3", "Frame1"} and time.monotonic() < ends:
            seen.add(window.tcl("$::current(frame)"))
            mtv.Display(2, connection=connection).dot("o", 5, 5)
        assert seen == {"Frame3", "Frame1"}
        assert connection.status().front == 3, "nobody has brought another to the front"
        mtv.arrange(tile=True, connection=connection)
        assert window.tcl("$::ds9(display)") == "tile"
        assert connection.status().arrangement.blink_secs == 0
        assert active(window) == [3, 1]
    assert not [event for event in heard if event.kind == "frame"]


def test_an_unknown_display_and_one_that_is_named_twice_are_refused_and_nothing_changes(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2)
    for chosen, code in (([1, 7], "unknown_display"), ([2, 1, 2], "bad_value")):
        with pytest.raises(mtv.RequestError) as caught:
            mtv.arrange(tile=True, displays=chosen, connection=connection)
        assert caught.value.error.code == code
        assert "displays[" in caught.value.error.where
    with own_daemon.probe() as window:
        assert window.tcl("$::ds9(display)") == "single"


def test_a_crosshair_is_at_the_same_place_of_all_displays(own_daemon: LiveDaemon) -> None:
    connection = fill(own_daemon, 1, 2)
    mtv.arrange(tile=True, lock_crosshair="physical", connection=connection)
    with own_daemon.probe() as window:
        assert window.tcl("$::current(mode)") == "crosshair"
        window.tcl("[Frame1 crosshair physical 12 30][set ::current(frame) Frame1][LockCrosshairCurrent]")
        place = [round(float(each)) for each in window.tcl("[Frame2 get crosshair physical]").split()]
        assert place == [12, 30]
        assert connection.status().arrangement.lock_crosshair == "physical"
        mtv.arrange(lock_crosshair="none", connection=connection)
        assert (window.tcl("$::current(mode)"), window.tcl("$::crosshair(lock)")) == ("none", "none")
