"""What keeps DS9 from answering: dialogs, a pending imexam, commands of somebody else's. Never a hang."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from mtvd.scene.actions import CreateFrame, LoadImage, SetColormap

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(120)]

GREY = SetColormap(frame=0, name="grey", invert=False)


@contextlib.contextmanager
def somebody_else(rig: Any, command: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Send a command from another process, with XPA's own tools."""
    address = rig.stage.supervisor.held.window.socket
    environ = os.environ | {"XPA_METHOD": "local", "XPA_TMPDIR": str(Path(address).parent)}
    with subprocess.Popen(
        [command, *(["-p"] if command == "xpaset" else []), address, *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def reached(rig: Any, procedure: str) -> anyio.Path:
    """Have a file made when DS9 comes to a procedure."""
    path = anyio.Path(rig.directory / f"reached-{procedure}")
    await path.unlink(missing_ok=True)
    await rig.tcl(f"[trace add execution ::{procedure} enter {{close [open {path} w];#}}]")
    return path


async def until_there(path: anyio.Path) -> None:
    with anyio.fail_after(20):
        while not await path.exists():
            await anyio.sleep(0.01)


async def told_to(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return (await anyio.to_thread.run_sync(process.communicate))[0].decode()


@pytest.fixture
async def shown(stage_rig: Any) -> Any:
    """A window with an image."""
    image = stage_rig.image(np.arange(1200, dtype="f4").reshape(30, 40))
    await stage_rig.draw(CreateFrame(frame=0), LoadImage(frame=0, image=image))
    generation = await stage_rig.stage.ensure()
    yield stage_rig
    assert await stage_rig.stage.ensure() == generation, "nothing of this is worth a restart"


async def test_a_pending_imexam_of_somebody_else_is_cancelled_when_we_draw(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    for _ in range(2):
        with somebody_else(shown, "xpaget", "imexam", "key", "coordinate", "image") as other:
            await until_there(pending)
            await shown.draw(GREY)
            assert "CANCEL" in await told_to(other)
        await pending.unlink()


async def test_a_pending_imexam_is_left_alone_as_long_as_nobody_draws(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "any", "coordinate", "image") as other:
        await until_there(pending)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
        await shown.stage.sync()


async def test_the_client_of_a_pending_imexam_may_die_and_we_draw(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "coordinate", "image"):
        await until_there(pending)
    await shown.draw(GREY)


async def test_a_missing_region_file_that_somebody_else_loads_blocks_nobody_and_is_told_to_him(shown: Any) -> None:
    opened = await reached(shown, "mtv::tk_messageBox")
    with somebody_else(shown, "xpaset", "regions", "/missing.reg") as other:
        await until_there(opened)
        await shown.draw(GREY)
        assert "ERROR" in await told_to(other)


@pytest.mark.parametrize(
    ("procedure", "words"),
    [
        ("mtv::tk_messageBox", ["xpaget", "analysis", "message", "okcancel", "{shall we?}"]),
        ("mtv::DialogWait", ["xpaget", "analysis", "entry", "{what is your name?}"]),
        ("mtv::tk_messageBox", ["xpaset", "tcl", "MarkerInfo"]),
        ("mtv::FileDialog", ["xpaset", "tcl", "{OpenDialog fits}"]),
    ],
    ids=["message", "entry", "nothing selected", "file"],
)
async def test_a_dialog_that_somebody_else_opens_over_xpa_is_cancelled_when_we_draw(
    shown: Any, procedure: str, words: list[str]
) -> None:
    opened = await reached(shown, procedure)
    with somebody_else(shown, *words) as other:
        await until_there(opened)
        await shown.draw(GREY)
        await told_to(other)


OPEN = """[set open 0
foreach w [winfo children .] {if {[winfo toplevel $w] eq $w && [winfo ismapped $w]} {incr open}}
set open]"""
CLOSE = """[after 1 {
    set ::tk::Priv(button) ok
    set ::tk::Priv(selectFilePath) {}
    set ::ed(ok) 0
}]"""


async def until_open(rig: Any, count: int) -> None:
    with anyio.fail_after(20):
        while await rig.tcl(OPEN) != str(count):
            await anyio.sleep(0.01)


@pytest.mark.parametrize(
    "opens",
    [
        "tk_messageBox -message hello -type yesno",
        "OpenDialog fits",
        "set ::ds9(msg) {canvas trouble}; ErrorTimer",
        "EntryDialog a b 40 ::mtv_entry",
    ],
    ids=["box", "file", "error", "entry"],
)
async def test_a_dialog_that_the_user_opens_by_hand_stays_open_and_we_draw_under_it(shown: Any, opens: str) -> None:
    await until_open(shown, 0)
    await shown.tcl(f"[after 1 {{{opens}}}]")
    await until_open(shown, 1)
    await shown.draw(GREY)
    await shown.stage.sync()
    assert await shown.tcl(OPEN) == "1", "it is the user's own"
    await shown.tcl(CLOSE)
    await until_open(shown, 0)


async def test_a_window_left_with_a_pending_imexam_is_adopted(fresh_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0), GREY)
    pid = fresh_rig.stage.state.pid
    pending = await reached(fresh_rig, "IExamSendCmdCoord")
    with somebody_else(fresh_rig, "xpaget", "imexam", "coordinate", "image"):
        await until_there(pending)
        await fresh_rig.stage.close(keep_window=True)
        fresh_rig.stage = fresh_rig.new_stage()
        assert await fresh_rig.stage.committed() == ("test", 1)
        assert fresh_rig.stage.state.pid == pid


async def test_a_hanging_command_of_somebody_else_puts_the_window_down_after_the_deadline(fresh_rig: Any) -> None:
    from mtvd.stage.port import WindowLost

    fresh_rig.settings = fresh_rig.settings.__class__(
        window="headless", start_deadline_secs=60, command_deadline_secs=1.0
    )
    fresh_rig.stage = fresh_rig.new_stage()
    await fresh_rig.stage.ensure()
    running = await reached(fresh_rig, "after")
    with somebody_else(fresh_rig, "xpaset", "tcl", "{after 30000}"):
        await until_there(running)
        with pytest.raises(WindowLost, match="no answer to run within"):
            await fresh_rig.draw(CreateFrame(frame=0))
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
