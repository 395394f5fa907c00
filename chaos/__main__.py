"""``python -m chaos``: run a drill, print every recovery time, write ``chaos.json``; 1 where anything is wrong."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chaos.crew import Crew
from chaos.drill import Drill, leftovers
from chaos.keeper import COMMAND_DEADLINE_SECS, WATCHDOG_SECS, Keeper
from chaos.result import Result
from chaos.schedule import faults

_SHARED_MEMORY = Path("/dev/shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all that was started is ended
    deadlines = dict.fromkeys(("ds9", "xvfb"), COMMAND_DEADLINE_SECS) | {"daemon": WATCHDOG_SECS}
    result = Result(seed=options.seed, deadlines=deadlines)
    _say(f"seed {options.seed}, {options.faults} faults")
    with _directories(keep=options.keep) as (runtime, pixels):
        _run(options, result, runtime, pixels)
    options.json.write_text(result.as_json())
    wrong = result.wrong() + _slow(result, options.recovery_secs)
    for words in wrong:
        _say(f"WRONG: {words}")
    for words in result.surprises():
        _say(f"not expected: {words}")
    _say(f"{len(result.recoveries)} faults, {result.acknowledged} steps acknowledged, {result.outcomes}")
    return int(bool(wrong))


def _run(options: argparse.Namespace, result: Result, runtime: Path, pixels: Path) -> None:
    until = time.monotonic() + options.limit_secs
    with Keeper(runtime, pixels) as keeper, Crew(keeper.endpoint, runtime, options.seed) as crew:
        Drill(keeper, crew, result, _say).run(faults(options.faults, options.seed), until)
        result.problems += crew.end()
        unanswered = sum(1 for request in crew.requests() if not request.outcome)
        result.hung = len(crew.hung) + unanswered
    result.leaked += leftovers(runtime, pixels)
    result.problems += imagined(keeper.log)


def imagined(log: Path) -> list[str]:
    """Return the edits by hand that the daemon told of: nobody touches the window here, so it must see none."""
    lines = log.read_text(errors="replace").splitlines()
    return [f"an edit that nobody made: {line}" for line in lines if "the user has changed" in line]


def _slow(result: Result, recovery_secs: float) -> list[str]:
    return [
        f"{one.action} {one.victim} took {one.secs:.2f} s to mend" for one in result.slow(recovery_secs) if one.secs
    ]


@contextmanager
def _directories(*, keep: bool) -> Iterator[tuple[Path, Path]]:
    """Make a runtime directory with a short path, and a pixel directory in memory; both of mode 0700."""
    runtime = Path(tempfile.mkdtemp(prefix="mtvchaos-", dir="/tmp"))
    memory = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else runtime
    pixels = Path(tempfile.mkdtemp(prefix="mtvchaos-", dir=memory))
    try:
        yield runtime, pixels
    finally:
        shutil.rmtree(pixels, ignore_errors=True)
        if keep:
            _say(f"logs are in {runtime}")
        else:
            shutil.rmtree(runtime, ignore_errors=True)


def _say(words: str) -> None:
    print(words, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument(
        "--seed", type=int, default=None, help="repeats the same faults; the moments are never the same"
    )
    parser.add_argument("--limit-secs", type=float, default=1500, help="no fault begins after this")
    parser.add_argument("--recovery-secs", type=float, default=3.0, help="how long mending a crash may take")
    parser.add_argument("--json", type=Path, default=Path("chaos.json"), help="where the result goes")
    parser.add_argument("--keep", action="store_true", help="keep the logs of daemon and clients")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return options


if __name__ == "__main__":
    sys.exit(main())
