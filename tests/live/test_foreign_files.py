"""The sky of files that others have written: what we show for a pixel is what plain DS9 and astropy show, and we say.

Plain DS9 loads the same file by itself, in another frame. Where it and astropy agree, so do we, to a hundredth of a
pixel; where they do not, `docs/formats.md` says whom we follow, and so does `FOLLOWED`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord
from tests.support import corpus, fixtures
from tests.support.corpus import ForeignImage
from tests.support.live_daemon import LiveDaemon, Probe

import mtv

pytestmark = [pytest.mark.live, pytest.mark.slow("each file goes three ways through a window", secs=60)]

OURS, PLAIN = 40, 877
TOLERANCE_PX = 0.01
Places = list[tuple[float, float] | None]

FOLLOWED = {
    "dist_lookup.fits.gz[1]": "DS9",  # distortion in tables (CPDIS), which DS9 has not
    "tab-time-last-axis.fits[0]": "DS9",  # its third axis is in a table, for which astropy gives all up
}
"""Images of which DS9 and astropy say different things, and whom we follow."""

WITHOUT_SKY: frozenset[str] = frozenset()
"""Images whose sky we leave out although DS9 or astropy has one."""

_PLAIN = """
[proc ::plain_load {path} {
    if {"Frame%(frame)d" in $::ds9(frames)} {DeleteSingleFrame Frame%(frame)d}
    CreateNameNumberFrame Frame%(frame)d base
    set code [catch {LoadFitsFile $path {} {}; FinishLoad}]
    set ::ds9(msg) {}
    set ::errorInfo {}
    return $code
}][proc ::sky_of {which points} {
    if {![$which has fits] || ![$which has wcs celestial wcs]} {return {}}
    set found {}
    foreach {x y} $points {
        $which crosshair image fk5 $x $y
        lappend found [$which get crosshair wcs icrs degrees]
    }
    return [join $found ,]
}]
"""


@pytest.fixture(scope="module")
def window(demo_daemon: LiveDaemon) -> Iterator[Probe]:
    mtv.Display(OURS, connection=demo_daemon.connect()).mtv(np.zeros((2, 2)))
    with demo_daemon.probe() as probe:
        probe.tcl((_PLAIN % {"frame": PLAIN}).strip())
        yield probe


connection = fixtures.demo_connection


@pytest.mark.parametrize("path", corpus.files(*corpus.real_directories()), ids=lambda path: path.name)
def test_each_pixel_has_the_place_on_the_sky_that_ds9_and_astropy_agree_on(
    window: Probe, connection: mtv.Connection, path: Path
) -> None:
    images = corpus.images(path)
    if not images:
        pytest.skip("no image of two axes")
    wrong = [said for image in images for said in _wrong(window, connection, image)]
    assert not wrong, "\n".join(wrong)


def _wrong(window: Probe, connection: mtv.Connection, image: ForeignImage) -> Iterator[str]:
    points = _nine(image.shape)
    ours, told = _ours(window, connection, image, points)
    plain, astropys = _plain(window, image, points), _astropys(image, points)
    scale = _scale_deg(ours, points)
    if not any(ours):
        if (any(plain) or any(astropys)) and image.name not in WITHOUT_SKY:
            yield f"{image.name}: no sky here, DS9 {plain[4]}, astropy {astropys[4]}"
        return
    if _apart(ours, told) > scale:
        yield f"{image.name}: the picture says {ours}, pixel_to_sky {told}"
    follow = FOLLOWED.get(image.name, "both" if _apart(plain, astropys) <= scale else "nobody")
    if follow not in {"both", "DS9", "astropy"}:
        yield (
            f"{image.name}: DS9 and astropy are {_apart(plain, astropys) / scale * TOLERANCE_PX:.4f} pixels apart, we"
            f" {_apart(ours, plain) / scale * TOLERANCE_PX:.4f} from DS9 and"
            f" {_apart(ours, astropys) / scale * TOLERANCE_PX:.4f} from astropy"
        )
        return
    for name, others in (("DS9", plain), ("astropy", astropys)):
        if follow in {"both", name} and _apart(ours, others) > scale:
            yield f"{image.name}: the picture says {ours}, {name} {others}"


def _nine(shape: Sequence[int]) -> list[tuple[float, float]]:
    rows, columns = shape[-2:]
    return [(x, y) for x in (0.0, (columns - 1) / 2, columns - 1.0) for y in (0.0, (rows - 1) / 2, rows - 1.0)]


def _ours(
    window: Probe, connection: mtv.Connection, image: ForeignImage, points: Sequence[tuple[float, float]]
) -> tuple[Places, Places]:
    """Return what the picture shows, and what an exposure says."""
    mtv.Display(OURS, connection=connection).mtv(image.path, hdu=image.hdu, cube_index=image.cube_index)
    shown = _in_window(window, OURS, points)
    exposure = mtv.Repository(connection=connection).get(image.path, hdu=image.hdu, cube_index=image.cube_index)
    x0, y0 = exposure.xy0
    try:
        ra, dec = exposure.pixel_to_sky([x + x0 for x, _ in points], [y + y0 for _, y in points])
    except mtv.RequestError:
        return shown, [None] * len(points)
    return shown, _places(zip(ra, dec, strict=True))


def _plain(window: Probe, image: ForeignImage, points: Sequence[tuple[float, float]]) -> Places:
    if window.tcl(f"[::plain_load {{{image.path}[{image.hdu}]}}]") != "0":
        return [None] * len(points)
    return _in_window(window, PLAIN, points)


def _in_window(window: Probe, frame: int, points: Sequence[tuple[float, float]]) -> Places:
    asked = " ".join(f"{x + 1!r} {y + 1!r}" for x, y in points)
    told = window.tcl(f"[::sky_of Frame{frame} {{{asked}}}]")
    if not told:
        return [None] * len(points)
    words = (one.split() for one in told.split(","))
    return _places((float(one[0]), float(one[1])) if len(one) > 1 else (math.nan, math.nan) for one in words)


def _astropys(image: ForeignImage, points: Sequence[tuple[float, float]]) -> Places:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(image.header).celestial
            if wcs.naxis != 2:
                return [None] * len(points)
            sky = pixel_to_skycoord([x for x, _ in points], [y for _, y in points], wcs, 0, "all").icrs
        except Exception:  # noqa: BLE001 - whatever it raises, it has no sky
            return [None] * len(points)
    return _places(zip(sky.ra.deg, sky.dec.deg, strict=True))


def _places(pairs: object) -> Places:
    return [
        (float(ra) % 360, float(dec)) if math.isfinite(ra) and math.isfinite(dec) and abs(dec) <= 90 else None
        for ra, dec in pairs  # type: ignore[attr-defined]
    ]


def _apart(first: Places, second: Places) -> float:
    """Return the largest distance in degrees; infinite where one has a place and the other none."""
    worst = 0.0
    for one, other in zip(first, second, strict=True):
        if (one is None) != (other is None):
            return math.inf
        if one is not None and other is not None:
            east = (one[0] - other[0] + 180) % 360 - 180
            worst = max(worst, math.hypot(east * math.cos(math.radians(one[1])), one[1] - other[1]))
    return worst


def _scale_deg(places: Places, points: Sequence[tuple[float, float]]) -> float:
    """Return a hundredth of a pixel in degrees, and what DS9 rounds its answers to."""
    known = [(place, point) for place, point in zip(places, points, strict=True) if place is not None]
    if len(known) < 2:
        return 1.0
    (first, a), (second, b) = known[0], known[1]
    pixel = _apart([first], [second]) / max(math.dist(a, b), 1e-9)
    return TOLERANCE_PX * pixel + 1e-7
