"""``python -m benchmarks.storm DISPLAY COUNT``: markers again and again, until standard input ends; tells how often."""

from __future__ import annotations

import sys
import threading

import numpy as np

import mtv

SIDE = 1000


def main() -> None:
    """Draw."""
    display, count = mtv.Display(int(sys.argv[1])), int(sys.argv[2])
    display.mtv(np.zeros((SIDE, SIDE), np.float32))
    ended = threading.Event()
    threading.Thread(target=_await_end, args=(ended,), daemon=True).start()
    rng = np.random.default_rng(23718)
    drawn = 0
    while not ended.is_set():
        x, y = rng.uniform(0, SIDE, (2, count))
        display.overlay("storm", x, y, replace=True)
        drawn += 1
        if drawn == 1:
            print("ready", flush=True)
    print(drawn)


def _await_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main()
