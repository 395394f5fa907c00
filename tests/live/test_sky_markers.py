"""Markers of the sky on a real window: those that the projection does not reach are left out and counted, no others."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from tests.support import fixtures
from tests.support.ast_sky import apart_arcsec, sky_of
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.odd_headers import HEADERS, NX, NY, tan

import mtv
from mtv.shared.sky.celestial import celestial_of

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

FRAME = 41
WCS = tan(CDELT1=-0.001, CDELT2=0.001, RADESYS="ICRS")
HERE, ANTIPODE = (150.0, 30.0), (330.0, -30.0)


connection = fixtures.demo_connection


@pytest.fixture(scope="module")
def display(connection: mtv.Connection) -> mtv.Display:
    return mtv.Display(FRAME, connection=connection)


@pytest.fixture(scope="module")
def window(demo_daemon: LiveDaemon, display: mtv.Display) -> Iterator[Probe]:
    display.mtv(np.zeros((NY, NX)), wcs=WCS)
    with demo_daemon.probe() as probe:
        yield probe


@pytest.fixture
def fresh(display: mtv.Display) -> mtv.Display:
    display.mtv(np.zeros((NY, NX)), wcs=WCS)
    display.erase()
    return display


def regions(window: Probe, kind: str) -> list[str]:
    listed = window.tcl(f"[Frame{FRAME} marker list ds9 image fk5 degrees no]").splitlines()
    return [line.partition(" color")[0] for line in listed if line.removeprefix("# ").startswith(kind)]


def sky(window: Probe, x: float, y: float) -> str:
    moved = f"[Frame{FRAME} crosshair image fk5 {x + 1} {y + 1}]"
    return window.tcl(f"{moved}[Frame{FRAME} get crosshair wcs icrs degrees]")


@pytest.mark.parametrize("symbol", ["o", "+", "text"])
def test_a_marker_that_the_projection_does_not_reach_is_left_out_and_told(
    window: Probe, fresh: mtv.Display, caplog: pytest.LogCaptureFixture, symbol: str
) -> None:
    kind = {"o": "circle", "+": "segment", "text": "text"}[symbol]
    with caplog.at_level(logging.WARNING):
        fresh.overlay(symbol, [150.0, 330.0, 150.01], [30.0, -30.0, 30.0], system="sky", symbol=symbol, exact=True)
    assert len(regions(window, kind)) == 2
    assert "1 marker beyond the image's projection left out" in caplog.text or symbol != "o"


def test_rows_of_several_colours_and_all_rows_out_of_reach_are_counted_too(window: Probe, fresh: mtv.Display) -> None:
    x, y = np.tile([150.0, 330.0, 150.02], 100), np.tile([30.0, -30.0, 30.0], 100)
    fresh.overlay("many", x, y, system="sky", size=2, colour=["red", "green", "blue"] * 100)
    assert window.markers(FRAME) == 200
    fresh.overlay("none", *([value] for value in ANTIPODE), system="sky")
    assert window.markers(FRAME) == 200


def test_a_line_is_broken_where_it_has_no_place(window: Probe, fresh: mtv.Display) -> None:
    fresh.line([HERE, (150.01, 30.0), ANTIPODE, (150.02, 30.0), (150.02, 30.01)], system="sky")
    lines = regions(window, "segment")
    assert len(lines) == 2
    assert all(",0,0" not in line for line in lines)


def test_a_marker_that_the_user_deletes_is_the_one_that_goes_also_after_one_that_was_left_out(
    window: Probe, fresh: mtv.Display
) -> None:
    fresh.overlay(
        "m", [150.0, 330.0, 150.01, 150.02], [30.0, -30.0, 30.0, 30.0], system="sky", size=3, lasting=True, exact=True
    )
    before = regions(window, "circle")
    frame = f"Frame{FRAME}"
    second = f"[lindex [lsort -integer [{frame} get marker id all]] 1]"
    window.tcl(f"[{frame} marker unselect all][{frame} marker {second} select]")
    window.tcl(f"[::mtv::hand::before {frame}][{frame} marker delete select][::mtv::hand::after {frame}]")
    fresh.zoom(2)
    assert fresh.describe().overlays == {"m": 3}
    fresh.mtv(np.ones((NY, NX)), wcs=WCS)
    assert regions(window, "circle") == [before[0], before[2]]


def test_an_image_without_a_sky_has_no_place_for_any_of_them(fresh: mtv.Display) -> None:
    fresh.mtv(np.zeros((NY, NX)))
    with pytest.raises(mtv.RequestError, match="WCS"):
        fresh.overlay("m", [150.0], [30.0], system="sky")


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_odd_headers_are_shown_by_file_hdu_header_and_text_alike(
    window: Probe, connection: mtv.Connection, display: mtv.Display, tmp_path: Path
) -> None:
    x, y = np.array([0.0, 100, NX - 1]), np.array([0.0, 75, NY - 1])
    pixels = np.arange(NX * NY, dtype="f4").reshape(NY, NX)
    frame = fits.PrimaryHDU(pixels).header.tostring(endcard=False, padding=False)
    for number, (name, odd) in enumerate(HEADERS.items()):
        path = tmp_path / "odd.fits"
        head = (frame + odd.cards + "END".ljust(80)).encode()
        body = pixels.astype(">f4").tobytes()
        path.write_bytes(head.ljust(-(-len(head) // 2880) * 2880) + body.ljust(-(-len(body) // 2880) * 2880, b"\0"))
        wanted = sky_of(frame + celestial_of(odd.cards).cards, x, y)
        with fits.open(io.BytesIO(path.read_bytes())) as hdus:
            ways = ((hdus[0], None), (pixels, hdus[0].header), (pixels, odd.cards))
            for target, wcs in ((path, None), ways[number % 3]):
                display.mtv(target, wcs=wcs)
                assert odd.note in "; ".join(display.describe().notes), name
                if wanted is None:
                    assert window.tcl(f"[Frame{FRAME} has wcs celestial wcs]") == "0", name
                    continue
                shown = [sky(window, *point) for point in zip(x, y, strict=True)]
                ra, dec = (np.array([float(place.split()[axis]) for place in shown]) for axis in (0, 1))
                assert apart_arcsec((ra, dec), wanted) < 0.005, name
