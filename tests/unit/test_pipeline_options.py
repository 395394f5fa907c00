"""The example of a pipeline: what its command line cannot mean, and workers that are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pipeline.py"


def run(*arguments: str, code: int, prelude: str = "") -> str:
    program = f"import runpy, sys; sys.argv[1:] = {list(arguments)!r}; " + (
        prelude or f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    )
    environ = {**os.environ, "MTV_ENDPOINT": "ipc:///nowhere/at.all"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("arguments", [("--workers", "0"), ("--workers", "-1"), ("--exposures", "-1")])
def test_too_few_workers_or_exposures_are_refused_at_once(arguments: tuple[str, ...]) -> None:
    assert "at least" in run(*arguments, code=2)


def test_workers_that_end_before_their_work_is_done_are_told_of() -> None:
    gone = f"run = runpy.run_path({str(EXAMPLE)!r})['run']; run.__globals__['work'] = print; run(2, 3)"
    assert "3 exposures left undone" in run(code=1, prelude=gone)
