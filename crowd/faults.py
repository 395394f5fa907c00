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

import psutil

PIXELS_BYTES: Final = 512 << 20
RUNTIME_BYTES: Final = 64 << 20
SPARE_DESCRIPTORS: Final = 2
"""Descriptors that a repository worker has left where it has too few."""
WORKER: Final = "mtvd.repo.worker"
"""Module that a repository worker runs."""

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
    """Leave the daemon's repository workers hardly any descriptors above those that they have.

    Not the daemon itself: libzmq 4.3.5 ends the process (an assertion in its listener) where it finds no descriptor for
    a new client on this host. The daemon raises its limit at the start; what it does itself for want of descriptors is
    tried call by call in the tests.
    """
    changed: list[tuple[int, tuple[int, int]]] = []
    for pid in _workers(place.pid):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            highest = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - a directory that changes
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(highest + 1 + SPARE_DESCRIPTORS, limits[1]), limits[1]))
            changed.append((pid, limits))

    def end() -> None:
        for pid, limits in changed:
            with contextlib.suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)

    return end


def _workers(pid: int) -> list[int]:
    try:
        children = psutil.Process(pid).children()
        return [child.pid for child in children if WORKER in child.cmdline()]
    except psutil.Error:
        return []


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
