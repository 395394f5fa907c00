"""Pictures of a display that have a size of their own, looked at pixel by pixel."""

from __future__ import annotations

import io
import os
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image
from tests.live.conftest import rows_and_columns

from mtvd.drawing.pictures import LargePicture
from mtvd.scene.actions import (
    AddMarkers,
    Annotate,
    Arrange,
    CreateFrame,
    LoadImage,
    LoadMask,
    RaiseFrame,
    ResetFrame,
    SetFlip,
    SetPan,
    SetRotation,
    SetScale,
    SetZoom,
)
from mtvd.stage.paint.covering import cover

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

SHAPE = (4176, 2048)
SQUARE = 128
MASKED = (slice(1024, 1152), slice(512, 640))


async def portrait(rig: Any, frame: int = 0) -> None:
    """Show squares of black and white in the shape of a CCD, one of them masked."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = rig.image(((x // SQUARE + y // SQUARE) % 2).astype("f4"))
    mask = np.zeros(SHAPE, "i2")
    mask[MASKED] = 1
    await rig.draw(
        ResetFrame(frame=frame),
        LoadImage(frame=frame, image=image),
        LoadMask(frame=frame, mask=rig.mask(mask, {"SAT": 0}), colours=(("SAT", "#ff0000"),), transparency_percent=0),
        SetScale(frame=frame, stretch="linear", mode="", low=0, high=1),
        SetZoom(frame=frame, factor=None),
        RaiseFrame(frame=frame),
    )


async def taken(rig: Any, size: tuple[int, int], frame: int = 0) -> np.ndarray[Any, Any]:
    large = LargePicture(size)
    large.follow(await rig.stage.survey(frame, size), (frame, None))
    while not large.whole:
        large.take(large.missing, await rig.stage.pieces(frame, size, large.missing, 100))
    return large.put_together()[1]


def disagreeing(pixels: np.ndarray[Any, Any], zoom: float) -> float:
    """Return the part of the picture that is not what the image has there; edges of squares are left out."""
    height, width, _ = pixels.shape
    y, x = np.mgrid[:height, :width]
    image_x = SHAPE[1] / 2 + (x + 0.5 - width / 2) / zoom
    image_y = SHAPE[0] / 2 - (y + 0.5 - height / 2) / zoom
    margin = 1.5 / zoom + 1
    clear = np.ones((height, width), bool)
    for place, end in ((image_x, SHAPE[1]), (image_y, SHAPE[0])):
        clear &= (place % SQUARE > margin) & (place % SQUARE < SQUARE - margin) & (np.abs(place - end) > margin)
    inside = (image_x > 0) & (image_x < SHAPE[1]) & (image_y > 0) & (image_y < SHAPE[0])
    column, row = image_x // SQUARE, image_y // SQUARE
    expected = np.where(((column + row) % 2 == 1)[..., None], 255, 0)
    masked = (column == MASKED[1].start // SQUARE) & (row == MASKED[0].start // SQUARE)
    expected = np.where(masked[..., None], [255, 0, 0], expected)
    expected = np.where(inside[..., None], expected, 255)
    return float((np.abs(pixels[clear].astype(int) - expected[clear]) > 8).any(axis=-1).mean())


@pytest.mark.parametrize("size", [(4096, 4096), (1501, 2999), (300, 200)])
async def test_a_picture_larger_than_the_screen_has_every_pixel_in_its_place(
    stage_rig: Any, size: tuple[int, int]
) -> None:
    await portrait(stage_rig)
    before = await stage_rig.picture()
    view = "[list [Frame0 get zoom] [Frame0 get cursor image fk5]]"
    words = await stage_rig.tcl(view)
    across, down = (int(side) for side in (await stage_rig.tcl("[::mtv::size_of Frame0]")).split())
    zoom = float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0])
    pixels = await taken(stage_rig, size)
    assert disagreeing(pixels, zoom * min(size[0] / across, size[1] / down)) == 0
    assert await stage_rig.tcl(view) == words
    np.testing.assert_array_equal(await stage_rig.picture(), before, "the user's view is back")
    # nothing that the user has done by hand is seen in it
    await stage_rig.run([CreateFrame(frame=0)], heeds=True)


async def test_a_turned_view_of_a_tile_comes_back_as_it_was(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await portrait(fresh_rig)
    await portrait(fresh_rig, frame=1)
    await fresh_rig.draw(
        Arrange(tile=True, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None),
        SetZoom(frame=1, factor=0.37),
        SetPan(frame=1, x=700.25, y=3000.5),
        SetRotation(frame=1, angle_deg=33),
        SetFlip(frame=1, axes="y"),
        RaiseFrame(frame=1),
    )
    before = await fresh_rig.picture()
    pixels = await taken(fresh_rig, (1000, 900), frame=1)
    np.testing.assert_array_equal(await fresh_rig.picture(), before)
    assert {(0, 0, 0), (255, 255, 255)} <= set(map(tuple, pixels[::7, ::7].reshape(-1, 3).tolist()))


async def test_markers_grow_with_the_image(stage_rig: Any, make_markers: Any, find_colour: Any) -> None:
    await portrait(stage_rig)
    await stage_rig.draw(AddMarkers(frame=0, overlay="m", markers=make_markers([1024], [2088], size=[400])))
    sizes = []
    for side in (500, 2000):
        top, bottom, _, _ = find_colour(await taken(stage_rig, (side, side)), "#00ff00")
        sizes.append(bottom - top)
    assert sizes[1] == pytest.approx(4 * sizes[0], abs=6)


async def test_the_window_can_be_photographed_afterwards(stage_rig: Any) -> None:
    await portrait(stage_rig)
    await taken(stage_rig, (700, 700))
    assert Image.open(io.BytesIO(await stage_rig.stage.snapshot(0, "png"))).size[0] > 100


async def test_masks_and_markers_of_a_large_picture_are_those_of_its_zoom(stage_rig: Any, make_markers: Any) -> None:
    mask = np.zeros((1000, 1000), "u1")
    mask[300:700, 500] = 1
    marker = make_markers(800.0, 500.0, size=4.0, colour="#00ffc0")
    await stage_rig.draw(
        ResetFrame(frame=0),
        LoadImage(frame=0, image=stage_rig.image(np.zeros((1000, 1000), "f4"))),
        LoadMask(
            frame=0,
            mask=stage_rig.mask(mask, {"COLUMN": 0}),
            colours=(("COLUMN", "#ff8000"),),
            transparency_percent=0,
        ),
        SetScale(frame=0, stretch="linear", mode="", low=0, high=1),
        SetZoom(frame=0, factor=0.25),
        AddMarkers(frame=0, overlay="a", markers=marker),
        RaiseFrame(frame=0),
    )
    before = await stage_rig.picture()
    across, down = (int(side) for side in (await stage_rig.tcl("[::mtv::size_of Frame0]")).split())
    pixels = await taken(stage_rig, (8 * across, 8 * down))
    y0, y1, x0, x1 = rows_and_columns(pixels, "#ff8000")  # type: ignore[misc]
    assert (x1 - x0 + 1, y1 - y0 + 1) == pytest.approx((2, 800), abs=1), "at zoom 2 a column has two pixels"
    y0, y1, x0, x1 = rows_and_columns(pixels, "#00ffc0")  # type: ignore[misc]
    assert (x1 - x0, y1 - y0) == pytest.approx((16, 16), abs=2), "and the marker its own size"
    await stage_rig.stage.sync()
    np.testing.assert_array_equal(await stage_rig.picture(), before)


async def test_a_flipped_view_is_flipped_in_a_picture_of_another_size(stage_rig: Any) -> None:
    await portrait(stage_rig)
    upright = await taken(stage_rig, (900, 900))
    await stage_rig.draw(SetFlip(frame=0, axes="x"))
    flipped = await taken(stage_rig, (900, 900))
    assert (flipped != upright).any()
    assert abs(flipped[:, ::-1].astype(int) - upright).mean() < 8, "but for a pixel of the screen"


def near(filled: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return pixels that are filled or beside one: DS9 rounds markers otherwise that lie across a piece's edge."""
    wide = np.pad(filled, 1)
    height, width = filled.shape
    found = np.zeros_like(filled)
    for y in range(3):
        for x in range(3):
            found |= wide[y : y + height, x : x + width]
    return found


