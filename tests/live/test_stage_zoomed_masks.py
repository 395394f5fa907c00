"""Masks are seen at every zoom: DS9 shows every n-th pixel of what it zooms out, and a thin feature is between them."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest
from tests.live.conftest import rows_and_columns

from mtvd.scene.actions import (
    Annotate,
    CreateFrame,
    LoadImage,
    LoadMask,
    RaiseFrame,
    ResetFrame,
    SetMaskTransparency,
    SetPan,
    SetScale,
    SetZoom,
)
from mtvd.stage.paint import reducing, zooms
from mtvd.stage.port import UserMoved, WindowUnavailable

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

SHAPE_YX = (1203, 2001)
COLUMN_X, ROW_Y, PIXEL_XY = 777, 401, (1233, 803)
COLOURS = (("COLUMN", "#ff8000"), ("ROW", "#00ffc0"), ("PIXEL", "#abcdef"))
XY0 = (100, 37)


def thin_mask() -> np.ndarray[Any, Any]:
    mask = np.zeros(SHAPE_YX, "u1")
    mask[90:-90, COLUMN_X] |= 1
    mask[ROW_Y, 90:-90] |= 2
    mask[PIXEL_XY[1], PIXEL_XY[0]] |= 4
    return mask


async def show(rig: Any, zoom: float | None) -> None:
    await rig.draw(
        ResetFrame(frame=0),
        LoadImage(frame=0, image=rig.image(np.full(SHAPE_YX, 500, "f4"), XY0)),
        LoadMask(
            frame=0,
            mask=rig.mask(thin_mask(), {"COLUMN": 0, "ROW": 1, "PIXEL": 2}, XY0),
            colours=COLOURS,
            transparency_percent=0,
        ),
        SetScale(frame=0, stretch="linear", mode="zscale", low=0.0, high=1000.0),
        SetZoom(frame=0, factor=zoom),
        *([] if zoom is None else [SetPan(frame=0, x=1100.0, y=640.0)]),
        RaiseFrame(frame=0),
    )


async def places(rig: Any) -> dict[str, tuple[float, float, float, float]]:
    """Return where each colour is, in pixels of the mask; refused where one is nowhere."""
    found = {}
    for plane, colour in COLOURS:
        x0, y0, x1, y1 = await rig.where(colour)
        found[plane] = (x0 - XY0[0], y0 - XY0[1], x1 - XY0[0], y1 - XY0[1])
    return found


def lies_on(found: dict[str, tuple[float, float, float, float]], pixel: float) -> None:
    """Hold the thin features to their places, to one and a half pixels of the screen and a cell."""
    slack = 3.5 * pixel
    assert found["COLUMN"][0] == pytest.approx(COLUMN_X, abs=slack)
    assert found["COLUMN"][2] == pytest.approx(COLUMN_X, abs=slack)
    assert found["ROW"][1] == pytest.approx(ROW_Y, abs=slack)
    assert found["ROW"][3] == pytest.approx(ROW_Y, abs=slack)
    assert found["PIXEL"] == pytest.approx((*PIXEL_XY, *PIXEL_XY), abs=slack)


@pytest.mark.parametrize("zoom", [None, 1.0, 0.5, 0.41, 0.27, 0.125])
async def test_a_column_a_row_and_a_pixel_are_seen_at_every_zoom(stage_rig: Any, zoom: float | None) -> None:
    await show(stage_rig, zoom)
    await stage_rig.stage.sync()
    actual = float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0])
    lies_on(await places(stage_rig), 1 / actual)


async def test_masks_follow_the_zoom_of_the_users_hand(stage_rig: Any) -> None:
    await show(stage_rig, 1.0)
    for factor in (0.25, 0.5, 4, 1.7):
        await stage_rig.tcl(f"[Zoom {factor} {factor}]")
        await stage_rig.stage.sync()
        actual = float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0])
        lies_on(await places(stage_rig), 1 / actual)
    with pytest.raises(UserMoved) as caught:
        await stage_rig.run([SetScale(frame=0, stretch="log", mode="zscale", low=0.0, high=1.0)], heeds=True)
    assert "zoom" in {one.what for one in caught.value.differences}, "the next batch still hears of it"


async def test_a_mask_that_the_user_has_taken_away_stays_away(stage_rig: Any) -> None:
    await show(stage_rig, 1.0)
    await stage_rig.stage.sync()
    await stage_rig.tcl("[Frame0 mask clear]")
    await stage_rig.tcl("[Zoom 0.25 0.25]")
    await stage_rig.stage.sync()
    assert await stage_rig.tcl("[Frame0 get mask count]") == "0"


async def test_colours_and_transparency_are_kept_at_another_zoom(stage_rig: Any) -> None:
    await show(stage_rig, 0.25)
    await stage_rig.draw(SetMaskTransparency(frame=0, percent=40))
    await stage_rig.tcl("[Zoom 2 2]")
    await stage_rig.stage.sync()
    assert await stage_rig.tcl("[Frame0 get mask transparency]") == "40"
    assert await stage_rig.tcl("[Frame0 get mask count]") == "3"


async def test_layers_of_other_zooms_are_made_once_and_go_with_their_mask(stage_rig: Any) -> None:
    await show(stage_rig, 0.25)
    seen = []
    for factor in (2, 2, 0.5, 0.5, 2, 2):
        await stage_rig.tcl(f"[Zoom {factor} {factor}]")
        await stage_rig.stage.sync()
        lies_on(await places(stage_rig), 1 / float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0]))
        seen.append(layers_of(stage_rig))
    assert {len(files) for files in seen} == {len(COLOURS)}
    spares = [name for name in stage_rig.pixels.names() if name.startswith("spare")]
    assert len(spares) == 2 * len(COLOURS), "of the two other sorts of cells"
    await stage_rig.draw(ResetFrame(frame=0))
    assert not [name for name in stage_rig.pixels.names() if name.startswith(("layer", "spare"))]


async def test_a_zoom_brings_the_layers_that_it_needs(stage_rig: Any) -> None:
    await show(stage_rig, 1.0)
    await stage_rig.stage.sync()
    for zoom in (0.25, 0.5, None):
        await stage_rig.draw(SetZoom(frame=0, factor=zoom))
        drawn = layers_of(stage_rig)
        await stage_rig.stage.sync()
        assert layers_of(stage_rig) == drawn, "those that were made with the batch are right"
        lies_on(await places(stage_rig), 1 / float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0]))


@pytest.mark.parametrize("zoom", [None, 0.9, 0.5, 0.41, 0.27, 0.21, 0.1373, 0.131, 0.09])
async def test_cells_lie_where_their_pixels_do(
    stage_rig: Any, monkeypatch: pytest.MonkeyPatch, zoom: float | None
) -> None:
    block = np.zeros((2000, 1600), "u1")
    block[640:1408, 320:1216] = 1  # whole cells, whatever their size
    steps = (
        ResetFrame(frame=0),
        LoadImage(frame=0, image=stage_rig.image(np.full(block.shape, 500, "f4"), XY0)),
        LoadMask(
            frame=0,
            mask=stage_rig.mask(block, {"BLOCK": 0}, XY0),
            colours=(("BLOCK", "#ff8000"),),
            transparency_percent=0,
        ),
        SetScale(frame=0, stretch="linear", mode="zscale", low=0.0, high=1000.0),
        SetZoom(frame=0, factor=zoom),
        RaiseFrame(frame=0),
    )
    found = []
    for cell_for in (reducing.cell_for, lambda _: 1):
        monkeypatch.setattr(zooms, "cell_for", cell_for)
        await stage_rig.draw(*steps)
        found.append(rows_and_columns(await stage_rig.picture(), "#ff8000"))
    assert found[0] is not None
    assert found[0] == found[1], "in cells as pixel by pixel"


@pytest.mark.parametrize("zoom", [None, 1.0, 0.41])
async def test_a_mask_is_loaded_once_where_its_zoom_can_be_foreseen(stage_rig: Any, zoom: float | None) -> None:
    await show(stage_rig, zoom)
    files = layers_of(stage_rig)
    await stage_rig.stage.sync()
    assert layers_of(stage_rig) == files


async def test_a_mask_follows_the_users_zoom_though_nothing_is_drawn_meanwhile(stage_rig: Any) -> None:
    await show(stage_rig, 1.0)
    await stage_rig.stage.sync()
    before = layers_of(stage_rig)
    async with anyio.create_task_group() as group:
        await group.start(stage_rig.stage.serve)
        stage_rig.stage.listening.attach(stage_rig.stage.supervisor.held.window.events)
        group.start_soon(stage_rig.stage.listening.serve)
        await stage_rig.tcl("[Zoom 0.25 0.25]")
        with anyio.fail_after(60):
            while not layers_of(stage_rig) - before or stage_rig.stage._layers.misfits():
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    after = layers_of(stage_rig)
    await stage_rig.stage.sync()
    assert layers_of(stage_rig) == after, "they are those of the new zoom already"


def layers_of(rig: Any) -> set[str]:
    return {name for name in rig.pixels.names() if name.startswith("layer")}


async def test_the_legend_stays_where_the_mask_is_drawn_in_other_cells(stage_rig: Any) -> None:
    await show(stage_rig, None)
    await stage_rig.draw(Annotate(frame=0, names=("legend",)))
    for zoom in (1.0, 0.25, 4.0):
        await stage_rig.draw(SetZoom(frame=0, factor=zoom))
        await stage_rig.stage.sync()
        picture = (await stage_rig.picture())[:100, :150]
        missing = [name for name, colour in COLOURS if rows_and_columns(picture, colour) is None]
        assert not missing, f"the legend has no {missing} at zoom {zoom}"


@pytest.mark.parametrize("broken", ["picture_look", "picture_pieces"])
async def test_a_large_picture_that_fails_leaves_the_mask_as_the_window_needs_it(fresh_rig: Any, broken: str) -> None:
    stage = fresh_rig.stage
    await stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
    await show(fresh_rig, 0.25)
    await stage.sync()
    plan = await stage.survey(0, (4000, 2400))
    await fresh_rig.tcl(f"[proc ::mtv::{broken} {{args}} {{error broken}}]")
    with pytest.raises(WindowUnavailable, match="broken"):
        await (
            stage.survey(0, (4000, 2400)) if broken == "picture_look" else stage.pieces(0, (4000, 2400), plan.boxes, 50)
        )
    assert stage._layers._shown[0].cell == 1, "as the picture needed it"
    await stage.sync()
    assert stage._layers._shown[0].cell == 4
