"""The example of a pipeline: its workers show what they have in hand, and do the same without a daemon."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.live_daemon import START_SECS, LiveDaemon

pytestmark = [pytest.mark.live, pytest.mark.slow("a window and workers start in it", secs=40)]
EXAMPLE = Path(__file__).parents[2] / "examples" / "pipeline.py"


def run(environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--workers", "2", "--exposures", "6"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=START_SECS,
        check=True,
    )
    return done.stdout


def stars(words: str) -> int:
    found = re.search(r"(\d+) stars in 6 exposures", words)
    assert found, words
    return int(found[1])


def test_its_workers_are_seen_and_its_result_is_the_same_without_a_daemon(
    own_daemon: LiveDaemon, tmp_path: Path
) -> None:
    seen = run(own_daemon.environment())
    unseen = run(own_daemon.environment() | {"MTV_ENDPOINT": f"ipc://{tmp_path}/nobody.sock"})
    assert "nothing will be seen" in unseen
    assert "nothing will be seen" not in seen
    assert stars(seen) == stars(unseen) > 100
    shown = sum(int(count) for count in re.findall(r"(\d+) shown", seen))
    assert shown >= 2
    report = own_daemon.connect().status()
    labels = {display.name: display.label for display in report.displays}
    assert set(labels) <= {"worker 1", "worker 2"}
    assert all("calibrated" in label for label in labels.values()), labels
    assert any(display.overlays for display in report.displays)
