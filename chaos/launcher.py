"""The launcher of drills: what ``python -m chaos``, ``crowd`` and ``soak`` have alike around what each of them does."""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

_SHARED_MEMORY: Final = Path("/dev/shm")


class Places(NamedTuple):
    """Directories of a drill, of mode 0700."""

    runtime: Path
    """A short path, for sockets."""
    pixels: Path
    """In memory, where the host has such a place."""
    books: Path
    """Logbooks and words; on another disk than the others, which may be made full."""


def end_in_order_when_terminated() -> None:
    """Let SIGTERM end the program by an exception, so that all that it has started is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def say(words: str) -> None:
    """Print a line at once."""
    print(words, flush=True)


def conclude(wrong: Sequence[str]) -> int:
    """Print what is wrong; return the program's exit code."""
    for words in wrong:
        say(f"WRONG: {words}")
    return int(bool(wrong))


@contextlib.contextmanager
def directories(name: str, *, keep: bool) -> Iterator[Places]:
    """Make the directories of a drill, and remove them at its end.

    Parameters
    ----------
    name : `str`
        The drill's, for their names.
    keep : `bool`
        True: the books stay, and where they are is said.
    """
    memory = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    runtime, pixels, books = (
        Path(tempfile.mkdtemp(prefix=f"mtv{name}-", dir=place)) for place in ("/tmp", memory, "/tmp")
    )
    try:
        yield Places(runtime, pixels, books)
    finally:
        for path in (runtime, pixels):
            shutil.rmtree(path, ignore_errors=True)
        if keep:
            say(f"logs are in {books}")
        else:
            shutil.rmtree(books, ignore_errors=True)


def parser_of(name: str, description: str | None, *, json: Path) -> argparse.ArgumentParser:
    """Return a parser of a drill's options: those that all of them have."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--json", type=Path, default=json, help="where the result goes")
    return parser


def add_seed(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option that repeats a drill; without it each drill is another."""
    chosen = random.SystemRandom().randrange(1 << 31)
    parser.add_argument("--seed", type=int, default=chosen, help=f"repeats {what}; the moments are never the same")
