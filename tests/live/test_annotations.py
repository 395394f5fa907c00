"""Annotations in the window's own pixels: labels, limits, legends, scale bars and compasses."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import anyio
import astropy.io.fits
import astropy.wcs
import numpy as np
import pytest
from tests.live.conftest import COLOURBAR_PX, rows_and_columns

from mtvd.scene.actions import (
    Annotate,
    AnyAction,
    Arrange,
    DeleteFrame,
    LoadImage,
    LoadMask,
    RaiseFrame,
    ResetFrame,
    SetFlip,
    SetMaskTransparency,
    SetRotation,
    SetScale,
    SetZoom,
)
from mtvd.scene.annotations import NAMES

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

SHAPE = (300, 400)
PIXEL_ARCSEC = 0.2
COLOURS = (("DETECTED", "#0000ff"), ("BAD", "#fe0102"), ("SAT", "#01fe03"), ("INTRP", "#01fe03"))
PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "DETECTED": 5}
PLATE = 0x18
ALL_BUT_GRID = tuple(name for name in NAMES if name != "grid")


def noise() -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(100, 5, SHAPE).astype("f4")


def sky(turned_deg: float = 0.0, **other: float) -> str:
    """Return the cards of a sky whose north is turned counter-clockwise, some of them with other values."""
    cos, sin = (PIXEL_ARCSEC / 3600 * wave(math.radians(turned_deg)) for wave in (math.cos, math.sin))
    place = {"CRVAL1": 150.0, "CRVAL2": 2.2, "CRPIX1": 200.5, "CRPIX2": 150.5}
    values = {**place, "CD1_1": -cos, "CD1_2": -sin, "CD2_1": -sin, "CD2_2": cos, **other}
    words = {"CTYPE1": "'RA---TAN'", "CTYPE2": "'DEC--TAN'", "RADESYS": "'ICRS'"}
    cards = {**words, **{name: f"{value:.12E}" for name, value in values.items()}}
    return "".join(f"{name:8}= {value}".ljust(80) for name, value in cards.items())


def masked(rig: Any, frame: int, colours: tuple[tuple[str, str], ...] = COLOURS) -> LoadMask:
    mask = np.zeros(SHAPE, "i4")
    mask[140:160, 190:220] = 1 << 5
    mask[100:120, 250:280] = 1
    mask[100:120, 300:330] = 2
    return LoadMask(frame=frame, mask=rig.mask(mask, PLANES), colours=colours, transparency_percent=0)


async def fill(rig: Any, frame: int, *steps: AnyAction, wcs: str = "") -> None:
    await rig.draw(
        ResetFrame(frame=frame),
        LoadImage(frame=frame, image=rig.image(noise(), wcs=wcs)),
        SetScale(frame=frame, stretch="linear", mode="zscale", low=80, high=120),
        SetZoom(frame=frame, factor=2),
        *steps,
        RaiseFrame(frame=frame),
    )


ONE_TEXT = "if {[$::ds9(canvas) type $id] ne {text}} continue; $::ds9(canvas) itemcget $id -text"


async def said(rig: Any, frame: int = 0) -> list[str]:
    """Return the texts on a frame, each once, when all that is owed to them is drawn."""
    await rig.stage.sync()
    return await says(rig, frame)


async def says(rig: Any, frame: int = 0) -> list[str]:
    """Return the texts that are on a frame now."""
    tag = f"mtv.annotation.Frame{frame}"
    found = f"[join [lmap id [$::ds9(canvas) find withtag {tag}] {{{ONE_TEXT}}}] \\n]"
    return list(dict.fromkeys(line for line in (await rig.tcl(found)).split("\n") if line))


@pytest.fixture
async def rig(stage_rig: Any) -> AsyncIterator[Any]:
    """The module's window with nothing in it."""
    await stage_rig.stage.ensure()
    for frame in [name.removeprefix("Frame") for name in (await stage_rig.tcl("$::ds9(frames)")).split()]:
        await stage_rig.draw(DeleteFrame(frame=int(frame)))
    await stage_rig.draw(tiles(False))
    yield stage_rig
    assert await stage_rig.tcl("$::mtv::annotations::failure") == ""


def tiles(on: bool) -> Arrange:
    return Arrange(tile=on, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None)


