"""What the user does in the window is told: keys, frames, regions; by real X events that DS9's own bindings answer."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest

from mtv.wire.messages import Event
from mtvd.scene.actions import AddMarkers, CreateFrame, DeleteFrame, LoadImage, RaiseFrame, SetZoom
from mtvd.stage.paint.regions import tag_of

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

XY0 = (100, 50)
CANVAS = "$::ds9(canvas)"


@pytest.fixture(autouse=True)
async def watched(stage_rig: Any) -> AsyncIterator[None]:
    """Two frames with an image each, the second in front; and somebody who reads what the window tells."""
    pixels = np.arange(200 * 300, dtype="f4").reshape(200, 300)
    for number in (0, 1):
        await stage_rig.draw(
            CreateFrame(frame=number),
            LoadImage(frame=number, image=stage_rig.image(pixels, XY0)),
            SetZoom(frame=number, factor=2),
            RaiseFrame(frame=number),
        )
    await stage_rig.stage.sync()
    async with listening(stage_rig):
        yield
    await stage_rig.tcl("[set current(mode) none]")
    await stage_rig.draw(DeleteFrame(frame=0), DeleteFrame(frame=1))


@asynccontextmanager
async def listening(rig: Any) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        await group.start(rig.stage.listening.serve)
        if not rig.stage.listening._attached:  # the reader of the test before let go of it
            rig.stage.listening.attach(rig.stage.supervisor.held.window.events)
        rig.events.clear()
        yield
        group.cancel_scope.cancel()


async def heard(rig: Any, count: int) -> list[Event]:
    """Wait for so many events and take them."""
    with anyio.fail_after(60):
        while len(rig.events) < count:
            await anyio.sleep(0.01)
    taken = list(rig.events)
    rig.events.clear()
    return taken


async def x_events(rig: Any, *events: str) -> None:
    """Have X events come to the canvas, the pointer moving with them."""
    await rig.tcl("".join(f"[event generate {CANVAS} {event}]" for event in events) + "[update]")


async def press(rig: Any, key: str, x: int, y: int) -> None:
    await x_events(rig, f"<Motion> -x {x} -y {y} -warp 1")
    await rig.tcl(f"[update][focus -force {CANVAS}]")
    await x_events(rig, f"<Key-{key}> -x {x} -y {y}")


async def drag(rig: Any, x0: int, y0: int, x1: int, y1: int) -> None:
    await x_events(rig, f"<Motion> -x {x0} -y {y0} -warp 1")
    moves = (f"<Button-1> -x {x0} -y {y0}", f"<B1-Motion> -x {x1} -y {y1}", f"<ButtonRelease-1> -x {x1} -y {y1}")
    await x_events(rig, *moves)


async def test_a_key_is_told_with_the_parent_pixel_under_the_pointer_and_its_value(stage_rig: Any) -> None:
    await press(stage_rig, "a", 500, 300)
    (event,) = await heard(stage_rig, 1)
    x, y = await stage_rig.parent(500, 300, 1)
    assert (event.kind, event.display, event.key) == ("key", 1, "a")
    assert (event.x, event.y) == pytest.approx((x, y), abs=1e-3)
    assert event.value == math.floor(y - XY0[1] + 0.5) * 300 + math.floor(x - XY0[0] + 0.5)


async def test_a_key_beside_the_image_has_no_value_and_modifiers_are_no_events(stage_rig: Any) -> None:
    await press(stage_rig, "Shift_L", 2, 2)
    await press(stage_rig, "Escape", 2, 2)
    (event,) = await heard(stage_rig, 1)
    assert (event.key, event.value) == ("Escape", None)


async def test_regions_are_told_when_they_are_drawn_moved_edited_and_deleted_by_hand(stage_rig: Any) -> None:
    await stage_rig.tcl("[set current(mode) region]")
    await drag(stage_rig, 400, 300, 440, 300)
    await drag(stage_rig, 400, 300, 420, 320)
    (drawn,) = await heard(stage_rig, 1)
    x, y = await stage_rig.parent(400, 300, 1)
    assert (drawn.kind, drawn.action, drawn.display, drawn.shape) == ("region", "drawn", 1, "circle")
    assert (drawn.x, drawn.y, *drawn.sizes) == pytest.approx((x, y, 20), abs=1e-2)


async def test_regions_are_moved_edited_and_deleted(stage_rig: Any, make_markers: Any) -> None:
    place = await stage_rig.parent(500, 300, 1)
    await stage_rig.draw(AddMarkers(frame=1, overlay="ours", markers=make_markers(*place, size=20)))
    await stage_rig.tcl("[set current(mode) region]")
    await drag(stage_rig, 500, 300, 520, 310)
    (moved,) = await heard(stage_rig, 1)
    assert (moved.action, moved.overlay) == ("moved", tag_of("ours"))
    assert (moved.x, moved.y) == pytest.approx((place[0] + 10, place[1] - 5), abs=0.1)
    await stage_rig.tcl("[Frame1 marker select all]")
    await drag(stage_rig, 520 + 40, 310 + 40, 520 + 60, 310 + 60)
    (edited,) = await heard(stage_rig, 1)
    assert edited.action == "edited"
    assert edited.sizes[0] > 25
    await press(stage_rig, "Delete", 520, 310)
    key, deleted = await heard(stage_rig, 2)
    assert key.key == "Delete"
    assert (deleted.action, deleted.overlay, deleted.shape) == ("deleted", tag_of("ours"), "circle")


async def test_a_menu_that_deletes_thousands_is_one_event(stage_rig: Any, make_markers: Any) -> None:
    many = np.arange(1000.0)
    await stage_rig.draw(AddMarkers(frame=1, overlay="ours", markers=make_markers(many, many)))
    await stage_rig.tcl("[MarkerDeleteAll]")
    (event,) = await heard(stage_rig, 1)
    assert (event.kind, event.action, event.display) == ("region", "changed", 1)


async def test_frames_are_told_when_the_user_raises_makes_or_deletes_them(stage_rig: Any) -> None:
    await stage_rig.tcl("[NextFrame]")
    (raised,) = await heard(stage_rig, 1)
    assert (raised.kind, raised.action, raised.display) == ("frame", "raised", 0)
    await stage_rig.tcl("[CreateFrame]")
    made, front = await heard(stage_rig, 2)
    assert (made.action, front.action, made.display) == ("made", "raised", front.display)
    await stage_rig.tcl("[DeleteCurrentFrame]")
    deleted, _ = await heard(stage_rig, 2)
    assert (deleted.action, deleted.display) == ("deleted", made.display)


async def test_what_we_draw_is_no_event(stage_rig: Any, make_markers: Any) -> None:
    await stage_rig.draw(
        CreateFrame(frame=7), RaiseFrame(frame=0), AddMarkers(frame=0, overlay="o", markers=make_markers(1, 1))
    )
    await stage_rig.draw(DeleteFrame(frame=7))
    await stage_rig.stage.snapshot(1, "png")
    await press(stage_rig, "a", 500, 300)
    assert [event.kind for event in await heard(stage_rig, 1)] == ["key"]


async def test_a_full_fifo_drops_and_counts_and_goes_on_where_it_is_read_again(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
    await fresh_rig.tcl("[for {set i 0} {$i < 5000} {incr i} {::mtv::events::line frame 0 raised}]")
    assert int(await fresh_rig.tcl("$::mtv::events::dropped")) > 1000
    assert int(await fresh_rig.tcl("[chan pending output $::mtv::events::channel]")) < 200
    await fresh_rig.draw(CreateFrame(frame=1))
    async with listening(fresh_rig):
        with anyio.fail_after(60):
            while not any(event.kind == "gap" for event in fresh_rig.events):
                await anyio.sleep(0.01)
        told = [event for event in fresh_rig.events if event.kind == "frame"]
        assert len(told) + sum(event.count for event in fresh_rig.events if event.kind == "gap") == 5000
        fresh_rig.events.clear()
        await fresh_rig.tcl("[::mtv::events::line frame 0 raised]")
        assert [event.kind for event in await heard(fresh_rig, 1)] == ["frame"]


async def test_a_hook_that_cannot_write_harms_no_command_and_no_batch(stage_rig: Any) -> None:
    await stage_rig.tcl("[set ::kept $::mtv::events::channel][set ::mtv::events::channel nonsense]")
    await stage_rig.tcl("[CreateFrame][update]")
    await stage_rig.tcl("[DeleteCurrentFrame][update]")
    assert await stage_rig.tcl("$::errorInfo") == ""
    await stage_rig.draw(CreateFrame(frame=0), SetZoom(frame=0, factor=1))
    await stage_rig.tcl("[set ::mtv::events::channel $::kept]")
    await heard(stage_rig, 1)


async def test_the_window_tells_of_its_end_and_a_new_one_is_heard_too(fresh_rig: Any) -> None:
    async with anyio.create_task_group() as group:
        await group.start(fresh_rig.stage.serve)
        await group.start(fresh_rig.stage.listening.serve)
        await fresh_rig.stage.ensure()
        await fresh_rig.tcl("[after 500 QuitDS9]")
        assert [event.action for event in await heard(fresh_rig, 2)] == ["open", "closed"]
        with anyio.fail_after(60):
            while fresh_rig.stage.state.state != "absent":
                await anyio.sleep(0.01)
        await fresh_rig.stage.ensure()
        os.kill(fresh_rig.stage.state.pid, signal.SIGKILL)
        assert [event.action for event in await heard(fresh_rig, 2)] == ["open", "lost"]
        await fresh_rig.stage.ensure()
        await fresh_rig.draw(CreateFrame(frame=0))
        await fresh_rig.tcl("[CreateFrame]")
        assert [event.action for event in await heard(fresh_rig, 3)] == ["open", "made", "raised"]
        group.cancel_scope.cancel()


async def test_a_later_daemon_hears_the_window_that_it_adopted(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
    await fresh_rig.stage.close(keep_window=True)
    fresh_rig.stage = fresh_rig.new_stage()
    fresh_rig.events.clear()
    async with anyio.create_task_group() as group:
        await group.start(fresh_rig.stage.listening.serve)
        await fresh_rig.stage.adopt()
        await fresh_rig.tcl("[CreateFrame]")
        assert [event.action for event in await heard(fresh_rig, 3)] == ["open", "made", "raised"]
        group.cancel_scope.cancel()
