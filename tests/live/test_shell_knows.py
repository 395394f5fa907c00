"""The shell of a real daemon: completion of what its repository has, its settings, its only instrument."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.live_daemon import LiveDaemon

pytestmark = [pytest.mark.live, pytest.mark.slow("a daemon and a worker start, and each command is a process", secs=60)]


def mtv(daemon: LiveDaemon, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mtv.cli", *words],
        env={**daemon.environment(), "MTV_COMPLETE_SECS": "120", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def complete(daemon: LiveDaemon, line: str) -> list[str]:
    told = mtv(daemon, _MTV_COMPLETE="zsh_complete", COMP_LINE=line)
    assert (told.returncode, told.stderr) == (0, "")
    return [answer.partition("\t")[0] for answer in told.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("mtv query types cal", ["calexp"]),
        ("mtv query records visit instrument=", ["instrument=HSC"]),
        ("mtv show calexp instrument=HSC visit=2", ["visit=23694", "visit=23718"]),
        ("mtv show calexp visit=23718 physical_filter=", ["physical_filter=HSC-R"]),
        ("mtv show calexp visit=1", ["visit=1214"]),
        ("mtv show calexp visit=99", []),
        ("mtv show calexp nosuch=", []),
        ("mtv show calexp visit=23718 detector=5", ["detector=50", "detector=58"]),
        ("mtv show calexp vi", ["visit="]),
        ("mtv query calexp --collections HSC/r", ["HSC/raw/all"]),
    ],
)
def test_values_are_those_of_the_repository(demo_daemon: LiveDaemon, line: str, wanted: list[str]) -> None:
    assert complete(demo_daemon, line) == wanted


def test_the_only_instrument_need_not_be_named(demo_daemon: LiveDaemon, chain: str) -> None:
    words = ("query", "calexp", "visit=23718", "detector=41", "--collections", chain, "--json")
    without, with_ = mtv(demo_daemon, *words), mtv(demo_daemon, *words, "instrument=HSC")
    assert without.returncode == 0, without.stderr
    assert json.loads(without.stdout)["rows"] == json.loads(with_.stdout)["rows"] != []


def test_the_settings_of_a_daemon_that_runs_tell_where_they_are_from(demo_daemon: LiveDaemon) -> None:
    told = mtv(demo_daemon, "config", "--json")
    assert told.returncode == 0, told.stderr
    assert demo_daemon.process is not None
    assert json.loads(told.stdout)["pid"] == demo_daemon.process.pid
    found = {each["name"]: each for each in json.loads(told.stdout)["settings"]}
    assert found["stage.window"]["source"] == f"file {demo_daemon.config}"
    assert found["runtime_directory"] == {
        "name": "runtime_directory",
        "value": str(demo_daemon.directory),
        "source": "option --runtime-dir",
    }
    assert found["requests"]["source"] == "default"
    assert Path(found["pixel_directory"]["value"]).is_absolute()
