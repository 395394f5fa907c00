"""Which DS9 are tested, and what people are told of one that is not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import ds9_roots
import versions
from mtv.cli import daemon, doctor
from mtv.cli.common import Call
from mtv.shared import ds9
from mtv.wire.reports import WindowState

PROJECT = Path(__file__).resolve().parents[2]


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_version_that_is_not_tested_is_said_so_with_those_that_are() -> None:
    assert ds9.describe_version("8.5") == "DS9 8.5"
    assert ds9.describe_version("9.0") == "DS9 9.0, which is not tested (tested: 8.4.1, 8.5, 8.6, 8.7)"
    assert ds9.describe_version("") == ""


def test_status_and_doctor_tell_the_version_of_the_window_and_whether_it_is_tested() -> None:
    for told in (daemon._window, doctor._window_text):
        assert "DS9 8.6" in told(WindowState(state="ready", version="8.6"))
        assert "DS9 9.0, which is not tested" in told(WindowState(state="ready", version="9.0"))
        assert "DS9" not in told(WindowState(state="absent"))


def test_doctor_tells_the_version_of_the_ds9_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "ds9.tcl").write_text("set ds9(version) {9.0}\n")
    command = tmp_path / "ds9"
    command.write_text(f"#!/bin/sh\nexec wish -f {tmp_path}/library/ds9.tcl\n")
    command.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = doctor._ds9(Call())
    assert finding.state == "ok"
    assert finding.text.startswith(f"{command}, DS9 9.0, which is not tested")


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        ("set ds9(version) {8.4}\nset ds9(version,display) {8.4.1}\n", "8.4.1"),
        ("set ds9(version) {8.7}\n", "8.7"),
        ("set ds9(version) 9.1b2\n", "9.1b2"),
        ("puts nothing\n", ""),
    ],
)
def test_the_version_of_an_installed_ds9_is_read_from_its_own_tcl(tmp_path: Path, lines: str, version: str) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "ds9.tcl").write_text(lines)
    command = tmp_path / "ds9"
    command.write_text(f'#!/bin/sh\nexec /usr/bin/wish -f ${{DS9_HOME-{tmp_path}}}/library/ds9.tcl "$@"\n')
    assert ds9.find_version(command) == version


def test_of_a_ds9_that_is_a_program_or_not_there_no_version_is_told(tmp_path: Path) -> None:
    program = tmp_path / "ds9"
    program.write_bytes(b"\x7fELF/usr/share/saods9/library/ds9.tcl")
    assert ds9.find_version(program) == ""
    assert ds9.find_version(tmp_path / "nothing") == ""


def test_the_documents_name_the_versions_that_are_tested() -> None:
    page = (PROJECT / "docs" / "ds9-versions.md").read_text()
    named = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| 8.")]
    assert tuple(named) == ds9.TESTED


def test_the_window_s_tests_are_found_with_those_that_start_other_ds9_apart() -> None:
    found = versions.window_tests()
    assert {"test_attach.py", "test_blocked.py", "test_stage_drawing.py", "test_survival.py"} <= set(found)
    assert not {versions.ALONE, *versions.NOT_HERE}.intersection(found)
    assert all((versions.LIVE / name).exists() for name in (versions.ALONE, *versions.NOT_HERE, *versions.BESIDES))


def test_a_root_that_cannot_be_made_is_named_and_nothing_is_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    row = versions.examine("sid", "Debian unstable", ds9_roots.RELEASES[-1], 1)
    assert not row.good
    assert row.line() == "Debian unstable   -        not tested: making and entering a root needs to be root"


def test_what_pytest_told_is_counted_and_failures_are_named() -> None:
    log = """
collecting ... collected 5 items
tests/live/test_a.py::test_one PASSED [ 20%]
tests/live/test_a.py::test_two[a b] SKIPPED (somebody listens) [ 40%]
tests/live/test_a.py::test_three FAILED [ 60%]
tests/live/test_a.py::test_four ERROR [ 80%]
tests/live/test_a.py::test_five """
    row = versions.Row(name="here")
    versions.count(log, row)
    assert (row.passed, row.skipped, row.failed) == (1, 1, ["test_a.py::test_three", "test_a.py::test_four"])
    assert not row.good


def test_a_run_that_does_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # without walls, which need root
    sleeper = tmp_path / "python"
    sleeper.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/pid\nwait\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(sleeper))
    assert not versions.bounded(tmp_path, {"PATH": "/usr/bin:/bin"}, 5)
    started = int((tmp_path / "pid").read_text())
    for _ in range(1_000):  # a process that was killed takes a moment to go
        if not is_running(started):
            return
        time.sleep(0.02)
    pytest.fail("what it started lives on")


def test_the_first_process_of_a_namespace_reaps_all_and_returns_what_its_child_did() -> None:
    text = """
import os, time, versions
if not os.fork():
    os._exit(0)
child = os.fork()
if not child:
    time.sleep(0.3)
    os._exit(3)
assert versions.wait_as_first_process(child) == 3
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none is left")
"""
    asked = subprocess.run(
        [sys.executable, "-c", text], cwd=PROJECT / "scripts", capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout == "none is left\n"
