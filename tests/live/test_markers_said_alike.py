"""One set of positions, told in every way that people have: DS9 has the same circles, and the rest is counted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support import fixtures, tables
from tests.support.live_daemon import LiveDaemon, Probe

import mtv
from mtv.wire import steps
from mtv.wire.data import File

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
RA, DEC = [150.0, 150.01, 0.0, 149.99], [2.0, 2.01, 0.0, 1.99]
GAP = [False, False, True, False]
DRAWN = 3
HEADER = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 50.5, "CRPIX2": 40.5,
    "CDELT1": -1e-3, "CDELT2": 1e-3, "RADESYS": "ICRS",
}  # fmt: skip


daemon = fixtures.shared_daemon
window = fixtures.window_of_display


@pytest.fixture(scope="module")
def display(daemon: LiveDaemon) -> mtv.Display:
    from astropy.io import fits

    display = mtv.Display(0, connection=daemon.connect())
    display.mtv(np.zeros((80, 100), "f4"), wcs=fits.Header(HEADER))
    return display


def circles(window: Probe) -> np.ndarray[Any, Any]:
    text = window.tcl("[Frame0 marker list ds9 wcs icrs degrees no]")
    found = re.findall(r"^(?:circle|point)\(([-\d.]+),([-\d.]+)[,)]", text, re.MULTILINE)
    return np.array(sorted(tuple(map(float, one)) for one in found)).reshape(-1, 2)


def the_same(window: Probe) -> None:
    there = [row for row, gap in enumerate(GAP) if not gap]
    wanted = np.array(sorted((RA[row], DEC[row]) for row in there))
    assert window.markers() == DRAWN
    np.testing.assert_allclose(circles(window), wanted, atol=2e-7)


def arrays(how: str) -> tuple[Any, Any]:
    from astropy import units
    from astropy.coordinates import Latitude, Longitude, SkyCoord

    ra, dec = np.where(GAP, np.nan, RA), np.where(GAP, np.nan, DEC)
    told: dict[str, Callable[[], tuple[Any, Any]]] = {
        "degrees": lambda: (ra, dec),
        "masked": lambda: (np.ma.MaskedArray(RA, GAP), np.ma.MaskedArray(DEC, GAP)),
        "radians": lambda: (np.radians(ra) * units.rad, np.radians(dec) * units.rad),
        "hour angle": lambda: (ra / 15 * units.hourangle, dec * units.deg),
        "Longitude": lambda: (Longitude(ra, unit="deg"), Latitude(dec, unit="deg")),
        "SkyCoord": lambda: (SkyCoord(ra, dec, unit="deg"), None),
    }
    return told[how]()


@pytest.mark.parametrize("how", ["degrees", "masked", "radians", "hour angle", "Longitude", "SkyCoord"])
def test_arrays(display: mtv.Display, window: Probe, caplog: pytest.LogCaptureFixture, how: str) -> None:
    display.connection._told.clear()
    display.overlay("m", *arrays(how), system="sky", size=3)
    the_same(window)
    assert "1 row without a position left out" in caplog.text


def write(path: Path, how: str) -> Path:
    from astropy import units
    from astropy.table import MaskedColumn, Table

    kind, _, unit = how.partition(" ")
    factor = {"": 1.0, "rad": np.pi / 180, "arcsec": 3600.0}[unit]
    made = Table({"id": MaskedColumn(np.arange(4) + 2**62, mask=GAP)})
    for name, values in (("ra", RA), ("dec", DEC)):
        made[name] = MaskedColumn(np.array(values) * factor, mask=GAP, unit=units.Unit(unit) if unit else None)
    path = path / f"t.{kind}"
    formats = {"fits": "fits", "parquet": "parquet", "ecsv": "ascii.ecsv", "vot": "votable", "csv": "ascii.csv"}
    with tables.quiet():
        made.write(path, format=formats[kind])
    return path


FILES = ["fits", "fits rad", "parquet rad", "ecsv arcsec", "vot rad"]


@pytest.mark.parametrize("how", FILES)
def test_files(display: mtv.Display, window: Probe, tmp_path: Path, how: str) -> None:
    path = write(tmp_path, how)
    display.overlay("m", path, system="sky", size=3)
    the_same(window)
    look: dict[str, Any] = {"system": "sky", "name": "m", "symbol": "o", "replace": True}
    step = steps.Overlay(target=File(path=str(path)), select=f"id == {2**62 + 1}", **look)
    outcome = display.connection.draw(step)
    assert outcome is not None
    assert (outcome.steps[0].markers, outcome.steps[0].note) == (1, ""), "an id chooses itself and no neighbour"
    np.testing.assert_allclose(circles(window), [[RA[1], DEC[1]]], atol=2e-7)


@pytest.mark.parametrize("how", ["csv", "fits rad", "numbered head"])
def test_the_shell(daemon: LiveDaemon, display: mtv.Display, window: Probe, tmp_path: Path, how: str) -> None:
    display.erase()
    if how == "numbered head":
        path = tmp_path / "s.txt"
        rows = "".join(f"{x if not gap else 'nan'} {y}\n" for x, y, gap in zip(RA, DEC, GAP, strict=True))
        path.write_text(f"#   1 ALPHA_J2000  [deg]\n#   2 DELTA_J2000  [deg]\n{rows}")
    else:
        path = write(tmp_path, how)
    done = subprocess.run(
        [sys.executable, "-m", "mtv.cli", "overlay", str(path), "--sky", "--size", "3"],
        env=daemon.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (
        "3 markers in overlay 'markers'\n",
        "mtv: 1 row without a position left out\n",
    )
    the_same(window)


def test_a_table_is_one_whatever_its_name(daemon: LiveDaemon, display: mtv.Display, tmp_path: Path) -> None:
    for kind, name in (("ecsv", "t.csv"), ("fits", "t.cat"), ("vot", "t.dat")):
        write(tmp_path, kind).rename(tmp_path / name)
        done = subprocess.run(
            [sys.executable, "-m", "mtv.cli", "overlay", name, "--sky", "--select", "ra > 0"],
            env=daemon.environment(), capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.stdout == "3 markers in overlay 'markers'\n", (name, done.stderr)


def test_a_later_hdu_is_drawn_where_it_is_named(display: mtv.Display, window: Probe, tmp_path: Path) -> None:
    from astropy.io import fits

    def table(name: str, x: float) -> Any:
        columns = [fits.Column("x", "D", array=[x]), fits.Column("y", "D", array=[5.0])]
        return fits.BinTableHDU.from_columns(columns, name=name)

    fits.HDUList([fits.PrimaryHDU(), table("FIRST", 1.0), table("SECOND", 9.0)]).writeto(tmp_path / "two.fits")
    display.erase()
    for hdu, x in ((None, 2.0), (2, 10.0), ("SECOND", 10.0)):
        display.overlay("m", tmp_path / "two.fits", hdu=hdu)
        assert re.findall(r"circle\(([\d.]+),", window.regions()) == [f"{x:g}"]
    with pytest.raises(mtv.RequestError) as caught:
        display.overlay("m", [1], [2], hdu=2)
    assert caught.value.error.where == "hdu"
