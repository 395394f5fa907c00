"""What DS9 says of itself: its version and its colour maps; each of them can be chosen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from mtv.shared.ds9 import TESTED
from mtvd.scene.actions import CreateFrame, SetColormap

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]


async def test_the_version_is_ds9s_own_and_one_that_is_tested(stage_rig: Any) -> None:
    held = stage_rig.stage.supervisor.held
    asked = subprocess.run(
        ["xpaget", held.window.socket, "version"],
        env={"PATH": "/usr/bin", "XPA_METHOD": "local", "XPA_TMPDIR": str(Path(held.window.socket).parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert asked.stdout.split()[-1] == stage_rig.stage.state.version
    assert stage_rig.stage.state.version in TESTED


async def test_every_colour_map_of_ds9_is_known_and_can_be_chosen(stage_rig: Any) -> None:
    known = stage_rig.stage.colormaps
    assert len(known) >= 64
    assert {"grey", "heat", "color", "viridis", "h5_autumn", "turbo"} <= set(known)
    await stage_rig.draw(CreateFrame(frame=2))
    for name in known:
        await stage_rig.draw(SetColormap(frame=2, name=name, invert=False))
        assert await stage_rig.tcl("[Frame2cb get name]") == name


async def test_a_later_stage_knows_the_colour_maps_of_the_window_that_it_adopts(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    state, known = fresh_rig.stage.state, fresh_rig.stage.colormaps
    await fresh_rig.stage.close(keep_window=True)
    assert (fresh_rig.stage.state.version, fresh_rig.stage.colormaps) == ("", ())
    fresh_rig.stage = fresh_rig.new_stage()
    await fresh_rig.stage.ensure()
    assert (fresh_rig.stage.state.version, fresh_rig.stage.colormaps) == (state.version, known)
