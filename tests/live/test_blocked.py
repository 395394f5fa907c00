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

from mtvd.scene.actions import CreateFrame, DeleteFrame, LoadImage, RaiseFrame, SetColormap
from mtvd.stage.port import Batch, UserMoved, WindowLost

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(120)]

GREY = SetColormap(frame=0, name="grey", invert=False)
OPEN = """[set open 0
foreach w [winfo children .] {if {[winfo toplevel $w] eq $w && [winfo ismapped $w]} {incr open}}
set open]"""
CLOSE = """[after 1 {
    set ::tk::Priv(button) ok
    set ::tk::Priv(selectFilePath) {}
    set ::ed(ok) 0
}]"""


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


async def until_open(rig: Any, count: int) -> None:
    with anyio.fail_after(20):
        while await rig.tcl(OPEN) != str(count):
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


async def test_a_pending_imexam_of_somebody_else_is_no_obstacle_and_gets_its_key(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "key", "coordinate", "image") as other:
        await until_there(pending)
        for _ in range(3):
            await shown.draw(GREY)
        await shown.stage.sync()
        assert (await shown.stage.snapshot(None, "png")).startswith(b"\x89PNG")
        assert other.poll() is None, "it waits for the user"
        await shown.tcl("[IExamKey Frame0 k 100 100]")
        assert (await told_to(other)).startswith("k ")


async def test_a_frame_may_come_and_go_under_a_pending_imexam(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "any", "coordinate", "image") as other:
        await until_there(pending)
        image = shown.image(np.arange(600, dtype="f4").reshape(20, 30))
        await shown.draw(CreateFrame(frame=7), LoadImage(frame=7, image=image), RaiseFrame(frame=7))
        await shown.draw(DeleteFrame(frame=7), RaiseFrame(frame=0))
        await shown.tcl("[IExamKey Frame0 k 100 100]")
        assert (await told_to(other)).startswith("k ")


async def test_the_client_of_a_pending_imexam_may_die_and_we_draw(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "coordinate", "image"):
        await until_there(pending)
    await shown.draw(GREY)
    await shown.tcl("[IExamButton Frame0 100 100]")


async def test_the_edits_of_a_user_who_is_asked_by_an_imexam_are_seen(shown: Any) -> None:
    pending = await reached(shown, "IExamSendCmdCoord")
    with somebody_else(shown, "xpaget", "imexam", "key", "coordinate", "image") as other:
        await until_there(pending)
        await shown.draw(GREY)
        await shown.tcl("[Frame0 zoom to 3 3]")
        with pytest.raises(UserMoved, match="zoom of 0"):
            await shown.stage.run(Batch(epoch="test", number=1000, sections=(), heeds=True))
        await shown.tcl("[IExamKey Frame0 k 100 100]")
        await told_to(other)


@pytest.mark.parametrize(
    ("procedure", "words"),
    [
        ("mtv::tk_messageBox", ["xpaget", "analysis", "message", "okcancel", "{shall we?}"]),
        ("mtv::DialogWait", ["xpaget", "analysis", "entry", "{what is your name?}"]),
        ("mtv::FileDialog", ["xpaset", "tcl", "{OpenDialog fits}"]),
    ],
    ids=["message", "entry", "file"],
)
async def test_a_dialog_that_somebody_else_opens_over_xpa_waits_for_the_user_and_we_draw_under_it(
    shown: Any, procedure: str, words: list[str]
) -> None:
    opened = await reached(shown, procedure)
    with somebody_else(shown, *words) as other:
        await until_there(opened)
        await until_open(shown, 1)
        await shown.draw(GREY)
        await shown.stage.sync()
        assert other.poll() is None
        assert await shown.tcl(OPEN) == "1", "it is the user's to answer"
        await shown.tcl(CLOSE)
        await told_to(other)
    await until_open(shown, 0)


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
    with somebody_else(fresh_rig, "xpaget", "imexam", "coordinate", "image") as other:
        await until_there(pending)
        await fresh_rig.stage.close(keep_window=True)
        fresh_rig.stage = fresh_rig.new_stage()
        assert await fresh_rig.stage.adopt() == ("test", 1)
        assert fresh_rig.stage.state.pid == pid
        await fresh_rig.draw(GREY)
        assert other.poll() is None


async def test_a_window_that_is_busy_for_longer_than_the_deadline_is_put_down(fresh_rig: Any) -> None:
    fresh_rig.settings = fresh_rig.settings.__class__(
        window="headless", start_deadline_secs=60, command_deadline_secs=1.0
    )
    fresh_rig.stage = fresh_rig.new_stage()
    await fresh_rig.stage.ensure()
    busy = anyio.Path(fresh_rig.directory / "busy")
    await fresh_rig.tcl(f"[after 1 {{close [open {busy} w]; while {{[file exists {busy}]}} {{after 10}}}}]")
    await until_there(busy)
    with pytest.raises(WindowLost, match="DS9 gave no answer within"):
        await fresh_rig.draw(CreateFrame(frame=0))
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0))
