"""The channel to a real DS9: what hangs, dies, lies, lags or is garbage on it, and who may use it."""

from __future__ import annotations

import binascii
import os
import signal
import stat
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from tests.live.test_supervisor import change
from tests.support.agent import descriptors

from mtvd.scene.actions import CreateFrame, SetColormap
from mtvd.stage.port import WindowLost, WindowUnavailable
from mtvd.stage.talk.channel import ANSWERS, REQUESTS, ScriptFailed
from mtvd.stage.talk.wording import INLINE_BYTES_MAX

pytestmark = [pytest.mark.live("ds9", "Xvfb"), pytest.mark.anyio, pytest.mark.timeout(300)]
GREY = SetColormap(frame=0, name="grey", invert=False)
SECS = 60


def place(rig: Any) -> Path:
    return Path(rig.stage.supervisor.held.window.directory)


def write(rig: Any, name: str, data: bytes) -> None:
    """Write into one of the window's pipes as another process would."""
    descriptor = os.open(place(rig) / name, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


async def run(rig: Any, script: str, secs: float = SECS) -> str:
    answer: str = await rig.stage.supervisor.held.run(script.encode(), deadline_secs=secs)
    return answer


def line(identity: str, script: str, length: int | None = None) -> bytes:
    body = binascii.b2a_base64(script.encode(), newline=False).decode()
    return f"run {identity} {len(script) if length is None else length} {body}\n".encode()


@pytest.fixture
async def drawn(fresh_rig: Any) -> Any:
    """A window with a frame."""
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0), GREY)
    return fresh_rig


@pytest.fixture
async def well(stage_rig: Any) -> Any:
    """A window that is the same one after the test."""
    generation = await stage_rig.stage.ensure()
    await stage_rig.draw(CreateFrame(frame=0))
    yield stage_rig
    await stage_rig.draw(GREY)
    assert await stage_rig.stage.ensure() == generation


async def test_results_come_back_as_they_are(well: Any) -> None:
    for text in ("", "one", "two\nlines", "\u00e9\u2603 \U0001f600", "{", "a\\b", '$x [exit] "', "x" * 100_000):
        await run(well, f"set ::mtv_value {{{text}}}" if text != "{" else "set ::mtv_value \\{")
        assert await run(well, "set ::mtv_value") == text
    assert await run(well, "return 3") == "3"


async def test_an_error_is_told_and_harms_nothing(well: Any) -> None:
    with pytest.raises(ScriptFailed, match=r"^no \u2603$"):
        await run(well, "error {no \u2603}")
    assert await run(well, "set ::errorInfo") == ""


@pytest.mark.parametrize("size", [INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 3_000_000])
async def test_a_script_of_any_length_is_run_whole(well: Any, size: int) -> None:
    head = "set ::mtv_value [string length {"
    assert await run(well, head + "x" * (size - len(head) - 2) + "}]") == str(size - len(head) - 2)
    assert not list(place(well).glob("script-*"))


async def test_a_reader_that_lags_gets_a_long_answer_whole(well: Any) -> None:
    assert len(await run(well, "string repeat 0123456789 700000")) == 7_000_000


async def test_answers_that_nobody_reads_hold_nothing_up(well: Any) -> None:
    for _ in range(3):
        with anyio.move_on_after(0.05) as given_up:
            await run(well, "after 100; string repeat x 1000000")
        assert given_up.cancelled_caught
    assert await run(well, "expr {6 * 7}") == "42"


