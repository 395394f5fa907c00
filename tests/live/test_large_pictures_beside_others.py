"""A large picture of a daemon that works for others meanwhile."""

from __future__ import annotations

import io
import itertools
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
        pictures: list[Image.Image] = []
        begun = drawn
        while len(pictures) < 3 or (drawn == begun and len(pictures) < 50):
            pictures.append(Image.open(io.BytesIO(display.snapshot(size=SIZE))))
    finally:
        ended.set()
        thread.join()
    assert drawn > begun, "others had their turns"
    for picture in pictures:
        assert picture.size == SIZE
        middle = np.asarray(picture.convert("L"))[700:1800, 700:1800]
        alike = [(np.ptp(middle, axis=axis) == 0).mean() for axis in (0, 1)]
        assert max(alike) == 1, "stripes of one image go through, from end to end"
        assert np.ptp(middle) > 200


def test_markers_that_come_meanwhile_are_whole_or_not_there(own_daemon: LiveDaemon) -> None:
    display = mtv.Display(0, connection=own_daemon.connect())
    other = mtv.Display(0, connection=own_daemon.connect())
    display.mtv(np.zeros((400, 400), "f4"))
    display.scale("linear", 0, 1)
    display.annotate(label=False)
    ended = threading.Event()
    drawn = 0

    def draw() -> None:
        nonlocal drawn
        while not ended.wait(0.03):
            other.dot("o", 20 + drawn * 7 % 360, 20 + drawn * 31 % 360, size=6, colour="#00ff00", exact=True)
            drawn += 1

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        pictures = [np.asarray(Image.open(io.BytesIO(display.snapshot(size=(4096, 4096))))) for _ in range(3)]
    finally:
        ended.set()
        thread.join()
    assert drawn > 2
    last = np.asarray(Image.open(io.BytesIO(display.snapshot(size=(4096, 4096)))))
    green = [(picture == (0, 255, 0)).all(axis=2) for picture in (*pictures, last)]
    for before, after in itertools.pairwise(green):
        assert before.sum() <= after.sum(), "what was drawn once is in all that come later"
        assert (before & ~after).mean() < 1e-5
    outline = green[-1].sum() / drawn
    for picture in green:
        assert abs(picture.sum() / outline - round(picture.sum() / outline)) < 0.35, "whole markers"


def test_a_large_picture_of_a_display_that_there_is_not_is_refused(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    mtv.Display(0, connection=connection).mtv(np.zeros((40, 40), "f4"))
    with pytest.raises(mtv.RequestError) as refused:
        mtv.Display(7, connection=connection).snapshot(size=(2000, 2000))
    assert refused.value.error.code == "unknown_display"
