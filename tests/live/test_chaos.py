"""A small drill on the real DS9; ``make chaos`` runs a long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9", "xpaset"), pytest.mark.slow("a long run, made short", secs=60)]
PROJECT = Path(__file__).parents[2]
FAULTS = 12


def test_whatever_is_killed_or_stopped_the_picture_is_what_was_acknowledged(tmp_path: Path) -> None:
    written = tmp_path / "chaos.json"
    arguments = ["--faults", str(FAULTS), "--json", str(written), "--limit-secs", "600", "--recovery-secs", "600"]
    paths = os.pathsep.join([str(PROJECT), *(path for path in sys.path if path)])
    drill = subprocess.Popen(
        [sys.executable, "-m", "chaos", *arguments],
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
    assert found["faults"] == FAULTS
    assert (found["lost"], found["duplicated"], found["hung"], found["leaked"]) == (0, 0, 0, 0), words
    assert found["scene_equal"]
    assert found["acknowledged"] > FAULTS
