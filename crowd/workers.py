"""``python -m crowd.workers``: pools draw exposures with long outlines on fresh daemons; 1 where anything is refused.

What people do with a pool: four workers show six exposures, each in one buffer with a line of thousands of pieces; then
the parent puts the displays side by side. Afterwards it deletes some of them, and the pool draws them again.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from chaos import window
from chaos.keeper import Keeper, environment

import mtv
from crowd import looking
from crowd.canvas import pieces
from crowd.drill import settings
from crowd.streams import DETECTORS, VISIT, chain
from mtv.wire.errors import MtvError

WORKERS: Final = 4
OUTLINES: Final = dict(zip(DETECTORS, (6_000, 400, 3_000, 1_000, 9_000, 300), strict=True))
"""Pieces of each outline; each has three points. What has more than 5,000 goes in parts, and others come between."""
DEADLINE_SECS: Final = 180.0
_PATIENCE_SECS: Final = 120.0
_WATCHDOG_SECS: Final = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    if options.draw:
        draw(options.start)
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="mtvcrowd-") as place:
        repository = Path(place, "repository")
        from mtvd.demo.build import build

        build(repository, size="small")
        for number in range(options.daemons):
            start = ("fork", "spawn")[number % 2] if options.start == "both" else options.start
            wrong = on_a_fresh_daemon(repository, start)
            failed += bool(wrong)
            print(f"{number + 1:4} {start}: {'; '.join(wrong) or 'nothing was refused'}", flush=True)
    print(f"{options.daemons - failed} of {options.daemons} daemons drew all")
    return int(failed > 0)


def on_a_fresh_daemon(repository: Path, start: str) -> list[str]:
    """Have pools draw on a daemon of its own; return what was refused, or is not in the window."""
    with _directories() as (runtime, pixels):
        keeper = Keeper(runtime, pixels, settings=settings(repository), watchdog_secs=_WATCHDOG_SECS)
        with keeper:
            environ = environment() | {"MTV_ENDPOINT": keeper.endpoint}
            command = [sys.executable, "-m", "crowd.workers", "--draw", "--start", start]
            try:
                done = subprocess.run(
                    command, env=environ, capture_output=True, text=True, timeout=DEADLINE_SECS, check=False
                )
            except subprocess.TimeoutExpired:
                return ["the pools do not come to an end"]
            words = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"] if done.returncode else []
            return words + _not_shown(keeper) + _complaints(keeper.log)


def draw(start: str) -> None:
    """Draw all displays by a pool, arrange; delete half of them, and do it again."""
    context: Any = multiprocessing.get_context(start)
    for turn in range(2):
        with context.Pool(WORKERS) as pool:
            pool.map_async(work, DETECTORS, chunksize=1).get(_PATIENCE_SECS)
        mtv.arrange(tile=True, lock_frame="none")
        mtv.default_connection().sync()
        if turn == 0:
            for detector in DETECTORS[::2]:
                mtv.Display(name_of(detector)).delete()


def work(detector: int) -> None:
    """Show a calexp with a long outline, in one transaction."""
    repository = mtv.Repository(collections=chain(), instrument="HSC")
    exposure = repository.get("calexp", visit=VISIT, detector=detector)
    assert np.isfinite(np.asarray(exposure.image)).any()
    display = mtv.Display(name_of(detector))
    with display.buffering():
        display.mtv(repository.dataset("calexp", visit=VISIT, detector=detector))
        display.line(pieces(0, OUTLINES[detector]), colour="magenta", overlay="footprint")


def name_of(detector: int) -> str:
    """Return the display of a detector."""
    return f"det {detector}"


def _not_shown(keeper: Keeper) -> list[str]:
    """Return what DS9 itself does not show once: each display has an image and all pieces of its outline."""
    try:
        with mtv.connect(keeper.endpoint, timeout_secs=_PATIENCE_SECS) as connection:
            numbers = {one.name: one.number for one in connection.status().displays if one.exists}
        frames = looking.look(keeper.runtime)
    except (MtvError, window.NoAnswer) as error:
        return [f"the window cannot be looked at: {error}"]
    words = []
    for detector, count in OUTLINES.items():
        name = name_of(detector)
        frame = frames.get(numbers.get(name, -1))
        marks = [marks for marks in frame.marks.values() if marks] if frame else []
        whole = len(marks) == 1 and len(marks[0]) == count == marks[0].total()
        if frame is None or not frame.has_image or not whole:
            words.append(f"{name} shows {[one.total() for one in marks]} pieces, {count} were drawn")
    return words + [f"frame {number} is nobody's" for number in set(frames) - set(numbers.values())]


def _complaints(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if " ERROR " in line]


@contextlib.contextmanager
def _directories() -> Iterator[tuple[Path, Path]]:
    """Make a runtime directory with a short path, and a pixel directory in it; both of mode 0700."""
    with tempfile.TemporaryDirectory(prefix="mtvcrowd-", dir="/tmp", ignore_cleanup_errors=True) as place:
        pixels = Path(place, "pixels")
        pixels.mkdir(mode=0o700)
        yield Path(place), pixels


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m crowd.workers", description=__doc__)
    parser.add_argument("--daemons", type=int, default=2, help="how many fresh daemons")
    parser.add_argument("--start", choices=("fork", "spawn", "both"), default="both", help="how workers begin")
    parser.add_argument("--draw", action="store_true", help="be the program that has the pool")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
