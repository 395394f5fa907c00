"""Values of pixels on a real daemon: those that DS9 has there, with planes and the sky; keys tell planes too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from tests.support import fixtures
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.region_files import CARDS, NX, NY, XY0

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and a worker start in it", secs=30)]

FRAME = 51
PLANES = {"BAD": 0, "SAT": 1, "DETECTED": 5}

daemon = fixtures.shared_daemon
window = fixtures.window_of_display


@pytest.fixture(scope="module")
def display(daemon: LiveDaemon) -> mtv.Display:
    display = mtv.Display(FRAME, connection=daemon.connect())
    pixels = np.arange(NX * NY, dtype="f4").reshape(NY, NX)
    mask = np.zeros((NY, NX), "i4")
    mask[100:110, 200:220] = 0b100010
    display.mtv(pixels, mask=mask, planes=PLANES, xy0=XY0, wcs=CARDS)
    return display


def test_a_pixel_is_the_one_that_ds9_has_there_with_its_planes_and_its_sky(window: Probe, display: mtv.Display) -> None:
    header = Header.fromstring(CARDS)
    for x, y in ((0, 0), (NX - 1, NY - 1), (205.25, 104.75), (17, 222)):
        told = display.value(x + XY0[0], y + XY0[1])
        assert told.value == float(window.value(round(x) + XY0[0], round(y) + XY0[1], FRAME))
        assert told.planes == (("SAT", "DETECTED") if (x, y) == (205.25, 104.75) else ())
        ra, dec = WCS(header).all_pix2world(x, y, 0)
        assert (told.ra_deg, told.dec_deg) == pytest.approx((float(ra), float(dec)), abs=1e-8)
    with pytest.raises(mtv.RequestError, match=f"x goes from {XY0[0]} to {XY0[0] + NX - 1}"):
        display.value(0, 100)


def test_the_value_follows_what_is_shown_and_tables_of_files_are_the_same(display: mtv.Display, tmp_path: Path) -> None:
    other = mtv.Display(52, connection=display.connection)
    other.mtv(np.full((3, 4), 7, "u2"))
    assert (other.value(3, 2).value, other.value(3, 2).ra_deg) == (7, None)
    other.mtv(np.full((3, 4), 9, "i8"))
    assert other.value(3, 2).value == 9


def test_a_key_tells_the_planes_under_the_pointer(window: Probe, display: mtv.Display) -> None:
    display.show()
    display.pan(205 + XY0[0], 105 + XY0[1])
    display.zoom(4)
    display.pan(205 + XY0[0], 105 + XY0[1])
    display.sync()
    canvas = "$::ds9(canvas)"
    with display.events("key", timeout_secs=60) as events:
        size = [int(window.tcl(f"[{canvas} itemcget Frame{FRAME} -{side}]")) // 2 for side in ("width", "height")]
        window.tcl(f"[event generate {canvas} <Motion> -x {size[0]} -y {size[1]} -warp 1][update]")
        window.tcl(f"[focus -force {canvas}][event generate {canvas} <Key-a> -x {size[0]} -y {size[1]}][update]")
        event = next(events)
    assert event.planes == ("SAT", "DETECTED")
    assert event.value is not None
