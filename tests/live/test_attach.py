"""Drawing in a DS9 that the user runs, started here as a user would; it is never closed, and left as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
from tests.live.test_stage_faults import until_state, watched
from tests.support.live_daemon import START_SECS, LiveDaemon, Probe

import mtv
from mtvd.scene.actions import Annotate, Arrange, CreateFrame, LoadImage, RaiseFrame
from mtvd.stage.port import WindowLost, WindowUnavailable

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

TITLE = "mine"
LABELS = "[$::ds9(canvas) find withtag mtv.annotation]"
HOOKED = (
    "[info body ::QuitDS9] [info commands ::mtv::*] [namespace exists ::mtv] [file channels] "
    "[trace info execution ::UpdateZoom]"
)
QUIET = "set ::pds9(samp,hub) 0\nset ::pds9(autosave) 0\n"
"""Preferences of a user whose DS9 opens no hub, which it opens once on each machine, and does not ask at its start."""
SETTINGS = "[set ::pds9(automarker)] [set ::panzoom(preserve)] [set ::marker(preserve)] [info exists ::mtv_commit]"


class User:
    """A user at a screen, who starts and closes DS9s in an ordinary shell."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.xpa = directory
        """What ``XPA_TMPDIR`` says in the user's shell."""
        self.running: list[psutil.Popen] = []
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1100x950x24", "-nolisten", "tcp"]
        self.screen = psutil.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as told:
            self.display = f":{told.readline().strip()}"

    def start(
        self, title: str = TITLE, method: str = "local", *, stock: bool = False, options: Sequence[str] = ()
    ) -> psutil.Popen:
        """Start a DS9 and wait until it has registered, and, where it has no options, until its start is over.

        One that is not ``stock`` has preferences.
        """
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        for name in (".ds9.prf", f".{title}.prf"):
            (home / name).write_text("" if stock else QUIET)
            (home / name).chmod(0o600)
        environ = os.environ | {"DISPLAY": self.display, "HOME": str(home), "XPA_METHOD": method}
        command = ["ds9", "-title", title, *options]
        ds9 = psutil.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running.append(ds9)
        target = str(self.xpa / f"DS9_{title}.{ds9.pid}") if method == "local" else f"DS9:{title}"
        answers = ["xpaget", target, "version"]
        deadline = time.monotonic() + START_SECS
        while subprocess.run(answers, env=environ, capture_output=True, timeout=60, check=False).returncode:
            assert ds9.poll() is None
            assert time.monotonic() < deadline
        while method == "local" and not options and self.ask(ds9, "[set ::ds9(init)]", title) != "0":
            assert ds9.poll() is None
            assert time.monotonic() < deadline
        return ds9

    def ask(self, ds9: psutil.Popen, word: str, title: str = TITLE) -> str:
        """Ask a DS9 for a Tcl word."""
        with Probe(str(self.xpa / f"DS9_{title}.{ds9.pid}")) as probe:
            return probe.tcl(f'"{word}"')

    def leave(self) -> None:
        """Close everything."""
        for ds9 in self.running:
            if ds9.poll() is None:
                ds9.kill()
        psutil.wait_procs(self.running, timeout=30)
        self.running.clear()
        servers = [process for process in psutil.process_iter(["name"]) if process.info["name"] == "xpans"]
        for server in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                if server.environ().get("XPA_TMPDIR") == str(self.xpa):
                    server.kill()


def stop(ds9: psutil.Popen) -> None:
    """Stop a DS9 as Ctrl-Z does."""
    ds9.suspend()
    while ds9.status() != psutil.STATUS_STOPPED:
        pass


