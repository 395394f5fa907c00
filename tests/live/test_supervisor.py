"""What the supervisor does when DS9 or its screen cannot start, end, stop or are slow; and what it says of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from tests.live.test_stage_faults import until_state, watched

from mtvd.scene.actions import CreateFrame, LoadImage, SetColormap
from mtvd.stage.port import WindowLost, WindowUnavailable

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]


def change(rig: Any, **settings: Any) -> None:
    rig.settings = msgspec.structs.replace(rig.settings, **settings)
    rig.stage = rig.new_stage()


def program(directory: Path, text: str) -> str:
    path = directory / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


async def test_a_ds9_that_ends_at_its_start_is_failed_with_its_own_words(fresh_rig: Any) -> None:
    change(fresh_rig, ds9=program(fresh_rig.directory, "echo no fonts on board >&2; exit 3"))
    with pytest.raises(WindowUnavailable, match="ended at once: no fonts on board"):
        await fresh_rig.stage.ensure()
    assert fresh_rig.states == ["starting", "failed"]
    assert "no fonts on board" in fresh_rig.stage.state.reason
    assert not list((fresh_rig.directory / "w").glob("w-*")), "its screen and its directory are gone"


async def test_a_screen_that_ends_at_its_start_is_failed_with_its_own_words(fresh_rig: Any) -> None:
    change(fresh_rig, xvfb=program(fresh_rig.directory, "echo no lock file >&2; exit 1"))
    with pytest.raises(WindowUnavailable, match="did not start: no lock file"):
        await fresh_rig.stage.ensure()
    assert fresh_rig.stage.state.state == "failed"


async def test_a_ds9_that_never_comes_up_is_failed_after_its_deadline_and_ended(fresh_rig: Any) -> None:
    pid = fresh_rig.directory / "pid"
    change(fresh_rig, ds9=program(fresh_rig.directory, f"echo $$ > {pid}; exec sleep 1000"), start_deadline_secs=1.0)
    with pytest.raises(WindowUnavailable, match="did not come up within 1 s"):
        await fresh_rig.stage.ensure()
    assert not psutil.pid_exists(int(pid.read_text()))


async def test_a_killed_ds9_is_lost_and_the_next_one_says_what_became_of_it(fresh_rig: Any) -> None:
    async with watched(fresh_rig):
        await fresh_rig.stage.ensure()
        os.kill(fresh_rig.stage.state.pid, signal.SIGKILL)
        await until_state(fresh_rig, "lost")
        assert fresh_rig.stage.state.reason.startswith("DS9 was killed by SIGKILL")
        await fresh_rig.stage.ensure()
        assert fresh_rig.stage.state.reason.startswith("opened again: DS9 was killed by SIGKILL")


async def test_a_screen_that_dies_is_noticed_and_comes_back_with_the_window(fresh_rig: Any) -> None:
    async with watched(fresh_rig):
        generation = await fresh_rig.stage.ensure()
        ds9, screen = fresh_rig.stage.state.pid, fresh_rig.stage.supervisor.held.window.screen
        os.kill(screen.xvfb_pid, signal.SIGKILL)
        await until_state(fresh_rig, "lost")
        assert f"the virtual screen {screen.x_display} was killed by SIGKILL" in fresh_rig.stage.state.reason
        assert not psutil.pid_exists(ds9)
        assert await fresh_rig.stage.ensure() == generation + 1
        await fresh_rig.draw(CreateFrame(frame=0))
        assert psutil.pid_exists(fresh_rig.stage.supervisor.held.window.screen.xvfb_pid)


async def test_a_screen_that_dies_in_the_middle_of_a_batch_is_told_as_the_cause(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    pid = fresh_rig.stage.supervisor.held.window.screen.xvfb_pid
    await fresh_rig.tcl(f"[proc ::mtv::do::colormap args {{exec kill -9 {pid}; while 1 update}}]")
    with pytest.raises(WindowLost, match="virtual screen"):
        await fresh_rig.run([CreateFrame(frame=0), SetColormap(frame=0, name="grey", invert=False)])
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))


async def test_a_stopped_screen_is_continued_and_the_batch_is_drawn(fresh_rig: Any) -> None:
    generation = await fresh_rig.stage.ensure()
    os.kill(fresh_rig.stage.supervisor.held.window.screen.xvfb_pid, signal.SIGSTOP)
    await fresh_rig.draw(CreateFrame(frame=0))
    await fresh_rig.stage.sync()
    assert await fresh_rig.stage.ensure() == generation


async def test_a_slow_window_is_waited_for_within_its_deadline(fresh_rig: Any) -> None:
    generation = await fresh_rig.stage.ensure()
    await fresh_rig.tcl("[proc ::mtv::do::colormap args {after 2000}]")
    await fresh_rig.draw(CreateFrame(frame=0), SetColormap(frame=0, name="grey", invert=False))
    assert await fresh_rig.stage.ensure() == generation


async def test_a_window_that_dies_in_the_middle_of_a_load_is_lost_and_the_image_is_drawn_by_the_next(
    fresh_rig: Any,
) -> None:
    import numpy as np

    await fresh_rig.stage.ensure()
    image = fresh_rig.image(np.zeros((50, 60), "f4"))
    await fresh_rig.tcl("[trace add execution ::LoadFitsFile leave {exec kill -9 [pid];#}]")
    with pytest.raises(WindowLost, match="was killed by SIGKILL"):
        await fresh_rig.run([CreateFrame(frame=0), LoadImage(frame=0, image=image)])
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0), LoadImage(frame=0, image=image))
    assert await fresh_rig.tcl("[Frame0 get fits width]") == "60"


async def test_a_window_that_ended_while_no_daemon_ran_is_lost_and_one_closed_by_hand_stays_absent(
    fresh_rig: Any,
) -> None:
    for by_hand, expected in ((False, "lost"), (True, "absent")):
        await fresh_rig.stage.ensure()
        pid = fresh_rig.stage.state.pid
        if by_hand:
            await fresh_rig.tcl("[after 200 QuitDS9]")
        await fresh_rig.stage.close(keep_window=True)
        if not by_hand:
            os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=60)
        fresh_rig.stage = fresh_rig.new_stage()
        assert await fresh_rig.stage.adopt() is None
        assert fresh_rig.stage.state.state == expected
        assert not list((fresh_rig.directory / "w").glob("w-*"))


async def test_a_window_with_the_agent_of_another_release_is_ended_and_a_new_one_opened(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    window = fresh_rig.stage.supervisor.held.window
    agent = Path(window.directory) / "agent.tcl"
    agent.write_text(agent.read_text().replace("proc ::mtv::do::annotate", "proc ::mtv::do::unknown"))
    await fresh_rig.stage.close(keep_window=True)
    fresh_rig.stage = fresh_rig.new_stage()
    assert await fresh_rig.stage.adopt() is None
    assert fresh_rig.stage.state.state == "lost"
    assert "another release" in fresh_rig.stage.state.reason
    await fresh_rig.stage.ensure()
    assert fresh_rig.stage.state.pid != window.pid
    assert not psutil.pid_exists(window.pid)
