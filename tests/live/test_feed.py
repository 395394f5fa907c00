"""Feeds into a real window: the last frame stays, the view stays, and what dies in mid-feed costs frames alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon

import mtv

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
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