@pytest.mark.parametrize("angle_deg", [0, 33])
async def test_what_lies_beside_the_image_is_in_the_picture_and_else_nothing_is_drawn(
    stage_rig: Any, make_markers: Any, angle_deg: float
) -> None:
    await portrait(stage_rig)
    beside = {"x": [-3003.3, 1027.7, 5009.1], "y": [2011.3, 5007.7, -213.1]}
    await stage_rig.draw(
        SetRotation(frame=0, angle_deg=angle_deg),
        SetZoom(frame=0, factor=0.05),
        AddMarkers(frame=0, overlay="m", markers=make_markers(**beside, size=[300, 20, 2])),
    )
    size = 2999, 2000
    plan = await stage_rig.stage.survey(0, size)
    drawn = sum(box.width * box.height for box in plan.boxes)
    pixels = await taken(stage_rig, size)
    everything = LargePicture(size)
    boxes = cover(size, (1000, 600))
    everything.follow(msgspec.structs.replace(plan, boxes=boxes), (0, None))
    everything.take(boxes, await stage_rig.stage.pieces(0, size, boxes, 60_000))
    assert everything.whole
    found, expected = ((picture != 255).any(axis=2) for picture in (pixels, everything.put_together()[1]))
    assert not (found & ~near(expected)).any()
    assert not (expected & ~near(found)).any()
    assert drawn < size[0] * size[1] / 2
    if keep := os.environ.get("MTV_KEEP_PICTURES"):
        Image.fromarray(pixels).save(f"{keep}/beside{angle_deg}.png")


