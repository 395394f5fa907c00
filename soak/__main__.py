"""``python -m soak``: four feeds side by side for minutes; 1 where something grows or a frame is not accounted for."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psutil
from benchmarks.daemon import Daemon
from chaos import launcher
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import mtv
from soak.producer import KINDS
from soak.usage import Usage, grown, growth, sample

_EVERY_SECS: Final = 1.0
_END_SECS: Final = 120.0
_READY_SECS: Final = 120.0
MOST_PIXEL_FILES: Final = 160
"""Slots, copies of what is shown, what the daemon makes of masks, and what it keeps free for the next."""
MOST_PIXEL_BYTES: Final = 600 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    launcher.end_in_order_when_terminated()
    console = Console(width=None if sys.stdout.isatty() else 120)
    with Daemon() as daemon, contextlib.ExitStack() as stack:
        mtv.arrange(tile=True, connection=daemon.connection)
        producers = {kind: stack.enter_context(_producer(daemon, kind)) for kind in KINDS}
        _await_all(daemon)
        samples = _watch(daemon, producers, 60 * options.minutes, console)
        shown = {feed.feed: feed for feed in daemon.connection.status().feeds}
        told = {kind: _told(process) for kind, process in producers.items()}
        wrong = grown(samples, MOST_PIXEL_BYTES, MOST_PIXEL_FILES)
        wrong += [words for kind in KINDS for words in unaccounted(kind, told[kind])]
        wrong += [f"{kind}: the daemon does not know it" for kind in KINDS if kind not in shown]
    console.print(_table(samples, told))
    options.json.write_text(json.dumps({"feeds": told, "wrong": wrong}, indent=1) + "\n")
    return launcher.conclude(wrong)


def unaccounted(kind: str, told: dict[str, Any]) -> list[str]:
    """Return what does not add up in a producer's counters, in words."""
    words = [f"{kind}: {error}" for error in told["errors"]]
    if told["published"] != told["shown"] + told["dropped"]:
        words.append(f"{kind}: {told['published']} published, {told['shown']} shown, {told['dropped']} dropped")
    if not told["shown"]:
        words.append(f"{kind}: nothing was shown")
    return words


@contextlib.contextmanager
def _producer(daemon: Daemon, kind: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "soak.producer", kind]
    with subprocess.Popen(
        command, env=daemon.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _await_all(daemon: Daemon) -> None:
    limit = time.monotonic() + _READY_SECS
    while {feed.feed for feed in daemon.connection.status().feeds if feed.shown} != set(KINDS):
        if time.monotonic() > limit:
            raise RuntimeError("not every feed is shown")
        time.sleep(0.1)


def _watch(daemon: Daemon, producers: dict[str, subprocess.Popen[str]], secs: float, console: Console) -> list[Usage]:
    """Look every second until the time is over."""
    processes = {kind: psutil.Process(process.pid) for kind, process in producers.items()}
    report = daemon.connection.status()
    processes |= {"daemon": psutil.Process(report.pid), "ds9": psutil.Process(report.window.pid)}
    directory = Path(daemon.connection.welcome.pixel_directory)
    samples: list[Usage] = []
    began = time.monotonic()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("four feeds", total=secs)
        while (passed := time.monotonic() - began) < secs:
            samples.append(sample(processes, directory, _frames(daemon)))
            progress.update(task, completed=passed)
            time.sleep(_EVERY_SECS)
    return samples


def _frames(daemon: Daemon) -> int:
    return sum(feed.shown for feed in daemon.connection.status().feeds)


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Stop a producer and return what it tells."""
    words, _ = process.communicate("\n", timeout=_END_SECS)
    found: dict[str, Any] = json.loads(words)
    return found


def _table(samples: Sequence[Usage], told: dict[str, dict[str, Any]]) -> Table:
    table = Table("", "first", "last", "last third above the second")
    for name in samples[0].memory:
        values = [one.memory[name] for one in samples]
        table.add_row(
            f"memory of {name}", *(f"{size / 1e6:.1f} MB" for size in (values[0], values[-1], growth(values)))
        )
    for kind, counts in told.items():
        table.add_row(
            f"feed {kind}",
            f"{counts['published']} published",
            f"{counts['shown']} shown, {counts['dropped']} dropped",
            f"latency {1e3 * (counts['latency_p50_secs'] or 0):.0f} ms",
        )
    table.add_row("frames shown", str(samples[0].frames), str(samples[-1].frames), "")
    pixels = [one.pixel_bytes for one in samples]
    table.add_row("pixel files", *(f"{size / 1e6:.1f} MB" for size in (pixels[0], pixels[-1], growth(pixels))))
    return table


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = launcher.parser_of("soak", __doc__, json=Path(os.devnull))
    parser.add_argument("--minutes", type=float, default=10.0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