GARBAGE = [
    b"\n\n\n",
    b"no request\n",
    b"run\nrun \nrun a b c d e f\n",
    b"\x00\xff\xfe\x80\n" * 1000,
    b"run 0123.1 3 !!!\n",
    b"file 0123.1 3 ../state.json\n",
    b"file 0123.1 3 script-none\n",
    line("0123.1", "set ::mtv_garbage 1", 5),
    line("no identity", "set ::mtv_garbage 1"),
    line("0123.1", "set ::mtv_garbage 1")[:-9] + b"\n",
    b"unblock\n",
    line("0123.1", "set ::mtv_garbage 1").rstrip(b"\n")[:-8],
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_among_the_requests_is_not_run_and_harms_nothing(well: Any, garbage: bytes) -> None:
    write(well, REQUESTS, garbage)
    assert await run(well, "info exists ::mtv_garbage") == "0"
    assert await run(well, "set ::errorInfo") == ""
    assert (place(well).parent / "state.json").exists()


async def test_garbage_without_end_does_not_grow_ds9(well: Any) -> None:
    ds9 = psutil.Process(well.stage.state.pid)
    before = ds9.memory_info().rss
    left = 2_000
    while left:
        try:
            write(well, REQUESTS, b"x" * 32_768)
            left -= 1
        except BlockingIOError:
            await anyio.sleep(0.001)
    assert await run(well, "expr {6 * 7}") == "42"
    assert ds9.memory_info().rss - before < 20_000_000, "of 64 MB"


async def test_garbage_among_the_answers_is_passed_over(well: Any) -> None:
    for garbage in (b"told 0123.1 0 3 YWJj\n", b"\x00\xff\n", b"x" * 50_000, b"told"):
        write(well, ANSWERS, garbage)
        assert await run(well, "expr {6 * 7}") == "42"


async def test_requests_that_were_sent_to_a_stopped_ds9_fill_the_pipe_and_are_done_in_their_order(drawn: Any) -> None:
    held = drawn.stage.supervisor.held
    held.channel._on_silence = lambda: None  # nobody has it go on
    os.kill(drawn.stage.state.pid, signal.SIGSTOP)
    for number in range(5):
        with anyio.move_on_after(0.2):
            await run(drawn, f"lappend ::mtv_done {number};#{'x' * 15_000}")
    held.channel._on_silence = held._continue
    done = (await run(drawn, "set ::mtv_done")).split()
    assert done == sorted(done)
    assert "0" in done
    assert len(done) < 5, "the last ones found no room"
    await drawn.draw(GREY)


async def test_nothing_runs_in_the_middle_of_a_script_that_looks_for_events(well: Any) -> None:
    write(
        well, REQUESTS, b"\n" + line("0123.1", "set ::mtv_order first; after 100; update; append ::mtv_order { done}")
    )
    write(well, REQUESTS, b"\n" + line("0123.2", "append ::mtv_order { second}"))
    assert await run(well, "set ::mtv_order") == "first done second"


async def test_a_ds9_that_answers_by_halves_is_put_down_after_the_deadline(fresh_rig: Any) -> None:
    change(fresh_rig, command_deadline_secs=1.0)
    await fresh_rig.stage.ensure()
    await fresh_rig.tcl(
        "[proc ::mtv::do::colormap args {proc ::mtv::talk::tell {identity failed result} {"
        'puts -nonewline $::mtv::talk::answers "\\ntold $identity $failed 100 AAAA"; flush $::mtv::talk::answers}}]'
    )
    with pytest.raises(WindowLost, match="DS9 gave no answer within"):
        await fresh_rig.draw(CreateFrame(frame=0), GREY)
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=0), GREY)


async def test_a_ds9_that_closes_the_channel_is_put_down(drawn: Any) -> None:
    await drawn.tcl("[after 1 {close $::mtv::talk::requests; close $::mtv::talk::answers}]")
    await anyio.sleep(0.2)
    with pytest.raises(WindowLost, match="DS9 does not listen"):
        await drawn.draw(GREY)
    await drawn.stage.ensure()
    await drawn.draw(CreateFrame(frame=0), GREY)


async def test_pipes_that_are_removed_are_no_loss_until_another_daemon_needs_them(drawn: Any) -> None:
    pid = drawn.stage.state.pid
    for name in (REQUESTS, ANSWERS):
        (place(drawn) / name).unlink()
    await drawn.draw(GREY)
    await drawn.stage.close(keep_window=True)
    drawn.stage = drawn.new_stage()
    assert await drawn.stage.adopt() is None
    assert "did not answer: its pipe answers cannot be used" in drawn.stage.state.reason
    assert not psutil.pid_exists(pid)
    await drawn.stage.ensure()
    await drawn.draw(CreateFrame(frame=0), GREY)


