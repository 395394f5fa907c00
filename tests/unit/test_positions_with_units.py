"""Positions as objects: SkyCoord of any frame, Quantity and Angle, one by one and as lines and polygons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.refusals import refused

import mtv
from mtv.arguments import parts
from mtv.testing import ScriptedDaemon
from mtv.wire import requests, steps

units = pytest.importorskip("astropy.units")
from astropy.coordinates import Angle, SkyCoord  # noqa: E402

SKY = SkyCoord(150.0, 2.0, unit="deg")
THREE = SkyCoord([150.0, 151.0, 152.0], [2.0, 2.5, 3.0], unit="deg")


def marker(daemon: ScriptedDaemon) -> tuple[float, float, str]:
    step = daemon.steps[-1]
    assert isinstance(step, steps.Overlay)
    assert isinstance(step.x, tuple)
    assert isinstance(step.y, tuple)
    return step.x[0], step.y[0], step.system


@pytest.mark.parametrize(
    "given",
    [
        (SKY,),
        (SKY.galactic,),
        (SKY.transform_to("fk4"),),
        (SKY.barycentrictrueecliptic,),
        (SKY.ra, SKY.dec),
        (10 * units.hourangle, math.radians(2) * units.rad),
        (Angle("10h"), Angle("2d")),
        (540_000 * units.arcsec, 2 * units.deg),
        (150.0 * units.deg, 2.0),
        (41.666666666666664 * units.Unit("0.01 cycle"), 2.0 * units.deg),
    ],
    ids=repr,
)
def test_a_dot_stands_at_a_sky_coordinate_and_at_angles_by_itself(
    daemon: ScriptedDaemon, display: mtv.Display, given: tuple[Any, ...]
) -> None:
    for draw in (display.dot, display.text):
        draw("+", *given)
        x, y, system = marker(daemon)
        assert system == "sky"
        assert (x, y) == pytest.approx((150.0, 2.0), abs=1e-7)


def test_a_dot_stands_at_pixels_that_have_the_unit_of_pixels(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    for x, y in ((5 * units.pix, 6.0 * units.pixel), (5, 6.0), (np.float32(5), 6 * units.one)):
        display.dot("+", x, y)
        assert marker(daemon) == (5.0, 6.0, "pixel")


def test_dots_in_a_buffer_join_by_their_system(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    with display.buffering():
        display.dot("+", SKY)
        display.dot("+", 150.5, 2.5, system="sky")
        display.dot("+", 5.0, 6.0)
    assert [(step.system, step.x) for step in daemon.steps if isinstance(step, steps.Overlay)] == [
        ("sky", (pytest.approx(150.0), 150.5)),
        ("pixel", (5.0,)),
    ]


@pytest.mark.parametrize(
    ("given", "options", "where", "words"),
    [
        ((SKY,), {"system": "pixel"}, "system", "is in the sky"),
        ((SKY, 2.0), {}, "y", "in place of x and y"),
        ((THREE,), {}, "x", "x has 3 values, and one position is wanted"),
        ((5 * units.m, 6 * units.pix), {}, "x", "x is in 'm', and pix is wanted"),
        ((5 * units.pix, 6 * units.deg), {}, "y", "y is in 'deg', and the markers are to stand at pixels"),
        ((5 * units.deg, 6 * units.pix), {}, "y", "y is in 'pix', and deg is wanted"),
        ((5 * units.deg, 6 * units.deg), {"system": "pixel"}, "x", "x is in 'deg'"),
        ((5.0,), {}, "y", "y is not given"),
        ((SkyCoord(1, 2, unit="deg", frame="altaz"),), {}, "x", "the SkyCoord cannot be told in ICRS: "),
    ],
)
def test_a_position_that_is_none_is_refused_by_its_field(
    display: mtv.Display, given: tuple[Any, ...], options: dict[str, Any], where: str, words: str
) -> None:
    error = refused(display.dot, "+", *given, **options).error
    assert (error.code, error.where) == ("bad_value", where)
    assert words in error.message


@pytest.mark.parametrize(
    "points",
    [
        THREE,
        THREE.galactic,
        list(THREE),
        [(sky.ra, sky.dec) for sky in THREE],
        [(sky.ra.rad * units.rad, sky.dec.deg * units.deg) for sky in THREE],
        np.stack([THREE.ra.deg, THREE.dec.deg], axis=1) * units.deg,
        np.stack([THREE.ra.rad, THREE.dec.rad], axis=1) * units.rad,
    ],
    ids=lambda points: type(points).__name__,
)
def test_lines_and_polygons_join_places_in_the_sky(daemon: ScriptedDaemon, display: mtv.Display, points: Any) -> None:
    display.line(points)
    line = daemon.steps[-1]
    assert isinstance(line, steps.Overlay)
    assert line.system == "sky"
    assert [line.x, line.y] == [pytest.approx((150.0, 151.0, 152.0)), pytest.approx((2.0, 2.5, 3.0))]
    display.polygon(points)
    polygon = daemon.steps[-1]
    assert isinstance(polygon, steps.Regions)
    assert polygon.regions[0].system == "icrs"
    assert polygon.regions[0].points == pytest.approx((150.0, 2.0, 151.0, 2.5, 152.0, 3.0))


def test_lines_and_polygons_in_pixels_stay_there(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    for points in ([(1, 2), (3, 4), (5, 6)], np.array([[1, 2], [3, 4], [5, 6]]) * units.pix):
        display.line(points)
        line = daemon.steps[-1]
        assert isinstance(line, steps.Overlay)
        assert (line.system, line.x) == ("pixel", (1.0, 3.0, 5.0))
        display.polygon(points, system="pixel")
        polygon = daemon.steps[-1]
        assert isinstance(polygon, steps.Regions)
        assert polygon.regions[0].system == "pixel"


@pytest.mark.parametrize(
    ("points", "options", "where", "words"),
    [
        (THREE, {"system": "pixel"}, "system", "in the sky"),
        ([SKY, (1.0, 2.0)], {}, "points", "some positions are in the sky, and others in pixels"),
        ([SKY, 3.0], {}, "points", "3.0 is no position"),
        (np.ones((3, 2)) * units.m, {}, "points", "is in 'm'"),
        (SKY, {}, "points", ""),
    ],
)
def test_points_that_are_none_are_refused(
    display: mtv.Display, points: Any, options: dict[str, Any], where: str, words: str
) -> None:
    for draw in (display.line, display.polygon):
        error = refused(draw, points, **options).error
        assert (error.code, error.where) == ("bad_value", where)
        assert words in error.message


def centre(daemon: ScriptedDaemon) -> tuple[float, float]:
    step = daemon.steps[-1]
    assert isinstance(step, steps.Pan)
    return step.x, step.y


def test_a_view_is_centred_on_a_place_that_the_daemon_finds_in_the_image(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    for x, y in ((SKY.galactic, None), (SKY.ra, SKY.dec), (SKY.ra.to("hourangle"), 2 * units.deg)):
        display.pan(x, y)
        assert centre(daemon) == pytest.approx((150.0, 2.0))
        display.zoom(4, x, y)
        assert daemon.steps[-2] == steps.Zoom(factor=4.0)
        assert centre(daemon) == pytest.approx((150.0, 2.0))
        assert display.value(x, y).position == pytest.approx((150.0, 2.0))
    asked = daemon.of(requests.ReadValue)[-1].message
    assert isinstance(asked, requests.ReadValue)
    assert asked.sky == pytest.approx((150.0, 2.0))
    assert math.isnan(asked.x)


def test_a_view_is_centred_on_pixels_without_a_question(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    display.pan(5 * units.pix, 6)
    display.zoom(4, 5, 6.0)
    assert daemon.steps[0] == steps.Pan(x=5.0, y=6.0)
    assert not daemon.of(requests.ReadValue)
    assert display.value(5 * units.pix, 6).x == 5


@pytest.mark.parametrize("draw", [lambda display: display.pan(SKY), lambda display: display.zoom(2, SKY)])
def test_in_a_buffer_nobody_knows_yet_which_sky_is_meant(
    daemon: ScriptedDaemon, display: mtv.Display, draw: Callable[[mtv.Display], None]
) -> None:
    with display.buffering():
        error = refused(draw, display).error
    assert (error.where, error.code) == ("x", "bad_value")
    assert "buffer" in error.message
    assert daemon.steps == []


def test_a_place_that_is_none_centres_nothing(daemon: ScriptedDaemon, display: mtv.Display) -> None:
    for call in (display.pan, display.value, lambda *at: display.zoom(2, *at)):
        assert refused(call, THREE).error.where == "x"
        assert refused(call, 5 * units.m, 5).error.where == "x"
        assert refused(call, 5.0).error.where == "y"
        assert refused(call, float("nan"), 5.0).error.where == "x"
    assert daemon.steps == []


@pytest.mark.parametrize("centre", [SKY.galactic, (SKY.ra, SKY.dec), (10 * units.hourangle, 2), (150, 2.0)], ids=repr)
@pytest.mark.parametrize(
    "size",
    [30, 0.5 * units.arcmin, (30, 30 * units.arcsec), [30, 30], (30, 30) * units.arcsec, np.array([30, 30])],
    ids=repr,
)
def test_a_cut_out_has_a_coordinate_for_its_centre_and_angles_for_its_size(centre: Any, size: Any) -> None:
    found = parts.sky_box(centre, size)
    assert (found.ra_deg, found.dec_deg) == pytest.approx((150.0, 2.0))
    assert (found.width_arcsec, found.height_arcsec) == pytest.approx((30.0, 30.0))


@pytest.mark.parametrize(
    ("centre", "size", "where"),
    [
        (THREE, 30, "centre_deg"),
        ((1 * units.m, 2), 30, "centre_deg"),
        (SKY, 30 * units.m, "size_arcsec"),
        (SKY, (1, 2, 3) * units.arcsec, "size_arcsec"),
        (SKY, "large", "size_arcsec"),
        ("M31", 30, "centre_deg"),
        (150.0, 30, "centre_deg"),
    ],
)
def test_a_cut_out_that_is_none_is_refused_by_its_word(centre: Any, size: Any, where: str) -> None:
    assert refused(parts.sky_box, centre, size).error.where == where


def test_an_overlay_of_coordinates_and_angles_is_in_the_sky_without_a_word(
    daemon: ScriptedDaemon, display: mtv.Display
) -> None:
    for given in ((THREE.galactic,), (THREE.ra, THREE.dec), (THREE.ra.hourangle * units.hourangle, THREE.dec.deg)):
        display.overlay("stars", *given)
        step = daemon.steps[-1]
        assert isinstance(step, steps.Overlay)
        assert step.system == "sky"
        assert step.x == pytest.approx((150.0, 151.0, 152.0))
    display.overlay("stars", [1.0], [2.0])
    assert marker(daemon) == (1.0, 2.0, "pixel")
