"""Markers too small to be seen are points of a size on the screen, and get their own when the user zooms in."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mtvd.scene.actions import (
    AddMarkers,
    AnyAction,
    CreateFrame,
    DeleteMarkers,
    LoadImage,
    RaiseFrame,
    ResetFrame,
    SetScale,
    SetZoom,
)
from mtvd.stage.port import UserMoved

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

SHAPE_YX = (1200, 2000)
COLOUR = "#ff8000"
CARDS = {
    "CTYPE1": "'RA---TAN'", "CTYPE2": "'DEC--TAN'", "CRVAL1": 150.0, "CRVAL2": 60.0, "CRPIX1": 1000.0,
    "CRPIX2": 600.0, "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4,
}  # fmt: skip
WCS = "".join(f"{key:<8}= {value!s:>20}".ljust(80) for key, value in CARDS.items())


async def show(rig: Any, zoom: float, *steps: AnyAction, wcs: str = "") -> None:
    await rig.draw(
        ResetFrame(frame=0),
        LoadImage(frame=0, image=rig.image(np.full(SHAPE_YX, 500, "f4"), wcs=wcs)),
        SetScale(frame=0, stretch="linear", mode="zscale", low=0.0, high=1000.0),
        SetZoom(frame=0, factor=zoom),
        RaiseFrame(frame=0),
        *steps,
    )


async def shapes(rig: Any) -> list[str]:
    """Return the shapes of all regions, in their order; of points what they look like."""
    listed = await rig.tcl("[Frame0 marker list ds9 physical fk5 degrees no]")
    matches = (re.match(r"(?:# )?(\w+)\(.*?\)(?:.*point=(\w+) (\d+))?", line) for line in listed.split("\n"))
    return [" ".join(filter(None, match.groups())) for match in matches if match]


def marks(make_markers: Any, symbol: str = "o", **look: Any) -> AddMarkers:
    columns = make_markers([1000.0, 900.0], [600.0, 500.0], symbol=symbol, colour=COLOUR, **look)
    return AddMarkers(frame=0, overlay="a", markers=columns)


@pytest.mark.parametrize(
    ("symbol", "far", "near"),
    [
        ("o", "point circle 9", "circle"),
        ("+", "point cross 9", "segment"),
        ("x", "point x 9", "segment"),
        ("*", "point cross 9", "segment"),
        ("@:9,0,4", "point circle 9", "ellipse"),
        ("here", "text", "text"),
    ],
)
async def test_a_marker_is_a_point_until_it_is_zoomed_in(
    stage_rig: Any, make_markers: Any, symbol: str, far: str, near: str
) -> None:
    await show(stage_rig, 0.25, marks(make_markers, symbol, size=3.0))
    assert await shapes(stage_rig) == [far, far]
    await stage_rig.tcl("[Zoom 8 8]")
    assert await shapes(stage_rig) == [near, near]
    await stage_rig.tcl("[Zoom 0.25 0.25]")
    assert await shapes(stage_rig) == [far, far]
    await stage_rig.draw(SetZoom(frame=0, factor=2.0))
    assert await shapes(stage_rig) == [near, near], "zoomed by a script of ours as by hand"


async def test_a_marker_of_a_pixel_is_seen_on_a_whole_detector(stage_rig: Any, make_markers: Any) -> None:
    await show(stage_rig, 0.125, marks(make_markers, size=1.0))
    x0, y0, x1, y1 = await stage_rig.where(COLOUR)
    slack = 5.5 / 0.125
    assert (x0, y0, x1, y1) == pytest.approx((900 - slack, 500 - slack, 1000 + slack, 600 + slack), abs=12)


async def test_exact_sizes_stay_as_they_are(stage_rig: Any, make_markers: Any) -> None:
    await show(stage_rig, 0.25, marks(make_markers, size=3.0, exact=True))
    assert await shapes(stage_rig) == ["circle", "circle"]


async def test_markers_of_several_sizes_change_one_by_one(stage_rig: Any, make_markers: Any) -> None:
    await show(stage_rig, 0.5, marks(make_markers, size=[3.0, 20.0]))
    assert await shapes(stage_rig) == ["point circle 9", "circle"]
    await stage_rig.tcl("[Zoom 0.25 0.25]")
    assert await shapes(stage_rig) == ["point circle 9", "point circle 9"]
    await stage_rig.tcl("[Zoom 16 16]")
    assert await shapes(stage_rig) == ["circle", "circle"]


async def test_batches_of_one_overlay_change_together(stage_rig: Any, make_markers: Any) -> None:
    await show(stage_rig, 2.0, marks(make_markers, size=3.0), marks(make_markers, "here"))
    await stage_rig.draw(SetZoom(frame=0, factor=0.25), marks(make_markers, "+", size=3.0))
    assert await shapes(stage_rig) == ["point circle 9"] * 2 + ["text"] * 2 + ["point cross 9"] * 2
    await stage_rig.tcl("[Zoom 8 8]")
    assert await shapes(stage_rig) == ["circle"] * 2 + ["text"] * 2 + ["segment"] * 2
    await stage_rig.draw(DeleteMarkers(frame=0, overlay="a"))
    await stage_rig.tcl("[Zoom 0.125 0.125]")
    assert await shapes(stage_rig) == [], "what was erased does not come back"


async def test_what_the_user_has_deleted_does_not_come_back(stage_rig: Any, make_markers: Any) -> None:
    await show(stage_rig, 0.25, marks(make_markers, size=3.0), marks(make_markers, "x", size=3.0))
    assert await shapes(stage_rig) == ["point circle 9"] * 2 + ["point x 9"] * 2
    second = "[lindex [lsort -integer [Frame0 get marker id all]] 1]"
    await stage_rig.tcl(f"[Frame0 marker {second} select][MarkerDeleteSelect]")
    await stage_rig.tcl("[Zoom 8 8]")
    assert await shapes(stage_rig) == ["circle"] + ["segment"] * 2
    with pytest.raises(UserMoved) as caught:
        await stage_rig.run([marks(make_markers)], heeds=True)
    told = [one.value for one in caught.value.differences if one.what == "gone"]
    assert [words.split()[1:] for words in told] == [["1"]], "the second of the overlay"


async def test_sizes_in_the_sky_are_those_of_the_screen_too(stage_rig: Any, make_markers: Any) -> None:
    sky = make_markers([150.0, 150.02], [60.0, 60.01], size=2.0, system="sky", colour=COLOUR)
    await show(stage_rig, 0.5, AddMarkers(frame=0, overlay="a", markers=sky), wcs=WCS)
    assert await shapes(stage_rig) == ["point circle 9"] * 2, "2 arc seconds are 5.6 pixels, 2.8 on the screen"
    await stage_rig.tcl("[Zoom 2 2]")
    assert await shapes(stage_rig) == ["circle"] * 2


async def test_markers_that_cannot_follow_a_zoom_are_told_of_once(
    fresh_rig: Any, make_markers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
    await show(fresh_rig, 0.25, marks(make_markers))
    await fresh_rig.tcl("[proc ::mtv::kept::follow_tag {key} {error {no such marker}}]")
    await fresh_rig.draw(SetZoom(frame=0, factor=4.0))
    assert "markers were not drawn for another zoom: no such marker" in caplog.text
    caplog.clear()
    await fresh_rig.tcl("[proc ::mtv::kept::follow_tag {key} {}]")
    await fresh_rig.draw(SetZoom(frame=0, factor=1.0))
    assert "another zoom" not in caplog.text


async def test_sky_and_pixel_markers_of_one_overlay_have_each_their_own_unit(stage_rig: Any, make_markers: Any) -> None:
    pixels = marks(make_markers, size=[10.0, 10.0])
    sky = AddMarkers(
        frame=0, overlay="a", markers=make_markers([150.0], [60.0], size=[4.0], symbol="o", colour=COLOUR, system="sky")
    )
    await show(stage_rig, 4.0, pixels, sky, wcs=WCS)
    assert await shapes(stage_rig) == ["circle", "circle", "circle"]
    await stage_rig.draw(SetZoom(frame=0, factor=0.5))
    assert await shapes(stage_rig) == ["circle", "circle", "circle"], "10 pixels are 5 of the screen, 4 arc seconds 5.6"
    await stage_rig.draw(SetZoom(frame=0, factor=0.375))
    assert await shapes(stage_rig) == ["point circle 9", "point circle 9", "circle"]


async def test_exact_markers_of_an_overlay_stay_circles_beside_others(stage_rig: Any, make_markers: Any) -> None:
    await show(
        stage_rig, 4.0, marks(make_markers, size=[10.0, 10.0], exact=True), marks(make_markers, size=[10.0, 10.0])
    )
    await stage_rig.draw(SetZoom(frame=0, factor=0.25))
    assert await shapes(stage_rig) == ["circle", "circle", "point circle 9", "point circle 9"]
