"""``python -m soak.producer KIND``: publish until told to stop, then tell the counters as JSON, and wait for the end.

The kinds differ in what could leak: large frames; masks; markers with limits that follow, each frame waited for; shapes
and types that change. Standard input tells: a line stops it, its end ends it.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

import mtv

PLANES: Final = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "DETECTED": 4}
_SHOWN_SECS: Final = 60.0


class Kind(NamedTuple):
    """What one producer publishes."""

    rate: float
    """Frames a second."""
    options: dict[str, Any]
    """Of `mtv.Feed`."""


KINDS: Final = {
    "large": Kind(30, {}),
    "masked": Kind(10, {"most_fps": 8}),
    "marked": Kind(20, {"every": True, "timeout_secs": 0.5, "smooth_secs": 1.0}),
    "changing": Kind(20, {}),
}


def frames(kind: str) -> Iterator[dict[str, Any]]:
    """Yield what is published, without end."""
    rng = np.random.default_rng(1)
    number = 0
    large = rng.normal(100, 10, (4176, 2048)).astype("f4")
    square = rng.normal(100, 10, (1024, 1024)).astype("f4")
    while True:
        number += 1
        if kind == "large":
            yield {"frame": large, "label": str(number)}
        elif kind == "masked":
            mask = np.zeros(square.shape, "i4")
            for bit in range(len(PLANES)):
                mask[(number + 7 * bit) % 101 :: 101] |= 1 << bit
            yield {"frame": square, "mask": mask, "planes": PLANES}
        elif kind == "marked":
            yield {"frame": square[:512, :512] * (number % 9), "markers": rng.uniform(0, 512, (200, 2))}
        else:
            side = 100 + 50 * (number // 20 % 4)
            yield {"frame": np.full((side, 2 * side), number % 100, ("f4", "u1", "i2")[number // 40 % 3])}


def main() -> None:
    """Publish."""
    (kind,) = sys.argv[1:]
    stopped = threading.Event()
    threading.Thread(target=_await_word, args=(stopped,), daemon=True).start()
    wanted = KINDS[kind]
    errors: set[str] = set()
    with mtv.Feed(kind, **wanted.options) as feed:
        for frame in frames(kind):
            if stopped.wait(1 / wanted.rate):
                break
            feed.publish(**frame)
            errors |= {str(feed.error)} if feed.error else set()
        feed.close(_SHOWN_SECS)
    counts = feed.counts
    print(json.dumps(counts._asdict() | {"errors": sorted(errors)}), flush=True)


def _await_word(stopped: threading.Event) -> None:
    sys.stdin.readline()
    stopped.set()


if __name__ == "__main__":
    main()
