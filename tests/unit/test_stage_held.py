"""Why a window is gone, where its processes end one after the other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtvd.stage.window.held import Held
from mtvd.stage.window.owned import Owned
from mtvd.stage.window.process import Window
from mtvd.stage.window.screen import Screen

pytestmark = pytest.mark.anyio
DYING_SECS = 0.02
"""Well below what `Held.end_of` waits for a window that dies."""


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes, which stand for DS9 and its virtual screen."""
    made = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    yield made
    for process in made:
        process.kill()
        process.wait()


async def test_a_screen_that_is_gone_before_its_dying_ds9_is_not_told_as_the_cause(
    sleepers: list[subprocess.Popen[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds9, xvfb = sleepers
    screen = Owned(xvfb.pid)
    window = Window(
        title="mtv",
        pid=ds9.pid,
        started=Owned(ds9.pid).started,
        socket="",
        directory=str(tmp_path),
        screen=Screen(x_display=":9", headless=True, xvfb_pid=screen.pid, xvfb_started=screen.started),
    )
    (tmp_path / "ds9.log").touch()
    held = Held(window)
    first_end = held.wait_for_end

    async def wait_for_end() -> None:
        await first_end()
        assert held.process.alive
        asyncio.get_running_loop().call_later(DYING_SECS, ds9.kill)

    monkeypatch.setattr(held, "wait_for_end", wait_for_end)
    xvfb.kill()
    assert await held.end_of("") == "DS9 was killed by SIGKILL (it wrote nothing)"
