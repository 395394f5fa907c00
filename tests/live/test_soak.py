"""One minute of the soak on the real DS9; ``make soak`` runs a long one. Every benchmark runs once, in a small size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import rows

pytestmark = [pytest.mark.live("ds9", "Xvfb", "pyds9", "xpaset"), pytest.mark.slow("a long run, made short", secs=60)]
PROJECT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(PROJECT), *(path for path in sys.path if path)])
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
        timeout=800,
    )


def test_four_feeds_use_no_more_and_more_and_every_frame_is_accounted_for(tmp_path: Path) -> None:
    written = tmp_path / "soak.json"
    done = run("soak", "--minutes", "1", "--json", str(written))
    assert done.returncode == 0, done.stdout
    found = json.loads(written.read_text())
    assert found["wrong"] == []
    assert all(feed["shown"] > 10 for feed in found["feeds"].values()), done.stdout


@pytest.mark.live("ds9", "Xvfb", "pyds9", "xpaset", "lsst.daf.butler")
def test_every_benchmark_runs_in_a_small_size(tmp_path: Path) -> None:
    written = tmp_path / "bench.json"
    done = run("benchmarks", "--small", "--json", str(written))
    assert done.returncode == 0, done.stdout
    assert [row["name"] for row in json.loads(written.read_text())] == list(rows.NAMES)
