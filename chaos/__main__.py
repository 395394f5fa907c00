"""``python -m chaos``: run a drill, print every recovery time, write ``chaos.json``; 1 where anything is wrong."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chaos import launcher
from chaos.crew import Crew
from chaos.drill import Drill, leftovers
from chaos.keeper import COMMAND_DEADLINE_SECS, WATCHDOG_SECS, Keeper
from chaos.launcher import Places, say
from chaos.result import Result
from chaos.schedule import faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    launcher.end_in_order_when_terminated()
    deadlines = dict.fromkeys(("ds9", "xvfb"), COMMAND_DEADLINE_SECS) | {"daemon": WATCHDOG_SECS}
    result = Result(seed=options.seed, deadlines=deadlines)
    say(f"seed {options.seed}, {options.faults} faults")
    with launcher.directories("chaos", keep=options.keep) as places:
        _run(options, result, places)
    options.json.write_text(result.as_json())
    wrong = result.wrong() + _slow(result, options.recovery_secs)
    for words in result.surprises():
        say(f"not expected: {words}")
    say(f"{len(result.recoveries)} faults, {result.acknowledged} steps acknowledged, {result.outcomes}")
    return launcher.conclude(wrong)


def _run(options: argparse.Namespace, result: Result, places: Places) -> None:
    until = time.monotonic() + options.limit_secs
    log = places.books / "daemon.log"
    with (
        Keeper(places.runtime, places.pixels, log=log) as keeper,
        Crew(keeper.endpoint, places.books, options.seed) as crew,
    ):
        Drill(keeper, crew, result, say).run(faults(options.faults, options.seed), until)
        result.problems += crew.end()
        unanswered = sum(1 for request in crew.requests() if not request.outcome)
        result.hung = len(crew.hung) + unanswered
    result.leaked += leftovers(places.runtime, places.pixels)
    result.problems += imagined(keeper.log)


def imagined(log: Path) -> list[str]:
    """Return the edits by hand that the daemon told of: nobody touches the window here, so it must see none."""
    lines = log.read_text(errors="replace").splitlines()
    return [f"an edit that nobody made: {line}" for line in lines if "the user has changed" in line]


def _slow(result: Result, recovery_secs: float) -> list[str]:
    return [
        f"{one.action} {one.victim} took {one.secs:.2f} s to mend" for one in result.slow(recovery_secs) if one.secs
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = launcher.parser_of("chaos", __doc__, json=Path("chaos.json"))
    launcher.add_seed(parser, "the same faults")
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--limit-secs", type=float, default=1500, help="no fault begins after this")
    parser.add_argument("--recovery-secs", type=float, default=3.0, help="how long mending a crash may take")
    parser.add_argument("--keep", action="store_true", help="keep the logs of daemon and clients")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
