"""``python -m benchmarks.producer``: a process that publishes frames at a rate, and tells what became of them as JSON.

It goes on until its standard input ends, so that it is never left over; what it tells is of the time after its first
frame was on the screen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from typing import Any

import numpy as np

import mtv

PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "CR": 3, "DETECTED": 4}


def frames(shape_yx: tuple[int, int], *, masked: bool) -> list[dict[str, Any]]:
    """Return a few frames to publish in turn, with a mask of five planes where asked for."""
    rng = np.random.default_rng(23718)
    made: list[dict[str, Any]] = []
    for number in range(4):
        frame: dict[str, Any] = {"frame": rng.normal(100 + number, 12, shape_yx).astype(np.float32)}
        if masked:
            mask = np.zeros(shape_yx, np.int32)
            for bit in range(len(PLANES)):
                mask[bit * 17 + number :: 97] |= 1 << bit
            frame |= {"mask": mask, "planes": PLANES}
        made.append(frame)
    return made


def main() -> None:
    """Publish."""
    options = _options()
    ended = threading.Event()
    threading.Thread(target=_await_end, args=(ended,), daemon=True).start()
    wanted = frames((options.height, options.width), masked=options.masked)
    costs: list[float] = []
    with mtv.Feed(options.name) as feed:
        feed.publish(**wanted[0])
        while not feed.counts.shown and not ended.wait(0.01):
            pass
        print("ready", flush=True)
        began, before = time.perf_counter(), feed.counts
        due = began
        while not ended.is_set() and time.perf_counter() < began + options.secs:
            start = time.perf_counter()
            label = f"frame {len(costs)}" if options.labelled else ""
            feed.publish(**wanted[len(costs) % len(wanted)], label=label)
            costs.append(time.perf_counter() - start)
            due += 1 / options.rate
            ended.wait(max(0.0, due - time.perf_counter()))
        secs, counts = time.perf_counter() - began, feed.counts
    print(
        json.dumps(
            {
                "fps": (counts.shown - before.shown) / secs,
                "published": counts.published - before.published,
                "shown": counts.shown - before.shown,
                "latency_p50_secs": counts.latency_p50_secs,
                "latency_p99_secs": counts.latency_p99_secs,
                "publish_secs": statistics.median(costs),
                "error": str(feed.error or ""),
            }
        )
    )


def _await_end(ended: threading.Event) -> None:
    """Wait until whoever started this process has closed its standard input, or has gone."""
    sys.stdin.read()
    ended.set()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--height", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="frames published a second")
    parser.add_argument("--secs", type=float, required=True)
    parser.add_argument("--masked", action="store_true")
    parser.add_argument("--labelled", action="store_true", help="each frame has a label of its own")
    return parser.parse_args()


if __name__ == "__main__":
    main()
