"""Faults that a user's machine really has: a disk that is full for a while, too few descriptors, files swept away.

Each has a beginning and an end. Disks are small file systems in memory, mounted for the drill; where that is not
allowed, their faults are left out, and the drill says so.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

PIXELS_BYTES: Final = 512 << 20
RUNTIME_BYTES: Final = 64 << 20
SPARE_DESCRIPTORS: Final = 2
"""What the daemon has left where it has too few."""

_FILLER: Final = ".filler"
_CHUNK_BYTES: Final = 1 << 20


class Place(Protocol):
    """Where faults are."""

    runtime: Path
    pixels: Path
    pid: int


@contextmanager
def disks(runtime: Path, pixels: Path) -> Iterator[bool]:
    """Put both directories on small file systems of their own while inside; tell whether that was allowed."""
    with contextlib.ExitStack() as stack:
        try:
            for path, size in ((runtime, RUNTIME_BYTES), (pixels, PIXELS_BYTES)):
                _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "mtvcrowd", str(path))
                stack.callback(_run, "umount", "--lazy", str(path))
        except (OSError, subprocess.CalledProcessError):
            stack.close()
            yield False
        else:
            yield True


def begin(kind: str, place: Place) -> Callable[[], None]:
    """Begin a fault; return what ends it."""
    return _BEGINNINGS[kind](place)


def _fill(directory: Path) -> Callable[[], None]:
    """Write a file until there is no room."""
    filler = directory / _FILLER
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (_CHUNK_BYTES, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    return lambda: filler.unlink(missing_ok=True)


def _starve(place: Place) -> Callable[[], None]:
    """Leave the daemon hardly any descriptors above those that it has."""
    pid = place.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - a directory that changes
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(highest + 1 + SPARE_DESCRIPTORS, hard), hard))

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))

    return end


def _sweep(place: Place) -> Callable[[], None]:
    """Remove the files that wait for the next image, as who makes room in shared memory does."""
    for path in place.pixels.glob("free-*"):
        path.unlink(missing_ok=True)
    return lambda: None


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)


_BEGINNINGS: Final[dict[str, Callable[[Place], Callable[[], None]]]] = {
    "pixels_full": lambda place: _fill(place.pixels),
    "runtime_full": lambda place: _fill(place.runtime),
    "few_descriptors": _starve,
    "spare_files_gone": _sweep,
}
ON_DISKS: Final = frozenset({"pixels_full", "runtime_full"})
