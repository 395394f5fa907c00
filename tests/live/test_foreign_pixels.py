"""The pixels of files that others made, as DS9 itself has them, and as `get` returns them: those of astropy."""

from __future__ import annotations

import contextlib
import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from tests.support import corpus, fixtures, foreign
from tests.support.fits_variants import physical, raw_file, stored_integers
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
FRAME = 60
TILE = 5
"""Pixels on a side of the part that DS9 is asked for."""
FEWEST = 30


@pytest.fixture(scope="module")
def display(demo_daemon: LiveDaemon) -> mtv.Display:
    return mtv.Display(FRAME, connection=demo_daemon.connect())


repository = fixtures.demo_client


@pytest.fixture(scope="module")
def window(demo_daemon: LiveDaemon, display: mtv.Display) -> Iterator[Probe]:
    display.mtv(np.zeros((2, 2)))
    with demo_daemon.probe() as probe:
        yield probe


def tile_of(window: Probe, shape_yx: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return what DS9 has in the lower left corner of the image: ``(y, x)``, NaN for blanks."""
    height, width = (min(TILE, length) for length in shape_yx)
    cells = f"[unset -nocomplain ::cells][Frame{FRAME} get data image 1 1 {width} {height} ::cells]"
    words = window.tcl(f"{cells}[array get ::cells]").split()
    found = np.full((height, width), math.inf)
    for key, value in zip(words[::2], words[1::2], strict=True):
        x, y = (int(number) for number in key.split(","))
        found[y - 1, x - 1] = float(value)
    return found


def same(found: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    """Compare with what DS9 prints: six digits or more."""
    return bool(np.allclose(found, right.astype("f8"), rtol=1e-5, atol=1e-30, equal_nan=True))


def test_each_image_is_in_ds9_and_in_get_as_astropy_has_it_or_is_refused_by_name(
    display: mtv.Display, repository: mtv.Repository, window: Probe, request: pytest.FixtureRequest
) -> None:
    shared: tuple[Path, ...] = ()
    with contextlib.suppress(pytest.skip.Exception):
        shared = (request.getfixturevalue("shared_data"),)
    wrong, equal = [], 0
    for image in (image for path in corpus.files(*shared) for image in foreign.images(path)):
        part: dict[str, Any] = {"hdu": image.hdu, "cube_index": image.cube_index or None}
        try:
            display.mtv(image.path, **part)
        except mtv.RequestError as error:
            if image.pixels is not None and error.code not in {"unsupported", "bad_value"}:
                wrong.append(f"{image.name}: {error}")
            continue
        assert image.pixels is not None
        if not same(tile_of(window, image.pixels.shape), image.pixels[:TILE, :TILE]):
            wrong.append(f"{image.name}: DS9")
        got = repository.get(image.path, **part).image
        if not np.array_equal(got, image.pixels, equal_nan=got.dtype.kind == "f"):
            wrong.append(f"{image.name}: get")
        equal += 1
    assert wrong == []
    assert equal >= FEWEST


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("kind", "zero"), [("u1", 0), ("i2", 0), ("i2", 1 << 15), ("i4", 0), ("i8", 0)])
def test_a_blank_is_no_value_in_the_window_and_does_not_count_for_its_limits(
    display: mtv.Display,
    repository: mtv.Repository,
    window: Probe,
    tmp_path: Path,
    kind: str,
    zero: int,
    *,
    packed: bool,
) -> None:
    from astropy.io import fits

    stored = stored_integers(kind) + 10
    header = fits.Header({"BLANK": 0 if zero else 100, "BZERO": zero, "BSCALE": 1})
    stored[1, 2] = header["BLANK"]
    content = raw_file(stored, header)
    path = tmp_path / "blank.fits"
    path.write_bytes(gzip.compress(content) if packed else content)
    right = physical(stored, header) if zero else np.where(stored == 100, np.nan, stored.astype("f8"))
    display.mtv(path)
    assert same(tile_of(window, right.shape), right[:TILE, :TILE])
    assert np.array_equal(repository.get(path).image, right.astype(repository.get(path).image.dtype), equal_nan=True)
    display.scale("linear", "minmax")
    low, high = (float(word) for word in window.tcl(f"[Frame{FRAME} get clip]").split())
    assert (low, high) == (np.nanmin(right), np.nanmax(right))


def test_a_header_that_the_wire_does_not_carry_is_shown_and_got_and_the_worker_goes_on(
    display: mtv.Display, repository: mtv.Repository, window: Probe, tmp_path: Path
) -> None:
    pixels = np.arange(20, dtype="i2").reshape(4, 5)
    header = ["XTENSION= 'IMAGE   '", "BITPIX  =                   16", "NAXIS   =                    2"]
    header += ["NAXIS1  =                    5", "NAXIS2  =                    4", "HUGE    = " + "9" * 40]
    header += ["BACKMAG =                 -NAN", "CPLX    = (1.0, 2.0)", "NONE    =", "INF     = 1E400", "END"]
    text = fits.PrimaryHDU().header.tostring() + "".join(card.ljust(80) for card in header).ljust(2880)
    data = pixels.astype(">i2").tobytes().ljust(2880, b"\0")
    path = tmp_path / "odd [1] $x.fits"
    path.write_bytes(text.encode() + data)
    display.mtv(path)
    assert same(tile_of(window, pixels.shape), pixels)
    exposure = repository.get(path)
    assert np.array_equal(exposure.image, pixels)
    assert (exposure.metadata["HUGE"], exposure.metadata["BACKMAG"]) == ("9" * 40, "-NAN")