async def test_a_file_in_the_place_of_a_pipe_is_not_written_to(drawn: Any) -> None:
    await drawn.stage.close(keep_window=True)
    state = next((drawn.directory / "w").glob("w-*"))
    (state / REQUESTS).unlink()
    (state / REQUESTS).touch(0o600)
    kept = os.open(state / REQUESTS, os.O_RDONLY)
    drawn.stage = drawn.new_stage()
    assert await drawn.stage.adopt() is None
    assert os.fstat(kept).st_size == 0
    os.close(kept)


async def test_a_second_daemon_is_refused_and_the_first_one_goes_on(drawn: Any) -> None:
    other = drawn.new_stage()
    for _ in range(2):
        with pytest.raises(WindowUnavailable, match="another daemon talks to the window"):
            await other.ensure()
    assert other.state.state == "failed"
    await drawn.draw(GREY)
    await drawn.stage.close(keep_window=True)
    assert await other.adopt() == ("test", 2)
    drawn.stage = other


async def test_what_a_daemon_that_died_had_sent_is_done_before_the_next_one_asks_and_half_of_it_never(
    drawn: Any,
) -> None:
    held = drawn.stage.supervisor.held
    os.kill(drawn.stage.state.pid, signal.SIGSTOP)
    whole = line("0123.1", "set ::mtv_commit {test 7}; set ::mtv_sent whole")
    write(drawn, REQUESTS, b"\n" + whole + b"\n" + line("0123.2", "set ::mtv_sent half")[:-12])
    held.let_go()
    drawn.stage = drawn.new_stage()
    assert await drawn.stage.adopt() == ("test", 7)
    assert await run(drawn, "set ::mtv_sent") == "whole"
    await drawn.stage.ensure()
    await drawn.draw(GREY)


async def test_nobody_else_can_read_or_write_anything_of_the_channel(drawn: Any) -> None:
    for name in (REQUESTS, ANSWERS, "events"):
        found = (place(drawn) / name).lstat()
        assert stat.S_ISFIFO(found.st_mode)
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, os.getuid())
    assert stat.S_IMODE(place(drawn).lstat().st_mode) == 0o700


async def test_windows_that_come_and_go_leave_no_descriptors(fresh_rig: Any) -> None:
    async def restart() -> int:
        await fresh_rig.stage.ensure()
        directory = place(fresh_rig).parent
        os.kill(fresh_rig.stage.state.pid, signal.SIGKILL)
        with pytest.raises(WindowLost):
            await fresh_rig.draw(CreateFrame(frame=0))
        return descriptors("anon_inode:[pidfd]") + descriptors(directory)

    async with anyio.create_task_group() as group:
        await group.start(fresh_rig.stage.listening.serve)
        first = await restart()
        assert [await restart() for _ in range(2)] == [first, first]
        group.cancel_scope.cancel()


async def test_pictures_and_syncs_come_between_batches_and_everything_is_drawn(well: Any) -> None:
    async def pictures() -> None:
        for _ in range(3):
            assert (await well.stage.snapshot(None, "png")).startswith(b"\x89PNG")

    async def syncs() -> None:
        for _ in range(10):
            await well.stage.sync()

    async with anyio.create_task_group() as group:
        group.start_soon(pictures)
        group.start_soon(syncs)
        for _ in range(10):
            await well.draw(GREY)


@pytest.mark.parametrize(
    "complains", ["Error {no film}", "tk_messageBox -message {no film} -type ok", "error {no film}"]
)
async def test_a_picture_that_ds9_cannot_take_is_told_and_no_box_stays_open(well: Any, complains: str) -> None:
    await run(well, f"rename ::SaveImage ::kept; proc ::SaveImage args {{{complains}}}")
    try:
        await run(well, "set ::ds9(msg,src) {}")
        with pytest.raises(WindowUnavailable, match="DS9 could not take the picture: no film"):
            await well.stage.snapshot(None, "png")
    finally:
        await run(well, "rename ::SaveImage {}; rename ::kept ::SaveImage")
    assert (await well.stage.snapshot(None, "png")).startswith(b"\x89PNG")
