"""Rotation, tiles and locks, told from DS9's own answers."""

from __future__ import annotations

import io
import random
from typing import Any

import msgspec
import numpy as np
import PIL.Image
import pytest
from tests.live.conftest import COLOURBAR_PX

from mtvd.scene.actions import (
    Arrange,
    CreateFrame,
    DeleteFrame,
    LoadImage,
    RaiseFrame,
    ResetFrame,
    SetColormap,
    SetFlip,
    SetRotation,
    SetScale,
    SetZoom,
)

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

WCS = "".join(
    card.ljust(80)
    for card in (
        "CTYPE1  = 'RA---TAN'",
        "CTYPE2  = 'DEC--TAN'",
        "CRVAL1  = 150.0",
        "CRVAL2  = 2.0",
        "CRPIX1  = 50.0",
        "CRPIX2  = 50.0",
        "CD1_1   = -5.0E-05",
        "CD1_2   = 0.0",
        "CD2_1   = 0.0",
        "CD2_2   = 5.0E-05",
    )
)


def arranged(tile: bool = False, lock: str = "none", shared: bool = False, leader: int | None = None) -> Arrange:
    return Arrange(tile=tile, lock_frame=lock, lock_scale=shared, lock_colormap=shared, leader=leader)


async def two_frames(rig: Any) -> None:
    for frame in (0, 1):
        pixels = np.random.default_rng(frame).normal(100, 5, (300, 400)).astype("f4")
        image = rig.image(pixels, wcs=WCS)
        await rig.draw(ResetFrame(frame=frame), LoadImage(frame=frame, image=image), SetZoom(frame=frame, factor=1))
    await rig.draw(RaiseFrame(frame=0))


async def test_a_view_is_turned_and_turned_back(stage_rig: Any) -> None:
    await two_frames(stage_rig)
    await stage_rig.draw(SetRotation(frame=0, angle_deg=30))
    assert float(await stage_rig.tcl("[Frame0 get rotate]")) == pytest.approx(30)
    await stage_rig.draw(SetRotation(frame=0, angle_deg=0))
    assert float(await stage_rig.tcl("[Frame0 get rotate]")) == 0


async def test_tiles_stand_side_by_side_and_single_frames_alone(stage_rig: Any) -> None:
    await two_frames(stage_rig)
    await stage_rig.draw(SetZoom(frame=0, factor=None))
    alone = float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0])
    await stage_rig.draw(arranged(tile=True), SetZoom(frame=0, factor=None))
    assert await stage_rig.tcl("$::ds9(display)") == "tile"
    assert float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0]) < alone, "a tile is smaller than the window"
    await stage_rig.draw(arranged())
    assert await stage_rig.tcl("$::ds9(display)") == "single"


async def columns_and_rows(rig: Any) -> tuple[int, int]:
    """Return how many columns and rows the tiles lie in."""
    boxes = [
        box.split() for box in (await rig.tcl("[join [lmap f $::ds9(active) {::mtv::frames::box_of $f}] |]")).split("|")
    ]
    return len({box[0] for box in boxes}), len({box[1] for box in boxes})


@pytest.mark.parametrize(("columns", "lies"), [(1, [(1, 2), (1, 5), (1, 4)]), (3, [(2, 1), (3, 2), (3, 2)])])
async def test_tiles_lie_in_the_columns_that_were_asked_for_also_when_frames_come_and_go(
    stage_rig: Any, columns: int, lies: list[tuple[int, int]]
) -> None:
    await two_frames(stage_rig)
    await stage_rig.draw(msgspec.structs.replace(arranged(tile=True), columns=columns))
    found = [await columns_and_rows(stage_rig)]
    await stage_rig.draw(*(CreateFrame(frame=frame) for frame in (2, 3, 4)))
    found.append(await columns_and_rows(stage_rig))
    await stage_rig.draw(DeleteFrame(frame=3))
    found.append(await columns_and_rows(stage_rig))
    assert found == lies
    await stage_rig.draw(arranged(tile=True))
    assert await columns_and_rows(stage_rig) == (2, 2), "DS9's own choice again"
    await stage_rig.draw(arranged(), DeleteFrame(frame=2), DeleteFrame(frame=4))


