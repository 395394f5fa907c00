"""A DS9 of ours beside others of the same machine: it takes nothing from them, and they nothing from it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.live.test_attach import User

from mtvd.scene.actions import CreateFrame
from mtvd.stage.window.preferences import write_preferences

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9"), pytest.mark.anyio, pytest.mark.timeout(300)]

PROJECT = Path(__file__).resolve().parents[2]
HUB_PORT = 21012
"""Where DS9 8.5 and 8.6 open their web hub for SAMP."""
TITLE = "other"


def listening(pid: int) -> list[str]:
    """Return the TCP addresses that a process listens at: the kernel's tables, looked up by its sockets' inodes."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # the one by which this very list was read
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(f"{table} {fields[1]}")
    return found


def need_hub_port() -> None:
    """Skip where somebody has the hub's port: a DS9 8.5 or 8.6 as installed does not start beside it."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", HUB_PORT))
        except OSError:
            pytest.skip(f"somebody listens at port {HUB_PORT}")


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """Somebody with a HOME of their own, whose DS9 is as it was installed."""
    directory = Path(tempfile.mkdtemp(prefix="mtv-", dir="/tmp"))
    monkeypatch.setenv("XPA_TMPDIR", str(directory))
    monkeypatch.setenv("XPA_NSINET", "localhost:24985")
    person = User(directory)
    yield person
    person.leave()
    person.screen.kill()
    person.screen.wait()
    shutil.rmtree(directory, ignore_errors=True)


async def test_a_ds9_of_ours_listens_at_no_tcp_port(fresh_rig: Any) -> None:
    with closing(socket.create_server(("localhost", 0))):
        assert len(listening(os.getpid())) == 1, "one that listens is seen"
        await fresh_rig.stage.ensure()
        assert listening(fresh_rig.stage.state.pid) == []


def test_the_benchmarks_ds9_listens_at_no_tcp_port(tmp_path: Path) -> None:
    # in a process of its own: pyds9 reads the variables that it sets when it is imported
    text = """
import sys
from benchmarks.ds9 import Ds9
from tests.live.test_beside_others import listening
with Ds9() as ds9:
    print(listening(int(ds9.target.rpartition(".")[2])))
"""
    paths = os.pathsep.join([str(PROJECT), *filter(None, sys.path)])
    asked = subprocess.run(
        [sys.executable, "-c", text],
        env=os.environ | {"PYTHONPATH": paths},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert asked.stdout == "[]\n"


async def test_ours_draws_where_another_ds9_runs_already(user: User, fresh_rig: Any) -> None:
    need_hub_port()
    other = user.start(TITLE, stock=True)
    await fresh_rig.stage.ensure()
    await fresh_rig.draw(CreateFrame(frame=3))
    assert other.poll() is None


async def test_another_ds9_starts_as_ever_where_ours_runs_already(user: User, fresh_rig: Any) -> None:
    need_hub_port()
    await fresh_rig.stage.ensure()
    user.start(TITLE, stock=True)
    await fresh_rig.draw(CreateFrame(frame=3))


async def test_two_of_ours_run_side_by_side(fresh_rig: Any, stage_rig: Any) -> None:
    await fresh_rig.stage.ensure()
    assert fresh_rig.stage.state.pid != stage_rig.stage.state.pid
    for rig in (fresh_rig, stage_rig):
        await rig.draw(CreateFrame(frame=3))


def test_preferences_are_for_their_owner_alone_and_named_as_every_version_looks_for_them(tmp_path: Path) -> None:
    write_preferences(tmp_path, "mine")
    made = sorted(tmp_path.iterdir())
    assert [path.name for path in made] == [".ds9.prf", ".mine.prf"]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