async def test_each_tile_bears_its_own_label_and_nothing_else_is_changed(rig: Any) -> None:
    for frame in (0, 1, 2):
        await fill(rig, frame)
    await rig.draw(tiles(True))
    await rig.stage.sync()
    before = await rig.picture()
    for frame in (0, 1, 2):
        await rig.draw(Annotate(frame=frame, names=("label",), caption=f"calexp HSC, visit {frame}, detector 41"))
    after = await rig.picture("labels.png")
    assert [await said(rig, frame) for frame in (0, 1, 2)] == [
        [f"calexp HSC, visit {frame}, detector 41"] for frame in (0, 1, 2)
    ]
    other = (before != after).any(axis=-1)
    for frame in (0, 1, 2):
        x, y, _, _ = map(int, (await rig.tcl(f"[::mtv::frames::box_of Frame{frame}]")).split())
        plate = other[y : y + 40, x : x + 330]
        assert plate.sum() > 1000, f"tile {frame} bears nothing"
        letters = plate & (after[y : y + 40, x : x + 330] > 200).all(axis=-1)  # some fonts are drawn with soft edges
        assert letters.sum() > 20, f"tile {frame} has no white letters"
        plate[:] = False
    assert not other.any(), "something beside the labels is another"
    for frame in (0, 1, 2):
        await rig.draw(Annotate(frame=frame))
    assert (await rig.picture() == before).all(), "without labels the picture is as it was"


async def test_only_the_frame_in_front_is_labelled_where_one_is_seen_at_a_time(rig: Any) -> None:
    for frame in (0, 1):
        await fill(rig, frame, Annotate(frame=frame, names=("label",), caption=f"number {frame}"))
    assert [await said(rig, 0), await said(rig, 1)] == [[], ["number 1"]]
    await rig.tcl("[GotoFrame Frame0]")  # as the user does
    assert [await said(rig, 0), await said(rig, 1)] == [["number 0"], []]
    await rig.draw(DeleteFrame(frame=0))
    assert [await said(rig, 0), await said(rig, 1)] == [[], ["number 1"]]


async def test_what_is_done_by_hand_is_followed_without_a_request(rig: Any) -> None:
    for frame in (0, 1):
        names = ("label", "limits", "scale_bar")
        await fill(rig, frame, Annotate(frame=frame, names=names, caption=f"number {frame}"), wcs=sky())
    assert (await says(rig, 1))[0] == "number 1", "a label is there with the batch that draws it"
    await rig.tcl("[GotoFrame Frame0]")
    assert await says(rig, 1) == []
    assert (await says(rig, 0))[0] == "number 0"
    for by_hand, wanted in (("ZoomTo 1 1", "30 arcsec"), ("set ::scale(mode) 99][ChangeScaleMode", "linear, 99 %")):
        await rig.tcl(f"[{by_hand}]")
        with anyio.fail_after(60):
            while not any(text.startswith(wanted) for text in await says(rig)):
                await anyio.sleep(0.02)


async def test_the_legend_has_the_colours_of_the_mask_and_only_planes_that_are_there(rig: Any) -> None:
    await fill(rig, 0, masked(rig, 0), Annotate(frame=0, names=("legend",)))
    picture = (await rig.picture("legend.png"))[:-COLOURBAR_PX]
    assert await said(rig) == ["INTRP, SAT", "BAD", "DETECTED"], "the topmost first; one row for planes of one colour"
    legend, image = picture[:100, :200], picture[100:]
    rows = []
    for colour in ("#01fe03", "#fe0102", "#0000ff"):
        found = rows_and_columns(legend, colour)
        assert found is not None, f"{colour} is not in the legend"
        assert rows_and_columns(image, colour) is not None, f"{colour} is not in the image"
        rows.append(found[0])
    assert rows == sorted(rows)
    await rig.draw(masked(rig, 0, COLOURS[:1]))
    assert await said(rig) == ["DETECTED"]
    await rig.draw(masked(rig, 0, (("DETECTED", "#fe8003"),)))
    assert rows_and_columns((await rig.picture())[:100, :200], "#fe8003") is not None, "the legend follows a new colour"


@pytest.mark.parametrize("hides", ["percent", "image", "hand"])
async def test_a_mask_that_is_not_seen_has_no_legend(rig: Any, hides: str) -> None:
    await fill(rig, 0, masked(rig, 0), Annotate(frame=0, names=("legend",)))
    assert await said(rig)
    if hides == "percent":
        await rig.draw(SetMaskTransparency(frame=0, percent=100))
    elif hides == "image":
        await rig.draw(LoadImage(frame=0, image=rig.image(noise())))
        assert await rig.tcl("[::mtv::annotations::rows_of Frame0]") == "", (
            "a mask of the user's own is not taken for ours"
        )
    else:
        await rig.tcl("[MaskClear]")
    assert await said(rig) == []


