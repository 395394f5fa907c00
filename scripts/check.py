"""Runs every check of the project, in the environments that ``scripts/setup.sh test`` made.

First what is quick (ruff, mypy; on the oldest Python mypy again and the tests without DS9 or Butler), then the whole
suite on the newest, so that the last line of a good run is pytest's own summary of it. All steps run, whatever the
others say.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NEWEST = PROJECT / ".venv" / "bin" / "python"
FLOOR = PROJECT / ".venv-3.11-quick" / "bin" / "python"
WORDS = ("tests/unit/test_words.py", "tests/unit/test_words_of_errors.py")
PATIENCE_SECS = 30


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the run."""

    name: str
    python: Path
    arguments: Sequence[str]
    at_most_secs: float


def steps(lint_only: bool) -> list[Step]:
    """Return what to run, in order. The limits are for a machine at a fifth of its speed."""
    lint = [
        Step(name="ruff check", python=NEWEST, arguments=["ruff", "check", "."], at_most_secs=60),
        Step(name="ruff format", python=NEWEST, arguments=["ruff", "format", "--check", "."], at_most_secs=60),
        Step(name="mypy", python=NEWEST, arguments=["mypy"], at_most_secs=300),
        Step(name="words", python=NEWEST, arguments=["pytest", "-q", *WORDS], at_most_secs=120),
    ]
    # Its numpy is another one, with other types.
    floor = [
        Step(name="mypy on Python 3.11", python=FLOOR, arguments=["mypy"], at_most_secs=300),
        Step(
            name="quick tests on Python 3.11", python=FLOOR, arguments=["pytest", "-m", "not live"], at_most_secs=1200
        ),
    ]
    whole = Step(name="all tests", python=NEWEST, arguments=["pytest"], at_most_secs=3600)
    if lint_only:
        return lint
    return [*lint, *(floor if FLOOR.exists() else []), whole]


def main() -> int:
    """Run the steps; print what failed, if anything did, as the last line."""
    failed = [step.name for step in steps("--lint" in sys.argv[1:]) if not succeeds(step)]
    if failed:
        print(f"FAILED: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def succeeds(step: Step) -> bool:
    """Run one step without input; tell whether it went well and ended in time."""
    print(f"\n--- {step.name} ---", flush=True)
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environ["PATH"] = f"{step.python.parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    started = time.monotonic()
    process = subprocess.Popen(
        [step.python, "-m", *step.arguments],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        env=environ | {"REQUIRE_LIVE": "1"},
    )
    try:
        return process.wait(step.at_most_secs) == 0
    except subprocess.TimeoutExpired:
        print(f"{step.name}: stopped, not done after {time.monotonic() - started:.0f} s", flush=True)
        stop(process)
        return False
    except KeyboardInterrupt:
        stop(process)
        raise SystemExit(130) from None


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let pytest tear down its fixtures; end it where it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_SECS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
