"""The next image of a stream, which is loaded without what DS9 brings up to date after other loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from mtvd.scene.actions import CreateFrame, LoadImage, LoadMask, RaiseFrame, ResetFrame, SetScale, SetZoom
from mtvd.stage.port import UserMoved

pytestmark = [pytest.mark.live("ds9", "Xvfb"), pytest.mark.anyio, pytest.mark.timeout(300)]


async def test_the_name_above_the_image_follows_a_stream(stage_rig: Any) -> None:
    frames = [stage_rig.image(np.full((20, 30), value, "f4")) for value in (1, 2)]
    await stage_rig.draw(ResetFrame(frame=0), LoadImage(frame=0, image=frames[0]), RaiseFrame(frame=0))
    await until_named(stage_rig, frames[0].file)
    await stage_rig.stage.sync()
    await stage_rig.tcl("[set ::infobox(filename) nothing]")
    await stage_rig.draw(LoadImage(frame=0, image=frames[1], alike=True))
    await until_named(stage_rig, Path(await stage_rig.tcl("[Frame0 get fits file name full]")).name)


async def until_named(rig: Any, name: str) -> None:
    with anyio.fail_after(20):
        while not (await rig.tcl("$::infobox(filename)$::mtv::info_timer")).endswith(name):
            await anyio.sleep(0.01)


async def test_a_window_may_be_let_go_in_the_middle_of_a_stream(stage_rig: Any) -> None:
    frames = [stage_rig.image(np.full((20, 30), value, "f4")) for value in (1, 2)]
    await stage_rig.draw(ResetFrame(frame=0), LoadImage(frame=0, image=frames[0]), RaiseFrame(frame=0))
    await stage_rig.draw(LoadImage(frame=0, image=frames[1], alike=True))
    timer = await stage_rig.tcl("$::mtv::info_timer")
    assert timer in (await stage_rig.tcl("[after info]")).split()
    await stage_rig.tcl("[uplevel #0 [lindex $::mtv::undone end]]")
    assert timer not in (await stage_rig.tcl("[after info]")).split()
    await stage_rig.tcl("[set ::mtv::info_timer {}]")


class Stream:
    """A display that has shown two frames of a stream: those that follow are written over what DS9 has mapped."""

    def __init__(self, rig: Any, shape_yx: tuple[int, int] = (60, 80)) -> None:
        self.rig = rig
        self.shape_yx = shape_yx

    async def begin(self, *settings: Any) -> None:
        await self.rig.draw(
            ResetFrame(frame=0), LoadImage(frame=0, image=self.image(1)), SetZoom(frame=0, factor=None), *settings
        )
        await self.rig.draw(LoadImage(frame=0, image=self.image(2), alike=True), RaiseFrame(frame=0))
        self.file = await self.mapped()

    def image(self, seed: int) -> Any:
        return self.rig.image(np.random.default_rng(seed).normal(100 * seed, 10, self.shape_yx).astype("f4"))

    async def mapped(self) -> str:
        return str(await self.rig.tcl("[Frame0 get fits file name full]"))

    async def loaded_anew(self) -> bool:
        return await self.mapped() != self.file


@pytest.mark.parametrize("stretch", ["linear", "histogram", "log"])
@pytest.mark.parametrize("mode", ["zscale", "minmax", "user", "99.5"])
async def test_an_image_written_over_looks_as_one_that_is_loaded(stage_rig: Any, stretch: str, mode: str) -> None:
    low, high = (150.0, 450.0) if mode == "user" else (None, None)
    scale = SetScale(frame=0, stretch=stretch, mode=mode, low=low, high=high)
    stream = Stream(stage_rig)
    await stream.begin(scale)
    third = stream.image(3)
    await stage_rig.draw(LoadImage(frame=0, image=third, alike=True))
    assert not await stream.loaded_anew()
    renewed, limits_now = await stage_rig.picture(), await stage_rig.tcl("[Frame0 get clip]")
    await stage_rig.draw(ResetFrame(frame=0), LoadImage(frame=0, image=third), SetZoom(frame=0, factor=None), scale)
    assert await stage_rig.tcl("[Frame0 get clip]") == limits_now
    assert (renewed == await stage_rig.picture()).all()


async def test_masks_of_a_stream_are_written_over_and_look_as_those_that_are_loaded(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    rng = np.random.default_rng(7)
    colours = (("A", "#ff0000"), ("B", "#00ff00"), ("C", "#0000ff"))
    counts = []
    for used in ((1, 2), (1, 2), (4,), (1, 4), (2,)):
        pixels = (rng.random(stream.shape_yx) < 0.05) * rng.choice(used, stream.shape_yx)
        mask = stage_rig.mask(pixels.astype("u1"), {"A": 0, "B": 1, "C": 2})
        load = LoadMask(frame=0, mask=mask, colours=colours, transparency_percent=0)
        image = stream.image(4)
        await stage_rig.draw(LoadImage(frame=0, image=image, alike=True), load)
        counts.append(await stage_rig.tcl("[Frame0 get mask count]"))
        renewed = await stage_rig.picture()
        await stage_rig.draw(
            CreateFrame(frame=1, name="b"),
            ResetFrame(frame=1),
            LoadImage(frame=1, image=image),
            LoadMask(frame=1, mask=mask, colours=colours, transparency_percent=0),
            SetZoom(frame=1, factor=None),
            RaiseFrame(frame=1),
        )
        assert (renewed == await stage_rig.picture()).all(), used
        await stage_rig.draw(RaiseFrame(frame=0))
    assert counts == ["2", "2", "3", "3", "3"]
    assert not await stream.loaded_anew()
    await stage_rig.draw(LoadImage(frame=0, image=stream.image(5), alike=True))
    assert await stage_rig.tcl("[Frame0 get mask count]") == "0"


async def test_a_colour_of_a_streams_mask_may_change_between_its_frames(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    first, second = (np.zeros(stream.shape_yx, "u1") for _ in range(2))
    first[10:20, 10:20], second[30:40, 30:40] = 1, 1
    one, two = (stage_rig.mask(pixels, {"A": 0}) for pixels in (first, second))
    red = LoadMask(frame=0, mask=one, colours=(("A", "#ff0000"),), transparency_percent=0)
    await stage_rig.draw(LoadImage(frame=0, image=stream.image(3), alike=True), red)
    await stage_rig.draw(LoadMask(frame=0, mask=one, colours=(("A", "#00ff00"),), transparency_percent=0))
    green = LoadMask(frame=0, mask=two, colours=(("A", "#00ff00"),), transparency_percent=0)
    await stage_rig.draw(LoadImage(frame=0, image=stream.image(4), alike=True), green)
    x_min, y_min, x_max, y_max = await stage_rig.where("#00ff00")
    assert (round(x_min), round(y_min), round(x_max), round(y_max)) == (30, 30, 39, 39)


async def test_label_and_header_follow_a_stream(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    for name in ("visit 17", "visit 18"):
        await stage_rig.draw(
            LoadImage(frame=0, image=stage_rig.image(np.ones(stream.shape_yx, "f4"), label=name), alike=True)
        )
        with anyio.fail_after(20):
            while await stage_rig.tcl("$::infobox(object)") != name:
                await anyio.sleep(0.01)
    assert "visit 18" in await stage_rig.tcl("[Frame0 get fits header 1]")
    assert not await stream.loaded_anew()


async def test_an_image_with_other_cards_in_its_header_is_loaded(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    await stage_rig.draw(
        LoadImage(frame=0, image=stage_rig.image(np.ones(stream.shape_yx, "f4"), label=""), alike=True)
    )
    assert await stream.loaded_anew()
    assert "OBJECT" not in await stage_rig.tcl("[Frame0 get fits header 1]")


@pytest.mark.parametrize("by_hand", ["Frame0 block to 2 2", "Frame0 smooth gaussian 3 3 1.5 1.5 0", "Frame0 clear"])
async def test_what_the_user_has_had_ds9_make_of_the_image_follows_a_stream(stage_rig: Any, by_hand: str) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    await stage_rig.tcl(f"[{by_hand}]")
    third = stream.image(3)
    await stage_rig.draw(LoadImage(frame=0, image=third, alike=True))
    assert await stage_rig.tcl("[Frame0 has fits]") == "1"
    shown = await stage_rig.picture()
    await stage_rig.draw(LoadImage(frame=0, image=third))
    assert (shown == await stage_rig.picture()).all()
    await stage_rig.tcl("[Frame0 block to 1 1][Frame0 smooth delete]")


async def test_a_mask_that_the_user_has_taken_away_is_back_with_the_next_frame(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    pixels = np.zeros(stream.shape_yx, "u1")
    pixels[10:20, 10:20] = 1
    for _ in range(3):
        load = LoadMask(
            frame=0, mask=stage_rig.mask(pixels, {"A": 0}), colours=(("A", "#ff0000"),), transparency_percent=0
        )
        await stage_rig.draw(LoadImage(frame=0, image=stream.image(3), alike=True), load)
        assert await stage_rig.where("#ff0000")
        await stage_rig.tcl("[Frame0 mask clear]")


async def test_where_the_user_has_moved_the_image_nothing_of_a_frame_is_written(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    await stream.begin()
    before = await stage_rig.tcl("[Frame0 get clip]")
    await stage_rig.tcl("[Frame0 zoom to 3 3]")
    third = LoadImage(frame=0, image=stream.image(9), alike=True)
    with pytest.raises(UserMoved) as caught:
        await stage_rig.run([third], heeds=True)
    assert "zoom" in {one.what for one in caught.value.differences}
    await stage_rig.tcl("[Frame0 clip minmax rescan]")
    assert await stage_rig.tcl("[Frame0 get clip]") == before
    assert await stage_rig.tcl("$::mtv::busy") == "0"
    await stage_rig.draw(third)
    assert await stage_rig.tcl("[Frame0 get clip]") != before


async def test_a_window_that_is_held_for_nobody_goes_on_by_itself(stage_rig: Any) -> None:
    held = stage_rig.stage.supervisor.held
    mark = Path(held.window.directory, "went-on")
    await held.run(f"after 1 {{close [open {mark} w]}}; ::mtv::hold 0\n".encode(), deadline_secs=20)
    assert not mark.exists()
    with anyio.fail_after(20):
        while not mark.exists():
            await anyio.sleep(0.05)
    assert await stage_rig.tcl("$::mtv::busy") == "0"


async def test_a_long_stream_does_not_make_ds9_grow(stage_rig: Any) -> None:
    stream = Stream(stage_rig)
    pixels = np.zeros(stream.shape_yx, "u1")
    pixels[10:20, 10:20] = 1
    mask = stage_rig.mask(pixels, {"A": 0})
    load = LoadMask(frame=0, mask=mask, colours=(("A", "#ff0000"),), transparency_percent=0)
    frames = [LoadImage(frame=0, image=stream.image(seed), alike=True) for seed in (3, 4)]
    await stream.begin()
    sizes = []
    for _ in range(3):
        for number in range(400):
            await stage_rig.draw(frames[number % 2], load)
        sizes.append(own_bytes(stage_rig))
    assert sizes[2] - sizes[1] < 400 * 100, sizes  # 10 MB in 100,000 frames; a load of image and mask leaves 5 kB


def own_bytes(rig: Any) -> int:
    """Return the memory of the window's DS9 that is its own."""
    status = Path(f"/proc/{rig.stage.supervisor.held.window.pid}/status").read_text()
    return 1024 * int(status.partition("RssAnon:")[2].split()[0])


async def test_the_stretch_by_histogram_has_the_limits_that_are_asked_for(stage_rig: Any) -> None:
    image = LoadImage(frame=0, image=Stream(stage_rig).image(3))
    scale = SetScale(frame=0, stretch="histogram", mode="user", low=150.0, high=450.0)
    for _ in range(2):
        await stage_rig.draw(ResetFrame(frame=0), image, SetZoom(frame=0, factor=None), scale, RaiseFrame(frame=0))
        await stage_rig.stage.sync()
    restored = await stage_rig.picture()
    await stage_rig.draw(image)
    assert (restored == await stage_rig.picture()).all()
