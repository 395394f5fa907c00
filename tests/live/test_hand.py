"""The user's hand, end to end: a daemon, its window, and clients in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.support import fixtures
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.slow("a window and workers start in it", secs=40)]
CANVAS = "$::ds9(canvas)"
WAIT_SECS = 60


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


daemon = fixtures.shared_daemon


@pytest.fixture
def probe(daemon: LiveDaemon) -> Iterator[Probe]:
    """A probe of a window that shows one display, 0, with an image and nothing else."""
    display = mtv.Display(0, connection=daemon.connect())
    for report in display.connection.status().displays:
        mtv.Display(report.name or report.number, connection=display.connection).delete()
    display.mtv(image(), xy0=(100, 50))
    display.show()
    display.sync()
    with daemon.probe() as made:
        yield made


@pytest.fixture
def display(daemon: LiveDaemon, probe: Probe) -> mtv.Display:
    return mtv.Display(0, connection=daemon.connections[-1])


def something(display: mtv.Display) -> None:
    """Draw something that has nothing to do with what the user does, on another display."""
    mtv.Display(9, connection=display.connection).dot("o", 1, 1)


def settings(display: mtv.Display) -> tuple[Any, ...]:
    told = display.describe()
    mask = told.mask.transparency_percent
    return told.stretch, told.mode, told.limits, told.zoom, told.pan, told.colormap, mask, told.overlays


def test_a_window_that_nobody_touches_has_no_edits_however_it_was_drawn_on(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    mask = (np.indices((200, 300)).sum(0) % 3 == 0).astype("u1")
    second = mtv.Display(1, connection=display.connection)
    for number in range(3):
        display.mtv(image()[: 200 - 37 * number], mask=mask[: 200 - 37 * number] == 1, xy0=(100, number))
        second.mtv(image()[:, : 300 - 41 * number])
        display.zoom([None, 3.7, 0.31][number])
        display.pan(170.3 + number, 120.7)
        display.scale("asinh", [99.5, "zscale", "minmax"][number])
        second.scale("log", 1.1, 1e4 / 3)
        display.colormap("heat", invert=bool(number % 2))
        display.rotate([0, 33.3, -100][number])
        display.set_mask_transparency(33.3)
        display.overlay("o", np.arange(20.0), np.arange(20.0), symbol=["o", "+", "@:4,1,4", "text"] * 5)
        second.show()
        display.snapshot()
        display.sync()
        probe.tcl(f"[update][wm geometry . {900 + 30 * number}x{700 - 20 * number}][update]")
    something(display)
    before = settings(display), settings(second)
    assert "has changed" not in daemon.log.read_text()
    assert before[0][3:5] == (0.31, (172.3, 120.7))
    assert before[1][3:5] == (None, None)


def test_locked_displays_that_follow_a_program_are_no_edits_and_those_that_follow_the_user_are(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    second = mtv.Display(1, connection=display.connection)
    second.mtv(image())
    display.show()
    mtv.arrange(tile=True, lock_frame="image", lock_scale=True, lock_colormap=True, connection=display.connection)
    before = daemon.log.read_text().count("has changed")
    try:
        display.zoom(2.5)
        second.scale("sqrt", 1, 1000)
        display.colormap("heat")
        display.sync()
        probe.tcl("[update]")
        something(display)
        assert daemon.log.read_text().count("has changed") == before
        probe.tcl("[GotoFrame Frame0][Zoom 2 2]")
        something(display)
        assert [one.describe().zoom for one in (display, second)] == [5.0, 5.0]
    finally:
        mtv.arrange(tile=False, lock_frame="none", lock_scale=False, lock_colormap=False, connection=display.connection)


def test_what_the_user_sets_enters_the_scene_property_by_property(display: mtv.Display, probe: Probe) -> None:
    probe.tcl("[Frame0 zoom to 3 3][Frame0 colorscale sqrt][Frame0 mask transparency 25]")
    probe.tcl("[Frame0cb map heat][Frame0 colormap [Frame0cb get colormap]]")
    something(display)
    told = display.describe()
    assert (told.zoom, told.stretch, told.colormap, told.mask.transparency_percent) == (3.0, "sqrt", "heat", 25.0)
    assert (told.pan, told.mode, told.limits) == (None, "zscale", None)
    probe.tcl("[Frame0 rotate to 30][Frame0 pan to image fk5 41 31][Frame0 clip user -1 5.5][Frame0 clip mode user]")
    something(display)
    told = display.describe()
    assert told.pan == pytest.approx((140, 80))
    assert told.rotation_deg == 30
    assert (told.zoom, told.stretch, told.limits) == (3.0, "sqrt", (-1.0, 5.5))
    probe.tcl("[Frame0 clip mode 98]")
    something(display)
    assert (display.describe().mode, display.describe().limits) == ("98", None)


def test_the_last_writer_wins_for_each_property(display: mtv.Display, probe: Probe) -> None:
    probe.tcl("[Frame0 zoom to 3 3][Frame0 colorscale sqrt]")
    display.zoom(1.5)
    told = display.describe()
    assert (told.zoom, told.stretch) == (1.5, "sqrt")
    assert probe.tcl("[Frame0 get zoom]") == "1.5 1.5"
    assert probe.tcl("[Frame0 get colorscale]") == "sqrt"


def test_what_the_user_set_survives_the_window_and_the_daemon(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    probe.tcl("[Frame0 colorscale sqrt]")
    something(display)
    probe.tcl("[Frame0 zoom to 3 3]")
    daemon.kill()
    daemon.start()
    again = mtv.Display(0, connection=daemon.connect())
    assert (again.describe().zoom, again.describe().stretch) == (None, "sqrt")
    something(again)
    assert again.describe().zoom == 3.0
    daemon.kill()
    os.kill(daemon.window_pid(), signal.SIGKILL)
    daemon.start()
    again = mtv.Display(0, connection=daemon.connect())
    something(again)
    assert (again.describe().zoom, again.describe().stretch) == (3.0, "sqrt")
    with daemon.probe() as fresh:
        assert fresh.tcl("[Frame0 get zoom]") == "3 3"
        assert fresh.tcl("[Frame0 get colorscale]") == "sqrt"


def test_a_frame_that_the_user_deletes_is_gone_until_it_is_asked_for_again(display: mtv.Display, probe: Probe) -> None:
    something(display)
    probe.tcl("[DeleteSingleFrame Frame0]")
    mtv.Display(9, connection=display.connection).dot("o", 2, 2)
    assert [report.number for report in display.connection.status().displays] == [9]
    assert probe.frames() == [9]
    display.mtv(image())
    assert probe.frames() == [0, 9]


def test_a_frame_that_the_user_makes_is_a_display_and_the_one_in_front_is_the_users(
    display: mtv.Display, probe: Probe
) -> None:
    probe.tcl("[CreateFrame]")
    something(display)
    report = display.connection.status()
    made = int(probe.tcl("[string range $::current(frame) 5 end]"))
    assert {one.number for one in report.displays} == {0, made, 9}
    assert report.front == made
    adopted = mtv.Display(made, connection=display.connection)
    adopted.mtv(image())
    adopted.zoom(2)
    assert probe.tcl(f"[Frame{made} get zoom]") == "2 2"
    assert sorted(probe.frames()) == sorted([0, made, 9])


def draw_by_hand(probe: Probe, x: int = 300, y: int = 250) -> None:
    probe.tcl("[set current(mode) region]")
    probe.tcl(f"[event generate {CANVAS} <Motion> -x {x} -y {y} -warp 1][update]")
    for event in (f"<Button-1> -x {x} -y {y}", f"<B1-Motion> -x {x + 40} -y {y}"):
        probe.tcl(f"[event generate {CANVAS} {event}]")
    probe.tcl(f"[event generate {CANVAS} <ButtonRelease-1> -x {x + 40} -y {y}][update]")
    probe.tcl("[set current(mode) none]")


def test_the_shell_finds_what_the_user_has_just_made_and_refuses_what_nobody_has(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    def shell(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mtv.cli", *words]
        return subprocess.run(
            command, env=daemon.environment(), capture_output=True, text=True, timeout=WAIT_SECS, check=False
        )

    draw_by_hand(probe, 200, 350)  # elsewhere: synthetic events have no time, and two in one place are a double click
    done = shell("erase", "user")
    assert (done.returncode, done.stderr) == (0, "")
    assert probe.tcl("[Frame0 get marker id all]") == ""
    probe.tcl("[CreateFrame]")
    made = probe.tcl("[string range $::current(frame) 5 end]")
    done = shell("zoom", "2", "-d", made)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (("erase", "nosuch"), ("pan", "1", "2", "-d", "77"), ("scale", "log", "-d", "nosuch")):
        assert shell(*words).returncode == 1
    known = {report.number for report in display.connection.status().displays}
    assert known == {0, int(made)}


def test_regions_drawn_by_hand_are_an_overlay_that_survives_mtv_and_a_new_window_and_erase_removes_them(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    display.overlay("ours", [110.0, 120.0], [60.0, 70.0])
    draw_by_hand(probe)
    something(display)
    assert display.describe().overlays == {"ours": 2, "user": 1}
    circle = next(line for line in probe.regions().split("\n") if line.startswith("circle") and "mtv." not in line)
    display.mtv(image(), xy0=(100, 50))
    assert display.describe().overlays == {"user": 1}
    assert probe.markers() == 1
    os.kill(daemon.window_pid(), signal.SIGKILL)
    display.dot("o", 150, 90)
    with daemon.probe() as fresh:
        assert circle in fresh.regions()
        assert fresh.markers() == 2
        display.erase()
        assert fresh.markers() == 0
        assert display.describe().overlays == {}
        draw_by_hand(fresh)
        something(display)
        assert display.describe().overlays == {"user": 1}
        display.erase("user")
        assert fresh.markers() == 0


def centres(probe: Probe) -> list[str]:
    """Return the centres of all regions of display 0, in the order in which they were drawn."""
    ids = sorted(map(int, probe.tcl("[Frame0 get marker id all]").split()))
    return [probe.tcl(f"[Frame0 get marker {one} center physical fk5 degrees]") for one in ids]


def test_markers_of_ours_that_the_user_deletes_leave_the_scene(
    daemon: LiveDaemon, display: mtv.Display, probe: Probe
) -> None:
    x = np.array([110.0, 120.0, 130.0, 140.0, 150.0])
    display.overlay("ours", x, np.full(5, 80.0), symbol=["o", "o", "x", "o", "x"])
    display.dot("o", 160, 80, overlay="ours")
    ids = sorted(map(int, probe.tcl("[Frame0 get marker id all]").split()))
    assert centres(probe) == ["111 81", "121 81", "141 81", "131 81", "151 81", "161 81"]
    probe.tcl(f"[Frame0 marker unselect all][Frame0 marker {ids[1]} select][Frame0 marker {ids[2]} select]")
    probe.tcl("[MarkerDeleteSelect]")
    something(display)
    assert display.describe().overlays == {"ours": 4}
    os.kill(daemon.window_pid(), signal.SIGKILL)
    something(display)
    with daemon.probe() as fresh:
        assert centres(fresh) == ["111 81", "131 81", "151 81", "161 81"]
        fresh.tcl("[GotoFrame Frame0][MarkerDeleteAll]")
        something(display)
    assert display.describe().overlays == {}
