"""The next image of a stream, which is loaded without what DS9 brings up to date after other loads."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

from mtvd.scene.actions import LoadImage, RaiseFrame, ResetFrame

pytestmark = [pytest.mark.live("ds9", "Xvfb"), pytest.mark.anyio, pytest.mark.timeout(300)]


async def test_the_name_above_the_image_follows_a_stream(stage_rig: Any) -> None:
    frames = [stage_rig.image(np.full((20, 30), value, "f4")) for value in (1, 2)]
    await stage_rig.draw(ResetFrame(frame=0), LoadImage(frame=0, image=frames[0]), RaiseFrame(frame=0))
    await until_named(stage_rig, frames[0].file)
    await stage_rig.stage.sync()
    await stage_rig.tcl("[set ::infobox(filename) nothing]")
    await stage_rig.draw(LoadImage(frame=0, image=frames[1], alike=True))
    await until_named(stage_rig, frames[1].file)


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
