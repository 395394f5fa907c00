"""A large picture of a daemon that works for others meanwhile."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.timeout(600)]

SIZE = (2500, 2500)


def test_others_draw_while_a_large_picture_is_taken_and_it_shows_one_image_alone(own_daemon: LiveDaemon) -> None:
    display = mtv.Display(0, connection=own_daemon.connect())
    other = mtv.Display(0, connection=own_daemon.connect())
    columns = np.broadcast_to(np.arange(400) // 50 % 2, (400, 400)).astype("f4")
    images = [columns, 1 - columns, columns.T]
    display.mtv(images[2])
    display.scale("linear", 0, 1)
    ended = threading.Event()
    drawn = 0

    def draw() -> None:
        nonlocal drawn
        while not ended.is_set():
            other.mtv(images[drawn % 3])
            drawn += 1

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(50):
            before = drawn
            picture = Image.open(io.BytesIO(display.snapshot(size=SIZE)))
            if drawn > before:
                break
        else:
            pytest.fail("others never had their turns")
    finally:
        ended.set()
        thread.join()
    assert picture.size == SIZE
    middle = np.asarray(picture.convert("L"))[700:1800, 700:1800]
    alike = [(np.ptp(middle, axis=axis) == 0).mean() for axis in (0, 1)]
    assert max(alike) == 1, "stripes of one image go through, from end to end"
    assert np.ptp(middle) > 200


def test_a_large_picture_of_a_display_that_there_is_not_is_refused(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    mtv.Display(0, connection=connection).mtv(np.zeros((40, 40), "f4"))
    with pytest.raises(mtv.RequestError) as refused:
        mtv.Display(7, connection=connection).snapshot(size=(2000, 2000))
    assert refused.value.error.code == "unknown_display"
