"""``python -m crowd``: run the drill, print every figure, write ``crowd.json``; 1 where anything is wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from chaos import launcher
from chaos.drill import leftovers
from chaos.keeper import Keeper
from chaos.launcher import Places, say

from crowd import cast, faults
from crowd.crew import STAGGER_SECS, Crew
from crowd.drill import Drill, settings
from crowd.result import P99_SECS, Result

_AFTERWARDS_SECS: Final = 540
"""Time for the end: all members leave, the window is looked at, what was held is let go."""
_EVERY_SECS: Final = 15.0
"""From one fault to the next."""
_WATCHDOG_SECS: Final = 30.0
"""As in the unit file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    launcher.end_in_order_when_terminated()
    signal.signal(signal.SIGALRM, _too_long)
    secs = options.secs or 60 * options.minutes
    players = cast.SMALL if options.small else cast.FULL
    if options.calm:
        players = cast.without(players, cast.HARMFUL)
    if options.roles:
        players = {role: count for role, count in players.items() if role in options.roles}
    every_secs = secs / 6 if options.small else _EVERY_SECS
    kinds = () if options.calm else options.faults
    planned = cast.faults(secs, options.seed, every_secs=every_secs, kinds=kinds)
    result = Result(seed=options.seed)
    say(f"seed {options.seed}, {sum(players.values())} members, {len(planned)} faults, {secs:.0f} s")
    signal.alarm(int(secs + STAGGER_SECS * len(players) + _AFTERWARDS_SECS))
    with (
        launcher.directories("crowd", keep=options.keep) as places,
        faults.disks(places.runtime, places.pixels) as mounted,
    ):
        if not mounted:
            result.left_out = sorted({fault.kind for fault in planned} & faults.ON_DISKS)
            planned = [fault for fault in planned if fault.kind not in faults.ON_DISKS]
        _run(places, options.repository, secs, players, planned, result)
        result.add("left", leftovers(places.runtime, places.pixels))
    signal.alarm(0)
    options.json.write_text(result.as_json())
    for name, figure in result.figures():
        say(f"{name}: {figure}")
    return launcher.conclude(result.wrong(options.slowest_secs))


def _run(
    places: Places,
    repository: Path | None,
    secs: float,
    players: dict[str, int],
    planned: Sequence[cast.Fault],
    result: Result,
) -> None:
    if repository is None:
        from mtvd.demo.build import build

        repository = places.books / "repository"
        build(repository, size="small")
    keeper = Keeper(
        places.runtime,
        places.pixels,
        log=places.books / "daemon.words",
        settings=settings(repository),
        watchdog_secs=_WATCHDOG_SECS,
    )
    with keeper, Crew(players, keeper.endpoint, places.runtime, places.books, result.seed) as crew:
        Drill(keeper, crew, result, say).run(secs, planned)


def _too_long(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is given
    raise TimeoutError("the drill does not come to an end")


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(text.split(","))
    if unknown := [role for role in roles if role not in cast.FULL]:
        raise argparse.ArgumentTypeError(f"no role is called {', '.join(unknown)}")
    return roles


def _kinds(text: str) -> tuple[str, ...]:
    kinds = () if text == "none" else tuple(text.split(","))
    if unknown := [kind for kind in kinds if kind not in cast.KINDS]:
        raise argparse.ArgumentTypeError(f"no fault is called {', '.join(unknown)}")
    return kinds


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = launcher.parser_of("crowd", __doc__, json=Path(os.devnull))
    launcher.add_seed(parser, "who does what")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--secs", type=float, default=None, help="instead of minutes")
    parser.add_argument("--small", action="store_true", help="fewer members of each sort")
    parser.add_argument("--calm", action="store_true", help="nobody who does harm, and no faults")
    parser.add_argument(
        "--faults", type=_kinds, default=cast.KINDS, help=f"these kinds alone, with commas between: {cast.KINDS}; none"
    )
    parser.add_argument("--roles", type=_roles, help="these roles alone, with commas between")
    parser.add_argument(
        "--slowest-secs", type=float, default=P99_SECS, help="what 99 of 100 small requests may take at most"
    )
    parser.add_argument("--repository", type=Path, default=None, help="a demo repository; one is made without it")
    parser.add_argument("--keep", action="store_true", help="keep logbooks and words of daemon and members")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