@pytest.mark.parametrize("turned", [(), (SetRotation(frame=0, angle_deg=90),), (SetFlip(frame=0, axes="x"),)])
async def test_all_of_an_image_that_was_panned_is_in_the_picture(stage_rig: Any, turned: tuple[Any, ...]) -> None:
    await portrait(stage_rig)
    view = SetZoom(frame=0, factor=0.1), SetPan(frame=0, x=700.0, y=2900.0)
    await stage_rig.draw(SetRotation(frame=0, angle_deg=0), SetFlip(frame=0, axes="none"), *turned, *view)
    size = 1700, 1400
    plan = await stage_rig.stage.survey(0, size)
    everything = cover(size, (1000, 600))
    found = await taken(stage_rig, size)
    whole = LargePicture(size)
    whole.follow(msgspec.structs.replace(plan, boxes=everything), (0, None))
    whole.take(everything, await stage_rig.stage.pieces(0, size, everything, 60_000))
    np.testing.assert_array_equal((found != 255).any(axis=2), (whole.put_together()[1] != 255).any(axis=2))


async def test_labels_of_other_tiles_are_not_in_the_picture_and_come_back(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    for frame in (0, 1):
        await portrait(fresh_rig, frame=frame)
        await fresh_rig.draw(Annotate(frame=frame, names=("label",), caption=f"a long label of display {frame}"))
    tiles = Arrange(tile=True, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None)
    await fresh_rig.draw(tiles, SetZoom(frame=0, factor=None), SetZoom(frame=1, factor=None), RaiseFrame(frame=1))
    await fresh_rig.stage.sync()
    before = await fresh_rig.picture()
    size = 1900, 1200
    with_label = await taken(fresh_rig, size, frame=1)
    np.testing.assert_array_equal(await fresh_rig.picture(), before)
    await fresh_rig.draw(Annotate(frame=0, names=(), caption=""))
    np.testing.assert_array_equal(await taken(fresh_rig, size, frame=1), with_label)
