"""All types of pixels in a real window: a feed shows, in every mode, the pixels and limits of `mtv.Display.mtv`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from tests.support import fixtures
from tests.support.live_daemon import START_SECS, LiveDaemon, Probe

import mtv
from mtv.streams import screen

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
SHAPE_YX = (40, 60)
TYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">u2", ">i4", ">f8")
PLACES = ((0, 0), (59, 39), (17, 23), (59, 0))
MODES: dict[str, dict[str, Any]] = {
    "latest": {},
    "every": {"every": True, "timeout_secs": START_SECS},
    "limited": {"most_fps": 100.0},
    "smooth": {"smooth_secs": 1.0},
}
PLANES = {"A": 0, "B": 1}


daemon = fixtures.shared_daemon


def pixels_of(dtype: str) -> np.ndarray[Any, Any]:
    """Return an image that reaches from the least to the greatest value of a type, or to large ones of a float."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.asarray(np.indices(SHAPE_YX).sum(axis=0) % 3 == 0)
    least, most = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" else (-6e4, 6e4)
    ramp = np.linspace(1000, 2000, SHAPE_YX[0] * SHAPE_YX[1]).reshape(SHAPE_YX)
    image = np.clip(ramp, least, most).astype(kind)
    image[39, 59], image[0, 59] = least, most
    return image


class Shown:
    """What a display of the window shows: values at some places, limits, and masks."""

    def __init__(self, display: mtv.Display, window: Probe) -> None:
        display.sync()
        report = display.describe()
        self.values = [window.value(x, y, report.number) for x, y in PLACES]
        # DS9 tells six digits of values and limits.
        self.limits = [float(word) for word in window.tcl(f"[Frame{report.number} get clip]").split()]
        self.masks = window.masks(report.number)
        self.planes = report.mask.planes


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("masked", [False, True], ids=["image", "masked"])
def test_a_feed_shows_what_mtv_shows_in_every_mode_by_every_road(
    daemon: LiveDaemon, dtype: str, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = pixels_of(dtype)
    mask: dict[str, Any] = {"mask": (image > 1500) + 2 * (image > 1900), "planes": PLANES} if masked else {}
    wanted = [float(image[y, x]) for x, y in PLACES]
    display = mtv.Display("alone", connection=daemon.connect())
    display.scale("linear", "minmax")
    display.mtv(image, **mask)
    with daemon.probe() as window:
        alone = Shown(display, window)
        np.testing.assert_allclose([float(value) for value in alone.values], wanted, rtol=1e-5)
        np.testing.assert_allclose(alone.limits, [float(image.min()), float(image.max())], rtol=1e-5)
        fed = mtv.Display("fed", connection=display.connection)
        for road in ("shared", "message"):
            if road == "message":
                monkeypatch.setattr(screen, "shared_directory", lambda _welcome: None)
            for mode, options in MODES.items():
                fed.scale("linear", "minmax")
                with mtv.Feed("fed", endpoint=daemon.endpoint, **options) as feed:
                    for frame in (image[::-1], image):  # the first is kept until the daemon has said where it goes
                        assert feed.publish(frame, **mask)
                    assert feed.close(START_SECS), feed.error
                found = Shown(fed, window)
                case = (road, mode)
                assert found.values == alone.values, case
                assert (found.masks, found.planes) == (alone.masks, alone.planes), case
                if mode == "smooth":
                    low, high = np.percentile(image.astype("f8"), (0.5, 99.5))
                    np.testing.assert_allclose(found.limits, [low, max(high, low + 1)], rtol=1e-5, err_msg=str(case))
                else:
                    assert found.limits == alone.limits, case


IMAGE = np.arange(SHAPE_YX[0] * SHAPE_YX[1], dtype="f4").reshape(SHAPE_YX)
BAD = IMAGE % 7 == 0


def test_the_mask_of_a_file_that_ccddata_writes_is_shown(daemon: LiveDaemon, tmp_path: Path) -> None:
    path = tmp_path / "ccd.fits"
    CCDData(IMAGE, unit="adu", mask=BAD).write(path)
    display = mtv.Display("ccd", connection=daemon.connect())
    display.mtv(path)
    report = display.describe()
    assert (report.mask.planes, report.notes) == ({"MASK": 0}, ())
    with daemon.probe() as window:
        assert window.masks(report.number) == 1
    exposure = mtv.Repository(connection=display.connection).get(path)
    assert np.array_equal(exposure.pixels_in("MASK"), BAD)
    display.mtv(exposure)
    assert display.describe().mask.planes == {"MASK": 0}


def test_what_is_left_out_of_a_file_and_of_an_object_is_said(
    daemon: LiveDaemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hdus = fits.HDUList([fits.PrimaryHDU(IMAGE), fits.ImageHDU(BAD[1:].astype("u1"), name="MASK")])
    hdus.writeto(tmp_path / "odd.fits")
    connection = daemon.connect()
    display = mtv.Display("odd", connection=connection)
    note = "the mask is left out: its shape is {}, that of the image {}"
    for target, wanted in (
        (tmp_path / "odd.fits", note.format("39x60", "40x60")),
        (hdus, note.format("(39, 60)", "(40, 60)")),
        (NDData(IMAGE, mask=BAD[1:]), note.format("(39, 60)", "(40, 60)")),
    ):
        caplog.clear()
        display.mtv(target)
        assert display.describe().notes == (wanted,)
        assert f"display odd: {wanted}" in caplog.messages
    exposure = mtv.Repository(connection=connection).get(tmp_path / "odd.fits")
    assert exposure.notes == (note.format("39x60", "40x60"),)
    display.mtv(IMAGE)
    assert display.describe().notes == ()
