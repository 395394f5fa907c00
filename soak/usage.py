"""What a soak uses, moment by moment, and whether it grows. Pure but for `sample`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

GROWTH_BYTES: Final = 12 << 20
"""What a process may have more in the last third than in the second; allocators keep some of what they once had."""


@dataclass(frozen=True)
class Usage:
    """One moment."""

    memory: Mapping[str, int]
    """Bytes of private memory by process: mapped pixels are not counted, they have their own figure."""
    pixel_bytes: int
    pixel_files: int
    frames: int = 0
    """Frames shown so far."""


PIXEL_GROWTH_BYTES: Final = 48 << 20
"""The same of the pixel directory: a large frame with what is made of it comes and goes."""


def sample(processes: Mapping[str, psutil.Process], pixels: Path, frames: int) -> Usage:
    """Look at processes and pixel directory."""
    sizes = []
    for entry in pixels.iterdir():
        try:
            sizes.append(entry.stat().st_size)
        except FileNotFoundError:  # replaced meanwhile
            continue
    return Usage(
        memory={name: _private_bytes(process) for name, process in processes.items()},
        pixel_bytes=sum(sizes),
        pixel_files=len(sizes),
        frames=frames,
    )


def _private_bytes(process: psutil.Process) -> int:
    maps = process.memory_maps(grouped=False)
    return sum(part.private_dirty for part in maps)


def growth(values: Sequence[float]) -> float:
    """Return by how much the last third is above the second; the first is warming up."""
    third = len(values) // 3
    if not third:
        raise ValueError(f"{len(values)} samples are too few")
    return statistics.median(values[-third:]) - statistics.median(values[third : 2 * third])


def grown(samples: Sequence[Usage], most_pixel_bytes: int, most_pixel_files: int) -> list[str]:
    """Return what has grown, in words.

    Parameters
    ----------
    most_pixel_bytes, most_pixel_files : `int`
        What the feeds can need at any moment.
    """
    words = []
    for name in samples[0].memory:
        more = growth([one.memory[name] for one in samples])
        if more > GROWTH_BYTES:
            words.append(f"{name} has {more / 1e6:.1f} MB more in the last third than in the second")
    more = growth([one.pixel_bytes for one in samples])
    if more > PIXEL_GROWTH_BYTES:
        words.append(f"there are {more / 1e6:.1f} MB more of pixels in the last third than in the second")
    files, size = max(one.pixel_files for one in samples), max(one.pixel_bytes for one in samples)
    if files > most_pixel_files:
        words.append(f"{files} pixel files, at most {most_pixel_files} are needed")
    if size > most_pixel_bytes:
        words.append(f"{size / 1e6:.0f} MB of pixels, at most {most_pixel_bytes / 1e6:.0f} are needed")
    return words
