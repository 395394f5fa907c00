"""Feeds into a real window: the last frame stays, the view stays, and what dies in mid-feed costs frames alone."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon
from tests.support.waiting import until

import mtv
from mtv.wire.reports import FeedInfo

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
SHAPE_YX = (400, 600)
FRAMES = 60

PRODUCER = f"""
import sys, numpy as np, mtv
with mtv.Feed("guider", every=sys.argv[1] == "every", timeout_secs=200) as feed:
    for number in range(1, {FRAMES + 1}):
        feed.publish(np.full({SHAPE_YX}, number, "f4"), label=str(number))
    feed.close(200)
print(*feed.counts[:4])
"""


def number_shown(daemon: LiveDaemon) -> float:
    """Return the number that the frame in the window carries; all of its pixels must be of one frame."""
    display = mtv.Display("guider", connection=daemon.connect())
    display.sync()
    (frame,) = (report.number for report in display.connection.status().displays if report.name == "guider")
    with daemon.probe() as window:
        found = {float(window.value(x, y, frame)) for x in (0, 300, 599) for y in (0, 200, 399)}
    assert len(found) == 1, found
    return found.pop()


def shows_another(feed: mtv.Feed) -> None:
    """Publish until one more frame is on the screen."""
    before = feed.counts.shown
    deadline = time.monotonic() + START_SECS
    pause = threading.Event()
    while feed.counts.shown <= before:
        assert time.monotonic() < deadline, (feed, feed.error)
        feed.publish(np.full(SHAPE_YX, feed.counts.published + 1, "f4"))
        pause.wait(0.02)


@pytest.mark.parametrize("mode", ["latest", "every"])
def test_the_last_frame_of_another_process_stays_and_all_of_its_frames_are_accounted_for(
    own_daemon: LiveDaemon, mode: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRODUCER, mode],
        env=own_daemon.environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=START_SECS,
        check=True,
    )
    published, shown, dropped, waiting = map(int, done.stdout.split())
    assert (published, waiting) == (FRAMES, 0)
    assert shown + dropped == FRAMES
    assert shown == FRAMES if mode == "every" else shown >= 1
    assert number_shown(own_daemon) == FRAMES


def test_stretch_zoom_pan_and_lasting_overlays_stay_while_frames_change(own_daemon: LiveDaemon) -> None:
    display = mtv.Display("guider", connection=own_daemon.connect())
    with mtv.Feed("guider", endpoint=own_daemon.endpoint) as feed:
        shows_another(feed)
        display.scale("asinh", 0, 50)
        display.zoom(3)
        display.pan(100, 120)
        display.overlay("boxes", [10.0, 20.0], [10.0, 20.0], symbol="o", size=3, lasting=True)
        shows_another(feed)
    report = display.connection.status().displays[0]
    assert (report.stretch, report.limits, report.zoom, report.pan) == ("asinh", (0, 50), 3, (100, 120))
    with own_daemon.probe() as window:
        assert window.markers(report.number) == 2


def test_a_feed_goes_on_after_ds9_and_after_the_daemon_were_killed(own_daemon: LiveDaemon) -> None:
    with mtv.Feed("guider", endpoint=own_daemon.endpoint) as feed:
        shows_another(feed)
        os.kill(own_daemon.window_pid(), signal.SIGKILL)
        shows_another(feed)
        own_daemon.kill()
        for _ in range(3):
            feed.publish(np.zeros(SHAPE_YX, "f4"))
        own_daemon.start()
        shows_another(feed)
        feed.publish(np.full(SHAPE_YX, 1e4, "f4"))
        feed.close(START_SECS)
    counts = feed.counts
    assert counts.published == counts.shown + counts.dropped
    assert number_shown(own_daemon) == 1e4


RUNNING = f"""
import sys, time, numpy as np, mtv
number = 0
with mtv.Feed(sys.argv[1]) as feed:
    print("ready", flush=True)
    while True:
        number += 1
        feed.publish(np.full({SHAPE_YX}, number % 200, "f4"), label=str(number))
        time.sleep(0.01)
