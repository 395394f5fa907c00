"""The shell's way: one ``xpaset`` process a dot, as scripts and pipelines without libxpa do it.

Kinder to it than life: the socket is addressed by its path (no name server), and no shell is started.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from benchmarks.ds9 import REDRAW


class XpasetDot:
    """Draws circles in the frame in front.

    Parameters
    ----------
    target : `str`
        XPA socket.
    environment : `dict`
        For its child processes.
    """

    name = "xpaset"

    def __init__(self, target: str, environment: Mapping[str, str]) -> None:
        self._target = target
        self._environment = environment

    def dot(self, x: float, y: float, size: float, colour: str) -> None:
        """Draw a circle at 0-based ``(x, y)``."""
        self._run("regions", "command", f"{{circle {x + 1:g} {y + 1:g} {size:g}i # color={colour}}}")

    def update(self) -> None:
        """Wait for the redraw."""
        self._run("tcl", data=REDRAW.encode())

    def _run(self, *words: str, data: bytes = b"") -> None:
        command = ["xpaset", *([] if data else ["-p"]), self._target, *words]
        done = subprocess.run(command, env=self._environment, input=data, capture_output=True, check=False)
        if done.returncode or done.stderr:
            raise RuntimeError(f"xpaset {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
