"""Tiles that are aligned by WCS: the same sky at the same place of every tile."""

from __future__ import annotations

import io
import os
import signal
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.support.live_daemon import LiveDaemon

import mtv

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.timeout(600)]


TILES = 6


def cards(index: int) -> dict[str, Any]:
    """Return the WCS of an image: the same star is at another pixel of each."""
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 150.0,
        "CRVAL2": 2.0,
        "RADESYS": "ICRS",
        "CRPIX1": 60.0 + 15 * index,
        "CRPIX2": 140.0 - 12 * index,
        "CD1_1": -1e-4,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": 1e-4,
    }


def show(connection: mtv.Connection) -> None:
    """Show six images with a star each, side by side and aligned by WCS."""
    for index in range(TILES):
        wcs = cards(index)
        column, row = int(wcs["CRPIX1"]) - 1, int(wcs["CRPIX2"]) - 1
        pixels = np.zeros((220, 200), "f4")
        pixels[row - 3 : row + 4, column - 3 : column + 4] = 1
        display = mtv.Display(index, connection=connection)
        display.mtv(pixels, wcs=wcs)
        display.scale("linear", 0, 1)
        display.colormap("heat")
    mtv.arrange(tile=True, lock_frame="wcs", connection=connection)


def stars(daemon: LiveDaemon, connection: mtv.Connection) -> np.ndarray[Any, Any]:
    """Return where the middle of the star is in each tile, in screen pixels from the tile's corner."""
    picture = Image.open(io.BytesIO(mtv.Display(0, connection=connection).snapshot())).convert("RGB")
    pixels = np.asarray(picture).astype(int)
    places = []
    with daemon.probe() as window:
        for index in range(TILES):
            item = f"$::ds9(canvas) itemcget Frame{index}"
            box = window.tcl(
                "[list " + " ".join(f"[{item} {side}]" for side in ("-x", "-y", "-width", "-height")) + "]"
            )
            left, top, width, height = (int(float(side)) for side in box.split())
            tile = pixels[top + 4 : top + height - 4, left + 4 : left + width - 4]
            rows, columns = np.nonzero((tile > 200).all(axis=-1) & inside(tile))
            assert rows.size, f"tile {index} shows no star"
            places.append((rows.mean(), columns.mean()))
    return np.array(places)


def inside(tile: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which pixels lie between black ones of the image, not in the white around it."""
    black: Any = (tile < 30).all(axis=-1)
    left, right = np.maximum.accumulate(black, axis=1), np.maximum.accumulate(black[:, ::-1], axis=1)[:, ::-1]
    both: np.ndarray[Any, Any] = left & right
    return both


def test_the_same_sky_is_at_the_same_place_of_six_tiles_at_first_after_a_zoom_and_after_a_crash(
    own_daemon: LiveDaemon,
) -> None:
    connection = own_daemon.connect()
    show(connection)
    assert np.ptp(stars(own_daemon, connection), axis=0).max() <= 1, "aligned to a pixel at first"
    display = mtv.Display(0, connection=connection)
    display.zoom(2.5)
    assert np.ptp(stars(own_daemon, connection), axis=0).max() <= 1.5, "each pixel of the images is 2.5 wide"
    display.zoom("fit")
    fitted = stars(own_daemon, connection)
    assert np.ptp(fitted, axis=0).max() <= 1
    os.kill(own_daemon.window_pid(), signal.SIGKILL)
    display.dot("x", 1, 1)
    np.testing.assert_allclose(stars(own_daemon, connection), fitted, atol=1)
    later = mtv.Display(TILES, connection=connection)
    later.mtv(np.zeros((220, 200), "f4"), wcs=cards(2))
    assert np.ptp(stars(own_daemon, connection), axis=0).max() <= 1, "another tile changes the size of all"


def test_an_image_of_another_part_of_the_sky_is_centred_in_its_tile_at_the_same_scale(own_daemon: LiveDaemon) -> None:
    connection = own_daemon.connect()
    for index, (offset_deg, turn) in enumerate(((0.0, 1), (0.5, -1), (0.01, 1))):
        wcs = cards(0) | {"CRVAL2": 2.0 + offset_deg, "CD1_1": turn * -1e-4, "CD2_2": turn * 1e-4}
        display = mtv.Display(index, connection=connection)
        display.mtv(np.full((220, 200), 100 * index, "f4"), wcs=wcs)
        display.zoom(1.0)
    mtv.Display(0, connection=connection).show()
    mtv.arrange(tile=True, lock_frame="wcs", columns=3, connection=connection)

    def views() -> list[tuple[float, ...]]:
        with own_daemon.probe() as window:
            words = [window.tcl(f"[list [Frame{i} get zoom] [Frame{i} get cursor image fk5]]") for i in range(3)]
        return [tuple(float(word.strip("{}")) for word in each.split()) for each in words]

    first, apart, beside = views()
    assert apart[-2:] == pytest.approx((100.5, 110.5), abs=1), "the middle of its own image"
    assert abs(apart[0]) == pytest.approx(abs(first[0]), rel=1e-3), "the scale is the leader's"
    assert beside[-1] == pytest.approx(first[-1] - 100, abs=1), "what overlaps is aligned"
    mtv.Display(0, connection=connection).zoom(0.5)
    first, apart, _ = views()
    assert apart[-2:] == pytest.approx((100.5, 110.5), abs=1)
    assert abs(apart[0]) == pytest.approx(0.5, rel=1e-2)
