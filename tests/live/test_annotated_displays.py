"""Annotations of displays through the daemon: crashes, feeds, movies and the defaults."""

from __future__ import annotations

import functools
import io
import os
import signal
from typing import Any

import numpy as np
import PIL.Image
import psutil
import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon
from tests.support.waiting import until

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

SHAPE_YX = (300, 200)
SKY = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.0,
    "CRVAL2": 2.2,
    "CRPIX1": 100.0,
    "CRPIX2": 150.0,
    "CD1_1": -5e-5,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 5e-5,
    "RADESYS": "ICRS",
}
ALL: dict[str, Any] = dict.fromkeys(("limits", "legend", "scale_bar", "compass"), True)


def picture(display: mtv.Display) -> np.ndarray[Any, Any]:
    return np.asarray(PIL.Image.open(io.BytesIO(display.snapshot())).convert("RGB"))


def texts(daemon: LiveDaemon, frame: int = 0) -> list[str]:
    """Return the texts on a frame, each once, in the order of the alphabet."""
    with daemon.probe() as window:
        tag = f"mtv.annotation.Frame{frame}"
        text = "if {[$::ds9(canvas) type $id] ne {text}} continue; $::ds9(canvas) itemcget $id -text"
        found = window.tcl(f"[join [lmap id [$::ds9(canvas) find withtag {tag}] {{{text}}}] \\n]")
    return sorted({line for line in found.split("\n") if line})


def draw(daemon: LiveDaemon, frame: int | str = 0, label: str = "my field") -> mtv.Display:
    display = mtv.Display(frame, connection=daemon.connect())
    mask = np.zeros(SHAPE_YX, "i4")
    mask[100:120, 80:120] = 1
    mask[150:160, 80:120] = 2
    image = np.random.default_rng(1).normal(100, 5, SHAPE_YX).astype("f4")
    display.mtv(image, mask=mask, planes={"SAT": 0, "INTRP": 1, "CR": 2}, wcs=SKY, label=label)
    display.scale("asinh", 80, 120)
    return display


def has_shown(feed: mtv.Feed, count: int) -> bool:
    return feed.counts.shown == count


def kill(daemon: LiveDaemon) -> None:
    process = psutil.Process(daemon.window_pid())
    os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs([process], timeout=START_SECS)


def test_a_label_is_shown_where_nobody_has_asked_and_goes_when_it_is_asked_to(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    display.sync()
    assert texts(own_daemon) == ["my field"]
    assert display.annotations() == ("label",)
    shown = picture(display)
    display.annotate(label=False)
    assert (picture(display) != shown).any(axis=-1).sum() > 1000
    assert texts(own_daemon) == []
    display.annotate(label=True)
    assert (picture(display) == shown).all()


def test_after_a_crash_the_picture_says_the_same(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    display.annotate(**ALL)
    display.set_distinct_mask_colours()
    before, said = picture(display), texts(own_daemon)
    assert said == ["10 arcsec", "E", "INTRP", "N", "SAT", "asinh, 80 to 120", "my field"]
    kill(own_daemon)
    assert (picture(display) == before).all()
    assert texts(own_daemon) == said


def test_a_new_daemon_and_a_new_window_say_the_same(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon)
    display.annotate(**ALL)
    display.annotate(label=False)
    before = picture(display)
    own_daemon.kill()
    kill(own_daemon)
    own_daemon.start()
    display = mtv.Display(0, connection=own_daemon.connect())
    assert (picture(display) == before).all()
    assert display.annotations() == ("limits", "legend", "scale_bar", "compass")


def test_the_label_and_the_legend_of_a_feed_follow_its_frames(own_daemon: LiveDaemon) -> None:
    display = draw(own_daemon, 0, "before")
    display.annotate(**ALL)
    with mtv.Feed("field", display=0, endpoint=own_daemon.endpoint, every=True, timeout_secs=START_SECS) as feed:
        for number in range(12):
            mask = np.zeros(SHAPE_YX, "i4")
            mask[:50] = 1 << number % 2
            pixels = np.full(SHAPE_YX, 90 + number, "f4")
            feed.publish(pixels, mask=mask, planes={"BAD": 0, "CR": 1}, wcs=SKY, label=f"frame {number}")
            until(functools.partial(has_shown, feed, number + 1), feed)
            found = texts(own_daemon)
            assert f"frame {number}" in found
            assert [name for name in ("BAD", "CR") if name in found] == [["BAD", "CR"][number % 2]]
    display.sync()
    assert "frame 11" in texts(own_daemon)


def test_tiles_of_a_visit_are_named_by_dataset_visit_detector_and_filter(demo_daemon: LiveDaemon, chain: str) -> None:
    connection = demo_daemon.connect()
    repository = mtv.Repository(connection=connection)
    found = repository.query("calexp", collections=chain, instrument="HSC", visit=23718)
    refs = sorted(found, key=lambda ref: int(ref.data_id["detector"]))[:4]
    for number, ref in enumerate(refs):
        mtv.Display(number, connection=connection).mtv(ref)
    mtv.arrange(tile=True, connection=connection)
    connection.sync()
    for number, ref in enumerate(refs):
        wanted = f"calexp HSC, visit 23718, detector {ref.data_id['detector']}, HSC-R"
        assert texts(demo_daemon, number) == [wanted]
        assert mtv.Display(number, connection=connection).describe().caption == wanted
    exposure = repository.get(refs[0])
    assert exposure.caption == "calexp HSC, visit 23718, detector " + f"{refs[0].data_id['detector']}, HSC-R"
    mtv.Display(9, connection=connection).mtv(exposure)
    raw = repository.query("raw", collections="HSC/RC2/defaults", instrument="HSC", exposure=23718)[0]
    mtv.Display(9, connection=connection).mtv(raw)
    wanted = f"raw HSC, exposure 23718, detector {raw.data_id['detector']}, HSC-R"
    assert mtv.Display(9, connection=connection).describe().caption == wanted
    mtv.arrange(tile=False, connection=connection)


def test_each_frame_of_a_movie_says_what_it_is(demo_daemon: LiveDaemon, chain: str) -> None:
    connection = demo_daemon.connect()
    repository = mtv.Repository(connection=connection)
    refs = list(repository.query("calexp", collections=chain, instrument="HSC", visit=23718))[:3]
    movie = repository.movie(refs, display="film", fps=10, every=True)
    movie.wait(START_SECS)
    number = mtv.Display("film", connection=connection).describe().number
    mtv.Display("film", connection=connection).show()
    connection.sync()
    (said,) = texts(demo_daemon, number)
    assert said == f"calexp HSC, visit 23718, detector {refs[-1].data_id['detector']}, HSC-R (3 of 3)"
