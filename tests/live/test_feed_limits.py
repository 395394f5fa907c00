"""Limits and pixels of a feed beside those of `mtv.Display.mtv`: every type, every way to find limits, odd pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support import fixtures
from tests.support.live_daemon import START_SECS, LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
SHAPE_YX = (40, 60)
PLACES = ((0, 0), (59, 39), (17, 23), (59, 0), (5, 7))
KINDS = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g")
TYPES = [f"{order}{kind}" for kind in KINDS for order in ("<>" if np.dtype(kind).itemsize > 1 else "|")]
SCALES: dict[str, tuple[Any, ...]] = {
    "held": ("linear", 10, 90),
    "zscale": ("asinh", "zscale"),
    "all of them": ("log", "minmax"),
    "most of them": ("linear", 95.0),
}
"""Stretch, and limits that are fixed, or found anew in each frame."""


daemon = fixtures.shared_daemon


def image_of(dtype: str) -> np.ndarray[Any, Any]:
    """Return an image of some noise, with the odd pixels that a type has: its ends, or NaN and the infinities."""
    kind = np.dtype(dtype)
    noise = np.random.default_rng(5).normal(50, 20, SHAPE_YX).clip(0, 120)
    image: np.ndarray[Any, Any] = (noise > 50 if kind.kind == "b" else noise).astype(kind)
    if kind.kind == "f":
        image[39, 59], image[0, 59], image[7, 5] = np.nan, np.inf, -np.inf
    elif kind.kind in "iu":
        image[39, 59], image[0, 59] = np.iinfo(kind).min, np.iinfo(kind).max
    return image


def shown(display: mtv.Display, window: Probe) -> dict[str, Any]:
    """Return what the window has of a display: values at some places, limits, stretch, masks."""
    display.sync()
    report = display.describe()
    number = report.number
    return {
        "values": [window.value(x, y, number) for x, y in PLACES],
        "limits": window.tcl(f"[Frame{number} get clip]"),
        "stretch": (report.stretch, report.limits),
        "masks": (window.masks(number), report.mask.planes),
    }


@pytest.mark.parametrize("dtype", TYPES)
def test_a_feed_has_the_pixels_and_limits_of_mtv_however_these_are_found(daemon: LiveDaemon, dtype: str) -> None:
    image = image_of(dtype)
    alone, fed = (mtv.Display(name, connection=daemon.connect()) for name in ("alone", "fed"))
    alone.mtv(image)
    found = []
    with (
        daemon.probe() as window,
        mtv.Feed("fed", endpoint=daemon.endpoint, every=True, timeout_secs=START_SECS) as feed,
    ):
        for name, scale in SCALES.items():
            for frame, mask in ((image, None), (np.ma.MaskedArray(image[::-1], image[::-1] == image[3, 3]), "own")):
                for display in (alone, fed):
                    display.scale(*scale)
                alone.mtv(frame)
                before = feed.counts.shown
                assert feed.publish(frame)
                while feed.counts.shown == before:
                    assert feed.error is None
                    fed.sync()
                wanted, got = shown(alone, window), shown(fed, window)
                assert got == wanted, (name, mask)
                assert bool(wanted["masks"][0]) == (mask is not None)
                found.append(got["limits"])
    held = [float(word) for word in found[0].split()]
    assert held == [10, 90]
    assert len(set(found)) >= (2 if dtype == "|b1" else 3), "the ways to find limits are told apart"