@pytest.fixture(scope="module")
def screen() -> Iterator[User]:
    directory = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    person = User(directory)
    yield person
    person.leave()
    person.screen.kill()
    person.screen.wait()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def user(screen: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    # A new directory each time: what a killed DS9 has begun may still be written into the old one.
    screen.xpa = Path(tempfile.mkdtemp(prefix="xpa", dir=screen.directory))
    monkeypatch.setenv("XPA_TMPDIR", str(screen.xpa))
    monkeypatch.setenv("XPA_NSINET", "localhost:24985")
    monkeypatch.delenv("XPA_METHOD", raising=False)
    yield screen
    screen.leave()


@pytest.fixture
def rig(fresh_rig: Any) -> Any:
    fresh_rig.settings = msgspec.structs.replace(fresh_rig.settings, attach=TITLE)
    fresh_rig.stage = fresh_rig.new_stage()
    return fresh_rig


async def test_without_a_ds9_of_that_title_the_error_says_how_to_start_one(user: User, rig: Any) -> None:
    with pytest.raises(WindowUnavailable, match="no DS9 with the title 'mine': XPA_METHOD=local ds9 -title mine"):
        await rig.stage.ensure()
    assert rig.stage.state.state == "failed"


async def test_it_draws_in_the_users_ds9_and_gives_it_back_as_it_was(user: User, rig: Any) -> None:
    ds9 = user.start()
    before = user.ask(ds9, f"{HOOKED} {SETTINGS}")
    await rig.stage.ensure()
    assert rig.stage.state.pid == ds9.pid
    assert rig.stage.state.attached
    assert user.ask(ds9, HOOKED) != before
    image = rig.image(np.arange(1200, dtype="f4").reshape(30, 40))
    label = Annotate(frame=5, names=("label",), caption="ours")
    await rig.draw(CreateFrame(frame=5), LoadImage(frame=5, image=image), RaiseFrame(frame=5), label)
    await rig.draw(CreateFrame(frame=1))
    assert user.ask(ds9, LABELS) != ""
    assert user.ask(ds9, "[Frame1 get mask blend] [Frame1 get mask system]") == "source physical"
    await rig.stage.sync()
    assert user.ask(ds9, "[set ::ds9(frames)]") == "Frame1 Frame5", "the user's own frame stays"
    assert (await rig.stage.snapshot(5, "png")).startswith(b"\x89PNG")
    await rig.stage.close(keep_window=False)
    assert ds9.poll() is None
    assert user.ask(ds9, f"{HOOKED} {SETTINGS}") == before
    assert user.ask(ds9, LABELS) == "", "what says what is seen goes: nobody keeps it true any more"
    assert user.ask(ds9, "[Frame5 get fits width]") == "40", "what was drawn stays to be looked at"
    assert [path.name for path in (rig.directory / "w").iterdir()] == ["lane.log"]


@pytest.mark.parametrize("method", ["local", "localhost"])
async def test_a_title_that_begins_alike_is_another_window(user: User, rig: Any, method: str) -> None:
    user.start(f"{TITLE}.2", method)
    ds9 = user.start(TITLE, method)
    await rig.stage.ensure()
    assert rig.stage.state.pid == ds9.pid
    await rig.stage.close(keep_window=False)


async def test_the_users_window_gets_its_size_back(user: User, rig: Any) -> None:
    ds9 = user.start()
    size = "[winfo width $::ds9(top)] [winfo height $::ds9(top)]"
    before = user.ask(ds9, size)
    await rig.stage.ensure()
    for side in (300, 400):
        await rig.draw(
            Arrange(
                tile=False, lock_frame="none", lock_scale=False, lock_colormap=False, leader=None, size=(side, side)
            )
        )
    assert user.ask(ds9, size) != before
    await rig.stage.close(keep_window=False)
    assert user.ask(ds9, size) == before


async def test_two_of_the_same_title_are_refused_and_named(user: User, rig: Any) -> None:
    pids = {user.start().pid, user.start().pid}
    with pytest.raises(WindowUnavailable, match="2 DS9 have the title 'mine'") as refused:
        await rig.stage.ensure()
    assert all(str(pid) in str(refused.value) for pid in pids)


async def test_one_that_takes_no_scripts_is_refused_and_the_error_says_how_to_start_it(user: User, rig: Any) -> None:
    ds9 = user.start(method="inet")
    with pytest.raises(WindowUnavailable, match="takes no scripts: start it with XPA_METHOD=local ds9 -title mine"):
        await rig.stage.ensure()
    assert ds9.poll() is None


async def test_one_that_is_found_through_the_name_server_is_drawn_in(user: User, rig: Any) -> None:
    ds9 = user.start(method="localhost")
    await rig.stage.ensure()
    assert rig.stage.state.pid == ds9.pid
    assert not rig.stage.supervisor.held.window.socket.startswith("/")
    await rig.draw(CreateFrame(frame=5))


async def test_one_that_the_user_closes_is_absent_and_looked_for_at_the_next_request(user: User, rig: Any) -> None:
    async with watched(rig):
        ds9 = user.start()
        first = await rig.stage.ensure()
        ds9.terminate()
        await until_state(rig, "absent")
        assert "'mine'" in rig.stage.state.reason
        assert "lost" not in rig.states
        with pytest.raises(WindowUnavailable, match="no DS9 with the title"):
            await rig.stage.ensure()
        again = user.start()
        assert await rig.stage.ensure() == first + 1
        assert rig.stage.state.pid == again.pid


async def test_one_that_the_user_has_stopped_is_refused_at_once_and_never_signalled(user: User, rig: Any) -> None:
    ds9 = user.start()
    stop(ds9)
    with pytest.raises(WindowUnavailable, match=f"is stopped: kill -CONT {ds9.pid}"):
        await rig.stage.ensure()
    ds9.resume()
    await rig.stage.ensure()
    stop(ds9)
    with pytest.raises(WindowUnavailable, match=f"is stopped: kill -CONT {ds9.pid}"):
        await rig.stage.ensure()
    assert ds9.status() == psutil.STATUS_STOPPED
    ds9.resume()
    await rig.draw(CreateFrame(frame=5))


async def test_one_that_hangs_is_let_go_after_the_deadline_and_lives(user: User, rig: Any) -> None:
    rig.settings = msgspec.structs.replace(rig.settings, command_deadline_secs=1.0)
    rig.stage = rig.new_stage()
    ds9 = user.start()
    await rig.stage.ensure()
    await rig.tcl("[proc ::mtv::do::create args {after 4000}]")
    with pytest.raises(WindowLost, match="'mine'"):
        await rig.run([CreateFrame(frame=5)])
    assert rig.stage.state.state == "absent"
    assert ds9.poll() is None


async def test_one_that_waits_for_an_answer_at_its_start_is_refused_and_its_question_is_named(
    user: User, rig: Any
) -> None:
    question = user.directory / "question.tcl"
    question.write_text("tk_messageBox -type yesno -message {Found a copy, restore?}\n")
    user.start(options=["-source", str(question)])
    with pytest.raises(WindowUnavailable, match="'mine' could not be attached to: it waits for an answer: Found"):
        await rig.stage.ensure()


async def test_another_daemon_that_lives_is_not_robbed_of_its_ds9(user: User, rig: Any) -> None:
    ds9 = user.start()
    user.ask(ds9, "[namespace eval ::mtv {variable holder 1}]")
    with pytest.raises(WindowUnavailable, match="another mtvd is attached to it, pid 1"):
        await rig.stage.ensure()


async def test_a_later_daemon_of_other_settings_undoes_the_hooks_of_one_that_was_killed(user: User, rig: Any) -> None:
    ds9 = user.start()
    before = user.ask(ds9, f"{HOOKED} {SETTINGS}")
    await rig.stage.ensure()
    rig.stage.supervisor.held.let_go()
    rig.settings = msgspec.structs.replace(rig.settings, attach="")
    rig.stage = rig.new_stage()
    assert await rig.stage.adopt() is None
    assert user.ask(ds9, f"{HOOKED} {SETTINGS}") == before
    assert ds9.poll() is None


def test_a_daemon_draws_in_the_users_ds9_adopts_it_after_a_crash_and_leaves_it_open(user: User) -> None:
    ds9 = user.start()
    before = user.ask(ds9, f"{HOOKED} {SETTINGS}")
    (user.directory / "d").mkdir(mode=0o700)
    daemon = LiveDaemon(user.directory / "d", stage=f'attach = "{TITLE}"')
    try:
        daemon.start()
        display = mtv.Display(7, connection=daemon.connect())
        display.mtv(np.arange(3000, dtype="f4").reshape(50, 60))
        daemon.kill()
        daemon.start()
        display.overlay("stars", [10.0, 20.0], [10.0, 20.0])
        window = daemon.connect().status().window
        assert (window.state, window.pid, window.attached) == ("ready", ds9.pid, True)
        assert user.ask(ds9, "[Frame7 get marker number]") == "2"
        ds9.send_signal(signal.SIGTERM)
        ds9.wait(60)
        with pytest.raises(mtv.Unavailable, match="no DS9 with the title"):
            display.dot("+", 5, 5)
        again = user.start()
        display.dot("+", 5, 5)
        assert user.ask(again, "[Frame7 get marker number]") == "3", "the whole scene is drawn in the new one"
    finally:
        daemon.stop()
    assert again.poll() is None
    assert user.ask(again, f"{HOOKED} {SETTINGS}") == before