"""


@contextlib.contextmanager
def producer(daemon: LiveDaemon, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that publishes until it is killed."""
    command = [sys.executable, "-c", RUNNING, name]
    with subprocess.Popen(command, env=daemon.environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def feeds_of(connection: mtv.Connection) -> dict[str, FeedInfo]:
    return {feed.feed: feed for feed in connection.status().feeds}


def picture(connection: mtv.Connection, display: str) -> np.ndarray[Any, Any]:
    """Return the image area of the window, ``(y, x, 3)``."""
    data = mtv.Display(display, connection=connection).snapshot()
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_picture_taken_in_mid_feed_is_of_one_frame_and_never_of_an_older_one(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    with producer(own_daemon, "guider"):
        until(lambda: "guider" in feeds_of(connection))
        mtv.Display("guider", connection=connection).scale("linear", 0, 255)
        greys = []
        for _ in range(20):
            middle = picture(connection, "guider")[250:400, 300:700]
            assert len(np.unique(middle)) == 1, "two frames in one picture"
            greys.append(int(middle.flat[0]))
    steps = np.diff(greys) % 200
    assert (steps < 150).all(), f"a frame older than one before: {greys}"
    assert len(set(greys)) > 5, "the picture stands still"


def test_several_feeds_side_by_side_all_go_on_and_answer_others(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    mtv.arrange(tile=True, connection=connection)
    names = ["a", "b", "c"]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(producer(own_daemon, name))
        until(lambda: all(name in feeds_of(connection) for name in names))
        before = feeds_of(connection)
        for zoom in range(1, 11):
            mtv.Display("b", connection=connection).zoom(zoom)
        until(lambda: all(feeds_of(connection)[name].shown > before[name].shown + 10 for name in names))
        after = feeds_of(connection)
    for name, feed in after.items():
        assert feed.published >= feed.shown + feed.dropped, name
        assert feed.published - feed.shown - feed.dropped <= 3, "on their way"


def test_a_producer_that_is_killed_leaves_its_last_frame_and_no_other_file(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    with producer(own_daemon, "guider"):
        until(lambda: feeds_of(connection).get("guider", FeedInfo(feed="", display=0)).shown > 5)
    until(lambda: not feeds_of(connection))
    directory = connection.pixel_directory
    assert directory is not None
    assert len(list(directory.glob("feed-*"))) == 1
    with mtv.Feed("guider", endpoint=own_daemon.endpoint) as feed:
        shows_another(feed)
    assert number_shown(own_daemon) == feed.counts.published


def test_masks_and_markers_belong_to_their_frame_also_when_its_shape_and_type_change(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    kinds = [((400, 600), "i2"), ((400, 600), "i2"), ((400, 600), "f4"), ((300, 300), "f4"), ((300, 300), "f4")]
    with mtv.Feed("guider", endpoint=own_daemon.endpoint, every=True, timeout_secs=START_SECS) as feed:
        for number, (shape_yx, dtype) in enumerate(kinds):
            image = np.full(shape_yx, number, dtype)
            mask = np.zeros(shape_yx, "u1")
            mask[:, : shape_yx[1] // 2] = 1 + number % 2
            assert feed.publish(image, mask=mask, planes={"EVEN": 0, "ODD": 1}, markers=[[5.0, 5.0]] * (number + 1))
            until(lambda: not feed.counts.waiting, feed)
            if number == 0:
                display = mtv.Display("guider", connection=connection)
                display.scale("linear", -10, 10)
                display.set_mask_transparency(0)
                display.set_mask_plane_color("EVEN", "red")
                display.set_mask_plane_color("ODD", "blue")
            seen = picture(connection, "guider")
            red = (seen == (255, 0, 0)).all(axis=2).sum()
            blue = (seen == (0, 0, 255)).all(axis=2).sum()
            assert (red > 10_000, blue > 10_000) == (number % 2 == 0, number % 2 == 1), (number, red, blue)
            (report,) = connection.status().displays
            assert report.overlays == {"guider": number + 1}
            with own_daemon.probe() as window:
                assert window.markers(report.number) == number + 1
                assert float(window.value(shape_yx[1] - 1, shape_yx[0] - 1, report.number)) == number


def test_smoothed_limits_follow_the_pixels(own_daemon: LiveDaemon) -> None:
    display = mtv.Display("guider", connection=own_daemon.connect())
    with mtv.Feed("guider", endpoint=own_daemon.endpoint, smooth_secs=0.2) as feed:
        for value in (0, 1000):

            def near(value: float = value) -> bool:
                feed.publish(np.full(SHAPE_YX, value, "f4"))
                reports = display.connection.status().displays
                limits = reports[0].limits if reports else None
                return limits is not None and abs(limits[0] - value) < 1

            until(near, feed)
    (report,) = display.connection.status().displays
    assert report.limits is not None
    with own_daemon.probe() as window:
        assert float(window.tcl(f"[Frame{report.number} get clip]").split()[0]) == pytest.approx(report.limits[0])