@pytest.mark.parametrize(
    ("axes", "turned"), [("x", np.fliplr), ("y", np.flipud), ("xy", lambda seen: seen[::-1, ::-1])]
)
async def test_a_flipped_view_is_the_other_one_turned_round(stage_rig: Any, axes: str, turned: Any) -> None:
    steps = np.arange(40 * 60, dtype="f4").reshape(40, 60)
    await stage_rig.draw(
        ResetFrame(frame=0),
        LoadImage(frame=0, image=stage_rig.image(steps)),
        SetScale(frame=0, stretch="linear", mode="user", low=0.0, high=3000.0),
        SetZoom(frame=0, factor=8.0),
        RaiseFrame(frame=0),
    )

    async def seen() -> np.ndarray[Any, Any]:
        pixels = (await stage_rig.picture())[:-COLOURBAR_PX]
        rows, columns = np.nonzero((pixels != 255).any(axis=-1))
        box: np.ndarray[Any, Any] = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        return box

    upright = await seen()
    await stage_rig.draw(SetFlip(frame=0, axes=axes))
    assert await stage_rig.tcl("[Frame0 get orient]") == axes
    flipped = await seen()
    expected = turned(upright)
    assert flipped.shape == expected.shape
    # DS9 samples a pixel at its other edge
    assert abs(flipped[4:-4, 4:-4].astype(int) - expected[4:-4, 4:-4]).mean() < 1
    await stage_rig.draw(SetFlip(frame=0, axes="none"))
    np.testing.assert_array_equal(await seen(), upright)


async def test_locks_are_those_of_ds9_and_frames_follow_their_leader_on_the_sky(stage_rig: Any) -> None:
    await two_frames(stage_rig)
    await stage_rig.draw(SetZoom(frame=0, factor=3), arranged(lock="wcs", shared=True, leader=0))
    locks = "[list $::panzoom(lock) $::scale(lock) $::scale(lock,limits) $::colorbar(lock)]"
    assert await stage_rig.tcl(locks) == "wcs 1 1 1"
    assert float((await stage_rig.tcl("[Frame1 get zoom]")).split()[0]) == pytest.approx(3, rel=1e-3)
    await stage_rig.draw(arranged())
    assert await stage_rig.tcl(locks) == "none 0 0 0"


