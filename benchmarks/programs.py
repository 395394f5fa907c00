"""Whole programs, from the shell's point of view."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def mtv_command() -> list[str]:
    """Return how to run ``mtv``: the installed script, or the package where none is installed."""
    script = Path(sys.executable).with_name("mtv")
    return [str(script)] if script.exists() else [sys.executable, "-c", "from mtv.cli import main; main()"]


def run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run a program to its end and return what it prints.

    Python keeps what it compiles, as pip does when it installs: where the environment forbids that, our modules alone
    would be compiled at each start, and not those of the floor.

    Raises
    ------
    RuntimeError
        It failed; its last words are in the message.
    """
    keeping = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, env=keeping, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
