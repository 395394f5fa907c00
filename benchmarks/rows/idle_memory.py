"""What daemon, lane and workers keep of the memory half a minute after they had something to do."""

from __future__ import annotations

import getpass
import subprocess
import sys
import time
from typing import Any, Final

import anyio
import anyio.to_thread
import psutil

import mtv
from benchmarks.bench import REPO_ALIAS, Bench
from benchmarks.daemon import Daemon
from benchmarks.measures import Amount, Measured, Target
from benchmarks.row import Row

_IDLE_SECS: Final = 30.0
_OTHERS: Final = ("Xvfb", "wish", "ds9")
"""The window and its screen are not ours to make smaller."""


def measure(bench: Bench) -> Measured:
    """Keep both workers and the window busy for a moment, wait, and add up the proportional set sizes."""
    if not bench.with_ours:
        return Measured()
    with Daemon({REPO_ALIAS: bench.repo}) as daemon:
        _use(daemon)
        busy = _sizes(daemon)
        time.sleep(bench.amount(int(_IDLE_SECS), 1))
        idle = _sizes(daemon)
    extra: dict[str, Any] = {"idle_mb": idle, "busy_mb": busy, "butler_alone_mb": _butler_alone_mb()}
    return Measured(amount=Amount(sum(idle.values()), "MB"), extra=extra)


def _butler_alone_mb() -> float:
    """Return the megabytes of a process that has imported Butler and nothing else: a worker that waits has no less."""
    script = "import lsst.daf.butler, psutil; print(psutil.Process().memory_full_info().pss / 1e6)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def _use(daemon: Daemon) -> None:
    repository = mtv.Repository(REPO_ALIAS, connection=daemon.connection)
    collections = f"u/{getpass.getuser()}/single_frame"
    display = mtv.Display(0, connection=daemon.connection)

    def ask(_number: int) -> None:
        refs = repository.query("calexp", collections=collections, instrument="HSC")
        repository.get("src", collections=collections, **refs[0].data_id)
        display.mtv(refs[0])

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(anyio.to_thread.run_sync, ask, number)

    anyio.run(all_at_once)
    display.sync()


def _sizes(daemon: Daemon) -> dict[str, float]:
    """Return megabytes by process."""
    main = psutil.Process(daemon.connection.status().pid)
    sizes = {"daemon": main.memory_full_info().pss / 1e6}
    for child in main.children(recursive=True):
        words = child.cmdline()
        if not any(name in words[0] for name in _OTHERS):
            sizes[f"{words[2].rpartition('.')[2]}-{child.pid}"] = child.memory_full_info().pss / 1e6
    return {name: round(size, 1) for name, size in sizes.items()}


ROW = Row(
    "idle_memory",
    "daemon, lane and workers 30 s after the last request, PSS",
    Target(most=Amount(120, "MB")),
    measure,
)