async def test_the_image_area_gets_its_size_and_what_is_fitted_is_fitted_into_it(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await two_frames(fresh_rig)
    await fresh_rig.draw(SetZoom(frame=0, factor=None))
    area = "[winfo width $::ds9(canvas)] [winfo height $::ds9(canvas)]"
    before = float((await fresh_rig.tcl("[Frame0 get zoom]")).split()[0])
    sized = msgspec.structs.replace(arranged(), size=(400, 300))
    await fresh_rig.draw(sized, SetZoom(frame=0, factor=None))
    assert await fresh_rig.tcl(f'"{area}"') == "400 300"
    assert float((await fresh_rig.tcl("[Frame0 get zoom]")).split()[0]) < before
    await fresh_rig.draw(arranged())
    assert await fresh_rig.tcl(f'"{area}"') == "400 300", "it stays where nobody asks for another"
    picture = await fresh_rig.stage.snapshot(0, "png")
    assert PIL.Image.open(io.BytesIO(picture)).size == (400, 300)


async def test_a_size_beyond_the_screen_is_refused_with_what_there_is_room_for(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    results = await fresh_rig.run([msgspec.structs.replace(arranged(tile=True, shared=True), size=(8000, 8000))])
    assert "the screen has room for an image area of" in results[0].message
    left = await fresh_rig.tcl('"$::current(display) $::scale(lock) $::colorbar(lock)"')
    assert left == "single 0 0", "it is refused as a whole"


PLACES = (
    "[list [lindex [$::ds9(canvas) gettags [lindex [$::ds9(canvas) find overlapping 60 60 70 70] end]] 0]"
    " [lmap which $::ds9(frames) {list $which"
    " [lmap name {-x -y -width -height} {$::ds9(canvas) itemcget $which $name}]"
    " [lmap name {-x -y -width -height} {$::ds9(canvas) itemcget ${which}cb $name}]}]]"
)
"""Which is above the others near a corner, and where all frames and their colour bars are, in screen pixels."""


@pytest.mark.parametrize(
    ("display", "tile"),
    [
        ("single", {}),
        ("tile", {"mode": "grid", "grid,mode": "automatic", "grid,dir": "x"}),
        ("tile", {"mode": "grid", "grid,mode": "automatic", "grid,dir": "y"}),
        ("tile", {"mode": "grid", "grid,mode": "manual", "grid,col": "4", "grid,row": "2", "grid,gap": "9"}),
        ("tile", {"mode": "row"}),
        ("tile", {"mode": "column"}),
    ],
)
async def test_frames_that_come_and_go_lie_where_ds9_itself_would_lay_them(
    fresh_rig: Any, display: str, tile: dict[str, str]
) -> None:
    await fresh_rig.stage.ensure()
    for name, value in tile.items():
        await fresh_rig.tcl(f"[set ::tile({name}) {value}]")
    await fresh_rig.tcl(f"[apply {{{{}} {{global current; set current(display) {display}; DisplayMode}}}}]")
    chance = random.Random(display + str(tile))
    shown: list[int] = []
    for step in range(14):
        if shown and chance.random() < 0.4:
            frame = chance.choice(shown)
            shown.remove(frame)
            await fresh_rig.draw(DeleteFrame(frame=frame))
        elif len(shown) < 8:
            frame = 100 + step
            shown.append(frame)
            image = fresh_rig.image(np.full((30, 40), step, "f4") + np.arange(40, dtype="f4"))
            await fresh_rig.draw(CreateFrame(frame=frame), LoadImage(frame=frame, image=image))
        if not shown:
            continue
        if chance.random() < 0.5:
            await fresh_rig.draw(RaiseFrame(frame=chance.choice(shown)))
        ours, picture = await fresh_rig.tcl(PLACES), await fresh_rig.picture()
        await fresh_rig.tcl("[DisplayMode]")
        assert await fresh_rig.tcl(PLACES) == ours
        np.testing.assert_array_equal(await fresh_rig.picture(), picture)


async def test_only_the_new_tile_is_laid_out_where_the_others_keep_their_places(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(arranged(tile=True), *[CreateFrame(frame=frame) for frame in range(7)])
    await fresh_rig.tcl("[trace add execution ::LayoutFrames enter {incr ::laid_out;#}]")
    await fresh_rig.tcl("[set ::laid_out 0]")
    await fresh_rig.draw(CreateFrame(frame=7))
    await fresh_rig.draw(DeleteFrame(frame=3))
    assert await fresh_rig.tcl("$::laid_out") == "0", "3 columns and 3 rows are there already"
    await fresh_rig.draw(CreateFrame(frame=8), CreateFrame(frame=9), CreateFrame(frame=10))
    assert await fresh_rig.tcl("$::laid_out") == "1", "ten tiles need a column more"


async def test_colour_maps_that_ds9_reads_from_files_are_there_for_whoever_asks(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.tcl("[trace add execution ::mtv::ds9::CreateColorbarExternal enter {incr ::maps_read;#}]")
    await fresh_rig.tcl("[set ::maps_read 0]")
    await fresh_rig.draw(*[CreateFrame(frame=frame) for frame in range(4)], RaiseFrame(frame=0))
    assert await fresh_rig.tcl("$::maps_read") == "0"
    await fresh_rig.draw(SetColormap(frame=1, name="viridis", invert=False))
    groups = int(await fresh_rig.tcl("[llength [array names ::icolorbar *,cmaps]]")) - 2  # DS9's own, and the user's
    assert await fresh_rig.tcl("$::maps_read") == str(groups), "all groups of files, in DS9's order"
    await fresh_rig.tcl("[Frame2cb map h5_hot]")
    names = [await fresh_rig.tcl(f"[Frame{frame}cb get name]") for frame in range(4)]
    assert names == ["grey", "viridis", "h5_hot", "grey"]
    await fresh_rig.draw(RaiseFrame(frame=1), CreateFrame(frame=4), SetColormap(frame=4, name="turbo", invert=True))
    assert await fresh_rig.tcl("[Frame4cb get name]") == "turbo", "it began beside one with a map of a file"
    await fresh_rig.draw(DeleteFrame(frame=3), CreateFrame(frame=3), SetColormap(frame=3, name="tpglpom", invert=False))
    assert await fresh_rig.tcl("[Frame3cb get name]") == "tpglpom", "one that went without its maps leaves nothing"
