"""``python -m crowd``: run the drill, print every figure, write ``crowd.json``; 1 where anything is wrong."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from chaos.drill import leftovers
from chaos.keeper import Keeper

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
_SHARED_MEMORY: Final = Path("/dev/shm")


class _Places(NamedTuple):
    runtime: Path
    pixels: Path
    books: Path
    """Logbooks and words, on a disk that is never full."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all that was started is ended
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
    _say(f"seed {options.seed}, {sum(players.values())} members, {len(planned)} faults, {secs:.0f} s")
    signal.alarm(int(secs + STAGGER_SECS * len(players) + _AFTERWARDS_SECS))
    with _directories(keep=options.keep) as places, faults.disks(places.runtime, places.pixels) as mounted:
        if not mounted:
            result.left_out = sorted({fault.kind for fault in planned} & faults.ON_DISKS)
            planned = [fault for fault in planned if fault.kind not in faults.ON_DISKS]
        _run(places, options.repository, secs, players, planned, result)
        result.add("left", leftovers(places.runtime, places.pixels))
    signal.alarm(0)
    options.json.write_text(result.as_json())
    for name, figure in result.figures():
        _say(f"{name}: {figure}")
    wrong = result.wrong(options.slowest_secs)
    for words in wrong:
        _say(f"WRONG: {words}")
    return int(bool(wrong))


def _run(
    places: _Places,
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
        Drill(keeper, crew, result, _say).run(secs, planned)


@contextlib.contextmanager
def _directories(*, keep: bool) -> Iterator[_Places]:
    """Make directories of mode 0700: a runtime one with a short path, a pixel one in memory, one for the books."""
    memory = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    runtime = Path(tempfile.mkdtemp(prefix="mtvcrowd-", dir="/tmp"))
    pixels = Path(tempfile.mkdtemp(prefix="mtvcrowd-", dir=memory))
    books = Path(tempfile.mkdtemp(prefix="mtvcrowd-", dir="/tmp"))
    try:
        yield _Places(runtime, pixels, books)
    finally:
        for path in (runtime, pixels):
            shutil.rmtree(path, ignore_errors=True)
        if keep:
            _say(f"logs are in {books}")
        else:
            shutil.rmtree(books, ignore_errors=True)


def _too_long(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is given
    raise TimeoutError("the drill does not come to an end")


def _say(words: str) -> None:
    print(words, flush=True)


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
    parser = argparse.ArgumentParser(prog="python -m crowd", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--secs", type=float, default=None, help="instead of minutes")
    parser.add_argument("--seed", type=int, default=None, help="repeats who does what; the moments are never the same")
    parser.add_argument("--small", action="store_true", help="fewer members of each sort")
    parser.add_argument("--calm", action="store_true", help="nobody who does harm, and no faults")
    parser.add_argument(
        "--faults", type=_kinds, default=cast.KINDS, help=f"these kinds alone, with commas between: {cast.KINDS}; none"
    )
    parser.add_argument("--roles", type=_roles, help="these roles alone, with commas between")
    parser.add_argument(
        "--slowest-secs", type=float, default=P99_SECS, help="what 99 of 100 small requests may take at most"
    )
    parser.add_argument("--json", type=Path, default=Path(os.devnull), help="where the result goes")
    parser.add_argument("--repository", type=Path, default=None, help="a demo repository; one is made without it")
    parser.add_argument("--keep", action="store_true", help="keep logbooks and words of daemon and members")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return options


if __name__ == "__main__":
    sys.exit(main())
