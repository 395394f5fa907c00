"""What the stage does when its window is closed, killed, stopped, hung, or left by an earlier daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import psutil
import pytest

from mtvd.scene.actions import AddMarkers, CreateFrame, LoadImage, SetColormap, SetMaskTransparency
from mtvd.stage.paint.regions import tag_of
from mtvd.stage.port import Batch, Section, WindowLost

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(600)]


@asynccontextmanager
async def watched(rig: Any) -> AsyncIterator[None]:
    """Run the stage's own task beside the test."""
    async with anyio.create_task_group() as group:
        await group.start(rig.stage.serve)
        yield
        group.cancel_scope.cancel()


async def until_state(rig: Any, state: str) -> None:
    with anyio.fail_after(120):
        while rig.stage.state.state != state:
            await anyio.sleep(0.02)


async def test_a_killed_window_is_lost_while_idle_and_comes_back_as_a_new_generation(fresh_rig: Any) -> None:
    async with watched(fresh_rig):
        first = await fresh_rig.stage.ensure()
        screen = psutil.Process(fresh_rig.stage.supervisor.held.window.screen.xvfb_pid)
        os.kill(fresh_rig.stage.state.pid, signal.SIGKILL)
        await until_state(fresh_rig, "lost")
        assert fresh_rig.states[-1] == "lost"
        assert not screen.is_running() or screen.status() == psutil.STATUS_ZOMBIE
        with pytest.raises(WindowLost):
            await fresh_rig.run([CreateFrame(frame=0)])
        assert await fresh_rig.stage.ensure() == first + 1
        await fresh_rig.draw(CreateFrame(frame=0))
        assert fresh_rig.stage.state.restarts == 1


async def test_a_window_that_the_user_closes_is_absent_until_asked_for(fresh_rig: Any) -> None:
    async with watched(fresh_rig):
        await fresh_rig.stage.ensure()
        await fresh_rig.tcl("[after 500 QuitDS9]")
        await until_state(fresh_rig, "absent")
        assert "closed" in fresh_rig.stage.state.reason
        assert "lost" not in fresh_rig.states
        await fresh_rig.stage.ensure()
        await fresh_rig.draw(CreateFrame(frame=0))


async def test_a_window_killed_in_the_middle_of_a_batch_is_lost_and_the_next_batch_draws(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    pid = fresh_rig.stage.state.pid
    await fresh_rig.tcl(f"[proc ::mtv::do::colormap args {{exec kill -9 {pid}}}]")
    with pytest.raises(WindowLost):
        await fresh_rig.run([CreateFrame(frame=0), SetColormap(frame=0, name="grey", invert=False)])
    assert fresh_rig.stage.state.state == "lost"
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0), SetColormap(frame=0, name="grey", invert=False))


async def test_a_stopped_window_is_continued_and_draws_the_batch(fresh_rig: Any) -> None:
    generation = await fresh_rig.stage.ensure()
    os.kill(fresh_rig.stage.state.pid, signal.SIGSTOP)
    await fresh_rig.draw(CreateFrame(frame=0))
    assert await fresh_rig.stage.ensure() == generation


async def test_a_lane_ends_with_the_daemon_even_where_it_stands_still(fresh_rig: Any) -> None:
    code = """
import subprocess, sys, msgpack
lane = subprocess.Popen([sys.executable, "-m", "mtvd.stage.window.lane"], stdin=-1, stdout=-1)
call = msgpack.packb({"method": "none", "params": {}})
lane.stdin.write(len(call).to_bytes(4, "big") + call)
lane.stdin.flush()
assert lane.stdout.read(4)
print(lane.pid, flush=True)
sys.stdin.read()
"""
    daemon = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    lane = psutil.Process(int(daemon.stdout.readline()))
    lane.suspend()
    daemon.kill()
    daemon.communicate()
    _, alive = psutil.wait_procs([lane], timeout=20)
    assert not alive


async def test_a_hung_window_is_put_down_after_its_deadline(fresh_rig: Any) -> None:
    fresh_rig.settings = fresh_rig.settings.__class__(
        window="headless", start_deadline_secs=500, command_deadline_secs=1.0
    )
    fresh_rig.stage = fresh_rig.new_stage()
    await fresh_rig.stage.ensure()
    pid = fresh_rig.stage.state.pid
    await fresh_rig.tcl("[proc ::mtv::do::colormap args {while 1 {}}]")
    with pytest.raises(WindowLost, match="DS9 gave no answer within"):
        await fresh_rig.run([CreateFrame(frame=0), SetColormap(frame=0, name="grey", invert=False)])
    assert not psutil.pid_exists(pid)


async def test_a_later_stage_adopts_the_window_and_reads_its_token(fresh_rig: Any, make_markers: Any) -> None:
    first = fresh_rig.stage
    await first.ensure()
    await fresh_rig.draw(CreateFrame(frame=3))
    pid = first.state.pid
    await first.close(keep_window=True)
    fresh_rig.stage = fresh_rig.new_stage()
    assert await fresh_rig.stage.adopt() == ("test", 1)
    assert fresh_rig.stage.state.pid == pid
    await fresh_rig.stage.ensure()
    assert await fresh_rig.tcl("$::ds9(frames)") == "Frame3"
    await fresh_rig.stage.close(keep_window=False)
    assert not psutil.pid_exists(pid)
    assert not list((fresh_rig.directory / "w").glob("w-*"))


async def test_there_is_no_token_where_no_window_was_left(fresh_rig: Any) -> None:
    assert await fresh_rig.stage.adopt() is None
    assert fresh_rig.stage.state.state == "absent"


async def test_boxes_that_open_in_a_batch_become_its_error(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.tcl("[proc ::mtv::do::transparency args {tk_messageBox -message {are you sure?} -type yesno}]")
    results = await fresh_rig.run([CreateFrame(frame=0), SetMaskTransparency(frame=0, percent=50)])
    assert (results[0].failed_action, results[0].message) == (1, "are you sure?")
    await fresh_rig.draw(CreateFrame(frame=1))


async def test_hostile_texts_are_drawn_as_they_are_and_run_nothing(fresh_rig: Any, make_markers: Any) -> None:
    mark = fresh_rig.directory / "ran"
    await fresh_rig.stage.ensure()
    image = fresh_rig.image(np.zeros((50, 50), "f4"))
    await fresh_rig.draw(CreateFrame(frame=0), LoadImage(frame=0, image=image))
    texts = [
        f"[exec touch {mark}]",
        f"}}; exec touch {mark}; #",
        f'$::env(HOME) "; exec touch {mark}',
        "a } b { c",
        'say "hi" }',
        "it's } so",
        "back\\slash \\",
        "a;b # c | d %s",
        "\u00e9\u2603 \U0001f600",
        "{",
        "}",
        "# circle(1,2,3)",
    ]
    for text in texts:
        marker = make_markers(10, 10, symbol=text)
        await fresh_rig.draw(AddMarkers(frame=0, overlay=text, markers=marker))
        number = f'[Frame0 get marker "{tag_of(text)}" id]'.replace('"', '\\"')
        told = await fresh_rig.tcl(f"[Frame0 get marker {number} text]")
        await fresh_rig.tcl("[Frame0 marker delete all]")
        assert told == text
    key = f"k}} [exec touch {mark}]"

    await fresh_rig.stage.run(
        Batch(epoch=f"e [exec touch {mark}]", number=99, sections=(Section(key=key, actions=()),))
    )
    assert not mark.exists()
