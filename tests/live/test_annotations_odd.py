"""Annotations of images, skies, labels and masks that nobody would wish for: bounded, cut, left out, and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from tests.live.test_annotations import ALL_BUT_GRID, SHAPE, fill, masked, said, sky

from mtvd.scene.actions import Annotate, Arrange, LoadImage, RaiseFrame, ResetFrame, SetScale, SetZoom
from mtvd.scene.annotations import NAMES, drawable

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.fixture
async def rig(stage_rig: Any) -> AsyncIterator[Any]:
    """The module's window; nothing in it may have failed to be drawn."""
    yield stage_rig
    assert await stage_rig.tcl("$::mtv::annotations::failure") == ""


async def test_a_legend_of_seventy_planes_is_bounded_and_counts_the_rest(rig: Any) -> None:
    rows = " ".join(f"{{#{number * 3:02x}8040 PLANE_{number}}}" for number in range(70))
    await fill(rig, 0, masked(rig, 0), Annotate(frame=0, names=("legend",)))
    await rig.tcl(f"[::mtv::annotations::masked Frame0 {{{rows}}}][::mtv::annotations::settle]")
    await rig.picture("seventy.png")
    texts = await said(rig)
    shown = [text for text in texts if text.startswith("PLANE_")]
    assert len(shown) == len(texts) - 1
    assert texts[-1] == f"\N{HORIZONTAL ELLIPSIS} and {70 - len(shown)} more"
    _, _, right, bottom = map(int, (await rig.tcl("[$::ds9(canvas) bbox mtv.annotation.Frame0]")).split())
    _, _, width, height = map(int, (await rig.tcl("[::mtv::frames::box_of Frame0]")).split())
    assert right <= width / 2 + 10
    assert bottom <= height


@pytest.mark.parametrize(
    "text", ["a" * 5000, '{$x [exit] \\ ; # "', "\N{CJK UNIFIED IDEOGRAPH-661F} \N{BLACK STAR}", "}{"]
)
async def test_odd_labels_are_cut_to_the_tile_and_never_run(rig: Any, text: str) -> None:
    caption = drawable(text, 300)
    await fill(rig, 0, masked(rig, 0), Annotate(frame=0, names=ALL_BUT_GRID, caption=caption, unit=caption))
    (first, *_) = await said(rig)
    assert first.rstrip("\N{HORIZONTAL ELLIPSIS}") in caption
    _, _, right, _ = map(int, (await rig.tcl("[$::ds9(canvas) bbox mtv.annotation.Frame0]")).split())
    assert right <= int(await rig.tcl("[winfo width $::ds9(canvas)]"))


async def test_tiles_too_small_for_annotations_are_drawn_all_the_same(rig: Any) -> None:
    for frame in range(4):
        await fill(
            rig,
            frame,
            masked(rig, frame),
            Annotate(frame=frame, names=ALL_BUT_GRID, caption="calexp HSC", unit="nJy"),
            wcs=sky(),
        )
    await rig.draw(
        Arrange(tile=True, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None, size=(110, 150))
    )
    await rig.picture("small.png")
    await rig.draw(
        Arrange(tile=False, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None, size=(1000, 640))
    )
    assert await said(rig, 3) != []


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
async def test_images_without_contrast_say_what_can_be_said(rig: Any, value: float) -> None:
    await rig.draw(
        ResetFrame(frame=0),
        LoadImage(frame=0, image=rig.image(np.full(SHAPE, value, "f4"), wcs=sky())),
        SetScale(frame=0, stretch="log", mode="zscale", low=None, high=None),
        Annotate(frame=0, names=ALL_BUT_GRID, caption="blank", unit="nJy"),
        RaiseFrame(frame=0),
    )
    texts = await said(rig)
    assert texts[0] == "blank"
    assert any(text.startswith("log") for text in texts)


@pytest.mark.parametrize("zoom", [0.001, 1000.0])
async def test_any_zoom_is_survived(rig: Any, zoom: float) -> None:
    await fill(rig, 0, Annotate(frame=0, names=NAMES, caption="far"), SetZoom(frame=0, factor=zoom), wcs=sky())
    assert (await said(rig))[0] == "far"


@pytest.mark.parametrize(
    "cards",
    [
        {"CD1_1": 0.0, "CD1_2": 0.0},
        {"CRVAL2": 90.0},
        {"CRVAL2": -90.0, "CRVAL1": 359.99999},
        {"CD1_1": -5.0, "CD2_2": 5.0},
        {"CRVAL1": 0.0, "CRVAL2": 0.0},
    ],
)
async def test_odd_skies_are_survived(rig: Any, cards: dict[str, float]) -> None:
    await fill(rig, 0, Annotate(frame=0, names=ALL_BUT_GRID, caption="odd"), wcs=sky(**cards))
    assert (await said(rig))[0] == "odd"


async def test_limits_that_are_no_numbers_are_left_out(rig: Any) -> None:
    answers = (
        "if {$args eq {get colorscale}} {return log} elseif {$args eq {get clip}} {return {nan inf}}; return zscale"
    )
    await rig.tcl(f"[proc ::Unlimited args {{{answers}}}]")
    assert await rig.tcl("[::mtv::annotations::limits Unlimited nJy]") == "log"
    await rig.tcl("[rename ::Unlimited {}]")