async def test_limits_are_told_in_words_with_their_unit(rig: Any) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("limits",), unit="nJy"))
    assert await said(rig) == ["linear, 80 to 120 nJy"]
    await rig.draw(SetScale(frame=0, stretch="asinh", mode="zscale", low=None, high=None))
    (text,) = await said(rig)
    low, high = (float(word) for word in (await rig.tcl("[Frame0 get clip]")).split())
    assert text == f"asinh, zscale {low:.4g} to {high:.4g} nJy"
    await rig.tcl("[set ::scale(mode) 95][ChangeScaleMode]")  # by hand
    assert (await said(rig))[0].startswith("asinh, 95 % ")
    await rig.draw(SetScale(frame=0, stretch="histequ", mode="minmax", low=None, high=None))
    assert (await said(rig))[0].startswith("histogram, minmax ")


async def bar_px(rig: Any) -> int:
    tag = "mtv.annotation.Frame0.scale_bar"
    ids = f"[lindex [$::ds9(canvas) find withtag {tag}] 0]"
    points = [float(word) for word in (await rig.tcl(f"[$::ds9(canvas) coords {ids}]")).split()]
    return round(points[4] - points[2])


async def test_the_scale_bar_is_as_long_as_it_says_at_each_zoom(rig: Any) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("scale_bar",)), wcs=sky())
    seconds = {"arcsec": 1.0, "arcmin": 60.0}
    for zoom in (0.05, 0.3, 1.0, 2.0, 7.0, 40.0):
        await rig.tcl(f"[ZoomTo {zoom} {zoom}]")  # by hand
        (words,) = await said(rig)
        number, unit = words.split()
        wanted = float(number) * seconds[unit] / PIXEL_ARCSEC * zoom
        assert await bar_px(rig) == pytest.approx(wanted, rel=0.02, abs=1)
    await rig.draw(SetZoom(frame=0, factor=1))
    assert await said(rig) == ["30 arcsec"]


async def test_without_a_sky_the_scale_bar_counts_pixels_and_there_is_no_compass(rig: Any) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("scale_bar", "compass", "grid")))
    for zoom in (0.5, 2.0, 30.0):
        await rig.draw(SetZoom(frame=0, factor=zoom))
        (words,) = await said(rig)
        number, unit = words.split()
        assert unit.startswith("pixel")
        assert await bar_px(rig) == pytest.approx(float(number) * zoom, abs=1)


async def arrows(rig: Any) -> list[float]:
    """Return the directions of N and E on the screen, as degrees counter-clockwise from the upright."""
    await rig.stage.sync()
    ids = (await rig.tcl("[$::ds9(canvas) find withtag mtv.annotation.Frame0.compass]")).split()
    kinds = [await rig.tcl(f"[$::ds9(canvas) type {item}]") for item in ids]
    lines = [item for item, kind in zip(ids, kinds, strict=True) if kind == "line"][::2]
    found = []
    for line in lines:
        x0, y0, x1, y1 = (float(word) for word in (await rig.tcl(f"[$::ds9(canvas) coords {line}]")).split())
        found.append(math.degrees(math.atan2(x0 - x1, y0 - y1)) % 360)
    return found


def on_image(east: float, north: float, turned_deg: float) -> float:
    """Return the direction of a step on the sky as astropy has it, in degrees counter-clockwise from the upright."""
    header = astropy.io.fits.Header.fromstring(sky(turned_deg))
    wcs = astropy.wcs.WCS(header)
    x0, y0 = wcs.all_world2pix(150.0, 2.2, 0)
    x1, y1 = wcs.all_world2pix(150.0 + east * 0.001, 2.2 + north * 0.001, 0)
    return math.degrees(math.atan2(x0 - x1, y1 - y0)) % 360


@pytest.mark.parametrize("turned_deg", [5, 30, 200])
async def test_the_compass_follows_the_sky_and_the_rotation(rig: Any, turned_deg: float) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("compass",)), wcs=sky(turned_deg))
    assert await said(rig) == ["N", "E"]
    north, east = await arrows(rig)
    assert [north, east] == pytest.approx([on_image(0, 1, turned_deg), on_image(1, 0, turned_deg)], abs=1)
    await rig.draw(SetRotation(frame=0, angle_deg=40))
    turned_north, _ = await arrows(rig)
    assert (turned_north - north) % 360 == pytest.approx(40, abs=1)
    await rig.tcl("[Rotate 50]")  # by hand
    turned_north, _ = await arrows(rig)
    assert (turned_north - north) % 360 == pytest.approx(90, abs=1)


