"""Pixel files that nobody needs any more, kept for a little while for the next image of their size.

A new page of memory costs several times what is then written into it: an image of 2048x4176 ``float32`` takes 26 ms
into a new file and 11 into an old one. So the daemon does not remove a file that another has replaced but renames it to
``free-bytes-random.suffix``, and whoever needs a file of exactly that size, client or daemon, takes it by renaming it
to a name of its own. A rename succeeds for one only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

NAME: Final = re.compile(r"free-[0-9]{1,10}-[0-9a-f]{16}\.(fits|raw)")
LEAST_BYTES: Final = 1 << 20
"""Smaller files are not worth it."""


def new_name(size: int, suffix: str) -> str:
    """Return a name for a free file."""
    return f"free-{size}-{os.urandom(8).hex()}.{suffix}"


def take(path: Path, size: int) -> bool:
    """Make a free file of exactly this size one's own, as ``path``; tell whether there was one.

    Its bytes are those of its last use.
    """
    if size < LEAST_BYTES:
        return False
    for name in os.listdir(path.parent):  # noqa: PTH208 - names alone, without an object for each
        if name.startswith(f"free-{size}-"):
            try:
                os.rename(path.parent / name, path)  # noqa: PTH104 - within one directory
            except FileNotFoundError:  # somebody was quicker
                continue
            return True
    return False
