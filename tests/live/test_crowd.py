"""A small drill of many clients on the real DS9; ``make crowd`` runs a long one. Pools on fresh daemons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from crowd.workers import on_a_fresh_daemon

pytestmark = [
    pytest.mark.live("ds9", "Xvfb", "pyds9", "xpaset", "lsst.daf.butler"),
    pytest.mark.slow("a long run, made short", secs=60),
]
PROJECT = Path(__file__).parents[2]
SEED = 23718


def test_whatever_others_do_every_acknowledged_step_is_in_the_window_once(
    tmp_path: Path, demo_repository: Path
) -> None:
    written = tmp_path / "crowd.json"
    # how long a request takes on a machine that does much else says nothing: the limit is for `make crowd`
    arguments = ["--small", "--secs", "15", "--seed", str(SEED), "--slowest-secs", "600", "--json", str(written)]
    arguments += ["--repository", str(demo_repository)]
    paths = os.pathsep.join([str(PROJECT), *(path for path in sys.path if path)])
    drill = subprocess.Popen(
        [sys.executable, "-m", "crowd", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": paths},
    )
    try:
        words, _ = drill.communicate(timeout=800)
    finally:
        drill.terminate()
        drill.wait(60)
    found = json.loads(written.read_text())
    assert drill.returncode == 0, words
    assert (found["lost"], found["surplus"], found["wrong"]) == (0, 0, {}), words
    assert found["acknowledged"] > found["members"]
    assert found["faults"], words


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_pool_draws_exposures_with_long_outlines_and_again_after_deletions(start: str, demo_repository: Path) -> None:
    assert on_a_fresh_daemon(demo_repository, start) == []