async def test_the_compass_follows_a_flip(rig: Any) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("compass",)), wcs=sky(30))
    north, east = await arrows(rig)
    await rig.draw(SetFlip(frame=0, axes="x"))
    flipped_north, flipped_east = await arrows(rig)
    assert (flipped_north + north + 180) % 360 == pytest.approx(180, abs=1)
    assert (flipped_east + east + 180) % 360 == pytest.approx(180, abs=1)


async def test_the_grid_comes_and_goes_and_one_of_the_users_own_stays(rig: Any) -> None:
    await fill(rig, 0, wcs=sky(30))
    await fill(rig, 1, wcs=sky())
    await rig.draw(Annotate(frame=0, names=("grid",)))
    grids = "[list [Frame0 has grid] [Frame1 has grid] $::grid(view)]"
    assert await rig.tcl(grids) == "1 0 0", "of the frame behind; DS9's own switch is that of the frame in front"
    await rig.draw(RaiseFrame(frame=0))
    assert (await rig.picture("grid.png") == (0, 255, 255)).all(axis=-1).sum() > 500
    await rig.draw(LoadImage(frame=0, image=rig.image(noise(), wcs=sky(10))))
    assert await rig.tcl("[Frame0 has grid]") == "1", "it outlasts the image"
    assert (await rig.tcl("[Frame0 get grid]")).split()[:2] == ["wcs", "icrs"]
    await rig.draw(LoadImage(frame=0, image=rig.image(noise())))
    assert await rig.tcl("[Frame0 has grid]") == "0", "there is no sky"
    await rig.draw(LoadImage(frame=0, image=rig.image(noise(), wcs=sky(10))))
    await rig.draw(Annotate(frame=0))
    assert await rig.tcl("[Frame0 has grid]") == "0"
    update = "[expr {[info commands ::UpdateGridCurrent] ne {} ? {UpdateGridCurrent} : {GridUpdateCurrent}}]"
    await rig.tcl(f"[set ::grid(view) 1][{update}]")  # by hand
    await rig.draw(Annotate(frame=0, names=("label",), caption="x"))
    assert await rig.tcl("[Frame0 has grid]") == "1"
    await rig.draw(ResetFrame(frame=0))


async def test_annotations_lie_where_their_tile_is_after_each_change_of_the_layout(rig: Any) -> None:
    for frame in range(4):
        await fill(rig, frame, Annotate(frame=frame, names=("label",), caption=f"number {frame}"))

    async def places() -> list[tuple[int, int]]:
        await rig.stage.sync()
        found = []
        for frame in range(4):
            box = (await rig.tcl(f"[$::ds9(canvas) bbox mtv.annotation.Frame{frame}]")).split()
            place = (await rig.tcl(f"[::mtv::frames::box_of Frame{frame}]")).split()
            found.append((int(box[0]) - int(place[0]), int(box[1]) - int(place[1])))
        return found

    await rig.draw(tiles(True))
    assert set(await places()) == {(6, 6)}
    await rig.tcl("[set ::tile(mode) column][DisplayMode]")  # by hand
    assert set(await places()) == {(6, 6)}
    await rig.tcl("[set ::tile(mode) grid][DisplayMode]")
    await rig.draw(DeleteFrame(frame=3))
    assert await says(rig, 3) == [], "it goes with its frame"
    assert [await said(rig, frame) for frame in range(3)] == [[f"number {frame}"] for frame in range(3)]
    await rig.draw(RaiseFrame(frame=1))
    picture = await rig.picture()
    x, y, _, _ = map(int, (await rig.tcl("[::mtv::frames::box_of Frame1]")).split())
    assert (picture[y : y + 30, x : x + 120] == PLATE).all(axis=-1).sum() > 500, (
        "a frame that is raised hides its label"
    )


async def test_a_file_that_the_user_opens_does_not_bear_our_label(rig: Any) -> None:
    await fill(rig, 0, Annotate(frame=0, names=("label",), caption="ours"))
    other = rig.image(noise())
    await rig.tcl(f"[LoadFitsFile {rig.pixels.directory}/{other.file} {{}} {{}}][FinishLoad]")
    assert await said(rig) == []
    await rig.draw(LoadImage(frame=0, image=rig.image(noise())))
    assert await said(rig) == ["ours"]


async def test_clicks_go_to_the_image_below(rig: Any) -> None:
    await fill(rig, 0, masked(rig, 0), Annotate(frame=0, names=("label", "legend"), caption="calexp HSC"))
    assert await said(rig)
    await rig.tcl("[event generate $::ds9(canvas) <Motion> -x 20 -y 15][update]")
    assert (await rig.tcl("[$::ds9(canvas) gettags current]")).split()[:1] == ["Frame0"]
