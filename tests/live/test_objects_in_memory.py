"""Objects in memory on the real window: tables and coordinates land on the pixels that they name, metadata are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import MaskedColumn, QTable
from astropy.wcs import WCS
from tests.support import fixtures, lsst_images
from tests.support import repo_sample as sample
from tests.support.live_daemon import LiveDaemon, Probe
from tests.support.odd_headers import NX, NY, tan

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]

FRAME = 43
HEADER = fits.Header.fromstring(tan(CDELT1=-1e-4, CDELT2=1e-4, RADESYS="ICRS"))
X, Y = np.array([20.0, 60.5, 100.25, 150.0, 181.0]), np.array([130.0, 30.0, 75.5, 110.0, 12.25])
LOOK: dict[str, Any] = {"symbol": "o", "size": 5, "exact": True}
connection = fixtures.demo_connection


@pytest.fixture
def display(connection: mtv.Connection) -> Iterator[mtv.Display]:
    display = mtv.Display(FRAME, connection=connection)
    gradient = np.hypot(*np.indices((NY, NX))).astype("f4")
    display.mtv(
        NDData(gradient, wcs=WCS(HEADER), meta={"OBSERVER": "O'Brien", "lsst-run": "u/someone", "LONG": "x" * 90})
    )
    yield display
    display.delete()


@pytest.fixture
def window(demo_daemon: LiveDaemon, display: mtv.Display) -> Iterator[Probe]:
    with demo_daemon.probe() as probe:
        yield probe


def places(window: Probe, kind: str = "circle") -> np.ndarray[Any, Any]:
    """Return where DS9 has markers, 0-based parent pixels, sorted by x."""
    text = window.tcl(f"[Frame{FRAME} marker list ds9 physical fk5 degrees no]")
    found = re.findall(rf"{kind}\(([-\d.]+),([-\d.]+)", text)
    return np.array(sorted((float(x) - 1, float(y) - 1) for x, y in found)).reshape(-1, 2)


def coordinates() -> SkyCoord:
    sky: SkyCoord = WCS(HEADER).pixel_to_world(X, Y)
    return sky


def test_a_table_in_the_sky_lands_on_the_pixels_of_the_same_table_in_pixels(
    window: Probe, display: mtv.Display, tmp_path: Path
) -> None:
    sky = coordinates()
    tables = {
        "pixels": QTable({"x": X * units.pix, "y": Y * units.pix}),
        "degrees": QTable({"ra": sky.ra, "dec": sky.dec}),
        "radians": QTable({"coord_ra": sky.ra.to("rad"), "coord_dec": sky.dec.to("rad")}),
        "coord": QTable({"coord": sky.galactic}),
        "hours": QTable({"RAJ2000": sky.ra.to("hourangle"), "DEJ2000": sky.dec.to("arcmin")}),
    }
    for name, table in tables.items():
        display.erase()
        display.overlay(name, table, **LOOK, colour="red")
        np.testing.assert_allclose(places(window), np.stack([X, Y], axis=1), atol=3e-3, err_msg=name)
    display.overlay("plus", tables["pixels"], symbol="+", size=8, colour="yellow")
    display.snapshot(tmp_path / "objects.png")


def test_rows_without_a_position_are_left_out_and_looks_are_chosen(
    window: Probe, display: mtv.Display, caplog: pytest.LogCaptureFixture
) -> None:
    x = MaskedColumn(X, mask=[False, True, False, False, False])
    table = QTable({"x": x, "y": Y, "mag": np.arange(5.0)})
    display.overlay("bright", table, select="mag < 4", size="4 + mag", colour="mag > 2 ? red : green", exact=True)
    text = window.tcl(f"[Frame{FRAME} marker list ds9 physical fk5 degrees no]")
    found = re.findall(r"circle\(([\d.]+),[\d.]+,([\d.]+)\)(.*)", text)
    drawn = sorted((float(x), float(r), "#ff0000" in rest or "color=red" in rest) for x, r, rest in found)
    assert drawn == [(21.0, 4.0, False), (101.25, 6.0, False), (151.0, 7.0, True)]
    assert "1 row without a position left out" in caplog.text
    display.overlay("bright", table, select="mag > 9", size="4 + mag", colour="mag > 2 ? red : green")
    assert window.markers(FRAME) == 0


def test_dots_texts_lines_and_polygons_stand_at_coordinates(window: Probe, display: mtv.Display) -> None:
    sky = coordinates()
    with display.buffering():
        for one in sky.fk5:
            display.dot("o", one, size=0.36, exact=True)
    np.testing.assert_allclose(places(window), np.stack([X, Y], axis=1), atol=3e-3)
    display.erase()
    display.text("here", sky[2].galactic)
    np.testing.assert_allclose(places(window, "text"), [[X[2], Y[2]]], atol=3e-3)
    display.line(sky)
    assert len(places(window, "segment")) == 1 or window.markers(FRAME) > 1
    display.erase()
    display.polygon(sky[:3])
    np.testing.assert_allclose(places(window, "polygon"), [[X[0], Y[0]]], atol=3e-3)


def test_the_view_goes_to_a_place_on_the_sky(display: mtv.Display) -> None:
    for one, x, y in zip(coordinates(), X, Y, strict=True):
        display.pan(one.fk5)
        assert display.describe().pan == pytest.approx((x, y), abs=1e-3)
        assert display.value(one).position == pytest.approx((x, y), abs=1e-3)
    display.zoom(3, coordinates()[0])
    shown = display.describe()
    assert shown.zoom == 3
    assert shown.pan == pytest.approx((X[0], Y[0]), abs=1e-3)
    with pytest.raises(mtv.RequestError, match="outside of the image"):
        display.pan(SkyCoord(151, 31, unit="deg"))


def test_the_header_that_ds9_shows_has_the_metadata(window: Probe, display: mtv.Display) -> None:
    shown = fits.Header.fromstring(window.tcl(f"[Frame{FRAME} get fits header 1]"), sep="\n")
    assert shown["OBSERVER"] == "O'Brien"
    assert shown["lsst-run"] == "u/someone"
    assert shown["LONG"] == "x" * 90
    assert WCS(shown).wcs.crval.tolist() == [150.0, 30.0]
    assert display.value(30, 40).value == pytest.approx(50.0)


def test_a_visit_image_and_its_sources_in_the_sky_agree(window: Probe, display: mtv.Display) -> None:
    pytest.importorskip("lsst.images")
    visit = lsst_images.visit_image()
    visit.metadata["LSST RUN"] = "u/someone"
    display.mtv(visit)
    x, y = sample.XY0[0] + np.array([5.0, 20.5, 33.0]), sample.XY0[1] + np.array([8.0, 30.0, 12.5])
    sky = visit.sky_projection.pixel_to_sky(x=x, y=y)
    display.overlay("src", QTable({"coord": sky}), **LOOK)
    np.testing.assert_allclose(places(window), np.stack([x, y], axis=1), atol=3e-3)
    assert "LSST RUN = 'u/someone'" in window.tcl(f"[Frame{FRAME} get fits header 1]")
