"""What the stage draws, told from DS9's own answers and from pixels of the window."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.live.conftest import COLOURBAR_PX

from mtvd.scene.actions import (
    AddMarkers,
    AnyAction,
    CreateFrame,
    DeleteFrame,
    DeleteMarkers,
    LoadImage,
    LoadMask,
    RaiseFrame,
    ResetFrame,
    SetColormap,
    SetMaskTransparency,
    SetPan,
    SetScale,
    SetZoom,
)
from mtvd.stage.port import Batch, Section

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

SHAPE = (300, 400)


def noise(seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(100, 5, SHAPE).astype("f4")


def scale(frame: int, low: float | None = 0.0, high: float | None = 1000.0, mode: str = "zscale") -> SetScale:
    return SetScale(frame=frame, stretch="linear", mode=mode, low=low, high=high)


def load_of(load: LoadMask, frame: int) -> LoadMask:
    return msgspec.structs.replace(load, frame=frame)


async def empty(rig: Any, frame: int = 0, *steps: AnyAction) -> None:
    await rig.draw(ResetFrame(frame=frame), *steps, RaiseFrame(frame=frame))


async def test_a_new_window_has_no_frame_of_its_own(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    assert await fresh_rig.tcl("$::ds9(frames)") == ""
    await fresh_rig.draw(CreateFrame(frame=0), CreateFrame(frame=1001), CreateFrame(frame=7))
    assert await fresh_rig.tcl("$::ds9(frames)") == "Frame0 Frame1001 Frame7"
    assert await fresh_rig.tcl("$::current(frame)") == "Frame0", "only raising changes the frame in front"
    assert await fresh_rig.tcl("$::ds9(seq)") == "8", "a frame made by hand gets a number below those of names"


async def test_image_mask_and_markers_lie_on_each_other_with_an_offset(stage_rig: Any, make_markers: Any) -> None:
    mask = np.zeros(SHAPE, "i4")
    mask[40:60, 50:80] = 1 << 3
    mask[100:120, 50:80] = 1 << 5
    image = noise()
    image[200:220, 300:330] = 0
    await empty(
        stage_rig,
        0,
        LoadImage(frame=0, image=stage_rig.image(image, (100, 100))),
        LoadMask(
            frame=0,
            mask=stage_rig.mask(mask, {"CR": 3, "DETECTED": 5}, (100, 100)),
            colours=(("DETECTED", "#0000ff"), ("CR", "#ff8000")),
            transparency_percent=0,
        ),
        scale(0),
        SetZoom(frame=0, factor=2),
        SetPan(frame=0, x=299.5, y=249.5),
        AddMarkers(frame=0, overlay="a", markers=make_markers(164.5, 149.5, size=10, colour="#00ff00")),
    )
    await stage_rig.picture("offset.png")
    assert await stage_rig.where("#ff8000") == pytest.approx((150, 140, 179, 159), abs=0.8)
    assert await stage_rig.where("#0000ff") == pytest.approx((150, 200, 179, 219), abs=0.8)
    assert await stage_rig.where("#000000") == pytest.approx((400, 300, 429, 319), abs=0.8)
    assert await stage_rig.where("#00ff00") == pytest.approx((154.5, 139.5, 174.5, 159.5), abs=0.8)


async def test_the_topmost_plane_covers_the_others_exactly(stage_rig: Any, find_colour: Any) -> None:
    mask = np.zeros(SHAPE, ">i2")
    mask[50:150, 50:150] |= 1
    mask[100:200, 100:200] |= 2
    layer = stage_rig.mask(mask, {"A": 0, "B": 1})
    bottom_a, bottom_b = (("A", "#112233"), ("B", "#abcdef")), (("B", "#abcdef"), ("A", "#112233"))
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())), scale(0), SetZoom(frame=0, factor=2))
    await stage_rig.draw(LoadMask(frame=0, mask=layer, colours=bottom_a, transparency_percent=0))
    assert await stage_rig.where("#abcdef") == pytest.approx((100, 100, 199, 199), abs=0.8)
    picture = await stage_rig.picture()
    # without the numbers below the colour bar, whose edges some systems' fonts colour
    image_area = picture[:-COLOURBAR_PX].reshape(-1, 3).tolist()
    colours = {tuple(pixel) for pixel in image_area if max(pixel) - min(pixel) > 40}
    assert not colours - {(0x11, 0x22, 0x33), (0xAB, 0xCD, 0xEF)}, "colours are exact and do not mix"
    await stage_rig.draw(LoadMask(frame=0, mask=layer, colours=bottom_b, transparency_percent=0))
    assert await stage_rig.where("#112233") == pytest.approx((50, 50, 149, 149), abs=0.8)
    await stage_rig.draw(LoadMask(frame=0, mask=layer, colours=(), transparency_percent=0))
    assert find_colour(await stage_rig.picture(), "#112233") is None
    assert await stage_rig.tcl("[Frame0 get mask count]") == "0"


async def test_a_new_image_drops_masks_and_keeps_markers_zoom_pan_and_stretch(
    stage_rig: Any, make_markers: Any
) -> None:
    mask = np.ones(SHAPE, "u1")
    await empty(
        stage_rig,
        0,
        LoadImage(frame=0, image=stage_rig.image(noise())),
        LoadMask(frame=0, mask=stage_rig.mask(mask, {"A": 0}), colours=(("A", "#ff0000"),), transparency_percent=30),
        SetScale(frame=0, stretch="asinh", mode="zscale", low=5.0, high=500.0),
        SetZoom(frame=0, factor=3),
        SetPan(frame=0, x=120, y=130),
        AddMarkers(frame=0, overlay="a", markers=make_markers([10, 20], [30, 40])),
    )
    await stage_rig.stage.sync()
    before = await stage_rig.parent(500, 300, 0)
    assert await stage_rig.tcl("[Frame0 get mask transparency]") == "30"
    await stage_rig.draw(LoadImage(frame=0, image=stage_rig.image(noise(2))))
    await stage_rig.stage.sync()
    assert await stage_rig.tcl("[Frame0 get mask count]") == "0"
    assert await stage_rig.tcl("[Frame0 get marker number]") == "2"
    assert await stage_rig.tcl("[Frame0 get colorscale]") == "asinh"
    assert await stage_rig.tcl("[Frame0 get clip]") == "5 500"
    assert float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0]) == 3
    assert await stage_rig.parent(500, 300, 0) == pytest.approx(before, abs=0.51)


async def test_work_on_a_frame_behind_leaves_the_front_as_it_is(stage_rig: Any, make_markers: Any) -> None:
    front = noise()
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(front)), scale(0), SetZoom(frame=0, factor=2))
    before = await stage_rig.picture()
    await stage_rig.draw(
        ResetFrame(frame=5),
        LoadImage(frame=5, image=stage_rig.image(noise(3), (7, 9))),
        LoadMask(
            frame=5,
            mask=stage_rig.mask(np.ones(SHAPE, "u1"), {"A": 0}, (7, 9)),
            colours=(("A", "#ff0000"),),
            transparency_percent=50,
        ),
        AddMarkers(frame=5, overlay="a", markers=make_markers(50, 60)),
        SetScale(frame=5, stretch="log", mode="zscale", low=1.0, high=200.0),
        SetColormap(frame=5, name="heat", invert=True),
        SetZoom(frame=5, factor=4),
        SetPan(frame=5, x=57, y=69),
    )
    assert await stage_rig.tcl("$::current(frame)") == "Frame0"
    assert (await stage_rig.picture() == before).all(), "not a pixel in front has changed"
    values = "[list [Frame5 get mask count] [Frame5 get marker number] [Frame5 get colorscale] [Frame5cb get name]]"
    assert await stage_rig.tcl(values) == "1 1 log heat"
    await stage_rig.draw(RaiseFrame(frame=5))
    await stage_rig.stage.sync()
    assert await stage_rig.tcl("$::current(frame)") == "Frame5"
    width, height = [int(await stage_rig.tcl(f"[winfo {side} $::ds9(canvas)]")) for side in ("width", "height")]
    centre = await stage_rig.parent(width / 2, (height - 50) / 2, 5)
    assert centre == pytest.approx((57, 69), abs=5)
    await stage_rig.draw(DeleteFrame(frame=5), DeleteFrame(frame=5), RaiseFrame(frame=0))
    assert await stage_rig.tcl("$::ds9(frames)") == "Frame0"


async def test_a_frame_in_front_is_deleted_again_and_again_and_the_window_lives(stage_rig: Any) -> None:
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    for frame in (5, 6, 5, 6, 5, 6):
        await empty(stage_rig, frame, LoadImage(frame=frame, image=stage_rig.image(noise(frame))))
        await stage_rig.picture()
        await stage_rig.draw(DeleteFrame(frame=frame))
        assert await stage_rig.tcl("$::current(frame)") == "Frame0"
        await stage_rig.stage.sync()
    await empty(stage_rig, 0)
    await stage_rig.draw(DeleteFrame(frame=0))
    assert await stage_rig.tcl("$::ds9(frames)") == ""


@pytest.mark.parametrize(
    ("mode", "expected"), [("minmax", (-50.0, 4000.0)), ("zscale", None), ("90", None), ("99.5", None)]
)
async def test_automatic_limits_are_those_of_the_whole_image(stage_rig: Any, mode: str, expected: Any) -> None:
    image = noise()
    image[17, 23], image[29, 31] = -50, 4000
    await empty(
        stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(image)), scale(0, low=None, high=None, mode=mode)
    )
    low, high = (float(word) for word in (await stage_rig.tcl("[Frame0 get clip]")).split())
    if expected:
        assert (low, high) == expected
    else:
        assert 50 < low < 100 < high < 150
    assert await stage_rig.tcl("[Frame0 get clip mode]") == mode


async def test_fit_shows_the_whole_image_also_in_a_frame_behind(stage_rig: Any) -> None:
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    await stage_rig.draw(
        ResetFrame(frame=1), LoadImage(frame=1, image=stage_rig.image(noise())), SetZoom(frame=1, factor=None)
    )
    await stage_rig.draw(SetZoom(frame=0, factor=None))
    assert await stage_rig.tcl("[Frame1 get zoom]") == await stage_rig.tcl("[Frame0 get zoom]")
    assert float((await stage_rig.tcl("[Frame0 get zoom]")).split()[0]) > 1.5
    await stage_rig.draw(DeleteFrame(frame=1))


async def test_transparency_of_a_hundred_hides_the_mask(stage_rig: Any, find_colour: Any) -> None:
    mask = stage_rig.mask(np.ones(SHAPE, "i8"), {"A": 0})
    await empty(
        stage_rig,
        0,
        LoadImage(frame=0, image=stage_rig.image(noise())),
        LoadMask(frame=0, mask=mask, colours=(("A", "#ff0000"),), transparency_percent=0),
    )
    assert find_colour(await stage_rig.picture(), "#ff0000") is not None
    await stage_rig.draw(SetMaskTransparency(frame=0, percent=100))
    assert find_colour(await stage_rig.picture(), "#ff0000") is None


async def test_erasing_one_overlay_spares_the_others_and_those_drawn_by_hand(stage_rig: Any, make_markers: Any) -> None:
    name = 'a {b} "c" $d [exec] ; \\ é'
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    await stage_rig.draw(
        AddMarkers(frame=0, overlay=name, markers=make_markers([10, 20, 30], [10, 20, 30], symbol="+")),
        AddMarkers(frame=0, overlay="other", markers=make_markers([10, 20], [10, 20], symbol="x")),
        AddMarkers(frame=0, overlay=name, markers=make_markers(40, 40, symbol="*")),
    )
    await stage_rig.tcl("[set mtv_test {physical; circle(50,50,5)}; Frame0 marker command ds9 var mtv_test]")
    assert await stage_rig.tcl("[Frame0 get marker number]") == "7"
    await stage_rig.draw(DeleteMarkers(frame=0, overlay=name), DeleteMarkers(frame=0, overlay="never drawn"))
    assert await stage_rig.tcl("[Frame0 get marker number]") == "3"
    await stage_rig.draw(DeleteMarkers(frame=0, overlay="other"))
    assert await stage_rig.tcl("[Frame0 get marker number]") == "1", "the one drawn by hand stays"
    await stage_rig.draw(DeleteMarkers(frame=0, overlay=None))
    assert await stage_rig.tcl("[Frame0 get marker number]") == "0"


@pytest.mark.parametrize("symbol", ["+", "x", "*", "o", "@:16,0,4"])
async def test_a_symbol_has_its_size_in_image_pixels(stage_rig: Any, make_markers: Any, symbol: str) -> None:
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())), scale(0), SetZoom(frame=0, factor=4))
    marker = make_markers(200, 150, size=20, symbol=symbol, colour="#ff00ff")
    await stage_rig.draw(SetPan(frame=0, x=200, y=150), AddMarkers(frame=0, overlay="a", markers=marker))
    half = {"x": (14.1, 14.1), "*": (20, 17.3), "@:16,0,4": (4, 2)}.get(symbol, (20, 20))
    box = 200 - half[0], 150 - half[1], 200 + half[0], 150 + half[1]
    assert await stage_rig.where("#ff00ff") == pytest.approx(box, abs=0.6)


async def test_lines_break_where_a_position_is_no_number(stage_rig: Any, make_markers: Any) -> None:
    x = [10.0, 20.0, 30.0, math.nan, 50.0, 60.0, math.nan, 80.0]
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    await stage_rig.draw(AddMarkers(frame=0, overlay="a", markers=make_markers(x, x, lines=True)))
    assert await stage_rig.tcl("[Frame0 get marker number]") == "2"


async def test_sky_markers_follow_the_wcs(stage_rig: Any, make_markers: Any) -> None:
    cards = {
        "CTYPE1": "'RA---TAN'",
        "CTYPE2": "'DEC--TAN'",
        "CRVAL1": 320.0,
        "CRVAL2": 0.5,
        "CRPIX1": 201.0,
        "CRPIX2": 151.0,
        "CD1_1": -5e-5,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": 5e-5,
        "RADESYS": "'ICRS'",
    }
    wcs = "".join(f"{key:<8}= {value:>20}".ljust(80) for key, value in cards.items())
    await empty(
        stage_rig,
        0,
        LoadImage(frame=0, image=stage_rig.image(noise(), (100, 100), wcs)),
        scale(0),
        SetZoom(frame=0, factor=2),
    )
    sky = make_markers(320.0 - 40 * 5e-5, 0.5, size=5 * 5e-5 * 3600, system="sky", colour="#00ffff", symbol="+")
    await stage_rig.draw(AddMarkers(frame=0, overlay="sky", markers=sky))
    assert await stage_rig.where("#00ffff") == pytest.approx((335, 245, 345, 255), abs=1.1)


async def test_one_section_fails_with_the_windows_words_and_the_others_are_done(
    stage_rig: Any, make_markers: Any
) -> None:
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    good, short = stage_rig.image(noise(4)), stage_rig.image(noise(5))
    lost = stage_rig.image(noise(6))
    stage_rig.pixels.remove([lost.file])
    with (stage_rig.pixels.directory / short.file).open("r+b") as file:
        file.truncate(5000)
    results = await stage_rig.run(
        [CreateFrame(frame=1), LoadImage(frame=1, image=lost), RaiseFrame(frame=1)],
        [AddMarkers(frame=0, overlay="a", markers=make_markers(10, 10))],
        [CreateFrame(frame=2), SetColormap(frame=2, name="no such map", invert=False)],
        [LoadImage(frame=99, image=good)],
        [LoadImage(frame=0, image=short)],
        [AddMarkers(frame=0, overlay="a", markers=make_markers(20, 20))],
    )
    assert [result.failed_action for result in results] == [1, None, 1, 0, 0, None]
    assert "the pixel file is gone" in results[0].message
    assert results[2].message
    assert results[3].message == "display 99 has no frame"
    assert await stage_rig.tcl("[Frame0 get marker number]") == "2"
    await stage_rig.draw(DeleteFrame(frame=1), DeleteFrame(frame=2))


async def test_a_batch_over_three_frames_draws_all_of_them(stage_rig: Any, make_markers: Any) -> None:
    sections = [
        [
            ResetFrame(frame=frame),
            LoadImage(frame=frame, image=stage_rig.image(noise(frame))),
            AddMarkers(frame=frame, overlay="a", markers=make_markers([frame] * frame, [5] * frame)),
        ]
        for frame in (11, 12, 13)
    ]
    results = await stage_rig.run(*sections)
    assert [result.failed_action for result in results] == [None] * 3
    for frame in (11, 12, 13):
        assert await stage_rig.tcl(f"[Frame{frame} get marker number]") == str(frame)
        assert await stage_rig.tcl(f"[Frame{frame} has fits]") == "1"
    await stage_rig.draw(*(DeleteFrame(frame=frame) for frame in (11, 12, 13)))


async def test_layers_of_masks_are_removed_with_what_shows_them(stage_rig: Any) -> None:
    mask = stage_rig.mask(np.ones(SHAPE, "u1"), {"A": 0})
    load = LoadMask(frame=0, mask=mask, colours=(("A", "#ff0000"),), transparency_percent=0)
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    counts = []
    for step in (load, load, LoadImage(frame=0, image=stage_rig.image(noise()))):
        await stage_rig.draw(step)
        counts.append(sum(name.startswith("layer") for name in stage_rig.pixels.names()))
    assert counts == [1, 1, 0]


async def test_every_frame_on_the_screen_is_redrawn_by_sync(stage_rig: Any) -> None:
    for frame in (0, 1):
        await empty(stage_rig, frame, LoadImage(frame=frame, image=stage_rig.image(noise())), scale(frame))
    await stage_rig.tcl("[set current(display) tile; DisplayMode]")
    await stage_rig.stage.sync()
    assert await stage_rig.tcl("$::ds9(display)") == "tile"
    await stage_rig.tcl("[set current(display) single; DisplayMode]")
    await stage_rig.draw(DeleteFrame(frame=1))


async def test_pictures_come_as_png_and_as_jpeg_and_leave_no_file(stage_rig: Any) -> None:
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())))
    assert (await stage_rig.stage.snapshot(0, "png")).startswith(b"\x89PNG")
    assert (await stage_rig.stage.snapshot(None, "jpeg")).startswith(b"\xff\xd8")
    assert not list((stage_rig.directory / "w").rglob("snapshot*"))


async def test_a_recoloured_mask_looks_like_one_drawn_anew_and_its_image_is_not_loaded_again(stage_rig: Any) -> None:
    random = np.random.default_rng(7)
    pixels = (random.integers(0, 16, SHAPE) * (random.random(SHAPE) < 0.3)).astype("u1")
    pixels[:150] &= 0b0111
    image, mask = (
        stage_rig.image(noise(), (7, 9)),
        stage_rig.mask(pixels, dict(zip("ABCD", range(4), strict=True)), (7, 9)),
    )
    colours = ["#ff0000", "#00ff00", "#0000ff", "#ff00ff"]
    await empty(stage_rig, 0, LoadImage(frame=0, image=image), scale(0), SetZoom(frame=0, factor=2))
    kept = 0
    for _ in range(8):
        shown = tuple((plane, str(random.choice(colours))) for plane in "ABCD" if random.random() < 0.8)
        load = LoadMask(frame=0, mask=mask, colours=shown, transparency_percent=0)
        await stage_rig.draw(load)
        recoloured = await stage_rig.picture()
        again = Batch(epoch="", number=0, sections=(Section(key="", actions=(load,)),))
        ready = stage_rig.stage._layers.prepare(again)[0, 0]
        kept += ready.keeps_layers and not ready.layers
        assert not ready.patches, "what is shown already needs nothing"
        await empty(
            stage_rig, 1, LoadImage(frame=1, image=image), scale(1), load_of(load, 1), SetZoom(frame=1, factor=2)
        )
        assert (await stage_rig.picture() == recoloured).all(), shown
        await stage_rig.draw(DeleteFrame(frame=1), RaiseFrame(frame=0))
    assert kept >= 4
    assert int(await stage_rig.tcl("[Frame0 get mask count]")) <= 7, "idle layers are loaded anew when there are many"


async def test_a_recolouring_that_fails_leaves_the_picture_and_no_file(stage_rig: Any) -> None:
    mask = stage_rig.mask(np.ones(SHAPE, "u1"), {"A": 0})
    load = LoadMask(frame=0, mask=mask, colours=(("A", "#ff0000"),), transparency_percent=0)
    await empty(stage_rig, 0, LoadImage(frame=0, image=stage_rig.image(noise())), load)
    before, names = await stage_rig.picture(), set(stage_rig.pixels.names())
    other = LoadMask(frame=0, mask=mask, colours=(("A", "#0000ff"),), transparency_percent=0)
    (result,) = await stage_rig.run([SetZoom(frame=99, factor=1), other])
    assert result.failed_action == 0
    assert (await stage_rig.picture() == before).all()
    assert {name for name in stage_rig.pixels.names() if not name.startswith("free")} == {
        name for name in names if not name.startswith("free")
    }


async def test_the_numbers_of_the_colour_bar_follow_the_limits(stage_rig: Any) -> None:
    for frame in (0, 1):
        await empty(stage_rig, frame, LoadImage(frame=frame, image=stage_rig.image(noise())), scale(frame))

    async def bar() -> list[Any]:
        numbers: list[Any] = (await stage_rig.picture())[-40:].tolist()
        return numbers

    wide = await bar()
    await stage_rig.draw(scale(1, -5.0, 5.0), scale(0, -5.0, 5.0))
    narrow = await bar()
    assert narrow != wide
    await stage_rig.draw(RaiseFrame(frame=0))
    assert await bar() == narrow, "also in a frame that was behind"
    await stage_rig.draw(scale(0))
    assert await bar() == wide
    await stage_rig.draw(DeleteFrame(frame=1))
