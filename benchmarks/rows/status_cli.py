"""``mtv status`` from the shell, against the bare import of what it cannot do without."""

from __future__ import annotations

import os
import sys

from benchmarks.bench import Bench
from benchmarks.contest import Way, contest
from benchmarks.measures import Measured, Target
from benchmarks.ours import NAME
from benchmarks.programs import mtv_command, run
from benchmarks.row import Row

_IMPORTS = [sys.executable, "-c", "import zmq, msgpack, msgspec"]


def measure(bench: Bench) -> Measured:
    """Measure the command and the import."""
    ours = None
    if bench.with_ours:
        environment = bench.daemon.environment
        ours = Way(name=NAME, draw=lambda: run([*mtv_command(), "status"], environment))
    floor = Way(name="imports", draw=lambda: run(_IMPORTS, os.environ))
    return contest(ours=ours, floor=floor, runs=bench.amount(15, 1))


ROW = Row("status_cli", "mtv status from the shell, whole process", Target(floor=1.8), measure)
